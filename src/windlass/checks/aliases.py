"""What names mean in a file: imports resolved, literals read. Nothing is run."""

import ast
from collections.abc import Mapping

from windlass.checks.module import Module


def imported_names(module: Module) -> dict[str, str]:
    """Local name → the whole name of what it was imported as.

    >>> tree = ast.parse("from airflow.sdk import DAG as D\\nimport os.path, a.b as c")
    >>> imported_names(Module("x.py", b"", tree))
    {'os': 'os', 'c': 'a.b', 'D': 'airflow.sdk.DAG'}
    """
    return dict(module.imports)


def dotted(node: ast.expr, names: Mapping[str, str]) -> str:
    """The whole dotted name of an expression, imports resolved; "" where it is no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([names.get(node.id, node.id), *reversed(parts)])


def last_part(name: str) -> str:
    """The last part of a dotted name."""
    return name.rpartition(".")[2]


def keyword(call: ast.Call, *names: str) -> ast.expr | None:
    """The value of the first keyword of a call that has one of these names."""
    return next((k.value for k in call.keywords if k.arg in names), None)


def text_of(node: ast.expr | None) -> str | None:
    """The value of a literal text; None for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
