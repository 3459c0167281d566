"""The command line. Modules import late: `windlass --help` must stay quick."""
