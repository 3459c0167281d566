"""What a git tree holds below a DAG root, before anything of it is trusted."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a tree entry is; git knows no others."""

    FILE = "100644"
    EXECUTABLE = "100755"
    SYMLINK = "120000"
    SUBMODULE = "160000"


class TreeEntry(NamedTuple):
    """One entry: `path` relative to the DAG root, `oid` its git object, `size_bytes` its length.

    `target` is what a symlink points to, as written; None for all other kinds.
    """

    path: str
    kind: Kind
    oid: str
    size_bytes: int = 0
    target: str | None = None
