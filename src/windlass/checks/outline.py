"""A plain reading of a Python file: its literal dag_ids, what it imports, which files it names.

Never runs the file. What only running it would tell (ids made in loops or by factories) is left
to Airflow's report.
"""

import ast
import re
from collections.abc import Iterator

from windlass.domain.artifact import Outline
from windlass.domain.dependents import module_names

_FILE_NAME = re.compile(r"[\w*?.-]*\.[A-Za-z]\w{0,7}")
_MAX_MENTIONS = 200
# What Airflow takes for a dag_id: `validate_key` in airflow/sdk/definitions/_internal/node.py.
_DAG_ID = re.compile(r"[\w.-]+$")
_MAX_DAG_ID = 250
_Scope = ast.Module | ast.stmt | ast.expr


def outline_of(path: str, content: bytes, tree: ast.Module) -> Outline:
    """The outline of a file that `ast` has parsed.

    >>> source = b"from airflow.sdk import DAG\\nwith DAG('orders'): pass"
    >>> outline_of("orders.py", source, ast.parse(source)).dag_ids
    ('orders',)
    """
    return Outline(
        dag_ids=tuple(dict.fromkeys(filter(_is_dag_id, _dag_ids(tree)))),
        is_candidate=_is_candidate(content),
        imports=tuple(sorted(set(_imports(path, tree)))),
        mentions=tuple(sorted(set(_mentions(tree)))[:_MAX_MENTIONS]),
    )


def _is_dag_id(text: str) -> bool:
    return len(text) <= _MAX_DAG_ID and _DAG_ID.match(text) is not None


def _is_candidate(content: bytes) -> bool:
    """Airflow's safe mode: `might_contain_dag_via_default_heuristic` in airflow/utils/file.py."""
    lowered = content.lower()
    return b"airflow" in lowered and (b"dag" in lowered or b"asset" in lowered)


def _dag_ids(tree: ast.Module) -> Iterator[str]:
    """Literal ids of `DAG(...)` outside functions, and of `@dag` functions called there."""
    names = _airflow_names(tree)
    called = {
        node.func.id
        for node in _walk_import_time(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    # Airflow collects what module variables hold and what a `with` opened, nothing else.
    dropped = {n.value for n in _walk_import_time(tree) if isinstance(n, ast.Expr)}
    for node in _walk_import_time(tree):
        if isinstance(node, ast.Call) and _means(node.func, "DAG", names):
            yield from [] if node in dropped else _literal_id(node)
        elif isinstance(node, ast.FunctionDef) and node.name in called:
            yield from _decorated_id(node, names)


def _airflow_names(tree: ast.Module) -> dict[str, str]:
    """Local name → the name it has in an airflow module, for `DAG` and `dag`."""
    return {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "airflow"
        for alias in node.names
        if alias.name in ("DAG", "dag")
    }


def _means(func: ast.expr, wanted: str, names: dict[str, str]) -> bool:
    if isinstance(func, ast.Name):
        return names.get(func.id) == wanted
    return isinstance(func, ast.Attribute) and func.attr == wanted


def _decorated_id(function: ast.FunctionDef, names: dict[str, str]) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and _means(decorator.func, "dag", names):
            given = bool(decorator.args) or any(
                k.arg in ("dag_id", None)
                for k in decorator.keywords  # None: **options, which may hold it
            )
            yield from _literal_id(decorator) if given else [function.name]
        elif _means(decorator, "dag", names):
            yield function.name


def _literal_id(call: ast.Call) -> Iterator[str]:
    given = [k.value for k in call.keywords if k.arg == "dag_id"] or call.args[:1]
    for value in given:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def _walk_import_time(scope: _Scope) -> Iterator[ast.AST]:
    """Every node that importing the module reaches: all but the bodies of functions."""
    stack: list[ast.AST] = [scope]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            stack.extend(node.decorator_list)
        elif not isinstance(node, ast.Lambda):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _imports(path: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(path, node)
            if base:
                yield base
            yield from (f"{base}.{a.name}" if base else a.name for a in node.names)


def _absolute(path: str, node: ast.ImportFrom) -> str:
    """The absolute name of what `from … import` names, relative imports resolved by `path`."""
    if not node.level:
        return node.module or ""
    own = ".".join(module_names(path))
    parts = own.split(".") if own else []
    levels = node.level - (1 if path.endswith("__init__.py") else 0)
    kept = parts[: len(parts) - levels] if levels else parts
    return ".".join([*kept, *([node.module] if node.module else [])])


def _mentions(tree: ast.Module) -> Iterator[str]:
    """The last part of every string literal that looks like a file name or a pattern for some."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 500:
            last = node.value.rsplit("/", 1)[-1]
            if _FILE_NAME.fullmatch(last):
                yield last
