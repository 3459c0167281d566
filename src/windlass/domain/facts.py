"""What is known of a DAG without a running Airflow: what release policies ask about."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DagFacts:
    """One DAG: with a literal id, or as importing its file made it. What is said nowhere is empty,
    or 0; what only running the file would tell is None.

    `owners` and `retries` are those of `default_args`; where these say none and the file was
    imported, every owner of a task and the fewest retries of one. `schedule` is a text such as
    `@daily`. `line` is where the file makes the DAG.
    """

    dag_id: str
    line: int
    tags: tuple[str, ...] | None = ()
    owners: tuple[str, ...] | None = ()
    retries: int | None = 0
    schedule: str | None = ""

    def to_json(self) -> list[Any]:
        return [self.dag_id, self.line, self.tags, self.owners, self.retries, self.schedule]

    @classmethod
    def from_json(cls, row: list[Any]) -> "DagFacts":
        """The inverse of `to_json`."""
        dag_id, line, tags, owners, *rest = row
        if isinstance(owners, str):  # as artifacts had one before
            owners = [owners] if owners else []
        return cls(dag_id, line, _tuple(tags), _tuple(owners), *rest)


def _tuple(words: list[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)
