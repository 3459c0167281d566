"""The generated DAG files of a benchmark, and what their release cost: which of its files have a
new time, and what it takes on disk."""

import os
from collections.abc import Iterator
from pathlib import Path

HELPER = "shared/rates.py"
USERS = 3
"""So many of the DAG files, the first ones, import the helper."""
_DAG = '''"""Generated DAG {number}: {word}."""

from airflow.sdk import DAG, task
{imports}
with DAG("bench_{number}", schedule=None, tags=["{word}"]):

    @task
    def work() -> str:
        return "{word}"

    work()
'''


def dag_path(number: int) -> str:
    """Where the DAG file of that number is."""
    return f"team_{number % 20:02d}/bench_{number}.py"


def dag_file(number: int, word: str) -> str:
    """The DAG file of that number, of about 250 bytes; `word` makes it another one."""
    imports = "from shared.rates import RATE\n" if number < USERS else ""
    return _DAG.format(number=number, word=word, imports=imports)


def helper_file(word: str) -> str:
    """The module that some of them import."""
    return f'RATE = "{word}"\n'


def count_new_times(before: Path, after: Path) -> int:
    """How many files of the tree `after` have another time than in the tree `before`, or are not
    in it."""
    known = {path: found.st_mtime_ns for path, found in _files(before)}
    return sum(known.get(path) != found.st_mtime_ns for path, found in _files(after))


def disk_bytes(release: Path, before: Path | None = None) -> int:
    """What a release takes on disk, folders and manifest included, but for what it shares with the
    release `before`."""
    shared = {found.st_ino for found in _everything(before)} if before else set[int]()
    own = {found.st_ino: found.st_blocks * 512 for found in _everything(release)}
    return sum(size for inode, size in own.items() if inode not in shared)


def _files(tree: Path) -> Iterator[tuple[str, os.stat_result]]:
    for folder, _, names in os.walk(tree):
        for name in names:
            place = Path(folder, name)
            yield str(place.relative_to(tree)), place.lstat()


def _everything(release: Path) -> Iterator[os.stat_result]:
    for folder, _, names in os.walk(release):
        yield Path(folder).lstat()
        yield from (Path(folder, name).lstat() for name in names)
