"""What a repository serves now, and which versions of its files that leaves to fall back to."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from windlass.domain.artifact import Artifact
from windlass.domain.families import CODES_OF_TREES, OF_TREES, REMEMBERED
from windlass.domain.finding import Finding
from windlass.domain.release import Release, ReleaseId
from windlass.domain.rules import find_rule
from windlass.domain.selection import Version


@dataclass(frozen=True, slots=True)
class Judges:
    """What judged a revision, as digests: everything (`inputs`), the checks of single files and
    the Python that they ran under (`checks`), and the release policy."""

    inputs: str
    checks: str
    policy: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of files that stay as they were. `told`: path → its findings of the families
    that are remembered; `recheck`: paths with other findings of a plain reading, which are looked
    at again."""

    told: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    recheck: frozenset[str] = frozenset()

    @classmethod
    def of(cls, findings: Iterable[Finding], moved: Collection[str] = ()) -> "Memory":
        """That of the findings of a verdict; of the `moved` paths they are about another
        version."""
        told: dict[str, tuple[Finding, ...]] = {}
        recheck: set[str] = set(moved)
        for finding in findings:
            rule = find_rule(finding.code)
            if rule is None or rule.of_engine:
                recheck.add(finding.path)
            elif rule.family in OF_TREES or rule.code in CODES_OF_TREES:
                continue
            elif rule.family in REMEMBERED:
                same = replace(finding, excused=None)
                told[finding.path] = (*told.get(finding.path, ()), same)
            else:
                recheck.add(finding.path)
        return cls(told, frozenset(recheck))


NO_MEMORY = Memory()


@dataclass(frozen=True, slots=True)
class Served:
    """The release that is served now, and what the newest verdict on its content says: paths that
    are `kept` and `omitted` as in Allowed; `findings` are those of that verdict. `judges` is None
    where no verdict on this content was kept."""

    release: Release
    kept: Mapping[str, ReleaseId]
    omitted: Mapping[str, ReleaseId | None]
    findings: tuple[Finding, ...]
    judges: Judges | None

    @property
    def memory(self) -> "Memory":
        """What its files need not be looked at again for."""
        return Memory.of(self.findings, self.kept.keys() | self.omitted.keys())

    def last_good(self, path: str, artifacts: Mapping[ReleaseId, Artifact]) -> Version | None:
        """The last good version of a file, among the `artifacts` that are at hand by release.

        A file that is served has the version that is served. One that was left out has the version
        of the release that had it last. One that was deleted since then has none.
        """
        served = artifacts.get(self.release.id)
        if served is not None and path in served.files:
            return Version(served.files[path], self.kept.get(path, self.release.id))
        origin = self.omitted.get(path)
        if origin is None or origin not in artifacts:
            return None
        left_out = artifacts[origin].files.get(path)
        return Version(left_out, origin) if left_out else None
