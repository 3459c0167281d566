"""Key files: made once, whole, and readable by their owner only."""

import contextlib
import os
import tempfile
from pathlib import Path


def make_once(path: Path, content: bytes) -> None:
    """Make the file with this content, mode 0600, unless it is there: of any that race, one wins.

    Written aside and linked into place, so that nobody ever reads half of it. Raises OSError.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
