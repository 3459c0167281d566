"""The pipelines of a tree: compiled to DAG files that are judged and deployed like any other."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from windlass.compiler.documents import MAX_BYTES
from windlass.compiler.pipelines.bindings import airflow_version
from windlass.compiler.pipelines.calls import SignatureOf
from windlass.compiler.pipelines.compile import COMPILER_VERSION
from windlass.compiler.pipelines.tree import compile_tree, drift, too_many, unknown
from windlass.domain.digest import digest_json
from windlass.domain.errors import Invalid
from windlass.domain.finding import Finding
from windlass.domain.installed import Installed
from windlass.domain.inventory import Declared
from windlass.domain.pipeline import (
    DEFAULT_OPERATORS,
    Bindings,
    Compiled,
    is_pipeline_path,
    output_path,
)
from windlass.domain.template import Templates, is_template_path
from windlass.domain.tree import Kind, TreeEntry
from windlass.engine.source import Source
from windlass.sandbox.compiler import PipelineCompiler

MAX_PIPELINES = 5000


@dataclass(frozen=True, slots=True)
class Made:
    """What came of the pipelines of a tree. `compiled`: path of a DAG file → how it was made;
    `entries` are those that the tree has not got by itself, `texts` their contents by git object.
    `refused` are the paths of DAG files whose documents could not be compiled."""

    compiled: Mapping[str, Compiled] = field(default_factory=dict)
    entries: Mapping[str, TreeEntry] = field(default_factory=dict)
    texts: Mapping[str, bytes] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    refused: frozenset[str] = frozenset()

    def with_outputs(self, paths: Collection[str]) -> frozenset[str]:
        """The paths, and the DAG files of the documents among them."""
        made = (path for path, one in self.compiled.items() if one.source in paths)
        return frozenset((*paths, *made))

    def located(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """The findings, those about a line of a DAG file at the line that it was made from."""
        return tuple(self._at_source(finding) for finding in findings)

    def _at_source(self, finding: Finding) -> Finding:
        made = self.compiled.get(finding.path)
        if made is None:
            return finding
        where, line = made.path, finding.line
        if line:
            line, within = made.origin(line)
            where = f"line {finding.line} of {made.path}"
            where += f", from {within}" if within else ""
        return replace(
            finding,
            path=made.source,
            line=line,
            column=None,
            end_column=None,
            excerpt="",
            message=f"{finding.message} (in {where})",
        )


NOTHING_MADE = Made()


@dataclass(frozen=True, slots=True)
class Pipelines:
    """How the pipelines of a repository are compiled: in which `folders` below the DAG root they
    are, and what their environment gives them; `signature_of` is that of an operator there."""

    compiler: PipelineCompiler
    bindings: Bindings
    folders: tuple[str, ...]
    signature_of: SignatureOf = unknown

    @property
    def digest(self) -> str:
        """Changes whenever the same documents could give other files."""
        return digest_json([COMPILER_VERSION, self.bindings.to_json(), self.folders])

    def of(self, source: Source, listed: Mapping[str, TreeEntry]) -> Made:
        """Compile what the tree has of them."""
        found = {path: e for path, e in listed.items() if self._may_be_one(path, e)}
        if not found:
            return NOTHING_MADE
        wanted = dict(list(found.items())[:MAX_PIPELINES])
        contents = dict(source.read_blobs(entry.oid for entry in wanted.values()))
        files = ((path, contents[entry.oid]) for path, entry in wanted.items())
        templates = self._templates(source, listed)
        tree = compile_tree(
            files, self.bindings, self.compiler.compile, templates, self.signature_of
        )
        made = {one.path: one for one in tree.made.values()}
        drifted = self._drifted(source, listed, made)
        told = [drift(made[path].source, path) for path in drifted]
        told += [too_many(path, MAX_PIPELINES) for path in found if path not in wanted]
        texts = {path: one.text.encode() for path, one in made.items() if path not in listed}
        return Made(
            {path: one for path, one in made.items() if path not in drifted},
            {path: _entry(path, text) for path, text in texts.items()},
            {_oid(text): text for text in texts.values()},
            (*tree.findings, *told),
            frozenset(output_path(path) for path in tree.failed) - listed.keys(),
        )

    def _templates(self, source: Source, listed: Mapping[str, TreeEntry]) -> Templates:
        wanted = {p: e for p, e in listed.items() if is_template_path(p) and _is_read(e)}
        contents = dict(source.read_blobs(e.oid for e in wanted.values())) if wanted else {}
        return Templates.of({path: contents[entry.oid] for path, entry in wanted.items()})

    def _may_be_one(self, path: str, entry: TreeEntry) -> bool:
        return _is_read(entry) and is_pipeline_path(path, self.folders)

    def _drifted(
        self, source: Source, listed: Mapping[str, TreeEntry], made: Mapping[str, Compiled]
    ) -> list[str]:
        """DAG files that the tree has by itself, and that are not what is compiled."""
        there = {path: listed[path] for path in made if path in listed}
        contents = dict(source.read_blobs(entry.oid for entry in there.values())) if there else {}
        return [p for p, entry in there.items() if contents[entry.oid] != made[p].text.encode()]


def bindings_of(installed: Installed | None, declared: Declared, environment: str) -> Bindings:
    """What an environment gives to pipelines. DAG files are written for the Airflow of its
    interpreter, where that has one; else for the newest that is known."""
    operators = declared.operators or DEFAULT_OPERATORS
    return Bindings(_airflow_of(installed), environment, declared.clusters, operators)


def _airflow_of(installed: Installed | None) -> tuple[int, int]:
    found = installed.distributions if installed else {}
    text = found.get("apache-airflow-core") or found.get("apache-airflow") or ""
    try:
        return airflow_version(text)
    except Invalid:
        return Bindings().airflow


def _is_read(entry: TreeEntry) -> bool:
    return entry.kind in (Kind.FILE, Kind.EXECUTABLE) and entry.size_bytes <= MAX_BYTES


def _entry(path: str, text: bytes) -> TreeEntry:
    return TreeEntry(path, Kind.FILE, _oid(text), len(text))


def _oid(text: bytes) -> str:
    """The name that git gives to a file with this content (gitformat-pack(5), objects)."""
    return hashlib.sha1(b"blob %d\0%s" % (len(text), text), usedforsecurity=False).hexdigest()
