"""Folders inside a repository, as people name them."""

import re
from collections.abc import Iterable

from windlass.domain.errors import Invalid

MAX_PATHS = 100


def check_path(path: str) -> str:
    """The DAG root as a normal relative path, `.` for the whole tree; else Invalid REPO004."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    normal = "/".join(parts) or "."
    bad = re.search(r"[\x00-\x1f\x7f\\\ud800-\udfff]", path) or ".." in parts
    if not bad and not path.startswith("/") and not normal.startswith("-") and len(path) <= 500:
        return normal
    raise Invalid(
        "REPO004",
        f"path {path!r} is not a folder inside the repository",
        "Give it relative to the top of the repository, for example dags.",
    )


def check_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """Folders and files below the DAG root in their normal form, each once and in order; Invalid
    REPO021 for too many or the root itself, REPO004 for what is no path.

    >>> check_paths(["team/b/", "team/a", "team/a"])
    ('team/a', 'team/b')
    """
    found = sorted({check_path(path) for path in paths})
    if "." in found or len(found) > MAX_PATHS:
        raise Invalid(
            "REPO021",
            f"paths holds the DAG root itself, or more than {MAX_PATHS}",
            "Name the folders that are wanted; leave paths out for all.",
        )
    return tuple(found)
