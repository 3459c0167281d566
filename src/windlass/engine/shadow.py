"""What would be denied by another policy, or under another interpreter: nothing is changed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from windlass.artifacts.store import Store
from windlass.database.releases import find_served
from windlass.database.repositories import get_repository
from windlass.domain.artifact import EMPTY, FILE_MODES, Artifact, FileEntry
from windlass.domain.families import families_for
from windlass.domain.imported import ImportNote
from windlass.domain.policies import PolicyBook
from windlass.domain.policy import Policy
from windlass.domain.release import ReleaseId
from windlass.domain.report import Report
from windlass.domain.served import NO_MEMORY
from windlass.domain.tree import Kind, TreeEntry
from windlass.engine.build import import_tree, read_tree
from windlass.engine.context import Context
from windlass.engine.gate import NoVersions, decide_build
from windlass.engine.ruling import Rules, whose_is

_NOBODY: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Tried:
    """What would be said of what a repository has deployed. `release` None: it has nothing
    deployed, and nothing was looked at. `policy` is the name of the one that would judge it,
    `imports` what was imported for that."""

    repository: str
    release: ReleaseId | None
    policy: str
    report: Report
    imports: ImportNote | None = None


@dataclass(frozen=True, slots=True)
class _Deployed:
    """The tree of a release in the store, as a Source."""

    store: Store
    release: ReleaseId
    artifact: Artifact

    def list_tree(self, max_entries: int) -> list[TreeEntry] | None:
        if len(self.artifact.files) > max_entries:
            return None
        return [
            TreeEntry(path, _kind(one), one.blob, one.size_bytes)
            for path, one in self.artifact.files.items()
        ]

    def read_blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        files = {one.blob: one for one in self.artifact.files.values()}
        once = dict.fromkeys(oids)
        return ((oid, self.store.read_file(self.release, files[oid])) for oid in once)


def _kind(file: FileEntry) -> Kind:
    return Kind.EXECUTABLE if file.mode == FILE_MODES[1] else Kind.FILE


def try_policy(
    context: Context, name: str, *, policy: Policy | None = None, python: Path | None = None
) -> Tried:
    """What the gate would say of what a repository has deployed, were `policy` stored beside the
    others, or `python` the interpreter of its environment.

    dag_ids of other repositories are no matter: they are owned already. Raises Invalid PY002 where
    the interpreter does not run, Conflict STORE004 where files are gone from the store, and
    Unavailable where nothing can be imported.
    """
    with context.database.transaction() as connection:
        repository = get_repository(connection, name)
        served = find_served(connection, repository.id)
        artifact = context.artifact_of(connection, served.release) if served else EMPTY
        book, day = context.policies.now(context.database, connection)
    ruling = _with(book, policy).ruling(whose_is(repository), day, context.policy)
    if served is None:
        return Tried(name, None, ruling.policy.name, Report(True, True, ()))
    other = context.trials.of(python, context.importer_of(repository)) if python else None
    checker = other.checker if other else context.checker_of(repository)
    known = replace(context.known_of(repository), installed=checker.installed)
    judges = None if other else served.judges
    is_same = judges and judges.checks == context.judges_of(repository, ruling).checks
    tree = _Deployed(context.store, served.release.id, artifact)
    families = families_for(repository.options)
    base, memory = (artifact, served.memory) if is_same else (EMPTY, NO_MEMORY)
    built = read_tree(checker, tree, families, base, memory)
    rules = Rules.of(repository, ruling, known)
    imports = replace(context.imports_of(repository), repository=("try", repository.id))
    if other is not None:
        imports = replace(imports, importer=other.importer)
    judged = decide_build(rules, import_tree(imports, rules, tree, built), _NOBODY, NoVersions())
    report = Report.of(judged.verdict, ruling.policy)
    return Tried(name, served.release.id, ruling.policy.name, report, judged.build.imports)


def _with(book: PolicyBook, policy: Policy | None) -> PolicyBook:
    """The book, were the policy stored in it; it comes before those that are for the same."""
    if policy is None:
        return book
    others = (one for one in book.policies if one.name != policy.name)
    return replace(book, policies=(policy, *others))
