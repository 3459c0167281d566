"""`python -m windlass` is `windlass`."""

from windlass.entrypoints.cli.main import run

if __name__ == "__main__":
    run()
