"""Many documents: each compiled by itself, and what two of them must not share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from windlass.compiler.documents import quoted
from windlass.compiler.pipelines.calls import SignatureOf, check_calls
from windlass.compiler.pipelines.compile import compile_pipeline
from windlass.compiler.pipelines.templates import template_findings
from windlass.compiler.reading import Reading
from windlass.domain.finding import Finding, Severity
from windlass.domain.pipeline import Bindings, Compiled
from windlass.domain.template import NO_TEMPLATES, Templates

MARK = "# Compiled by Windlass from "
"""How every generated file begins."""
Compile = Callable[[str, bytes, Bindings, Templates], tuple[Compiled | None, tuple[Finding, ...]]]


def unknown(path: str) -> None:
    """Where there is no interpreter to look at."""


@dataclass(frozen=True, slots=True)
class CompiledTree:
    """What came of some documents. `made`: path of a document → its DAG file; `findings` are in the
    order of the paths; `failed` are the documents that a finding denies."""

    made: Mapping[str, Compiled] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    failed: frozenset[str] = frozenset()

    @property
    def is_good(self) -> bool:
        """Whether no finding denies."""
        return all(one.severity is not Severity.CRITICAL for one in self.findings)


def compile_tree(
    files: Iterable[tuple[str, bytes]],
    bindings: Bindings,
    compile_one: Compile = compile_pipeline,
    templates: Templates = NO_TEMPLATES,
    signature_of: SignatureOf = unknown,
) -> CompiledTree:
    """Compile each document. One that is bad costs no other anything; of two that would make the
    same DAG or the same file, the first by path has it."""
    made: dict[str, Compiled] = {}
    findings = [*template_findings(templates)]
    failed: set[str] = set()
    taken: dict[str, str] = {}
    for path, content in sorted(files):
        compiled, told = compile_one(path, content, bindings, templates.near(content))
        if compiled is not None and (wrong := check_calls(path, compiled.called, signature_of)):
            told, compiled = (*told, *wrong), None
        if compiled is not None and (clash := _clash(compiled, taken)):
            told, compiled = (*told, clash), None
        if compiled is not None:
            made[path] = compiled
            taken |= {f"dag_id {compiled.dag_id}": path, f"file {compiled.path}": path}
        elif told:
            failed.add(path)
        findings += told
    return CompiledTree(made, tuple(findings), frozenset(failed))


def _clash(compiled: Compiled, taken: Mapping[str, str]) -> Finding | None:
    reading = Reading(compiled.source)
    if other := taken.get(f"dag_id {compiled.dag_id}"):
        message = f"the dag_id {quoted(compiled.dag_id)} is that of {other} already"
        reading.refuse("PIPE040", message, "Rename one of the pipelines.", None)
    elif other := taken.get(f"file {compiled.path}"):
        shared = f"{other} is compiled to {compiled.path} already"
        reading.refuse("PIPE041", shared, "Rename one of the files.", None)
    return reading.findings[0] if reading.findings else None


def drift(source: str, path: str) -> Finding:
    """That a file of the repository stands where another one is compiled to."""
    reading = Reading(path)
    message = f"the file is not what {quoted(source)} compiles to"
    hint = "Run windlass compile and commit what it writes, or delete the file."
    reading.refuse("PIPE044", message, hint, None)
    return reading.findings[0]


def died(path: str, limit_s: float) -> Finding:
    """That the process that compiled a document did not survive it."""
    reading = Reading(path)
    message = f"the compiler died of the document, or took longer than {limit_s:g} s"
    reading.refuse("PIPE045", message, "Make it smaller and simpler.", None)
    return reading.findings[0]


def too_many(path: str, limit: int) -> Finding:
    """That a tree has more documents than are compiled."""
    reading = Reading(path)
    message = f"there are more than {limit:,} pipelines, and this is one of the rest"
    reading.refuse("PIPE046", message, "Split the repository.", None)
    return reading.findings[0]


def source_in(text: str) -> str | None:
    """The document that a file says it was compiled from; None for what was not compiled.

    >>> source_in("# Compiled by Windlass from pipelines/a.yaml: edit that, …")
    'pipelines/a.yaml'
    """
    first, _, _ = text.partition("\n")
    if not first.startswith(MARK):
        return None
    return first.removeprefix(MARK).rpartition(": edit that")[0] or None
