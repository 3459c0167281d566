"""Step 2: build. From a revision to an artifact and its findings, in one reading of the tree.

What the base artifact already holds under the same blob and kind is neither read nor checked
again, so a one-file commit costs one file.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from windlass.checks.intake import MAX_TREE_FILES, is_read, resolve_link, shown_path
from windlass.domain.artifact import EMPTY, Artifact, FileEntry, Outline
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import EngineFailed
from windlass.domain.families import families_for
from windlass.domain.finding import Finding, FindingType, Severity, fingerprinted
from windlass.domain.imported import ImportNote
from windlass.domain.repository import Lease, Revision
from windlass.domain.served import NO_MEMORY, Memory
from windlass.domain.tree import Kind, TreeEntry
from windlass.domain.waiver import excuse
from windlass.engine.context import Context
from windlass.engine.imports import ImportedTree, Imports
from windlass.engine.measures import phase
from windlass.engine.pipelines import NOTHING_MADE, Made, Pipelines
from windlass.engine.ruling import Rules
from windlass.engine.source import Source, source_of
from windlass.sandbox.checker import Checker

FindContent = Callable[[FileEntry], bytes | None]
Reimport = Callable[[Artifact, FindContent], ImportedTree]
_MAX_LINKS_BYTES = 2_000_000
_TOO_LARGE = Finding(
    "INT011",
    Severity.HIGH,
    FindingType.INTAKE,
    "",
    f"the tree has more than {MAX_TREE_FILES:,} files, or its paths or its symlinks are too long "
    "to be listed",
    "Register the folder with the DAGs as the repository's path.",
)


@dataclass(frozen=True, slots=True)
class Build:
    """An artifact that may still be refused. `fresh` maps digests to the contents that were read;
    contents that the base artifact shares are not among them. `refused` are the paths, as findings
    show them, that intake did not let be read, so that the artifact lacks them.
    `imports` says what was imported, None where nothing was to be; `reimport` imports what ships in
    the head's place. `made` tells which files were compiled from which; their texts are `fresh`."""

    artifact: Artifact
    findings: tuple[Finding, ...]
    fresh: Mapping[str, bytes] = field(default_factory=dict)
    refused: frozenset[str] = field(default_factory=frozenset)
    imports: ImportNote | None = None
    reimport: Reimport | None = field(default=None, repr=False, compare=False)
    made: Made = NOTHING_MADE

    def imported_as(self, tree: Artifact, content: FindContent) -> ImportedTree:
        """What importing another tree than the head gives; `content` finds what is not of it."""
        if self.reimport is None or tree is self.artifact:
            return ImportedTree(tree, (), self.imports)
        return self.reimport(tree, content)


def build(
    context: Context,
    lease: Lease,
    revision: Revision,
    base: Artifact = EMPTY,
    memory: Memory = NO_MEMORY,
) -> Build:
    """Read, check and import the tree of a revision.

    `base` is an artifact that was allowed by the same checks, `memory` what they said of it. Raises
    Invalid GIT005 where the DAG root is missing.
    """
    repository = lease.repository
    source = source_of(repository, context.mirror_of(repository), revision.sha, context.listings)
    distrust = context.distrust_of(repository, revision)
    if distrust is not None:  # nothing of it is read
        return Build(EMPTY, fingerprinted([distrust]))
    families = families_for(repository.options)
    try:
        context.checker_of(repository).check()
        pipelines = context.pipelines_of(repository)
        checker = context.checker_of(repository)
        built = read_tree(checker, source, families, base, memory, pipelines=pipelines)
        if built.made.texts:
            source.mirror.keep_blobs(built.made.texts)
    except EngineFailed as error:
        return Build(EMPTY, fingerprinted([_unchecked(error)]))
    rules = context.rules_of(repository)
    return import_tree(context.imports_of(repository), rules, source, built)


@phase("import")
def import_tree(imports: Imports, rules: Rules, source: Source, built: Build) -> Build:
    """The build with what importing its DAG files gave, those that are denied already left out.

    That imports cannot be made, or not confined, is a finding of its own, which denies.
    """
    excused, _ = excuse(fingerprinted(built.findings), rules.policy, rules.excuses(built.artifact))
    denying = built.made.with_outputs({f.path for f in excused if rules.policy.denies(f)})
    if "" in denying:  # nothing of it is read further
        return built

    imports = replace(imports, budget_s=rules.policy.require.import_seconds)

    def contents(entries: list[FileEntry]) -> Mapping[str, bytes]:
        return contents_of(source, built.fresh, entries)

    def reimport(tree: Artifact, content: FindContent) -> ImportedTree:
        def others(entries: list[FileEntry]) -> Mapping[str, bytes]:
            own = [entry for entry in entries if built.artifact.files.get(entry.path) == entry]
            kept = {e.digest: content(e) for e in entries if e not in own}
            return {
                **contents_of(source, built.fresh, own),
                **{d: c or b"" for d, c in kept.items()},
            }

        return imports.of(tree, (), others)

    try:
        found = imports.of(built.artifact, denying, contents)
    except EngineFailed as error:
        findings = fingerprinted((*built.findings, unimported(error)))
        return replace(built, findings=findings, imports=ImportNote(error.message))
    findings = (*built.findings, *built.made.located(found.findings))
    return replace(
        built, artifact=found.artifact, findings=findings, imports=found.note, reimport=reimport
    )


def _unchecked(error: EngineFailed) -> Finding:
    return Finding(
        "SYN004",
        Severity.CRITICAL,
        FindingType.SYNTAX,
        "",
        f"nothing was checked: {error.message}",
        error.hint,
    )


def unimported(error: EngineFailed) -> Finding:
    """That no import can be made, or none confined as it must be."""
    return Finding("IMP010", Severity.CRITICAL, FindingType.IMPORT, "", error.message, error.hint)


def contents_of(
    source: Source, fresh: Mapping[str, bytes], entries: list[FileEntry]
) -> dict[str, bytes]:
    """The content of files of the tree, by digest."""
    found = {entry.digest: fresh[entry.digest] for entry in entries if entry.digest in fresh}
    wanted = {entry.blob: entry.digest for entry in entries if entry.digest not in found}
    if wanted:
        found |= {wanted[oid]: content for oid, content in source.read_blobs(wanted)}
    return found


@phase("build")
def read_tree(
    checker: Checker,
    source: Source,
    families: Collection[str],
    base: Artifact = EMPTY,
    memory: Memory = NO_MEMORY,
    *,
    pipelines: Pipelines | None = None,
) -> Build:
    """Read and check a tree by the families that are named; `base` and `memory` as in `build`.
    `pipelines` None leaves documents as they are.

    What intake refuses is not read; all else is, so that every problem is told at once.
    """
    listed = list_source(source)
    if listed is None:
        return Build(EMPTY, (_TOO_LARGE,))
    made = pipelines.of(source, listed) if pipelines else NOTHING_MADE
    recheck = made.with_outputs(memory.recheck)
    admitted, found, refused = _admit(checker, {**listed, **made.entries}, base, recheck)
    if admitted is None:
        return Build(EMPTY, found)
    kept, wanted = admitted.known, admitted.wanted
    foreign = [entry.oid for entry in wanted.values() if entry.oid not in made.texts]
    contents = {**made.texts, **dict(source.read_blobs(foreign))}
    read = {path: contents[entry.oid] for path, entry in wanted.items()}
    files = {path: _file(path, entry, read[path]) for path, entry in wanted.items()}
    judged = checker.judge_files(
        {path: content for path, content in read.items() if is_read(path, content)}, families
    )
    told = made.located(f for judgement in judged.values() for f in judgement.findings)
    findings = fingerprinted((*found, *made.findings, *told), read)
    findings = (*findings, *(f for path in kept for f in memory.told.get(path, ())))
    files |= {path: replace(files[path], outline=j.outline) for path, j in judged.items()}
    files |= {path: _made_from(files[path], made) for path in made.compiled if path in files}
    fresh = {files[path].digest: content for path, content in read.items()}
    fresh |= {digest_bytes(text): text for text in made.texts.values()}
    artifact = Artifact.near(base, {p: (kept.get(p) or files[p]) for p in sorted(kept | files)})
    return Build(artifact, findings, fresh, refused | made.refused, made=made)


def _made_from(entry: FileEntry, made: Made) -> FileEntry:
    outline = entry.outline or Outline()
    return replace(entry, outline=replace(outline, made_from=made.compiled[entry.path].source))


@dataclass(frozen=True, slots=True)
class _Admitted:
    """Entries by path, symlinks as what they lead to: `known` ones are those of the base, `wanted`
    ones are to be read."""

    known: dict[str, FileEntry]
    wanted: dict[str, TreeEntry]


def _admit(
    checker: Checker,
    listed: dict[str, TreeEntry],
    base: Artifact,
    recheck: frozenset[str],
) -> tuple[_Admitted | None, tuple[Finding, ...], frozenset[str]]:
    """What may be read, what intake says, and the paths that it refused.

    None where nothing may be read, since the tree as a whole is refused. What is left after a
    refusal is judged again: a symlink may have led there.
    """
    entries, told = listed, dict[Finding, None]()
    refused: frozenset[str] = frozenset()
    while True:
        resolved = {
            path: entry if entry.kind is Kind.FILE else resolve_link(entry, entries)
            for path, entry in entries.items()
        }
        known = _known(base, recheck, resolved)
        found = checker.judge_tree(entries, [path for path in entries if path not in known])
        denying = [f for f in found.findings if f.severity.rank >= Severity.HIGH.rank]
        paths = frozenset(f.path for f in denying if f.path)
        if not paths:
            told |= dict.fromkeys(found.findings)
            wanted = {path: e for path, e in resolved.items() if e and path not in known}
            return None if denying else _Admitted(known, wanted), tuple(told), refused
        told |= dict.fromkeys(f for f in found.findings if f.path)
        refused |= paths
        entries = {path: e for path, e in entries.items() if shown_path(path) not in paths}


def list_source(source: Source) -> dict[str, TreeEntry] | None:
    """The tree by path, symlinks with their targets; None where it is too large to be judged."""
    rows = source.list_tree(MAX_TREE_FILES)
    if rows is None:
        return None
    entries = {entry.path: entry for entry in rows}
    links = [entry for entry in rows if entry.kind is Kind.SYMLINK]
    short = [link for link in links if link.size_bytes <= 4096]
    if sum(link.size_bytes for link in short) > _MAX_LINKS_BYTES:
        return None
    targets = dict(source.read_blobs(link.oid for link in short))
    for link in links:
        target = targets.get(link.oid, b"").decode("utf-8", "replace")
        entries[link.path] = link._replace(target=target)
    return entries


def _known(
    base: Artifact, recheck: frozenset[str], resolved: Mapping[str, TreeEntry | None]
) -> dict[str, FileEntry]:
    """The entries of the base that are the same still, and need not be read or checked again."""
    files = base.files
    return {
        path: known
        for path, entry in resolved.items()
        if entry
        and (known := files.get(path))
        and known.blob == entry.oid
        and known.mode == _mode(entry)
        and path not in recheck
    }


def _file(path: str, entry: TreeEntry, content: bytes) -> FileEntry:
    return FileEntry(path, _mode(entry), digest_bytes(content), entry.oid, len(content))


def _mode(entry: TreeEntry) -> int:
    return 0o555 if entry.kind is Kind.EXECUTABLE else 0o444
