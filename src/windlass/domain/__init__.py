"""Values, enums, decisions and errors. Standard library only, no I/O."""
