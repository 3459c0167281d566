"""One document in, one DAG file and every finding out. Pure: the same input, the same bytes."""

import re

from windlass.compiler.documents import quoted, read_document
from windlass.compiler.nodes import MapNode, Node, ScalarNode
from windlass.compiler.pipelines.emit import emit
from windlass.compiler.pipelines.layout import lay_out
from windlass.compiler.pipelines.read import pipeline_of
from windlass.compiler.pipelines.shape import API_VERSION, FILE, OLDER_FILE
from windlass.compiler.pipelines.steps import STEP_TYPES
from windlass.compiler.pipelines.substitute import with_profile, with_variables
from windlass.compiler.pipelines.templates import expand
from windlass.compiler.reading import Reading
from windlass.domain.digest import digest_bytes
from windlass.domain.finding import Finding, Severity
from windlass.domain.nearest import suggest
from windlass.domain.pipeline import Bindings, Compiled, Pipeline, output_path
from windlass.domain.template import NO_TEMPLATES, Templates
from windlass.domain.text import plain

# What begins a pipeline, in a text that cannot be read. Other documents may lie beside pipelines,
# in a YAML that is not read here.
_MEANT = re.compile(
    rb"(?m)^[{ \t\"']{0,9}"
    rb"(?:pipeline[\"']?[ \t]{0,9}:|apiVersion[\"']?[ \t]{0,9}:[ \t\"']{0,9}windlass/)"
)
COMPILER_VERSION = 3
"""Raised whenever the same document could give another file: what was compiled is made again."""


def compile_pipeline(
    path: str, content: bytes, bindings: Bindings, templates: Templates = NO_TEMPLATES
) -> tuple[Compiled | None, tuple[Finding, ...]]:
    """Compile one document. None where it is no pipeline, or where a finding denies: then every
    problem is among the findings, in the order of the text."""
    pipeline, findings = read_pipeline(path, content, bindings, templates)
    if pipeline is None:
        return None, findings
    made = emit(pipeline, plain(path), bindings.airflow)
    header = _header(path, content, pipeline, templates)
    laid = lay_out(made.statements, made.comments)
    none = pipeline.line, ""
    lines = [*((line, none) for line in header)]
    lines += ((line, made.origins.get(statement, none)) for line, statement in laid)
    text = "".join(f"{line}\n" for line, _ in lines)
    at, within = zip(*(origin for _, origin in lines), strict=True)
    compiled = Compiled(
        path,
        output_path(path),
        pipeline.dag_id,
        text,
        at,
        within if any(within) else (),
        tuple(step.called for step in pipeline.steps if step.called),
    )
    return compiled, findings


def read_pipeline(
    path: str, content: bytes, bindings: Bindings, templates: Templates = NO_TEMPLATES
) -> tuple[Pipeline | None, tuple[Finding, ...]]:
    """The pipeline of a document; None as for `compile_pipeline`."""
    document = read_document(path, content)
    if document.root is None and not _MEANT.search(content):
        return None, ()
    reading = Reading(path, None, [])
    pipeline = None
    if isinstance(document.root, MapNode) and _is_pipeline(document.root, reading):
        reading.findings += document.findings
        root = with_variables(with_profile(document.root, bindings.environment), reading)
        expanded = expand(root, templates, reading)
        is_older = root.get("apiVersion") is None
        found = reading.read(OLDER_FILE if is_older else FILE, expanded.root, "the file")
        if found is not None:
            pipeline = pipeline_of(reading, found, bindings, expanded, is_older=is_older)
    elif document.root is None:
        reading.findings += document.findings
    ordered = tuple(sorted(reading.findings, key=lambda one: (one.line or 0, one.column or 0)))
    denies = any(one.severity is Severity.CRITICAL for one in ordered)
    return (None if denies else pipeline), ordered


def _is_pipeline(root: MapNode, reading: Reading) -> bool:
    """Whether a document means to be a pipeline. What is nearly one is told, so that a slip of the
    pen does not make it something that nobody reads."""
    if root.get("pipeline") is not None:
        return True
    if _is_ours(root.get("apiVersion")):
        message = f"apiVersion is {API_VERSION}, and there is no pipeline"
        reading.refuse(
            "PIPE001", message, "Add pipeline:, with its name and its steps.", root.place
        )
        return False
    for entry in root.entries:
        if suggest(entry.key, ["pipeline"], "").startswith("Did you mean"):
            near = f"the file has no pipeline, but the key {quoted(entry.key)}"
            reading.refuse("PIPE001", near, 'Did you mean "pipeline"?', entry.place)
    return False


def _is_ours(version: Node | None) -> bool:
    return isinstance(version, ScalarNode) and str(version.value).startswith("windlass/")


def _header(path: str, content: bytes, pipeline: Pipeline, templates: Templates) -> list[str]:
    used = sorted({step.type for step in pipeline.steps})
    types = ", ".join(f"{one} {STEP_TYPES[one].version}" for one in used)
    ref = pipeline.template
    made_with = [f"# template {ref}; sha256:{templates.digests[ref]}"] if ref else []
    return [
        f"# Compiled by Windlass from {plain(path)}: edit that, this file is made again.",
        f"# compiler {COMPILER_VERSION}; input sha256:{digest_bytes(content)}",
        *made_with,
        f"# step types: {types}",
        "",
    ]
