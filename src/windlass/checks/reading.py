"""Reading Python as a tree: which calls make DAGs, and under which ids."""

import ast
from collections.abc import Iterator


def means(func: ast.expr, wanted: str, names: dict[str, str]) -> bool:
    """Whether an expression is Airflow's `DAG` or `dag`, by `Module.dag_names`; of `a.DAG` it is
    taken to be."""
    if isinstance(func, ast.Name):
        return names.get(func.id) == wanted
    return isinstance(func, ast.Attribute) and func.attr == wanted


def decorated_id(function: ast.FunctionDef, names: dict[str, str]) -> Iterator[str]:
    """The id that `@dag` gives what the function makes, where it is a literal or its name."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and means(decorator.func, "dag", names):
            given = bool(decorator.args) or any(
                k.arg in ("dag_id", None)
                for k in decorator.keywords  # None: **options, which may hold it
            )
            yield from literal_id(decorator) if given else [function.name]
        elif means(decorator, "dag", names):
            yield function.name


def literal_id(call: ast.Call) -> Iterator[str]:
    """The dag_id of a call, where it is a literal."""
    given = [k.value for k in call.keywords if k.arg == "dag_id"] or call.args[:1]
    for value in given:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
