"""One attempt at a job: its lines share a name, its phases are timed, its end is noted."""

import contextlib
from collections.abc import Iterator, Mapping
from enum import StrEnum

import structlog

from windlass.domain.errors import AppError
from windlass.domain.events import Event
from windlass.domain.measures import SYNC_PHASE, SYNCS
from windlass.domain.repository import Lease
from windlass.engine.context import Context, tell
from windlass.engine.measures import recording


class Outcome(StrEnum):
    """How an attempt ended."""

    RELEASED = "released"
    SETTLED = "settled"  # nothing to release: denied, held, quarantined or as before
    FAILED = "failed"
    GIVEN_UP = "given_up"  # another worker has the lease, or this one is stopping


class Attempt:
    """What is known of an attempt while it runs. `failed` and `given_up` are set by who runs it."""

    def __init__(self, phases: Mapping[str, float]) -> None:
        self.phases = phases
        self.has_failed = False
        self.was_given_up = False

    @property
    def outcome(self) -> Outcome:
        if self.was_given_up:
            return Outcome.GIVEN_UP
        if self.has_failed:
            return Outcome.FAILED
        return Outcome.RELEASED if "publish" in self.phases else Outcome.SETTLED


@contextlib.contextmanager
def attempt(context: Context, job: str, lease: Lease) -> Iterator[Attempt]:
    """Within, every log line and every event of history has the same `sync`: the repository's id
    and the lease's epoch, which no other attempt has. At the end the phases are noted."""
    name = f"{lease.repository.id}.{lease.epoch}"
    with structlog.contextvars.bound_contextvars(sync=name), recording() as phases:
        it = Attempt(phases)
        yield it
        _note(context, job, lease, it)


def _note(context: Context, job: str, lease: Lease, it: Attempt) -> None:
    context.measures.count(SYNCS, job, it.outcome)
    for phase, seconds in it.phases.items():
        context.measures.observe(SYNC_PHASE, seconds, phase)
    if it.was_given_up or not it.phases.keys() - {"fetch"}:
        return  # nobody looks for an attempt that found nothing to do
    rounded = {phase: round(seconds * 1000) for phase, seconds in it.phases.items()}
    with (
        contextlib.suppress(AppError),  # the database is away: only a timeline lacks it
        context.database.transaction() as connection,
    ):
        tell(
            connection,
            Event.SYNC_ENDED,
            lease.repository,
            outcome=it.outcome.value,
            milliseconds=rounded,
        )
