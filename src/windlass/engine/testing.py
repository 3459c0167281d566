"""Step 2c: test. The repository's own tests are run in the sandbox, where its option asks for it.

They see the whole revision, not only the DAG root: tests mostly lie beside it.
"""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from windlass.checks.excerpt import with_excerpt
from windlass.checks.intake import MAX_TREE_BYTES, deployed_bytes, resolve_link
from windlass.domain.artifact import EMPTY, Artifact, FileEntry
from windlass.domain.digest import digest_json
from windlass.domain.errors import EngineFailed
from windlass.domain.families import families_for
from windlass.domain.finding import Finding, FindingType, Severity, fingerprinted
from windlass.domain.imported import ImportNote
from windlass.domain.options import VerdictMode
from windlass.domain.repository import Lease, Repository, Revision
from windlass.domain.served import NO_MEMORY, Memory
from windlass.domain.tested import SuiteEnd, SuiteResult, path_from, tested_findings
from windlass.domain.tree import Kind, TreeEntry
from windlass.domain.waiver import excuse
from windlass.engine.build import Build, build, list_source
from windlass.engine.context import Context, KeepInDatabase
from windlass.engine.imports import NO_INTERPRETER, Imports
from windlass.engine.measures import phase
from windlass.engine.pipelines import NOTHING_MADE, Made
from windlass.engine.ruling import Rules
from windlass.engine.source import RevisionSource, Source
from windlass.git.listing import ListingMemory
from windlass.sandbox.tester import TESTS_VERSION, run_tests

_TOO_LARGE = SuiteResult(
    SuiteEnd.REFUSED, why="the repository has too many files, or too large ones"
)


class Keep(Protocol):
    """Where results outlive this process."""

    def find_tested(self, key: str) -> SuiteResult | None:
        """What was kept under this key."""

    def keep_tested(self, key: str, tested: SuiteResult) -> None:
        """Keep a result."""


class KeepNothing:
    """Results are gone with the process."""

    def find_tested(self, key: str) -> SuiteResult | None:  # noqa: ARG002
        return None

    def keep_tested(self, key: str, tested: SuiteResult) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one revision: all of it is in `source`, its DAG root is `below` its top.

    They are run by the interpreter of the imports, and answered by their values. Where the oids of
    the source do not name contents, `kept_by` must keep nothing, and one revision is all that
    `imports.repository` can stand for. `made` are the DAG files that its pipelines were compiled
    to, which tests find where they will be released.
    """

    imports: Imports
    source: Source
    below: str
    limit_s: float
    kept_by: Keep = field(default_factory=KeepNothing)
    made: Made = NOTHING_MADE

    def run(self) -> tuple[SuiteResult, Mapping[str, bytes]]:
        """What they gave, remembered or new, and the content of the files that failed, by path.

        Raises EngineFailed as `Importer.check` and `Importer.run` do, TST100 where no interpreter
        is known.
        """
        if self.imports.importer is None:
            raise EngineFailed("TST100", NO_INTERPRETER, "Name the python that Airflow runs with.")
        self.imports.importer.check()
        listed = list_source(self.source)
        if listed is None or deployed_bytes(listed) > MAX_TREE_BYTES:
            return _TOO_LARGE, {}
        for path, entry in self.made.entries.items():
            whole = posixpath.join(self.below, path)
            listed[whole] = entry._replace(path=whole)
        tree = _tree(listed)
        key = self._key(tree)
        tested = self.kept_by.find_tested(key)
        if tested is None:
            tested = self._run(tree)
            if tested.is_lasting:
                self.kept_by.keep_tested(key, tested)
        told = {one.path: tree.files[one.path] for one in tested.failures if one.path in tree.files}
        contents = self._contents(told.values())
        return tested, {path: contents[entry.digest] for path, entry in told.items()}

    def _run(self, tree: Artifact) -> SuiteResult:
        importer, values = self.imports.importer, self._values
        assert importer is not None
        with importer.stage(("tests", self.imports.repository)) as stage:
            stage.become(tree, self._contents)
            return run_tests(importer, stage, self.below, values, limit_s=self.limit_s)

    @property
    def _values(self) -> Mapping[str, Mapping[str, str]]:
        return self.imports.inventory.declared.sandbox_values

    def _key(self, tree: Artifact) -> str:
        by = [TESTS_VERSION, self.imports.importer_state, digest_json(self._values), self.limit_s]
        return digest_json(["tests", *by, self.below, tree.digest])

    def _contents(self, entries: Iterable[FileEntry]) -> dict[str, bytes]:
        texts, wanted = self.made.texts, {entry.digest for entry in entries}
        own = {oid: texts[oid] for oid in wanted if oid in texts}
        return {**own, **dict(self.source.read_blobs(wanted - own.keys()))}


def build_and_test(
    context: Context,
    lease: Lease,
    revision: Revision,
    base: Artifact = EMPTY,
    memory: Memory = NO_MEMORY,
) -> Build:
    """What `engine.build.build` says, which raises too, with what the tests gave."""
    built = build(context, lease, revision, base, memory)
    tests = _tests_of(context, lease.repository, revision)
    return run_own_tests(tests, context.rules_of(lease.repository), built)


def _tests_of(context: Context, repository: Repository, revision: Revision) -> Suite | None:
    options = context.rules_of(repository).options
    if "tests" not in families_for(options):
        return None
    listings = ListingMemory()  # that of the context is for the DAG root
    mirror = context.mirror_of(repository)
    source = RevisionSource(mirror, revision.sha, ".", listings, options.submodules)
    below = "" if repository.path == "." else repository.path
    kept_by = KeepInDatabase(context.database) if context.keeps_results else KeepNothing()
    return Suite(context.imports_of(repository), source, below, options.tests_limit_s, kept_by)


def run_own_tests(tests: Suite | None, rules: Rules, built: Build) -> Build:
    """The build with what its tests gave; unchanged where there are none to be run, or where what
    was found before forbids a release anyway.

    That they cannot be run is a finding too, which denies.
    """
    if tests is None or _is_denied(rules, built):
        return built
    tests = replace(tests, made=built.made)
    try:
        tested, contents = _timed(tests)
    except EngineFailed as error:
        return _with(built, fingerprinted([_untested(error)]), "tests not run")
    read = {path_from(path, tests.below): content for path, content in contents.items()}
    found = [_placed(one, read) for one in tested_findings(tested, tests.below)]
    return _with(built, fingerprinted(found, read), str(tested))


@phase("tests")
def _timed(tests: Suite) -> tuple[SuiteResult, Mapping[str, bytes]]:
    return tests.run()


def _is_denied(rules: Rules, built: Build) -> bool:
    excused, _ = excuse(fingerprinted(built.findings), rules.policy, rules.excuses(built.artifact))
    is_whole = rules.options.verdict_mode is VerdictMode.ALL
    return any(rules.policy.denies(f) and (is_whole or not f.path) for f in excused)


def _placed(finding: Finding, read: Mapping[str, bytes]) -> Finding:
    """With its line; without a place where it names none of the revision: tests may name any."""
    if finding.path in read:
        return with_excerpt(finding, read[finding.path])
    return replace(finding, path="", line=None)


def _with(built: Build, findings: tuple[Finding, ...], words: str) -> Build:
    note = replace(built.imports or ImportNote(because="nobody asks for it"), tests=words)
    return replace(built, findings=(*built.findings, *findings), imports=note)


def _untested(error: EngineFailed) -> Finding:
    words = f"the tests could not be run: {error.message}"
    return Finding("TST006", Severity.CRITICAL, FindingType.TESTS, "", words, error.hint)


def _tree(listed: Mapping[str, TreeEntry]) -> Artifact:
    """The files of a listing, those that symlinks lead to among them; named by their oids."""
    files = {}
    for path, entry in sorted(listed.items()):
        found = resolve_link(entry, listed)
        if found is not None and not {"", ".", "..", ".git"} & set(path.split("/")):
            mode = 0o555 if found.kind is Kind.EXECUTABLE else 0o444
            files[path] = FileEntry(path, mode, found.oid, found.oid, found.size_bytes)
    return Artifact(files)
