"""What a file says of its DAGs, and which classes it calls: what release policies ask about."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from windlass.checks.aliases import imported_names
from windlass.checks.module import Module
from windlass.checks.reading import decorated_id, literal_id, means
from windlass.domain.facts import DagFacts

_MAX_OPERATORS = 100
_UNKNOWN = object()


def dag_facts(module: Module) -> tuple[DagFacts, ...]:
    """The facts of every DAG with a literal id, in the order of the text; each id once."""
    constants = _constants(module)
    found: dict[str, DagFacts] = {}
    for dag_id, call, line in _makers(module):
        found.setdefault(dag_id, _facts(dag_id, line, _arguments(call, constants)))
    return tuple(found.values())


def operators_of(module: Module) -> tuple[str, ...]:
    """The dotted names of the classes that a file calls, as it imports them, by name."""
    bound, names = imported_names(module), set[str]()
    for call in module.all(ast.Call):
        function = call.func
        if isinstance(function, ast.Attribute) and not function.attr[:1].isupper():
            continue
        name = _dotted(function, bound)
        if name and name.rpartition(".")[2][:1].isupper():
            names.add(name)
    return tuple(sorted(names)[:_MAX_OPERATORS])


def _makers(module: Module) -> Iterator[tuple[str, ast.Call | None, int]]:
    """dag_id, the call that makes it with its arguments, and the line."""
    names = module.dag_names
    for call in module.top.all(ast.Call):
        if means(call.func, "DAG", names):
            yield from ((dag_id, call, call.lineno) for dag_id in literal_id(call))
    for function in module.top.all(ast.FunctionDef):
        calls = [d for d in function.decorator_list if isinstance(d, ast.Call)]
        maker = next((d for d in calls if means(d.func, "dag", names)), None)
        line = maker.lineno if maker else function.lineno
        yield from ((dag_id, maker, line) for dag_id in decorated_id(function, names))


def _facts(dag_id: str, line: int, given: Mapping[str, Any]) -> DagFacts:
    defaults = given.get("default_args", given.get("**", {}))
    known = defaults if isinstance(defaults, dict) else {"**": _UNKNOWN}
    absent = known.get("**")
    owner, retries = known.get("owner", absent), known.get("retries", absent)
    tags, schedule = (
        given.get("tags", given.get("**", [])),
        given.get("schedule", given.get("schedule_interval", given.get("**"))),
    )
    is_tags = isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)
    return DagFacts(
        dag_id=dag_id,
        line=line,
        tags=tuple(tags) if is_tags else None,
        owners=(owner,) if isinstance(owner, str) and owner else None if owner else (),
        retries=retries if type(retries) is int else 0 if retries is None else None,
        schedule=schedule if isinstance(schedule, str) else "" if schedule is None else None,
    )


def _arguments(call: ast.Call | None, constants: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword → its value, as far as the text says it; `**` is there where others may come."""
    if call is None:
        return {}
    return {word.arg or "**": _value(word.value, constants) for word in call.keywords}


def _constants(module: Module) -> dict[str, Any]:
    """Names that the top of the file gives one value, with it."""
    found: dict[str, Any] = {}
    for statement in module.top.all(ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                is_first = target.id not in found
                found[target.id] = _value(statement.value, {}) if is_first else _UNKNOWN
    return found


def _value(node: ast.expr, constants: Mapping[str, Any]) -> Any:
    """The value of a literal or of such a name, lists for sets and tuples too; else _UNKNOWN."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return constants.get(name, _UNKNOWN)
        case ast.List(elts=items) | ast.Set(elts=items) | ast.Tuple(elts=items):
            return [_value(item, constants) for item in items]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {_key(key): _value(value, constants) for key, value in pairs}
    return _UNKNOWN


def _key(node: ast.expr | None) -> str:
    """A key of a dictionary; `**` for one that is not known, as for those of another one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return "**"


def _dotted(func: ast.expr, bound: Mapping[str, str]) -> str | None:
    """The dotted name of what is called; None where it does not begin with an import."""
    parts: list[str] = []
    while isinstance(func, ast.Attribute):
        parts.append(func.attr)
        func = func.value
    if not isinstance(func, ast.Name) or func.id not in bound:
        return None
    return ".".join([bound[func.id], *reversed(parts)])
