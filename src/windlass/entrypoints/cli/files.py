"""Files that people name on the command line."""

from pathlib import Path

from windlass.domain.errors import Invalid


def read_file(path: Path) -> bytes:
    """The content of a file, or of standard input for `-`."""
    import sys

    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid("CLI014", f"the file {str(path)!r} is not there: {error.strerror}") from error


def write_file(path: Path, text: str) -> None:
    """Write a file, in the place of one that is there."""
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise Invalid("CLI002", f"{str(path)!r} cannot be written: {error.strerror}") from error
