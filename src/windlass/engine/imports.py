"""Step 2b: import. Every DAG file is imported under the environment's Airflow, in the sandbox.

What an import gave is used again as long as everything that it looked at is the same
(docs/decisions/0008), so that a one-file commit costs one import.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from windlass.checks.excerpt import with_excerpts
from windlass.domain.artifact import EMPTY, Artifact, FileEntry, Outline
from windlass.domain.dependents import content_changes
from windlass.domain.digest import digest_json
from windlass.domain.errors import Invalid
from windlass.domain.finding import Finding, fingerprinted
from windlass.domain.ignores import ReadIgnores, read_globs
from windlass.domain.import_findings import import_findings
from windlass.domain.imported import Imported, ImportNote, ImportStatus
from windlass.domain.inventory import NOTHING, Inventory
from windlass.domain.needs import Surroundings, needs_touched
from windlass.sandbox.importer import Importer, is_enough
from windlass.sandbox.stage import Contents

NO_INTERPRETER = "no interpreter of Airflow is set (WINDLASS_AIRFLOW_PYTHON)"


class Keep(Protocol):
    """Where results outlive this process."""

    def find(self, keys: Iterable[str]) -> Mapping[str, Imported]:
        """What was kept under these keys, without the serialised DAGs."""

    def find_whole(self, keys: Iterable[str]) -> Mapping[str, Imported]:
        """The same, with the serialised DAGs."""

    def keep(self, results: Mapping[str, Imported]) -> None:
        """Keep results by key; a newer one takes the place of an older one."""


class KeepNothing:
    """Results are gone with the process."""

    def find(self, keys: Iterable[str]) -> Mapping[str, Imported]:  # noqa: ARG002
        return {}

    def find_whole(self, keys: Iterable[str]) -> Mapping[str, Imported]:  # noqa: ARG002
        return {}

    def keep(self, results: Mapping[str, Imported]) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of one file: the findings as they came, and with line and fingerprint."""

    digest: str
    plain: tuple[Finding, ...]
    shown: tuple[Finding, ...]

    def is_of(self, entry: FileEntry, plain: list[Finding]) -> bool:
        return (self.digest, self.plain) == (entry.digest, (*plain,))


@dataclass(frozen=True, slots=True)
class _Known:
    """The results of one tree: DAG file → what importing it gave; file → what is told of it."""

    artifact: Artifact = EMPTY
    results: Mapping[str, Imported] = field(default_factory=dict)
    told: Mapping[str, _Told] = field(default_factory=dict)


class ImportMemory:
    """What this process knows of the trees that it judged last. Safe for threads."""

    def __init__(self, max_files: int = 200_000) -> None:
        self._max_files = max_files
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> _Known:
        with self._lock:
            return self._known.get(key, _Known())

    def put(self, key: Hashable, known: _Known) -> None:
        with self._lock:
            self._known[key] = known
            self._known.move_to_end(key)
            files = sum(len(one.results) for one in self._known.values())
            while files > self._max_files and len(self._known) > 1:
                files -= len(self._known.popitem(last=False)[1].results)


@dataclass(frozen=True, slots=True)
class Imports:
    """Imports the trees of one repository; `because` says why it does not, else is empty.

    `repository` tells its trees from those of others; `inventory` says what its environment has,
    and what imports are answered; `read_ignores` says which files Airflow passes over. `folder` is
    where the tree lies in Airflow's folder, where that is what Python looks from. `budget_s`
    is how long importing a file may take by the release policy, 0 for any time. Files of `skip` are
    not imported: nobody asks about them.
    """

    importer: Importer | None
    repository: Hashable
    inventory: Inventory = NOTHING
    memory: ImportMemory = field(default_factory=ImportMemory)
    keep: Keep = field(default_factory=KeepNothing)
    read_ignores: ReadIgnores = read_globs
    folder: str = ""
    because: str = ""
    budget_s: float = 0
    skip: frozenset[str] = frozenset()

    @property
    def reason_against(self) -> str:
        """Why nothing is imported, in words; empty where it is."""
        if self.because:
            return self.because
        return NO_INTERPRETER if self.importer is None else ""

    @property
    def state(self) -> str:
        """Changes whenever an import could come out otherwise, or could be made at all."""
        return "" if self.because else self.importer_state

    @property
    def importer_state(self) -> str:
        """That of the interpreter and of what its sandbox must hold; empty where there is none."""
        if self.importer is None:
            return ""
        try:
            told = [self.importer.fingerprint, self.importer.limits.least]
            return digest_json([*told, self.folder] if self.folder else told)
        except Invalid as error:
            return str(error)

    def of(self, artifact: Artifact, denied: Iterable[str], contents: Contents) -> "ImportedTree":
        """Import the DAG files of a tree but for the `denied` ones and those that Airflow ignores.

        `contents` gives what is not staged yet. Raises EngineFailed as `Importer.run` and `check`
        do.
        """
        reason = self.reason_against
        if reason or self.importer is None:
            return ImportedTree(without_imports(artifact), (), ImportNote(because=reason))
        self.importer.check()
        passed_over = {*denied, *self.skip, *self.read_ignores(artifact).hidden}
        paths = [path for path in artifact.dag_files if path not in passed_over]
        values = self.inventory.declared.sandbox_values
        tree = (self.repository, self.state, digest_json(values))
        base = self.memory.get(tree)
        results = dict(_still_true(base, artifact, paths))
        missing = self._keys([artifact.files[p] for p in paths if p not in results])
        results |= self._kept(artifact, missing)
        new = [path for path in paths if path not in results]
        if new:
            with self.importer.stage(self.repository, self.folder) as stage:
                stage.become(artifact, contents)
                made = self.importer.run(stage, new, values)
            results |= made
            self.keep.keep({missing[p]: one for p, one in made.items() if one.needs is not None})
        told = self._told(base.told, results, artifact, contents)
        slim = {path: _slim(one) for path, one in results.items()}
        self.memory.put(tree, _Known(artifact, slim, told))
        findings = tuple(finding for one in told.values() for finding in one.shown)
        return ImportedTree(_with_imported(artifact, results), findings, _note(results, len(new)))

    def whole(
        self, artifact: Artifact, paths: Iterable[str], contents: Contents, *, keep: bool = True
    ) -> dict[str, Imported]:
        """What importing these files of a tree gives, with the serialised DAGs; by what is kept,
        where that is true of this tree. Empty where nothing is imported, and of those of `skip`
        only what is kept.

        `keep` False keeps nothing that is new, so that it takes no newer result's place. Raises as
        `of` does.
        """
        if self.reason_against or self.importer is None:
            return {}
        self.importer.check()
        keys = self._keys([artifact.files[path] for path in paths])
        view, found = Surroundings(artifact), self.keep.find_whole(keys.values())
        results = {
            path: one
            for path, key in keys.items()
            if (one := found.get(key)) and self._is_good(one) and view.has(one.needs or {})
        }
        new = [path for path in keys if path not in results and path not in self.skip]
        if new:
            with self.importer.stage(self.repository, self.folder) as stage:
                stage.become(artifact, contents)
                made = self.importer.run(stage, new, self.inventory.declared.sandbox_values)
            results |= made
            if keep:
                good = {path: one for path, one in made.items() if one.needs is not None}
                self.keep.keep({keys[path]: one for path, one in good.items()})
        return results

    def _kept(self, artifact: Artifact, keys: Mapping[str, str]) -> Mapping[str, Imported]:
        """What was kept of these files (path → key) and is true of this tree still."""
        if not keys:
            return {}
        found = self.keep.find(keys.values())
        view = Surroundings(artifact)
        return {
            path: one
            for path, key in keys.items()
            if (one := found.get(key)) and self._is_good(one) and view.has(one.needs or {})
        }

    def _is_good(self, one: Imported) -> bool:
        """Whether a result may be used again: it was confined as well as is asked for today."""
        assert self.importer is not None
        return one.needs is not None and is_enough(one.tier, self.importer.limits.least)

    def _keys(self, entries: Sequence[FileEntry]) -> dict[str, str]:
        """Path → what names all that can be known of it: path, content, and by which interpreter.

        The interpreter is looked at once, since that asks the file system for its folders.
        """
        if not entries:
            return {}
        assert self.importer is not None
        values = digest_json(self.inventory.declared.sandbox_values)
        by = [self.importer.fingerprint, values, *([self.folder] if self.folder else [])]
        return {one.path: digest_json([*by, one.path, one.digest]) for one in entries}

    def _told(
        self,
        before: Mapping[str, _Told],
        results: Mapping[str, Imported],
        artifact: Artifact,
        contents: Contents,
    ) -> dict[str, _Told]:
        """What is to be told of each file; as `before`, where that is about the same."""
        told = {path: one for path, one in results.items() if _has_to_tell(one)}
        plain: dict[str, list[Finding]] = {}
        for finding in import_findings(
            told, self.inventory, budget_s=self.budget_s, folder=self.folder
        ):
            plain.setdefault(finding.path, []).append(finding)
        found = {
            path: known
            for path, findings in plain.items()
            if (known := before.get(path)) and known.is_of(artifact.files[path], findings)
        }
        entries = [artifact.files[path] for path in plain if path not in found]
        texts = contents(entries) if entries else {}
        for entry in entries:
            own, text = plain[entry.path], texts[entry.digest]
            shown = fingerprinted(with_excerpts(own, text), {entry.path: text})
            found[entry.path] = _Told(entry.digest, (*own,), shown)
        return found


@dataclass(frozen=True, slots=True)
class ImportedTree:
    """A tree with what importing it told of its DAGs, what is to be told of that, and a summary."""

    artifact: Artifact
    findings: tuple[Finding, ...]
    note: ImportNote | None


def without_imports(artifact: Artifact) -> Artifact:
    """The tree as a plain reading has it."""
    return _with_imported(artifact, {})


def _still_true(
    base: _Known, artifact: Artifact, paths: Iterable[str]
) -> Iterator[tuple[str, Imported]]:
    """What is known of the tree before and true of this one: nothing that it looked at differs."""
    if not base.results:
        return
    changes = content_changes(base.artifact, artifact)
    touched = needs_touched(changes.added | changes.removed, changes.modified)
    view = Surroundings(artifact)
    for path in paths:
        known = base.results.get(path)
        if known is None or known.needs is None:
            continue
        if touched.isdisjoint(known.needs) or view.has(known.needs):
            yield path, known


def _slim(one: Imported) -> Imported:
    """Without what takes much room; it is kept elsewhere."""
    return replace(one, serialized=b"") if one.serialized else one


def _has_to_tell(one: Imported) -> bool:
    return bool(one.problems or one.deeds or one.asked or one.unstable or one.seconds > 1)


def _with_imported(artifact: Artifact, results: Mapping[str, Imported]) -> Artifact:
    """The tree with what imports made and told, of files that were imported without trouble."""
    changed: dict[str, Outline] = {}
    for path, outline in artifact.dag_files.items():
        one = results.get(path)
        if one is not None and one.status is ImportStatus.OK:
            wanted = outline.with_imported(one.dag_ids, one.seen)
        else:
            wanted = outline.with_imported(None)
        if wanted is not outline:
            changed[path] = wanted
    if not changed:
        return artifact
    files = {
        path: replace(entry, outline=changed[path]) if path in changed else entry
        for path, entry in artifact.files.items()
    }
    return Artifact.near(artifact, files)


def _note(results: Mapping[str, Imported], again: int) -> ImportNote:
    tiers = {one.tier for one in results.values()}
    unclear = sum(one.status is ImportStatus.INDETERMINATE for one in results.values())
    return ImportNote(
        tier=" and ".join(sorted(tiers)), files=len(results), again=again, open=unclear
    )
