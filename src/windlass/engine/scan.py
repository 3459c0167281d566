"""A scan: the gate on a tree of any source, without a server and without history."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from windlass.checks.known import Known
from windlass.domain.artifact import Artifact
from windlass.domain.families import families_for
from windlass.domain.imported import ImportNote
from windlass.domain.report import Report
from windlass.engine.build import import_tree, read_tree
from windlass.engine.gate import NoVersions, decide_build
from windlass.engine.imports import NO_INTERPRETER, Imports
from windlass.engine.pipelines import Pipelines, bindings_of
from windlass.engine.ruling import Rules
from windlass.engine.source import Source
from windlass.engine.testing import Suite, run_own_tests
from windlass.sandbox.checker import Checker
from windlass.sandbox.compiler import PipelineCompiler

_NOBODY: Mapping[str, str] = {}
NO_IMPORTS = Imports(None, "", because=NO_INTERPRETER)


@dataclass(frozen=True, slots=True)
class Scan:
    """What the gate says of a tree. `artifact` is what would be deployed of it; `python` the
    version whose grammar counted; `imports` says what was imported; `seconds` how long it took.
    `foreign` counts comments that ask other tools to be silent."""

    report: Report
    artifact: Artifact
    python: str
    imports: ImportNote
    seconds: float

    @property
    def foreign(self) -> int:
        return sum(e.outline.foreign for e in self.artifact.files.values() if e.outline)


def scan(
    checker: Checker,
    source: Source,
    rules: Rules,
    imports: Imports = NO_IMPORTS,
    tests: Suite | None = None,
    *,
    environment: str = "default",
) -> Scan:
    """Judge a tree as a sync would judge it as the first revision of a repository.

    `tests` are its own; None leaves them out; `environment` chooses the profiles of pipelines. Who
    owns a dag_id in an environment only its server knows: here it may be used by one file. Raises
    Invalid PY001 where the checker's interpreter does not run.
    """
    began = time.monotonic()
    python = checker.python_version
    inventory = rules.known.inventory
    bindings = bindings_of(checker.installed, inventory.declared, environment)
    compiler = PipelineCompiler()
    try:
        pipelines = Pipelines(compiler, bindings, rules.options.pipelines, checker.signature)
        families = families_for(rules.options)
        built = read_tree(checker, source, families, pipelines=pipelines)
    finally:
        compiler.close()
    read = partial(checker.read_ignores, syntax=inventory.declared.ignore_syntax)
    rules = replace(rules, known=Known(checker.installed, inventory, read_ignores=read))
    imports = replace(imports, read_ignores=read)
    if "import" in families_for(rules.options):
        built = import_tree(imports, rules, source, built)
    built = run_own_tests(tests, rules, built)
    judged = decide_build(rules, built, _NOBODY, NoVersions())
    report = Report.of(judged.verdict, rules.policy)
    note = judged.build.imports or ImportNote("what was found before forbids it")
    return Scan(report, judged.build.artifact, python, note, time.monotonic() - began)
