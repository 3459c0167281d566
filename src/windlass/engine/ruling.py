"""What a build is judged by, and where that comes from: the policies and waivers of the database,
remembered for a moment."""

import threading
import time
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.engine import Connection

from windlass.checks.known import NOTHING_KNOWN, Known
from windlass.database.connection import Database
from windlass.database.policies import load_book
from windlass.domain.artifact import Artifact
from windlass.domain.demands import Whose
from windlass.domain.options import Options
from windlass.domain.policies import PolicyBook, Ruling
from windlass.domain.policy import Policy
from windlass.domain.repository import Repository
from windlass.domain.waiver import Excuses, Waiver, today

REMEMBERED_S = 0.5
"""What changes a policy asks for polls later than that, so that none sees the old one."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a build is judged by. `prefix` is what every dag_id must begin with, None for any;
    `known` is what its environment has; `baseline` the fingerprints of what was there before."""

    policy: Policy
    options: Options
    prefix: str | None = None
    known: Known = NOTHING_KNOWN
    waivers: tuple[Waiver, ...] = ()
    whose: Whose = field(default_factory=Whose)
    baseline: frozenset[str] = frozenset()
    day: date = field(default_factory=today)

    @classmethod
    def of(cls, repository: Repository, ruling: Ruling, known: Known) -> "Rules":
        """Those of a repository."""
        return cls(
            ruling.policy,
            ruling.policy.applied(repository.options),
            repository.dag_id_prefix,
            known,
            ruling.waivers,
            whose_is(repository),
        )

    def excuses(self, artifact: Artifact) -> Excuses:
        """What may let findings about a tree pass."""
        return Excuses(self.waivers, artifact.suppressions, self.baseline, self.day)


def whose_is(repository: Repository) -> Whose:
    """The names by which policies know a repository."""
    return Whose(repository.name, repository.namespace, repository.environment)


class PolicyMemory:
    """The book of policies, as it was `remembered_s` ago at most. Safe for threads."""

    def __init__(
        self,
        pinned: tuple[PolicyBook, date] | None = None,
        *,
        remembered_s: float = REMEMBERED_S,
    ) -> None:
        self._pinned = pinned
        self._remembered_s = remembered_s
        self._book = PolicyBook()
        self._until = 0.0
        self._lock = threading.Lock()

    def now(self, database: Database, connection: Connection | None) -> tuple[PolicyBook, date]:
        """The book, and the day that counts; read in the caller's transaction where there is one,
        in which nobody should wait for another connection."""
        if self._pinned is not None:
            return self._pinned
        with self._lock:
            if time.monotonic() < self._until:
                return self._book, today()
        if connection is None:
            with database.transaction() as own:
                book = load_book(own)
        else:
            book = load_book(connection)
        with self._lock:
            self._book, self._until = book, time.monotonic() + self._remembered_s
        return book, today()

    def pinned(self, database: Database) -> "PolicyMemory":
        """One that says for ever what holds now: all of a sync is by the same policy, and what
        changes meanwhile is seen by the next poll."""
        return PolicyMemory(self.now(database, None))
