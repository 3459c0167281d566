"""A plan: the difference that a deployment will make, as data with a digest.

What is here is decided by two trees and what judges them. What only Airflow knows (runs, next runs)
and what differs from one import to the next (seconds) are `Circumstances`, outside of the digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from windlass.domain.dag_shape import Link, Use
from windlass.domain.digest import digest_json

FORMAT = 1


class Absent:
    """The value of a field that is not there."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __copy__(self) -> "Absent":
        return self

    def __deepcopy__(self, _: object) -> "Absent":
        return self


ABSENT = Absent()


class What(StrEnum):
    """What becomes of a DAG or a task."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RENAMED = "renamed"  # its history stays under the old id
    UNKNOWN = "unknown"  # its file could not be imported, before or after


@dataclass(frozen=True, slots=True)
class Field:
    """One field that differs; secrets in its values print as `***`."""

    name: str
    old: Any = ABSENT
    new: Any = ABSENT

    def to_json(self) -> dict[str, Any]:
        """Without `old` where it was not there, without `new` where it is not any more."""
        row: dict[str, Any] = {"name": self.name}
        row |= {} if self.old is ABSENT else {"old": self.old}
        return row if self.new is ABSENT else {**row, "new": self.new}


@dataclass(frozen=True, slots=True)
class TaskChange:
    """One task; `was` is its id before, where that is another one."""

    task_id: str
    what: What
    operator: str
    fields: tuple[Field, ...] = ()
    was: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "task_id": self.task_id,
            "what": self.what,
            "was": self.was,
            "operator": self.operator,
            "fields": [one.to_json() for one in self.fields],
        }


Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class DagChange:
    """One DAG; `was` is its id before, `was_in` its file before, where they are others.

    `code` are the files behind it that differ: beside what the other fields say, what its functions
    do may differ. Edges are (upstream, downstream). `looked_into` is False where the file was not
    imported, so that nothing is said of tasks, edges and uses.
    """

    dag_id: str
    what: What
    path: str
    was: str | None = None
    was_in: str | None = None
    fields: tuple[Field, ...] = ()
    tasks: tuple[TaskChange, ...] = ()
    edges_added: tuple[Edge, ...] = ()
    edges_removed: tuple[Edge, ...] = ()
    uses_added: tuple[Use, ...] = ()
    uses_removed: tuple[Use, ...] = ()
    code: tuple[str, ...] = ()
    looked_into: bool = True
    reason: str = ""

    @property
    def history_lost(self) -> tuple[tuple[str, str], ...]:
        """(old, new) of the tasks whose history Airflow keeps under an id that no task has."""
        renamed = (task for task in self.tasks if task.what is What.RENAMED)
        return tuple((str(task.was), task.task_id) for task in renamed)

    @property
    def is_of_code_only(self) -> bool:
        """Whether Airflow stores the same as before: only what its functions do may differ."""
        told = self.fields or self.tasks or self.edges_added or self.edges_removed
        return self.what is What.CHANGED and not (told or self.uses_added or self.uses_removed)

    def to_json(self) -> dict[str, Any]:
        return {
            "dag_id": self.dag_id,
            "what": self.what,
            "path": self.path,
            "was": self.was,
            "was_in": self.was_in,
            "looked_into": self.looked_into,
            "reason": self.reason,
            "fields": [one.to_json() for one in self.fields],
            "tasks": [one.to_json() for one in self.tasks],
            "edges": {
                "added": [list(edge) for edge in self.edges_added],
                "removed": [list(edge) for edge in self.edges_removed],
            },
            "uses": {"added": _uses(self.uses_added), "removed": _uses(self.uses_removed)},
            "history_lost": [{"was": was, "is": now} for was, now in self.history_lost],
            "code": list(self.code),
        }


@dataclass(frozen=True, slots=True)
class Reached:
    """A DAG that runs, or waits, because of one that changes: `by` makes `link`, which it awaits.
    `repository` is empty where it is of the same one."""

    dag_id: str
    by: str
    link: Link
    repository: str = ""

    def to_json(self) -> dict[str, Any]:
        kind, name = self.link
        return {
            "dag_id": self.dag_id,
            "by": self.by,
            "through": kind,
            "name": name,
            "repository": self.repository,
        }


@dataclass(frozen=True, slots=True)
class Told:
    """A finding that one side has and the other has not."""

    code: str
    severity: str
    path: str
    line: int | None
    message: str
    denies: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity,
            "path": self.path,
            "line": self.line,
            "message": self.message,
            "denies": self.denies,
        }


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was so when the plan was made; None where nobody here knows it.

    `runs` maps dag_ids to their runs in flight, `next_runs` to when Airflow means to run them next
    by the schedule of before, None for not at all. `known` says of a newly used (kind, name)
    whether the environment has it. `import_s` maps files to their seconds before and after.
    """

    runs: Mapping[str, tuple[str, ...]] | None = None
    next_runs: Mapping[str, tuple[str | None, str | None]] | None = None
    known: Mapping[Use, str] | None = None
    import_s: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        known = self.known or {}
        return {
            "runs_in_flight": None
            if self.runs is None
            else {k: [*v] for k, v in self.runs.items()},
            "next_runs": None
            if self.next_runs is None
            else {k: {"old": old, "new": new} for k, (old, new) in self.next_runs.items()},
            "environment_has": None
            if self.known is None
            else [{"kind": k, "name": n, "is": known[k, n]} for k, n in sorted(known)],
            "import_seconds": {k: {"old": a, "new": b} for k, (a, b) in self.import_s.items()},
        }


UNKNOWN = Circumstances()


@dataclass(frozen=True)
class Plan:
    """What makes one tree into another.

    `base` and `head` are the digests of the trees, `base` empty where nothing was there. `binds` is
    what else an approval of it is about (docs/decisions/0012). `same` counts the DAGs that stay as
    they are. `uses_added` are names that no DAG of the base used, `uses_removed` likewise.
    `assets_*` are the URIs that DAGs make or wait for. `allowed` is whether the gate allows the
    head, None where it was not asked. `not_looked_into` says what of the trees was not imported,
    and so is not told; empty where all was.
    """

    base: str
    head: str
    dags: tuple[DagChange, ...] = ()
    same: int = 0
    uses_added: tuple[Use, ...] = ()
    uses_removed: tuple[Use, ...] = ()
    assets_added: tuple[str, ...] = ()
    assets_removed: tuple[str, ...] = ()
    reached: tuple[Reached, ...] = ()
    findings_new: tuple[Told, ...] = ()
    findings_gone: tuple[Told, ...] = ()
    allowed: bool | None = None
    files_changed: int = 0
    not_looked_into: tuple[str, ...] = ()
    binds: Mapping[str, Any] = field(default_factory=dict)
    circumstances: Circumstances = UNKNOWN

    @property
    def is_empty(self) -> bool:
        """Whether no DAG, use or finding differs."""
        told = self.dags or self.uses_added or self.uses_removed or self.assets_added
        return not (told or self.assets_removed or self.findings_new or self.findings_gone)

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many DAGs become what."""
        return {what.value: sum(one.what is what for one in self.dags) for what in What}

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the digest is made from: equal trees and equal judges, equal content."""
        return {
            "format": FORMAT,
            "base": self.base,
            "head": self.head,
            "binds": dict(self.binds),
            "allowed": self.allowed,
            "summary": {**self.counts, "same": self.same, "files": self.files_changed},
            "dags": [one.to_json() for one in self.dags],
            "uses": {"added": _uses(self.uses_added), "removed": _uses(self.uses_removed)},
            "assets": {"added": list(self.assets_added), "removed": list(self.assets_removed)},
            "reached": [one.to_json() for one in self.reached],
            "findings": {
                "new": [one.to_json() for one in self.findings_new],
                "gone": [one.to_json() for one in self.findings_gone],
            },
            "not_looked_into": list(self.not_looked_into),
        }

    @cached_property
    def digest(self) -> str:
        """Names the plan: what an approval quotes."""
        return digest_json(self.content)

    def to_json(self) -> dict[str, Any]:
        """The whole plan, as `docs/plan.md` describes it."""
        told = self.circumstances.to_json()
        return {"digest": self.digest, **self.content, "circumstances": told}


def _uses(uses: tuple[Use, ...]) -> list[dict[str, str]]:
    return [{"kind": kind, "name": name} for kind, name in uses]
