"""Two badges, never mixed: where the head is on its way (sync), what Airflow reports (health)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from windlass.domain.clock import WARN
from windlass.domain.finding import Finding
from windlass.domain.hold import Hold
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Health, SyncState
from windlass.domain.waiver import SOON_DAYS, today


@dataclass(frozen=True, slots=True)
class Head:
    """The newest revision that is known of a ref; its words are None before it is fetched. `tag` is
    the tag that led to it, None where none did."""

    sha: str
    author: str | None
    subject: str | None
    committed_at: datetime | None
    noticed_at: datetime
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last poll or sync failed, and when it will be tried again."""

    code: str
    message: str
    hint: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Deployed:
    """The release that the pointer names, and how far its deployment came."""

    release_id: ReleaseId
    revision: str
    content_of: ReleaseId | None
    state: DeploymentState
    published_at: datetime | None
    live_at: datetime | None
    import_errors: tuple[tuple[str, str], ...] = ()  # (path, what Airflow says)
    missing: tuple[str, ...] = ()  # what the last look at Airflow still missed, in words
    drift: tuple[str, ...] = ()  # how its tree in the store differs from it, in words
    noticed_at: datetime | None = None  # when its push was; None where nothing was pushed for it
    converged_at: datetime | None = None  # when all its DAGs were seen, unchanged ones too
    failure_answer: str | None = None  # what its import errors were answered with
    not_made: tuple[str, ...] = ()  # literal dag_ids that their files turned out not to make

    @property
    def seconds_to_live(self) -> float | None:
        """From the moment the push was noticed; None before it is live or where there was none."""
        if self.live_at is None or self.noticed_at is None:
            return None
        return (self.live_at - self.noticed_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Survey:
    """The last look at everything live in an environment; all None before the first. `error` is
    why Airflow did not answer it, nor the two before: a single one may have met a busy moment.
    `clock_ahead_s` is how far its clock is ahead of the database's. `ill` are its components that
    ran once and are not well."""

    at: datetime | None = None
    error: str | None = None
    clock_ahead_s: float | None = None
    ill: tuple[str, ...] = ()


UNASKED = Survey()
NOBODY_LOOKS = "no Airflow is known that could be asked whether it is live"


@dataclass(frozen=True, slots=True)
class UnderReview:
    """A release that waits for approval."""

    release_id: ReleaseId
    revision: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """Who stopped a repository, and why. `waits_for`: what its removal waits for, or None."""

    at: datetime
    by: str
    reason: str
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is stored of a repository's sync. `findings` are those of the newest verdict, which
    `judged` says is about the settled revision and `allowed` how it ended; `kept`, `omitted` and
    `validated` are that verdict's, and so is `imports`, in words. `holds` are open. `waiting` are
    the releases under review, oldest first. `watched` False: no Airflow is known that could be
    asked what is live."""

    head: Head | None
    settled_revision: str | None
    held_reason: str | None
    failure: Failure | None
    deployed: Deployed | None
    judged: str | None
    allowed: bool
    findings: tuple[Finding, ...]
    holds: tuple[Hold, ...] = ()
    waiting: tuple[UnderReview, ...] = ()
    survey: Survey = UNASKED
    watched: bool = True
    kept: Mapping[str, ReleaseId] = field(default_factory=dict)
    omitted: Mapping[str, ReleaseId | None] = field(default_factory=dict)
    validated: bool = True
    imports: str | None = None
    suspended: Stop | None = None
    removing: Stop | None = None


def sync_state(facts: Facts) -> tuple[SyncState, str]:
    """Where the head is, and why, in one line."""
    ended = _ended(facts)
    if ended is not None:
        return ended
    if facts.failure is not None:
        return SyncState.BEHIND, f"{facts.failure.code} {facts.failure.message}"
    if facts.head is None:
        return SyncState.NEW, "waiting for its first poll"
    sha = facts.head.sha
    stopped = _stopped(facts, sha)
    if stopped is not None:
        return stopped
    deployed = facts.deployed
    if deployed is None or facts.settled_revision != sha:
        return SyncState.SYNCING, f"{sha[:7]} is being fetched and checked"
    return _seen(facts, deployed)


def _seen(facts: Facts, deployed: Deployed) -> tuple[SyncState, str]:
    """How far Airflow was seen with the head."""
    if deployed.state is DeploymentState.LIVE:
        also = "".join(f"; {words}" for words in (*facts.holds, *_short_of(facts)))
        return SyncState.LIVE, f"release #{deployed.release_id} was seen in Airflow{also}"
    if deployed.state is DeploymentState.FAILED:
        return SyncState.BEHIND, f"Airflow cannot import files of release #{deployed.release_id}"
    if not facts.watched and deployed.published_at is not None:
        return SyncState.PUBLISHED, f"release #{deployed.release_id}; {NOBODY_LOOKS}"
    return SyncState.SYNCING, f"release #{deployed.release_id} {_unseen(deployed)}"


def _ended(facts: Facts) -> tuple[SyncState, str] | None:
    """Who stopped the repository as a whole."""
    if facts.removing is not None:
        waits = f"; waits for {facts.removing.waits_for}" if facts.removing.waits_for else ""
        return SyncState.REMOVING, f"by {facts.removing.by}{waits}"
    if facts.suspended is not None:
        return SyncState.SUSPENDED, f"by {facts.suspended.by}: {facts.suspended.reason}"
    return None


def _stopped(facts: Facts, sha: str) -> tuple[SyncState, str] | None:
    """Why the head is not deployed, where that was decided."""
    if facts.settled_revision == sha and facts.held_reason:
        return SyncState.HELD, f"{sha[:7]} is not deployed: {facts.held_reason}"
    if facts.judged == sha and not facts.allowed:
        return SyncState.DENIED, f"{sha[:7]} has {_count(facts.findings)}"
    asked = [one.release_id for one in facts.waiting if one.revision == sha]
    if asked:
        return SyncState.WAITING_APPROVAL, f"release #{asked[-1]} waits for approval"
    return None


def _short_of(facts: Facts) -> list[str]:
    """In what the newest verdict falls short of the whole head, by all families of checks."""
    left = (*sorted(facts.kept), *sorted(facts.omitted))
    words = [f"{len(left)} file{'s' if len(left) != 1 else ''} not as in the head: {_some(left)}"]
    return (words if left else []) + ([] if facts.validated else ["not validated"])


def health(
    deployed: Deployed | None, survey: Survey = UNASKED, *, watched: bool = True
) -> tuple[Health, str]:
    """What Airflow reports of the deployed release, in one line; `watched` as in Facts."""
    if deployed is None:
        return Health.UNKNOWN, "nothing is deployed"
    if deployed.drift:
        return Health.DEGRADED, f"the store differs from the release: {_some(deployed.drift)}"
    if deployed.import_errors:
        paths = _some(tuple(path for path, _ in deployed.import_errors))
        then = f"; {deployed.failure_answer}" if deployed.failure_answer else ""
        return Health.DEGRADED, f"Airflow reports import errors in {paths}{then}"
    if not watched:
        return Health.UNKNOWN, NOBODY_LOOKS
    if deployed.state is not DeploymentState.LIVE:
        return Health.UNKNOWN, f"release #{deployed.release_id} {_unseen(deployed)}"
    if survey.error and not _was_seen_since(deployed, survey):
        return Health.UNKNOWN, f"Airflow does not say: {survey.error}"
    which = "changed DAG" if deployed.converged_at is None else "DAG"
    return Health.HEALTHY, f"every {which} was seen"


def _was_seen_since(deployed: Deployed, survey: Survey) -> bool:
    """Whether Airflow answered after the look that it did not answer."""
    return bool(deployed.live_at and survey.at and deployed.live_at > survey.at)


def warnings_of(facts: Facts, day: date | None = None) -> tuple[str, ...]:
    """What is no failure and yet worth a person's look, in words."""
    told = []
    ahead_s = facts.survey.clock_ahead_s or 0.0
    if abs(ahead_s) > WARN.total_seconds():
        where = "ahead of" if ahead_s > 0 else "behind"
        told.append(
            f"Airflow's clock is {abs(ahead_s):.0f} s {where} the database's; times are corrected "
            "by that. Set both by NTP."
        )
    if facts.survey.ill:
        told.append(
            f"Airflow says that it is not well: {_some(facts.survey.ill)}. What needs it waits; "
            "look at its log."
        )
    if facts.deployed and facts.deployed.not_made:
        told.append(f"not made by their files: {_some(facts.deployed.not_made)}")
    told += _expiring(facts.findings, day or today())
    return tuple(told)


def _expiring(findings: tuple[Finding, ...], day: date) -> Iterator[str]:
    """Findings that are let pass for not much longer."""
    for one in findings:
        if one.excused is None or not one.excused.until:
            continue
        left = (date.fromisoformat(one.excused.until) - day).days
        if left <= SOON_DAYS:
            when = f"in {left} days" if left > 1 else "tomorrow" if left == 1 else "after today"
            yield f"{one.code} at {one.place} counts again {when}: {one.excused.reason}"


def _unseen(deployed: Deployed) -> str:
    """`was not seen in Airflow yet`, and what of it was not."""
    named = _some(deployed.missing)
    return "was not seen in Airflow yet" + (f": missing {named}" if named else "")


def _some(words: tuple[str, ...]) -> str:
    """The first three, and how many more there are."""
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return ", ".join(words[:3]) + more


def _count(findings: tuple[Finding, ...]) -> str:
    """`2 critical, 1 low findings`, worst first."""
    tally: dict[str, int] = {}
    for finding in findings:
        tally[finding.severity] = tally.get(finding.severity, 0) + 1
    words = ", ".join(f"{number} {severity}" for severity, number in tally.items())
    return f"{words} finding{'s' if len(findings) != 1 else ''}"
