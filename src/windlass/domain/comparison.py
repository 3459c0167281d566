"""What is different between two artifacts, by file and by DAG."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.dependents import changes_between, reasons_to_parse
from windlass.domain.ownership import files_by_dag_id


class Difference(StrEnum):
    """What became of a file or a DAG."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # of a DAG: another file makes it


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A file that differs; `old` and `new` are None where it is not there."""

    path: str
    what: Difference
    old: FileEntry | None
    new: FileEntry | None


@dataclass(frozen=True, slots=True)
class DagDifference:
    """A DAG that differs; `path` is its file now, or was for a removed one; `was` its file before,
    where it moved. Changed: its file is parsed again."""

    dag_id: str
    what: Difference
    path: str
    was: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Files by path, DAGs by id; `parsed_again` maps each DAG file that Airflow reads again to the
    reason."""

    files: tuple[FileDifference, ...]
    dags: tuple[DagDifference, ...]
    parsed_again: Mapping[str, str]


def compare_artifacts(old: Artifact, new: Artifact, folder: str = "") -> Comparison:
    """What makes `old` into `new`; `folder` as `changes_between` has it.

    >>> compare_artifacts(Artifact(), Artifact()) == Comparison((), (), {})
    True
    """
    changes = changes_between(old, new, folder)
    kinds = {
        **dict.fromkeys(changes.added, Difference.ADDED),
        **dict.fromkeys(changes.removed, Difference.REMOVED),
        **dict.fromkeys(changes.modified, Difference.CHANGED),
    }
    files = tuple(
        FileDifference(path, kinds[path], old.files.get(path), new.files.get(path))
        for path in sorted(kinds)
    )
    reasons = reasons_to_parse(new, changes, folder)
    return Comparison(files, _dags(old, new, reasons), dict(sorted(reasons.items())))


def _dags(
    old: Artifact, new: Artifact, parsed_again: Mapping[str, str]
) -> tuple[DagDifference, ...]:
    before, after = files_by_dag_id(old), files_by_dag_id(new)
    found = []
    for dag_id in sorted(before.keys() | after.keys()):
        was, path = before.get(dag_id), after.get(dag_id)
        if path is None:
            found.append(DagDifference(dag_id, Difference.REMOVED, was or ""))
        elif was is None:
            found.append(DagDifference(dag_id, Difference.ADDED, path))
        elif was != path:
            found.append(DagDifference(dag_id, Difference.MOVED, path, was))
        elif path in parsed_again:
            found.append(DagDifference(dag_id, Difference.CHANGED, path))
    return tuple(found)
