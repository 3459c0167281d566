"""A plain reading of a Python file: its literal dag_ids, what it imports, which files it names.

Never runs the file. What only running it would tell (ids made in loops or by factories) is left
to Airflow's report.
"""

import ast
import re
from collections.abc import Iterator

from windlass.checks.comments import comments_of
from windlass.checks.factories import builds_ids
from windlass.checks.facts import dag_facts, operators_of
from windlass.checks.module import Module
from windlass.checks.needs import absolute_name, needs_of
from windlass.checks.reach import reach_of
from windlass.checks.reading import decorated_id, literal_id, means
from windlass.checks.references import references_of
from windlass.domain.artifact import Outline
from windlass.domain.names import Names
from windlass.domain.suppression import foreign_in, suppressions_in

_FILE_NAME = re.compile(r"[\w*?.-]*\.[A-Za-z]\w{0,7}")
_MAX_MENTIONS = 200
# What Airflow takes for a dag_id: `validate_key` in airflow/sdk/definitions/_internal/node.py.
_DAG_ID = re.compile(r"[\w.-]+$")
_MAX_DAG_ID = 250


def outline_of(module: Module) -> Outline:
    """The outline of a file.

    >>> source = b"from airflow.sdk import DAG\\nwith DAG('orders'): pass"
    >>> outline_of(Module("orders.py", source, ast.parse(source))).dag_ids
    ('orders',)
    """
    is_candidate = _is_candidate(module.content)
    comments = comments_of(module.content)
    return Outline(
        dag_ids=tuple(dict.fromkeys(filter(_is_dag_id, _dag_ids(module)))),
        is_candidate=is_candidate,
        builds_ids=is_candidate and builds_ids(module),
        imports=tuple(sorted(set(_imports(module)))),
        mentions=tuple(sorted(set(_mentions(module)))[:_MAX_MENTIONS]),
        names=Names(needs=needs_of(module), references=references_of(module)),
        dags=dag_facts(module) if is_candidate else (),
        operators=operators_of(module) if is_candidate else (),
        suppressions=tuple(suppressions_in(comments)),
        foreign=foreign_in(comments),
        reach=reach_of(module),
    )


def _is_dag_id(text: str) -> bool:
    return len(text) <= _MAX_DAG_ID and _DAG_ID.match(text) is not None


def _is_candidate(content: bytes) -> bool:
    """Airflow's safe mode: `might_contain_dag_via_default_heuristic` in airflow/utils/file.py."""
    lowered = content.lower()
    return b"airflow" in lowered and (b"dag" in lowered or b"asset" in lowered)


def _dag_ids(module: Module) -> Iterator[str]:
    """Literal ids of `DAG(...)` outside functions, and of `@dag` functions called there."""
    names, top = module.dag_names, module.top
    calls = top.all(ast.Call)
    called = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    # Airflow collects what module variables hold and what a `with` opened, nothing else.
    dropped = {id(statement.value) for statement in top.all(ast.Expr)}
    made: list[ast.Call | ast.FunctionDef] = [
        call for call in calls if means(call.func, "DAG", names) and id(call) not in dropped
    ]
    made += [function for function in top.all(ast.FunctionDef) if function.name in called]
    for node in sorted(made, key=lambda node: (node.lineno, node.col_offset)):
        yield from literal_id(node) if isinstance(node, ast.Call) else decorated_id(node, names)


def _imports(module: Module) -> Iterator[str]:
    for plain in module.all(ast.Import):
        yield from (alias.name for alias in plain.names)
    for node in module.all(ast.ImportFrom):
        base = absolute_name(module.path, node)
        if base:
            yield base
        yield from (f"{base}.{a.name}" if base else a.name for a in node.names)


def _mentions(module: Module) -> Iterator[str]:
    """The last part of every string literal that looks like a file name or a pattern for some."""
    for node in module.all(ast.Constant):
        value = node.value
        if type(value) is str and "." in value and len(value) < 500:
            last = value.rsplit("/", 1)[-1]
            if _FILE_NAME.fullmatch(last):
                yield last
