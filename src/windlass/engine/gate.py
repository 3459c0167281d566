"""The gate: from a build to a verdict and to what is deployed. No database, so that `windlass
check` decides as a sync does."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from windlass.checks.intake import check_clashes, check_totals
from windlass.domain.artifact import EMPTY, Artifact, FileEntry
from windlass.domain.demands import demand_findings
from windlass.domain.errors import EngineFailed
from windlass.domain.families import families_for
from windlass.domain.finding import Finding, FindingType, fingerprinted
from windlass.domain.import_findings import told_once
from windlass.domain.mixture import mixture_findings
from windlass.domain.options import VerdictMode
from windlass.domain.ownership import files_by_dag_id, ownership_findings, prefix_findings
from windlass.domain.policy import Denied, Verdict, decide
from windlass.domain.release import ReleaseId
from windlass.domain.selection import Selection, Version, decide_per_file, select
from windlass.domain.waiver import excuse
from windlass.engine.build import Build, unimported
from windlass.engine.ruling import Rules


class Versions(Protocol):
    """Where the last good version of a file comes from."""

    @property
    def artifact(self) -> Artifact:
        """What is served now."""

    @property
    def contents(self) -> Mapping[str, bytes]:
        """What `find` had to read, by digest."""

    def find(self, paths: Collection[str]) -> Mapping[str, Version]:
        """The versions that may be deployed again, of those paths that have one."""

    def content(self, entry: FileEntry) -> bytes | None:
        """The content of a version; None where it is lost."""

    def origin(self, path: str) -> ReleaseId | None:
        """The release that brought the last good version, whether or not it may be used."""


@dataclass(frozen=True, slots=True)
class NoVersions:
    """Nothing was served before."""

    artifact: Artifact = EMPTY
    contents: Mapping[str, bytes] = field(default_factory=dict)

    def find(self, paths: Collection[str]) -> Mapping[str, Version]:  # noqa: ARG002
        return {}

    def content(self, entry: FileEntry) -> bytes | None:  # noqa: ARG002
        return None

    def origin(self, path: str) -> ReleaseId | None:  # noqa: ARG002
        return None


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and the build that it is about: what is deployed if it is allowed."""

    verdict: Verdict
    build: Build


def decide_build(
    rules: Rules, built: Build, owners: Mapping[str, str], versions: Versions
) -> Judged:
    """Decide about a build; `owners` maps the dag_ids of other repositories to their names."""
    if rules.options.verdict_mode is VerdictMode.PER_FILE:
        return _decide_per_file(rules, built, owners, versions)
    owned = ownership_findings(built.artifact, owners)
    owned += demanded(rules, built.artifact, versions.artifact)
    told = told_once((*built.findings, *built.made.located(owned)))
    findings = _excused(rules, built.artifact, told)
    verdict = decide(findings, rules.policy, validated=rules.options.validation)
    return Judged(replace(verdict, imports=built.imports), built)


def demanded(rules: Rules, tree: Artifact, served: Artifact) -> list[Finding]:
    """What prefix, environment and policy say of a tree that is to replace `served`."""
    found = prefix_findings(tree, rules.prefix)
    found += rules.known.findings(tree, families_for(rules.options), served)
    if rules.options.validation:
        found += demand_findings(tree, rules.policy, rules.whose)
    return found


def _excused(rules: Rules, tree: Artifact, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, those that somebody lets pass marked so, and what is wrong with comments."""
    marked = fingerprinted(findings)
    excused, told = excuse(marked, rules.policy, rules.excuses(tree))
    return (*excused, *fingerprinted(told)) if rules.options.validation else excused


def _decide_per_file(
    rules: Rules, built: Build, owners: Mapping[str, str], versions: Versions
) -> Judged:
    policy, validated = rules.policy, rules.options.validation
    own = _excused(rules, built.artifact, built.findings)
    denying = [f for f in own if policy.denies(f)]
    if any(not f.path or f.type is FindingType.TESTS for f in denying):  # tests are of the whole
        verdict = decide(own, policy, validated=validated)
        return Judged(replace(verdict, imports=built.imports), built)
    served = files_by_dag_id(versions.artifact)

    def judge_tree(selection: Selection) -> Collection[Finding]:
        tree, findings = selection.artifact, list[Finding]()
        if selection.kept or selection.omitted:  # what ships is imported, not what is not
            try:
                imported = built.imported_as(tree, versions.content)
            except EngineFailed as error:
                return [*fingerprinted([unimported(error)])]
            tree, findings = imported.artifact, [*imported.findings]
        findings += ownership_findings(tree, owners, served=served, last=selection.kept)
        findings += demanded(rules, tree, versions.artifact)
        findings += mixture_findings(selection, versions.artifact)
        if selection.kept:  # else these saw it as it is
            findings += check_totals(len(tree.files), tree.size_bytes)
            findings += (f for f in check_clashes(tree.files) if f.path in selection.kept)
        return excuse(fingerprinted(told_once(findings)), policy, rules.excuses(tree))[0]

    bad = built.refused | built.made.with_outputs({f.path for f in denying})
    selection, told, is_whole = select(built.artifact, bad, versions.find, judge_tree, policy)
    at_source = built.made.located(f for f in told if f.path not in selection.kept)
    told = (*at_source, *(f for f in told if f.path in selection.kept))
    selected = selection, fingerprinted(told), is_whole
    verdict = decide_per_file(own, selected, policy, validated=validated)
    if isinstance(verdict, Denied):
        return Judged(replace(verdict, imports=built.imports), built)
    imported = built.imported_as(selection.artifact, versions.content)
    origins = {path: r or versions.origin(path) for path, r in verdict.omitted.items()}
    fresh = {**built.fresh, **versions.contents}
    shipped = replace(built, artifact=imported.artifact, fresh=fresh)
    return Judged(replace(verdict, omitted=origins, imports=imported.note), shipped)
