"""DAGs that change their place: Airflow looks for a running task's file at the newest one."""

from collections.abc import Mapping
from dataclasses import dataclass

from windlass.domain.artifact import Artifact


@dataclass(frozen=True, slots=True)
class Move:
    """From where to where a DAG goes; each is a file, with its repository where that changes."""

    was: str
    will: str


def moves_between(
    old: Artifact, new: Artifact, observed: Mapping[str, str], elsewhere: Mapping[str, str]
) -> dict[str, Move]:
    """dag_id → its move, where `new` takes the place of `old`.

    `observed` are the DAGs that Airflow has from `old` (dag_id → file): those that are made at run
    time move where their file does, which is known by its content. `elsewhere` says where Airflow
    last had ids that `old` did not have, in words.
    """
    before, after = places_of(old), places_of(new)
    found = {
        dag_id: Move(before[dag_id], path)
        for dag_id, path in after.items()
        if before.get(dag_id, path) != path
    }
    found |= {
        dag_id: Move(place, after[dag_id])
        for dag_id, place in elsewhere.items()
        if dag_id in after and dag_id not in before and place != after[dag_id]
    }
    if gone := {path for path in observed.values() if path not in new.files}:
        by_digest = {entry.digest: path for path, entry in sorted(new.files.items())}
        renamed = {p: by_digest.get(old.files[p].digest) for p in gone if p in old.files}
        for dag_id, path in observed.items():
            target = renamed.get(path)
            if target is not None and dag_id not in after:
                found[dag_id] = Move(path, target)
    return found


def places_of(artifact: Artifact) -> dict[str, str]:
    """Literal dag_id → its file."""
    return {
        dag_id: path for path, outline in artifact.dag_files.items() for dag_id in outline.dag_ids
    }


def made_at_run_time(observed: Mapping[str, str], old: Artifact, new: Artifact) -> frozenset[str]:
    """The ids Airflow was seen with that only running a file told, and whose file `new` still
    has."""
    literal = old.dag_ids
    return frozenset(
        dag_id for dag_id, path in observed.items() if dag_id not in literal and path in new.files
    )
