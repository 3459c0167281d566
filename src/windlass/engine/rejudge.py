"""What today's policy, waivers and inventory say of a release that was allowed once.

No file is read and nobody is asked: the findings about its files are those that its verdict kept,
and what its surroundings lack is looked up anew. So it is answered while the Git host and Airflow
are away; what they would have to say is unknown then, never missing.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from windlass.database.claims import owners_of
from windlass.database.releases import find_verdict_of
from windlass.domain.errors import Conflict, EngineFailed
from windlass.domain.finding import Finding, FindingType, by_severity, fingerprinted
from windlass.domain.import_findings import told_once
from windlass.domain.ownership import ownership_findings
from windlass.domain.policy import Allowed, Level, Policy
from windlass.domain.release import Release
from windlass.domain.repository import Repository
from windlass.domain.waiver import excuse
from windlass.engine.context import Context
from windlass.engine.gate import demanded
from windlass.engine.ruling import Rules

_AROUND = frozenset({FindingType.DEPENDENCY, FindingType.REFERENCE, FindingType.POLICY})
_AROUND_CODES = frozenset({"STR001", "STR003", "STR012", "STR013", "STR014", "STR015"})
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Denial:
    """What forbids the content of a release now, worst first; nothing where it is empty."""

    findings: tuple[Finding, ...]
    policy: Policy

    @property
    def hopeless(self) -> tuple[Finding, ...]:
        """Those that nobody may pass over."""
        return tuple(f for f in self.findings if self.policy.level_of(f) is Level.ALWAYS)

    @property
    def words(self) -> list[str]:
        """Code and place of each of the first, and how many more there are."""
        told = [f"{finding.code} {finding.place}" for finding in self.findings[:_NAMED]]
        more = len(self.findings) - len(told)
        return [*told, f"{more} more"] if more else told


def denial_today(
    connection: Connection,
    context: Context,
    repository: Repository,
    release: Release,
    current: Release,
) -> Denial:
    """What would deny the content of `release` in the place of `current`."""
    rules = Rules.of(
        repository, context.ruling_of(repository, connection), context.known_of(repository)
    )
    artifact = context.artifact_of(connection, release)
    found = ownership_findings(artifact, owners_of(connection, repository, artifact.dag_ids))
    with contextlib.suppress(EngineFailed):  # what cannot be asked is unknown
        found += demanded(rules, artifact, context.artifact_of(connection, current))
    told = _of_files(find_verdict_of(connection, release))
    marked, _ = excuse(
        fingerprinted(told_once((*told, *found))), rules.policy, rules.excuses(artifact)
    )
    return Denial(by_severity([f for f in marked if rules.policy.denies(f)]), rules.policy)


def _of_files(allowed: Allowed) -> list[Finding]:
    """What was found in the files that were deployed, whoever let it pass then."""
    left = allowed.kept.keys() | allowed.omitted.keys()
    return [
        replace(f, excused=None)
        for f in allowed.findings
        if f.path not in left and f.type not in _AROUND and f.code not in _AROUND_CODES
    ]


def refuse(denial: Denial, repository: str, release: Release, *, override: bool) -> None:
    """Raise Conflict REL017 for what forbids a rollback, REL018 where nobody may override it."""
    if denial.hopeless:
        raise Conflict(
            "REL018",
            f"release #{release.id} would be denied today, which nobody may override:"
            + _lines(denial.hopeless),
            f"Roll back to another: windlass release list {repository}. Or push a repair.",
        )
    if denial.findings and not override:
        raise Conflict(
            "REL017",
            f"release #{release.id} would be denied today:" + _lines(denial.findings),
            "Go back all the same, for the reason that you give: windlass release rollback "
            f"{repository} --to {release.id} --override --reason …",
        )


def _lines(findings: Sequence[Finding]) -> str:
    told = [f"\n  {f.code} {f.place} {f.message}" for f in findings[:_NAMED]]
    more = len(findings) - len(told)
    return "".join(told) + (f"\n  and {more} more" if more else "")
