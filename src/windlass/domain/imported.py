"""What importing a DAG file under the environment's Airflow gave."""

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field
from enum import StrEnum
from typing import Any

from windlass.domain.facts import DagFacts


class ImportStatus(StrEnum):
    """How an import ended."""

    OK = "ok"
    FAILED = "failed"  # in Airflow it would fail too
    INDETERMINATE = "indeterminate"  # it lacked what only Airflow has


class Trouble(StrEnum):
    """What was in the way of an import."""

    ERROR = "error"  # the file's own code raised
    AIRFLOW = "airflow"  # Airflow refuses the DAG that it made
    VALUE = "value"  # a connection, variable or environment variable is not known here
    REFUSED = "refused"  # the sandbox refused what it wanted, or does not show it
    LIMIT = "limit"  # it took too much time or memory
    ENDED = "ended"  # its process ended, or did not say what came of it


@dataclass(frozen=True, slots=True)
class Problem:
    """What was in the way. `path` and `line` are the user's own code; `line` None where that is
    not known. `message` names no path of this machine and no secret."""

    trouble: Trouble
    message: str
    path: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done while the file was imported, and the line that did it. `kind` is one of
    process, network, delete, write, read, native and code."""

    kind: str
    detail: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A value that was asked for: `kind` is connection, variable or environment."""

    kind: str
    name: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Use:
    """A connection, variable or pool that a task names, and the call that made the task: `last` is
    its last line; or one that the file itself asked for. `kind` is that of `domain.names`;
    `has_default` says that it goes on without."""

    kind: str
    name: str
    has_default: bool
    path: str
    line: int
    last: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What importing a DAG file told, to stand beside a plain reading of it: the DAGs, what their
    tasks and the file itself name of the environment, and the classes of the tasks."""

    dags: tuple[DagFacts, ...] = ()
    uses: tuple[Use, ...] = ()
    operators: tuple[str, ...] = ()

    def to_json(self) -> list[Any]:
        dags = [one.to_json() for one in self.dags]
        return [dags, [[*astuple(use)] for use in self.uses], self.operators]

    @classmethod
    def from_json(cls, row: list[Any]) -> "Seen":
        """The inverse of `to_json`."""
        dags, uses, operators = row
        return cls(
            tuple(DagFacts.from_json(one) for one in dags),
            tuple(Use(*use) for use in uses),
            tuple(operators),
        )


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of one import.

    `dag_ids` are all that the file made; `serialized` their DAGs as Airflow serialises them, as
    compressed JSON, empty where there are none. `seen` is what
    these say that anything here asks for. `tier` is how the import was confined. `needs` maps
    what of the tree was looked at to what was there (`domain.needs`); None: that is not known for
    certain, so that the result must not be used again.
    """

    status: ImportStatus
    dag_ids: tuple[str, ...] = ()
    seen: Seen = Seen()
    problems: tuple[Problem, ...] = ()
    deeds: tuple[Deed, ...] = ()
    asked: tuple[Asked, ...] = ()
    unstable: tuple[tuple[int, str], ...] = ()
    seconds: float = 0.0
    memory_mb: int = 0
    tier: str = ""
    needs: Mapping[str, str] | None = None
    serialized: bytes = field(default=b"", repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Everything but the serialised DAGs."""
        row = asdict(self)
        del row["serialized"]
        return {**row, "seen": self.seen.to_json()}

    @classmethod
    def from_json(cls, row: Mapping[str, Any], serialized: bytes = b"") -> "Imported":
        return cls(
            status=ImportStatus(row["status"]),
            dag_ids=tuple(row["dag_ids"]),
            seen=Seen.from_json(row["seen"]),
            problems=tuple(
                Problem(Trouble(p["trouble"]), p["message"], p["path"], p["line"])
                for p in row["problems"]
            ),
            deeds=tuple(Deed(**deed) for deed in row["deeds"]),
            asked=tuple(Asked(**asked) for asked in row["asked"]),
            unstable=tuple((line, message) for line, message in row["unstable"]),
            seconds=row["seconds"],
            memory_mb=row["memory_mb"],
            tier=row["tier"],
            needs=row["needs"],
            serialized=serialized,
        )


@dataclass(frozen=True, slots=True)
class ImportNote:
    """What a verdict says of the imports behind it.

    `because` says why nothing was imported, in words; empty where imports were made. `tier` is how
    they were confined. `files` counts those that a result is known of, `again` those among them
    that were imported for this verdict, `open` the indeterminate ones. `tests` says what the
    repository's own tests gave, in words; empty where nobody asked for them.
    """

    because: str = ""
    tier: str = ""
    files: int = 0
    again: int = 0
    open: int = 0
    tests: str = ""

    def __str__(self) -> str:
        tests = f"; {self.tests}" if self.tests else ""
        if self.because:
            return f"not imported: {self.because}{tests}"
        left = f", {self.open} of them could not be told" if self.open else ""
        return f"{self.files} DAG files imported ({self.tier}){left}{tests}"

    def to_json(self) -> dict[str, Any]:
        row = asdict(self)
        return row if self.tests else {k: v for k, v in row.items() if k != "tests"}
