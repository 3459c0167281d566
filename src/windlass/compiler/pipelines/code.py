"""Python syntax trees of generated files: literals, calls, and the imports that they need.

Everything that a document says becomes a literal here and nowhere else.
"""

import ast
import keyword
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.pipeline import duration_parts


def literal(value: Any) -> ast.expr:
    """A plain value as an expression; what is one already stays as it is."""
    match value:
        case ast.expr():
            return value
        case list() | tuple():
            return ast.List([literal(one) for one in value], ast.Load())
        case dict():
            keys: list[ast.expr | None] = [literal(key) for key in value]
            return ast.Dict(keys, [literal(one) for one in value.values()])
        case bool() | None | str():
            return ast.Constant(value)
        case int() | float():
            number = ast.Constant(abs(value))
            return number if value >= 0 else ast.UnaryOp(ast.USub(), number)
    raise TypeError(type(value))  # the reader gives nothing else


def call(function: ast.expr, *args: Any, **words: Any) -> ast.Call:
    """A call; arguments that are None are left out."""
    given = [ast.keyword(name, literal(one)) for name, one in words.items() if one is not None]
    return ast.Call(function, [literal(one) for one in args], given)


def tuple_of(values: Iterable[Any]) -> ast.Tuple:
    """A tuple, where Airflow wants no list."""
    return ast.Tuple([literal(one) for one in values], ast.Load())


def attribute(value: ast.expr, name: str) -> ast.Attribute:
    """`value.name`."""
    return ast.Attribute(value, name, ast.Load())


def name(text: str) -> ast.Name:
    """A name that is read."""
    return ast.Name(text, ast.Load())


@dataclass(slots=True)
class Code:
    """What a generated file imports and calls its own. `airflow` is as in `Bindings`; `task_id` is
    that of the step that is being made, `lead` what its parts' names begin with."""

    airflow: tuple[int, int]
    imports: dict[tuple[str, str], str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    task_id: str = ""
    lead: str = ""

    @property
    def is_airflow_2(self) -> bool:
        return self.airflow[0] == 2

    def use(self, module: str, what: str) -> ast.Name:
        """A name of a module, imported; with the module's before it where it is taken."""
        known = self.imports.get((module, what))
        if known is None:
            wanted = what if what not in self.taken else f"{module.rpartition('.')[2]}_{what}"
            known = self.imports[module, what] = self.own(wanted)
        return name(known)

    def sdk(self, what: str, classic: str, older: str = "") -> ast.Name:
        """A name of Airflow's public interface: from `airflow.sdk`, or from `classic` in Airflow 2,
        where it may have an `older` name."""
        if self.is_airflow_2:
            return self.use(classic, older or what)
        return self.use("airflow.sdk", what)

    def own(self, wanted: str) -> str:
        """A name that is free in the file, near the one that is wanted.

        >>> code = Code((3, 3))
        ... [code.own("2-load"), code.own("2 load"), code.own("class")]
        ['step_2_load', 'step_2_load_2', 'step_class']
        """
        made = re.sub(r"[^0-9A-Za-z_]", "_", wanted)
        if not made.isidentifier() or keyword.iskeyword(made) or keyword.issoftkeyword(made):
            made = f"step_{made}"
        free, count = made, 1
        while free in self.taken:
            count += 1
            free = f"{made}_{count}"
        self.taken.add(free)
        return free

    def delta(self, text: str) -> ast.Call:
        """A duration of the document."""
        return call(self.use("datetime", "timedelta"), **duration_parts(text))

    def import_statements(self) -> list[ast.ImportFrom]:
        """In the order of isort: the standard library, what is installed, the repository's own."""
        modules: dict[str, list[ast.alias]] = {}
        for module, what in sorted(self.imports, key=_order):
            own = self.imports[module, what]
            alias = ast.alias(what, None if own == what else own)
            modules.setdefault(module, []).append(alias)
        return [ast.ImportFrom(module, aliases, 0) for module, aliases in modules.items()]


def section(module: str) -> int:
    """0 for the standard library, 1 for what Airflow brings, 2 for the repository's own.

    >>> [section(name) for name in ("datetime", "airflow.sdk", "company.orders")]
    [0, 1, 2]
    """
    root = module.partition(".")[0]
    if root in sys.stdlib_module_names:
        return 0
    return 1 if root in ("airflow", "kubernetes", "pendulum") else 2


def _order(imported: tuple[str, str]) -> tuple[int, str, bool, str]:
    module, what = imported
    return section(module), module, not what.isupper(), what


def arguments(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What a document says under its keys, under the operator's own names.

    >>> arguments({"command": "true"}, {"command": "bash_command", "cwd": "cwd"})
    {'bash_command': 'true'}
    """
    return {own: given[key] for key, own in names.items() if key in given}
