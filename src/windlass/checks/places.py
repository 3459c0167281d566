"""Where the code of a file stands: below which function, `with` items, loops and branches.

Statements are walked here, and nothing below them: an expression stands where its statement does.
"""

import ast
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef
Loop = ast.For | ast.AsyncFor | ast.While
_DECORATED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_Position = tuple[int, int]
_Statements = list[tuple[ast.stmt, "Place"]]


@dataclass(slots=True, eq=False)  # not frozen, which takes three times as long to make
class Place:
    """Where statements stand. Nobody changes one.

    `branches` are (a number for the `if`, `try`, loop or `match`; which arm of it), the outermost
    first, within the function. `may_fail` says that a failing import is caught there, `typing_only`
    that nothing runs there, `as_script` that it runs only where the file is no module.
    """

    function: Function | None = None
    contexts: tuple[ast.expr, ...] = ()
    loops: tuple[Loop, ...] = ()
    branches: tuple[tuple[int, int], ...] = ()
    may_fail: bool = False
    typing_only: bool = False
    as_script: bool = False

    @property
    def at_import(self) -> bool:
        """Whether importing the file may come here."""
        return self.function is None and not self.typing_only and not self.as_script

    def implies(self, other: "Place") -> bool:
        """Whether code that runs here means that the code of `other` runs too."""
        return self.branches[: len(other.branches)] == other.branches


class Places:
    """The places of all statements of a file, by position."""

    def __init__(self, tree: ast.Module) -> None:
        found: list[tuple[_Position, Place]] = []
        stack: _Statements = [(one, Place()) for one in tree.body]
        while stack:
            node, place = stack.pop()
            enter = _ENTER.get(type(node))
            if enter is None:
                found.append(((node.lineno, node.col_offset), place))
            else:
                found.append((_start(node), place))
                stack += enter(node, place)
        found.sort(key=itemgetter(0))
        self._starts = [start for start, _ in found]
        self._places = [place for _, place in found]

    def at(self, node: ast.expr | ast.stmt) -> Place:
        """Where a node stands; of a `with` item, what comes before it is not around it.

        >>> tree = ast.parse("if x:\\n    import a\\nelse:\\n    import b")
        >>> Places(tree).at(tree.body[0].body[0]).branches == ((id(tree.body[0]), 0),)
        True
        """
        position = _start(node) if isinstance(node, ast.stmt) else (node.lineno, node.col_offset)
        index = bisect_right(self._starts, position) - 1
        return self._places[max(index, 0)]


def _start(node: ast.stmt) -> _Position:
    """Where a statement begins, its decorators included."""
    if isinstance(node, _DECORATED) and node.decorator_list:
        first = node.decorator_list[0]
        return first.lineno, first.col_offset
    return node.lineno, node.col_offset


def _arm(place: Place, node: ast.AST, arm: int) -> Place:
    """The place in one arm of a statement that stands there."""
    return Place(
        place.function,
        place.contexts,
        place.loops,
        (*place.branches, (id(node), arm)),
        place.may_fail,
        place.typing_only,
        place.as_script,
    )


def _all(body: Iterable[ast.stmt], place: Place) -> _Statements:
    return [(one, place) for one in body]


def _function(node: Function, place: Place) -> _Statements:
    return _all(node.body, Place(node, typing_only=place.typing_only, as_script=place.as_script))


def _class(node: ast.ClassDef, place: Place) -> _Statements:
    return _all(node.body, place)


def _with(node: ast.With | ast.AsyncWith, place: Place) -> _Statements:
    items = [item.context_expr for item in node.items]
    inner = replace(place, contexts=(*place.contexts, *items))
    if any(map(_suppresses_imports, items)):
        inner = replace(_arm(inner, node, 0), may_fail=True)
    return _all(node.body, inner)


def _suppresses_imports(node: ast.expr) -> bool:
    """Whether it is `contextlib.suppress` of a failing import."""
    if not isinstance(node, ast.Call):
        return False
    return _last(node.func) == "suppress" and any(_last(a) in _IMPORT_ERRORS for a in node.args)


def _if(node: ast.If, place: Place) -> _Statements:
    body = _arm(place, node, 0)
    if _last(node.test) == "TYPE_CHECKING":
        body = replace(body, typing_only=True)
    elif _is_main(node.test):
        body = replace(body, as_script=True)
    return _all(node.body, body) + _all(node.orelse, _arm(place, node, 1))


def _is_main(test: ast.expr) -> bool:
    """Whether it is `__name__ == "__main__"`, alone or with more."""
    tests = test.values if isinstance(test, ast.BoolOp) else [test]
    return any(isinstance(t, ast.Compare) and _last(t.left) == "__name__" for t in tests)


def _try(node: ast.Try | ast.TryStar, place: Place) -> _Statements:
    catches = place.may_fail or any(map(_catches_imports, node.handlers))
    tried = _arm(place, node, 0) if node.handlers else place
    found = _all(node.body, replace(tried, may_fail=catches)) + _all(node.orelse, tried)
    for number, handler in enumerate(node.handlers, start=1):
        # What a handler imports is a second choice: whether it is needed, only running tells.
        found += _all(handler.body, replace(_arm(place, node, number), may_fail=catches))
    return found + _all(node.finalbody, place)


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or _last(kind) in _IMPORT_ERRORS for kind in kinds)


def _loop(node: Loop, place: Place) -> _Statements:
    inner = replace(_arm(place, node, 0), loops=(*place.loops, node))
    return _all(node.body, inner) + _all(node.orelse, place)


def _match(node: ast.Match, place: Place) -> _Statements:
    return [
        (one, _arm(place, node, number))
        for number, case in enumerate(node.cases)
        for one in case.body
    ]


def _last(node: ast.expr | None) -> str:
    """The last part of a dotted name; "" of anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


_ENTER: dict[type, Callable[[Any, Place], _Statements]] = {
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.If: _if,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.For: _loop,
    ast.AsyncFor: _loop,
    ast.While: _loop,
    ast.Match: _match,
}
