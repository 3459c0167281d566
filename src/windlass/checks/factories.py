"""Whether a file may make DAGs whose ids a plain reading does not find.

It errs to yes: then Airflow may show any id of the file (docs/decisions/0010). No is said only
where every DAG in sight has a literal id at the top of the file, and nothing unknown is called
there.
"""

import ast
import sys
from dataclasses import dataclass

from windlass.checks.module import Module
from windlass.checks.reading import decorated_id, literal_id, means

_OPEN_CALLS = {"globals", "vars", "locals", "exec", "eval", "setattr", "__import__"}
_PARTS = (ast.Attribute, ast.Call, ast.Subscript)
_KNOWN_MODULES = (sys.stdlib_module_names - {"importlib", "runpy"}) | {"airflow", "pendulum"}


def builds_ids(module: Module) -> bool:
    """Whether anything in a file may make a DAG whose id is not one of its literals."""
    names = module.dag_names
    calls = module.all(ast.Call)
    functions = module.all(ast.FunctionDef)
    decorators = [one for function in functions for one in function.decorator_list]
    decorators += (d for one in module.all(ast.AsyncFunctionDef) for d in one.decorator_list)
    file = _File(
        names=names,
        foreign=_foreign_names(module),
        at_import={id(n) for kind in (ast.Call, ast.FunctionDef) for n in module.top.all(kind)},
        heads={id(call.func) for call in calls} | {id(_callee(one)) for one in decorators},
        called={call.func.id for call in calls if isinstance(call.func, ast.Name)},
    )
    return (
        any(_is_open_call(call, file) for call in calls)
        or any(_is_open_function(one, file) for one in functions if one.decorator_list)
        or _is_passed_on(module, file)
        or any(
            any(a.name == "*" for a in node.names) and not _is_known(node.module, node.level)
            for node in module.all(ast.ImportFrom)
        )
    )


@dataclass(frozen=True, slots=True)
class _File:
    """What is known of a file as a whole. Nodes are told apart by `id`."""

    names: dict[str, str]  # `Module.dag_names`
    foreign: set[str]  # what imports from elsewhere than Python and Airflow bind
    at_import: set[int]  # calls and functions that importing the file reaches
    heads: set[int]  # expressions that are called or decorate
    called: set[str]


def _is_passed_on(module: Module, file: _File) -> bool:
    """Whether `DAG` or `dag` stands where it is neither called nor decorates."""
    for name in module.all(ast.Name) if file.names else ():
        if name.id in file.names and id(name) not in file.heads:
            return True
    return any(one.attr == "DAG" and id(one) not in file.heads for one in module.all(ast.Attribute))


def _is_open_call(node: ast.Call, file: _File) -> bool:
    """A DAG without a literal id, or in a function; a call of what is not known here."""
    is_at_import = id(node) in file.at_import
    if means(node.func, "DAG", file.names):
        return not (is_at_import and any(literal_id(node)))
    root = _root(node.func)
    return root in _OPEN_CALLS or (is_at_import and root in file.foreign)


def _is_open_function(node: ast.FunctionDef, file: _File) -> bool:
    """A function of `@dag` that is not simply called under a literal id."""
    if not any(means(_callee(d), "dag", file.names) for d in node.decorator_list):
        return False
    is_plain = id(node) in file.at_import and node.name in file.called
    return not (is_plain and any(decorated_id(node, file.names)))


def _callee(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def _foreign_names(module: Module) -> set[str]:
    found = {
        (alias.asname or alias.name).split(".")[0]
        for node in module.all(ast.Import)
        for alias in node.names
        if not _is_known(alias.name, 0)
    }
    for node in module.all(ast.ImportFrom):
        if not _is_known(node.module, node.level):
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def _is_known(module: str | None, level: int) -> bool:
    return not level and (module or "").split(".")[0] in _KNOWN_MODULES


def _root(func: ast.expr) -> str | None:
    """The name that a call begins with: `a` of `a.b.c()`."""
    while isinstance(func, _PARTS):
        func = func.func if isinstance(func, ast.Call) else func.value
    return func.id if isinstance(func, ast.Name) else None
