"""Two badges, never mixed: where the head is on its way (sync), what Airflow reports (health)."""

from dataclasses import dataclass
from datetime import datetime

from windlass.domain.finding import Finding
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Health, SyncState


@dataclass(frozen=True, slots=True)
class Head:
    """The newest revision that is known of a branch; its words are None before it is fetched."""

    sha: str
    author: str | None
    subject: str | None
    committed_at: datetime | None
    noticed_at: datetime


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


@dataclass(frozen=True, slots=True)
class Facts:
    """What is stored of a repository's sync. `findings` are those of the newest verdict, which
    `judged` says is about the settled revision and `allowed` how it ended."""

    head: Head | None
    settled_revision: str | None
    held_reason: str | None
    failure: Failure | None
    deployed: Deployed | None
    judged: str | None
    allowed: bool
    findings: tuple[Finding, ...]


def sync_state(facts: Facts) -> tuple[SyncState, str]:
    """Where the head is, and why, in one line."""
    if facts.failure is not None:
        return SyncState.BEHIND, f"{facts.failure.code} {facts.failure.message}"
    if facts.head is None:
        return SyncState.NEW, "waiting for its first poll"
    sha = facts.head.sha
    if facts.settled_revision == sha and facts.held_reason:
        return SyncState.HELD, f"{sha[:7]} is not deployed: {facts.held_reason}"
    if facts.judged == sha and not facts.allowed:
        return SyncState.DENIED, f"{sha[:7]} has {_count(facts.findings)}"
    deployed = facts.deployed
    if deployed is None or facts.settled_revision != sha:
        return SyncState.SYNCING, f"{sha[:7]} is being fetched and checked"
    if deployed.state is DeploymentState.LIVE:
        return SyncState.LIVE, f"release #{deployed.release_id} was seen in Airflow"
    if deployed.state is DeploymentState.FAILED:
        return SyncState.BEHIND, f"Airflow cannot import files of release #{deployed.release_id}"
    return SyncState.SYNCING, f"release #{deployed.release_id} {_unseen(deployed)}"


def health(deployed: Deployed | None) -> tuple[Health, str]:
    """What Airflow reports of the deployed release, in one line."""
    if deployed is None:
        return Health.UNKNOWN, "nothing is deployed"
    if deployed.state is DeploymentState.LIVE:
        return Health.HEALTHY, "every changed DAG was seen"
    if deployed.import_errors:
        paths = ", ".join(path for path, _ in deployed.import_errors[:3])
        return Health.DEGRADED, f"Airflow reports import errors in {paths}"
    return Health.UNKNOWN, f"release #{deployed.release_id} {_unseen(deployed)}"


def _unseen(deployed: Deployed) -> str:
    """`was not seen in Airflow yet`, and what of it was not."""
    named = ", ".join(deployed.missing[:3])
    more = f" and {len(deployed.missing) - 3} more" if len(deployed.missing) > 3 else ""
    return "was not seen in Airflow yet" + (f": missing {named}{more}" if named else "")


def _count(findings: tuple[Finding, ...]) -> str:
    """`2 critical, 1 low findings`, worst first."""
    tally: dict[str, int] = {}
    for finding in findings:
        tally[finding.severity] = tally.get(finding.severity, 0) + 1
    words = ", ".join(f"{number} {severity}" for severity, number in tally.items())
    return f"{words} finding{'s' if len(findings) != 1 else ''}"
