"""What importing one file runs in another: the calls of one, the harm that functions of the other
do.

Each file says both of itself (`domain.reach`); a tree joins them, so that a function which is meant
for tasks is judged by when it runs, wherever it is written.
"""

import ast
import sys
from collections.abc import Iterator

from windlass.checks.dangers import CALLS, HIGH
from windlass.checks.module import Module, Scope
from windlass.domain.artifact import Artifact
from windlass.domain.dependents import module_names
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.reach import NO_REACH, Harm, Reach

_MAX = 200
_LATENT = {
    name: danger
    for name, danger in CALLS.items()
    if danger.at_import is HIGH and danger.in_task is not HIGH
}
"""What is worse at import than in a task."""
_LAST = frozenset(name.rpartition(".")[2] for name in _LATENT)
_NOT_OURS = sys.stdlib_module_names | {"airflow"}


def reach_of(module: Module) -> Reach:
    """Which functions of other modules importing the file calls, and which of its own do harm."""
    calls, harms = tuple(_calls(module))[:_MAX], tuple(_harms(module))[:_MAX]
    return Reach(calls, harms) if calls or harms else NO_REACH


def _calls(module: Module) -> Iterator[tuple[str, int]]:
    ours = {name for name, whole in module.imports if whole.partition(".")[0] not in _NOT_OURS}
    if not ours:
        return
    for scope in module.scopes:
        for call in scope.all(ast.Call):
            root = call.func
            while isinstance(root, ast.Attribute):
                root = root.value
            if (
                isinstance(root, ast.Name)
                and root.id in ours
                and module.running.reaches(scope, call)
            ):
                name = module.names.name_of(call.func)
                if name and "." in name:
                    yield name, call.lineno


def _harms(module: Module) -> Iterator[Harm]:
    """Of each function at the top of the file: what it does, or functions of the file that it
    calls. Those with a decorator are left out: what that makes of them is not known."""
    direct = {id(scope): found for scope in module.scopes[1:] if (found := _harm_in(module, scope))}
    if not direct:
        return
    for scope in module.scopes[1:]:
        function = scope.function
        if not isinstance(function, ast.FunctionDef) or scope.owner or function.decorator_list:
            continue
        reached = (direct[id(one)] for one in module.running.closure(scope) if id(one) in direct)
        first = next(reached, None) if function.col_offset == 0 else None
        if first is not None:
            yield Harm(function.name, *first)


def _harm_in(module: Module, scope: Scope) -> tuple[str, str, int] | None:
    for call in scope.all(ast.Call):
        function = call.func
        last = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if last in _LAST or module.names.is_known(last):
            name = module.names.name_of(function)
            if name in _LATENT:
                return name, _LATENT[name].code, call.lineno
    return None


def reach_findings(artifact: Artifact) -> list[Finding]:
    """What importing DAG files does by functions of other files."""
    harms = {path: found for chunk in artifact.chunks for path, found in chunk.harms.items()}
    if not harms:
        return []
    owners = {f"{m}.{h.function}": (p, h) for p in harms for m in module_names(p) for h in harms[p]}
    found: dict[tuple[str, int], Finding] = {}
    for chunk in artifact.chunks:
        for path, calls in chunk.import_calls.items():
            for name, line in calls:
                if name in owners:
                    found.setdefault((path, line), _finding(path, line, name, *owners[name]))
    return [*found.values()]


def _finding(path: str, line: int, name: str, owner: str, harm: Harm) -> Finding:
    danger = CALLS[harm.does]
    return Finding(
        danger.code,
        Severity.HIGH,
        FindingType.DANGEROUS_OPERATION,
        path,
        f"{name}(…) leads to {harm.does}(…) in {owner}, line {harm.line}, which {danger.does}, "
        "while Airflow imports the file",
        danger.hint,
        line,
    )
