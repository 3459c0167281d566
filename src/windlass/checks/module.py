"""One parsed Python file, walked once: all families of checks read it here.

Walking is what costs most after parsing, so nothing else in `checks/` walks a whole tree.
"""

import ast
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from windlass.checks.places import Places

if TYPE_CHECKING:
    from windlass.checks.naming import Names
    from windlass.checks.running import Running
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Node = TypeVar("_Node", bound=ast.AST)

# Fields that hold names, flags and operators only.
_NO_NODES = {"arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "kwd_attrs"}
_NO_NODES |= {"level", "module", "name", "names", "op", "ops", "rest", "simple", "tag"}
_NO_NODES |= {"type_comment", "type_ignores"}
_CHILDREN: dict[type, tuple[str, ...]] = {
    kind: tuple(name for name in kind._fields if name not in _NO_NODES)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
_CHILDREN |= {ast.Constant: (), ast.MatchSingleton: ()}
# What a function's own line evaluates when the function is made, not when it is called.
_OUTSIDE = ("decorator_list", "returns", "args", "type_params")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(eq=False, slots=True)
class Scope:
    """The code of the module itself, or of one function without those inside it.

    A class's body belongs to the code around it: it runs there. `nodes` has them by kind, those of
    each kind about in the order of the text. `owner` is the class around a method.
    """

    function: Function | None = None
    owner: ast.ClassDef | None = None
    nodes: dict[type, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def all(self, kind: type[_Node]) -> list[_Node]:
        """The nodes of exactly this kind."""
        return self.nodes.get(kind, [])


class Place(NamedTuple):
    """Where a node is, as findings say it: line and columns from 1, in characters."""

    line: int
    column: int
    end_column: int | None


class Module:
    """A file that Python has parsed. `path` is relative to the DAG root."""

    def __init__(self, path: str, content: bytes, tree: ast.Module) -> None:
        self.path = path
        self.content = content
        self.tree = tree
        self.scopes = _scopes(tree)
        self._all: dict[type, list[Any]] = {}

    def all(self, kind: type[_Node]) -> list[_Node]:
        """The nodes of exactly this kind in the whole file. Nobody changes the list."""
        found = self._all.get(kind)
        if found is None:
            found = self._all[kind] = []
            for scope in self.scopes:
                if kind in scope.nodes:
                    found += scope.nodes[kind]
        return found

    @cached_property
    def places(self) -> Places:
        """Where its statements stand."""
        return Places(self.tree)

    @cached_property
    def imports(self) -> list[tuple[str, str]]:
        """Each name that an import binds, with the whole name of what it is; of `from x import *`
        the name is `*` and the other one that of the module."""
        found: list[tuple[str, str]] = []
        for plain in self.all(ast.Import):
            for alias in plain.names:
                top = alias.name.partition(".")[0]
                found.append((alias.asname or top, alias.name if alias.asname else top))
        for node in self.all(ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                whole = base if alias.name == "*" else f"{base}.{alias.name}"
                found.append((alias.asname or alias.name, whole))
        return found

    @cached_property
    def dag_names(self) -> dict[str, str]:
        """Local name → the name it has in an airflow module, for `DAG` and `dag`."""
        return {
            alias.asname or alias.name: alias.name
            for node in self.all(ast.ImportFrom)
            if (node.module or "").split(".")[0] == "airflow"
            for alias in node.names
            if alias.name in ("DAG", "dag")
        }

    @cached_property
    def called(self) -> list[tuple[ast.Call, str]]:
        """Each call with the whole dotted name of what it calls, imports resolved; "" where that
        has none."""
        from windlass.checks.aliases import dotted

        names = dict(self.imports)
        return [(call, dotted(call.func, names)) for call in self.all(ast.Call)]

    @property
    def top(self) -> Scope:
        """The code that importing the file runs by itself."""
        return self.scopes[0]

    @cached_property
    def names(self) -> "Names":
        """What its names stand for; of use as long as the module is there."""
        from windlass.checks.naming import Names

        return Names(self)

    @cached_property
    def running(self) -> "Running":
        """What of it importing it runs."""
        from windlass.checks.running import Running

        return Running(self)

    def place(self, node: Any, line: int | None = None) -> Place:
        """Where a node is; `line` is the one of its lines that counts, else the first."""
        if line is not None and line != node.lineno:
            return Place(line, 1, None)
        end = None
        if node.end_lineno == node.lineno:
            end = self._column(node.lineno, node.end_col_offset)
        return Place(node.lineno, self._column(node.lineno, node.col_offset), end)

    def _column(self, line: int, offset: int) -> int:
        """Python counts bytes of UTF-8."""
        if self._is_ascii:
            return offset + 1
        text = self._lines[line - 1] if line <= len(self._lines) else b""
        return len(text[:offset].decode("utf-8", "replace")) + 1

    @cached_property
    def _is_ascii(self) -> bool:
        return self.content.isascii()

    @cached_property
    def _lines(self) -> list[bytes]:
        return self.content.removeprefix(b"\xef\xbb\xbf").splitlines()


def _scopes(tree: ast.Module) -> list[Scope]:
    scopes = [Scope()]
    starts: list[list[Any]] = [[tree]]
    for number, scope in enumerate(scopes):  # grows meanwhile
        for function, owner in _walk(scope.nodes, starts[number]):
            body = function.body
            scopes.append(Scope(function, owner))
            starts.append(body[:] if isinstance(body, list) else [body])
    return scopes


def _walk(
    nodes: dict[type, list[Any]], queue: list[Any]
) -> list[tuple[Function, ast.ClassDef | None]]:
    """Sort everything below the nodes of `queue` by kind; the functions that it did not enter."""
    functions: list[tuple[Function, ast.ClassDef | None]] = []
    owners: dict[int, ast.ClassDef] = {}
    put, extend = queue.append, queue.extend
    for node in queue:
        if node is None:  # a missing key of a dict, or default of an argument
            continue
        kind = type(node)
        nodes[kind].append(node)
        fields = _CHILDREN[kind]
        if kind in _FUNCTIONS:
            functions.append((node, owners.get(id(node))))
            fields = tuple(name for name in _OUTSIDE if name in fields)
        elif kind is ast.ClassDef:
            owners.update((id(child), node) for child in node.body)
        for name in fields:
            value = getattr(node, name, None)
            if type(value) is list:
                extend(value)
            elif value is not None:
                put(value)
    return functions
