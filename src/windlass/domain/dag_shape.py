"""A DAG as a plan looks at it: what Airflow stores of it, without what is volatile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Link = tuple[str, str]
"""What one DAG makes and another waits for: `asset` and its URI; `dag` and the dag_id of a run that
a sensor looks for; `trigger` and the dag_id of a run that is started."""
Use = tuple[str, str]
"""(kind, name) of a connection, variable or pool, as `domain.names.Kind` has them."""


@dataclass(frozen=True, slots=True)
class TaskShape:
    """One task: the class of its operator, what it was given (name → plain value), and the tasks
    that come after it. Fields that have their default may be left out, as Airflow does."""

    task_id: str
    operator: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    downstream: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DagShape:
    """One DAG.

    `path` is the file that makes it. `code` maps each file that importing it looked at to what
    stands there. `settings` are fields of the DAG itself by name (schedule, owners, tags and
    `params.NAME` among them). `tasks` is None where the file was not imported, so that only what a
    plain reading says is known. `makes` are links to what other DAGs may wait for, `awaits` those
    it waits for. `uses` are the connections, variables and pools that it names.
    """

    dag_id: str
    path: str
    code: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    tasks: Mapping[str, TaskShape] | None = field(default_factory=dict)
    makes: frozenset[Link] = frozenset()
    awaits: frozenset[Link] = frozenset()
    uses: frozenset[Use] = frozenset()

    @property
    def edges(self) -> frozenset[tuple[str, str]]:
        """(upstream, downstream) of its tasks."""
        tasks = (self.tasks or {}).values()
        return frozenset((task.task_id, after) for task in tasks for after in task.downstream)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The DAGs of one tree, by id.

    `digest` names the content of the tree. `untold` maps DAG files whose DAGs are not known to the
    reason. `seconds` maps DAG files to how long their import took.
    """

    digest: str
    dags: Mapping[str, DagShape] = field(default_factory=dict)
    untold: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
