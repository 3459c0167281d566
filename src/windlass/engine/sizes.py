"""How much disk the store and the mirrors take."""

import os
import time
from pathlib import Path

from windlass.domain.measures import MIRROR_BYTES, STORE_BYTES
from windlass.engine.context import Context

LEAST_PAUSE_S = 600.0
_SHARE = 200  # it works for at most a 200th of the time


def measure_sizes(context: Context) -> float:
    """Note both sizes; for how many seconds to pause then."""
    began = time.monotonic()
    context.measures.set(STORE_BYTES, disk_usage(context.store.root))
    context.measures.set(MIRROR_BYTES, disk_usage(context.mirrors))
    return max(LEAST_PAUSE_S, _SHARE * (time.monotonic() - began))


def disk_usage(folder: Path) -> float:
    """The bytes that a folder takes on disk; what vanishes meanwhile does not count.

    A file that several releases share counts once, in equal parts for each name of it: so nothing
    has to be remembered, however many there are.
    """
    total = 0.0
    folders = [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                        total += status.st_blocks * 512
                    else:
                        total += status.st_blocks * 512 / status.st_nlink
        except FileNotFoundError:
            continue
    return total
