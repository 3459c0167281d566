"""Which modules a file imports, where, and whether it goes on without them."""

import ast
import sys
from collections.abc import Iterator

from windlass.checks.module import Module
from windlass.checks.places import Place
from windlass.domain.dependents import module_names
from windlass.domain.names import How, Need

_MAX_NEEDS = 500


def needs_of(module: Module) -> tuple[Need, ...]:
    """Every module that is imported and not of Python or Airflow itself, each once in each way.

    >>> tree = ast.parse("import os, pandas as pd\\nfrom google.cloud import storage")
    >>> found = needs_of(Module("a.py", b"", tree))
    >>> [(one.module, one.name, one.line) for one in found]
    [('pandas', '', 1), ('google.cloud', 'storage', 2)]
    """
    found: dict[tuple[str, str, How], Need] = {}
    for need in sorted(_needs(module), key=lambda one: one.line):
        found.setdefault((need.module, need.name, need.how), need)
    return tuple(found.values())[:_MAX_NEEDS]


def _needs(module: Module) -> Iterator[Need]:
    for plain in module.all(ast.Import):
        how = _how(module.places.at(plain))
        for alias in plain.names:
            if not _is_there(alias.name):
                yield Need(alias.name, "", plain.lineno, how)
    for node in module.all(ast.ImportFrom):
        how = _how(module.places.at(node))
        if node.level:
            base = absolute_name(module.path, node)
            relative = How.RELATIVE if how is How.IMPORT else how
            yield from (Need(base, a.name, node.lineno, relative) for a in node.names)
        elif node.module and not _is_there(node.module):
            for alias in node.names:
                yield Need(node.module, "" if alias.name == "*" else alias.name, node.lineno, how)


def absolute_name(path: str, node: ast.ImportFrom) -> str:
    """The absolute name of what `from … import` names, relative imports resolved by `path`."""
    if not node.level:
        return node.module or ""
    own = ".".join(module_names(path))
    parts = own.split(".") if own else []
    levels = node.level - (1 if path.endswith("__init__.py") else 0)
    kept = parts[: len(parts) - levels] if levels else parts
    return ".".join([*kept, *([node.module] if node.module else [])])


def _how(place: Place) -> How:
    if place.may_fail or place.typing_only:
        return How.MAYBE
    if place.function is not None or place.as_script:
        return How.CALL
    return How.CALL if place.branches else How.IMPORT  # a branch may never be taken


def _is_there(name: str) -> bool:
    """Whether Python or Airflow itself brings a module."""
    root = name.partition(".")[0]
    is_airflows = root == "airflow" and not name.startswith("airflow.providers")
    return is_airflows or root in sys.stdlib_module_names
