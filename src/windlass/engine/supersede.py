"""What ends the question whether a release may be deployed, without an answer."""

from sqlalchemy.engine import Connection

from windlass.database.approvals import decide_approval, find_approval, list_approved, list_waiting
from windlass.database.claims import owners_of
from windlass.database.repositories import unsettle
from windlass.domain.approval import Approval, ApprovalState
from windlass.domain.events import Event
from windlass.domain.families import families_for
from windlass.domain.finding import fingerprinted
from windlass.domain.ownership import ownership_findings
from windlass.domain.release import Release, ReleaseId
from windlass.domain.repository import Repository
from windlass.domain.waiver import excuse
from windlass.engine.context import Context, tell
from windlass.engine.ruling import Rules


def what_changed(
    connection: Connection,
    context: Context,
    repository: Repository,
    release: Release,
    current: Release | None,
) -> str | None:
    """What has changed since approval of `release` was asked for, in words; None: nothing."""
    approval = find_approval(connection, release.id)
    base = current.id if current else None
    ruling = context.ruling_of(repository, connection)
    if approval is not None and approval.base_release_id != base:
        return f"it was to replace {_named(approval.base_release_id)}, and {_named(base)} is there"
    if approval is not None and approval.policy_digest != ruling.digest:
        return "the release policy has changed"
    artifact = context.artifact_of(connection, release)
    owners = owners_of(connection, repository, artifact.dag_ids)
    found = ownership_findings(artifact, owners)
    served = context.artifact_of(connection, current)
    rules = Rules.of(repository, ruling, context.known_of(repository))
    found += rules.known.findings(artifact, families_for(repository.options), served)
    marked, _ = excuse(fingerprinted(found), rules.policy, rules.excuses(artifact))
    denying = [finding for finding in marked if rules.policy.denies(finding)]
    return f"a check fails now: {denying[0].code} {denying[0].message}" if denying else None


def supersede_moved(
    connection: Connection, context: Context, repository: Repository, current: Release | None
) -> int:
    """Supersede what waits for approval on another base or by another policy; how many."""
    base, superseded = current.id if current else None, 0
    policy = context.ruling_of(repository, connection).digest
    for one in list_waiting(connection, repository.id):
        if not one.approval.is_about(base, policy):
            reason = (
                f"{_named(base)} was deployed meanwhile"
                if one.approval.base_release_id != base
                else "the release policy has changed"
            )
            supersede(connection, repository, one.approval, reason)
            superseded += 1
    return superseded


def supersede_all(connection: Connection, repository: Repository, reason: str) -> None:
    """Supersede everything of a repository that waits for approval, or for its deployment."""
    for one in list_waiting(connection, repository.id):
        supersede(connection, repository, one.approval, reason)
    for _, release_id in list_approved(connection, repository.id):
        supersede(connection, repository, find_approval(connection, release_id), reason)


def supersede(
    connection: Connection, repository: Repository, approval: Approval | None, reason: str
) -> None:
    """End the question about a release, since what was asked has changed; the head is judged, and
    if need be proposed, again."""
    assert approval is not None
    decide_approval(
        connection,
        approval.release_id,
        ApprovalState.SUPERSEDED,
        actor="windlass",
        reason=reason,
    )
    tell(
        connection,
        Event.RELEASE_SUPERSEDED,
        repository,
        release_id=approval.release_id,
        reason=reason,
    )
    unsettle(connection, repository.id)


def _named(release_id: ReleaseId | None) -> str:
    return "nothing" if release_id is None else f"release #{release_id}"
