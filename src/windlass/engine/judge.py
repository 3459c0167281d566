"""Step 3: judge. From a build to a verdict, by the policy of the control side."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection

from windlass.database.claims import lock_claims, own_ids
from windlass.database.polls import settle_for_now
from windlass.database.releases import is_denied_already, record_verdict
from windlass.database.repositories import hold_lease, settle
from windlass.database.wishes import record_wishes
from windlass.domain.errors import Unavailable
from windlass.domain.events import Event
from windlass.domain.finding import Finding
from windlass.domain.measures import VERDICTS
from windlass.domain.options import VerdictMode
from windlass.domain.ownership import files_by_dag_id
from windlass.domain.policy import Allowed, Denied, Policy, failed_engine
from windlass.domain.repository import CommitSha, Lease
from windlass.domain.served import Judges
from windlass.engine.build import Build
from windlass.engine.context import Context, tell
from windlass.engine.gate import Judged, decide_build
from windlass.engine.last_good import LastGood
from windlass.engine.measures import phase
from windlass.engine.race import claimants_of
from windlass.engine.reporting import report_verdict
from windlass.engine.ruling import Rules

_MAX_TURNS = 10
_NAMED = 20  # files in one event


@phase("judge")
def judge(
    context: Context, lease: Lease, revision: CommitSha, built: Build, last_good: LastGood
) -> Judged:
    """Decide, and record the verdict with every finding.

    A denied revision is settled here: it is not built again until it, or what judges it, changes.
    One that is denied since what judges failed is built again by itself, at growing intervals.
    Mode per_file decides outside of the transaction, since it may have to read and check files; so
    it decides again where an id got another owner meanwhile.
    """
    ruling = context.ruling_of(lease.repository)
    rules = Rules.of(lease.repository, ruling, context.known_of(lease.repository))
    judges = context.judges_of(lease.repository, ruling)
    is_whole = lease.repository.options.verdict_mode is VerdictMode.ALL
    ids = built.artifact.dag_ids if is_whole else built.artifact.dag_ids | last_good.dag_ids
    judged: Judged | None = None
    seen: Mapping[str, str] | None = None
    for _ in range(_MAX_TURNS):
        with context.database.transaction() as connection:
            lock_claims(connection, lease.repository)
            hold_lease(connection, lease)
            owners = claimants_of(context, connection, lease.repository, ids)
            if is_whole:
                judged, seen = decide_build(rules, built, owners, last_good), owners
            is_known = judged is not None and judged.build.artifact.dag_ids <= ids
            if judged is not None and owners == seen and is_known:
                judged = _record(connection, lease, revision, judged, (judges, ruling.policy))
                by = judged.verdict, ruling.policy
                report_verdict(context, connection, lease.repository, revision, by)
                break
        judged, seen = decide_build(rules, built, owners, last_good), owners
        ids |= judged.build.artifact.dag_ids  # a mixture may make others than head and kept ones
    else:
        raise Unavailable("SYNC002", "dag_ids change their owners faster than files can be judged")
    is_allowed = isinstance(judged.verdict, Allowed)
    context.measures.count(VERDICTS, "allowed" if is_allowed else "denied")
    return judged


def _record(
    connection: Connection,
    lease: Lease,
    revision: CommitSha,
    judged: Judged,
    by: tuple[Judges, Policy],
) -> Judged:
    repository, (judges, policy) = lease.repository, by
    artifact = judged.build.artifact
    if isinstance(judged.verdict, Denied):
        return _record_denial(connection, lease, revision, judged, by)
    verdict = record_verdict(
        connection,
        lease,
        revision,
        judged.verdict,
        judges=judges,
        artifact_digest=artifact.digest,
        policy=policy,
    )
    assert isinstance(verdict, Allowed)
    facts = {"files": len(artifact.files), **_partial(verdict)}
    tell(connection, Event.VERDICT_ALLOWED, repository, revision=revision, **facts)
    wanted = files_by_dag_id(artifact)
    own = own_ids(connection, repository)
    new = {dag_id: path for dag_id, path in wanted.items() if dag_id not in own}
    record_wishes(connection, repository, new)
    return replace(judged, verdict=verdict)


def _record_denial(
    connection: Connection,
    lease: Lease,
    revision: CommitSha,
    judged: Judged,
    by: tuple[Judges, Policy],
) -> Judged:
    """Settled, unless what judges failed itself: then the revision is judged again later, and the
    same answer is not told twice."""
    repository, (judges, policy) = lease.repository, by
    denied = judged.verdict
    assert isinstance(denied, Denied)
    record_wishes(connection, repository, {})
    failed = failed_engine(denied.reasons, policy)
    if failed is None:
        settle(connection, lease, revision, judges.inputs)
    else:
        settle_for_now(connection, repository.id, revision, as_error(failed))
        if is_denied_already(connection, lease, revision, denied, judges):
            return judged
    verdict = record_verdict(
        connection,
        lease,
        revision,
        denied,
        judges=judges,
        artifact_digest=judged.build.artifact.digest,
        policy=policy,
    )
    reasons = [f"{finding.code} {finding.place}" for finding in denied.reasons]
    tell(connection, Event.VERDICT_DENIED, repository, revision=revision, reasons=reasons)
    return replace(judged, verdict=verdict)


def as_error(failed: Finding) -> Unavailable:
    """What a finding of a failed engine is to a sync: it may pass by itself."""
    return Unavailable(failed.code, failed.message, failed.hint)


def _partial(allowed: Allowed) -> dict[str, Any]:
    """What history says of a verdict that is not about the whole head by all families."""
    told: dict[str, Any] = {} if allowed.validated else {"validated": False}
    if allowed.kept:
        told["kept"] = [f"{path} (#{r})" for path, r in sorted(allowed.kept.items())[:_NAMED]]
    if allowed.omitted:
        told["omitted"] = sorted(allowed.omitted)[:_NAMED]
    return told
