"""Step 3: judge. From a build to a verdict, by the policy of the control side."""

from windlass.database.claims import lock_claims, owners_of
from windlass.database.releases import record_verdict
from windlass.database.repositories import hold_lease, settle
from windlass.domain.events import Event
from windlass.domain.ownership import ownership_findings
from windlass.domain.policy import Allowed, Verdict, decide
from windlass.domain.repository import Lease
from windlass.engine.build import Build
from windlass.engine.context import Context, tell


def judge(context: Context, lease: Lease, build: Build) -> Verdict:
    """Decide, and record the verdict with every finding.

    A denied revision is settled here: it is not built again until it, or what judges it, changes.
    """
    sha = build.revision.sha
    with context.database.transaction() as connection:
        lock_claims(connection, lease.repository)
        hold_lease(connection, lease)
        owners = owners_of(connection, lease.repository, build.artifact.dag_ids)
        owned = ownership_findings(build.artifact, owners)
        verdict = decide((*build.findings, *owned), context.policy)
        record_verdict(connection, lease, sha, context.inputs, verdict)
        if isinstance(verdict, Allowed):
            files = len(build.artifact.files)
            tell(connection, Event.VERDICT_ALLOWED, lease.repository, revision=sha, files=files)
        else:
            settle(connection, lease, sha, context.inputs)
            reasons = [f"{finding.code} {finding.place}" for finding in verdict.reasons]
            tell(connection, Event.VERDICT_DENIED, lease.repository, revision=sha, reasons=reasons)
    return verdict
