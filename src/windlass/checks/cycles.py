"""Tasks that wait for each other in a circle, where the names in the circle are bound in the file.

`a >> b >> a`, lists of names, `set_upstream`, `chain`, and a task function called with another
task's result. Names that are bound twice are not followed.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from windlass.checks.aliases import last_part
from windlass.checks.module import Scope
from windlass.checks.places import Place
from windlass.checks.tasks import Tasks

_MAX_BRANCHES = 20  # sets of branches of a function that are looked at
_MAX_WIDE = 50  # tasks on one side of a `>>`
_SHIFTS, _LISTS = (ast.RShift, ast.LShift), (ast.List, ast.Tuple)
_PARTS = (ast.Attribute, ast.Call)


@dataclass(frozen=True, slots=True)
class Edge:
    """`before` runs before `after`, by what stands at `at`."""

    before: str
    after: str
    at: ast.expr


@dataclass(frozen=True, slots=True)
class Cycle:
    """Names in the order in which each waits for the one before; the last is the first again."""

    names: tuple[str, ...]
    at: ast.expr


def cycles_of(tasks: Tasks) -> list[Cycle]:
    """A circle for each function that has some, and for the code outside of functions."""
    makers = _makers(tasks)
    scopes = tasks.module.scopes
    return [cycle for scope in scopes if (cycle := _cycle_of(tasks, scope, makers))]


def _cycle_of(tasks: Tasks, scope: Scope, makers: set[str]) -> Cycle | None:
    by_branch: dict[tuple[tuple[int, int], ...], list[Edge]] = defaultdict(list)
    for place, edge in _edges(tasks, scope, makers):
        by_branch[place.branches].append(edge)
    for branch in sorted(by_branch, key=len)[:_MAX_BRANCHES]:
        run = [e for b, edges in by_branch.items() if b == branch[: len(b)] for e in edges]
        cycle = _find_cycle(sorted(run, key=lambda e: (e.at.lineno, e.at.col_offset)))
        if cycle is not None:
            return cycle
    return None


def _edges(tasks: Tasks, scope: Scope, makers: set[str]) -> Iterator[tuple[Place, Edge]]:
    shifts = [b for b in scope.all(ast.BinOp) if isinstance(b.op, _SHIFTS)]
    if not shifts and not makers and not tasks.has_orders:
        return
    nodes = _Names(tasks.bound(scope.function))
    if not nodes.tasks:
        return
    inner = {id(one.left) for one in shifts}
    for shift in shifts:
        if id(shift) not in inner:
            place = tasks.places.at(shift)
            yield from ((place, edge) for edge in nodes.shifted(shift))
    has_orders = tasks.has_orders
    for call in scope.all(ast.Call) if makers or has_orders else ():
        edges = (has_orders and nodes.called(call, tasks)) or nodes.fed(call, makers)
        if edges:
            place = tasks.places.at(call)
            yield from ((place, edge) for edge in edges)


def _makers(tasks: Tasks) -> set[str]:
    """The functions of the file that make a task when they are called."""
    return {
        function.name
        for function in tasks.module.all(ast.FunctionDef)
        if tasks.decorator(function, "task", "task_group")
    }


class _Names:
    """The names of one function that stand for one task or group, or for a list of such."""

    def __init__(self, bound: Mapping[str, list[ast.expr]]) -> None:
        once = {name: values[0] for name, values in bound.items() if len(values) == 1}
        self.tasks = {n for n, value in once.items() if isinstance(value, ast.Call)}
        self._by_call = {id(once[name]): name for name in self.tasks}
        self._lists = {n: v for n, v in once.items() if isinstance(v, _LISTS)}

    def of(self, node: ast.expr) -> list[str]:
        """The names of the tasks that an expression is."""
        if isinstance(node, ast.Name):
            if node.id in self._lists:
                return self._each(self._lists[node.id])
            return [node.id] if node.id in self.tasks else []
        if isinstance(node, _LISTS):
            return self._each(node)
        return []

    def shifted(self, shift: ast.BinOp) -> list[Edge]:
        """What `a >> b << c` says. A chain is long, not deep: no recursion on its left side."""
        chain: list[ast.BinOp] = []
        node: ast.expr = shift
        while isinstance(node, ast.BinOp) and isinstance(node.op, _SHIFTS):
            chain.append(node)
            node = node.left
        left, edges = self.of(node), list[Edge]()
        for one in reversed(chain):
            if isinstance(one.right, ast.Call) and _last(one.right.func) == "Label":
                continue
            right = self.of(one.right)
            pair = (left, right) if isinstance(one.op, ast.RShift) else (right, left)
            edges += _across(*pair, one)
            left = right
        return edges

    def called(self, call: ast.Call, tasks: Tasks) -> list[Edge]:
        """What `a.set_upstream(b)`, `chain(a, b)` and `cross_downstream(a, b)` say."""
        func = call.func
        if isinstance(func, ast.Attribute) and func.attr in ("set_upstream", "set_downstream"):
            own, others = self.of(func.value), [n for a in call.args[:1] for n in self.of(a)]
            pair = (own, others) if func.attr == "set_downstream" else (others, own)
            return _across(*pair, call)
        if not isinstance(func, ast.Name) or "airflow" not in tasks.names.get(func.id, ""):
            return []
        if last_part(tasks.names[func.id]) in ("chain", "cross_downstream"):
            groups = [self.of(a) for a in call.args]
            return [
                edge for before, after in pairwise(groups) for edge in _pairs(before, after, call)
            ]
        return []

    def fed(self, call: ast.Call, makers: set[str]) -> list[Edge]:
        """What `b = load(a)` says, where `load` is a task."""
        own = self._by_call.get(id(call))
        if own is None or _root(call.func) not in makers:
            return []
        given = [*call.args, *(k.value for k in call.keywords)]
        return _across([n for a in given for n in self.of(a)], [own], call)

    def _each(self, node: ast.List | ast.Tuple) -> list[str]:
        names = [e.id for e in node.elts if isinstance(e, ast.Name) and e.id in self.tasks]
        return names[:_MAX_WIDE]


def _across(before: Iterable[str], after: list[str], at: ast.expr) -> list[Edge]:
    return [Edge(one, other, at) for one in before for other in after]


def _pairs(before: list[str], after: list[str], at: ast.expr) -> list[Edge]:
    """As `chain` does: lists of one length go side by side."""
    if len(before) == len(after) > 1:
        return [Edge(one, other, at) for one, other in zip(before, after, strict=True)]
    return _across(before, after, at)


def _root(func: ast.expr) -> str:
    while isinstance(func, _PARTS):
        func = func.func if isinstance(func, ast.Call) else func.value
    return func.id if isinstance(func, ast.Name) else ""


def _last(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else _root(func)


def _find_cycle(edges: list[Edge]) -> Cycle | None:
    """The circle that the earliest edge closes, edges being in the order of the text."""
    after: dict[str, dict[str, None]] = defaultdict(dict)
    for edge in edges:
        after[edge.before][edge.after] = None
    if not _is_circular(after):
        return None
    after.clear()
    for edge in edges:
        path = _path(after, edge.after, edge.before)
        if path is not None:
            return Cycle((edge.before, *path), edge.at)
        after[edge.before][edge.after] = None
    return None


def _is_circular(after: Mapping[str, Iterable[str]]) -> bool:
    """Whether some names are left when those that wait for nobody are taken away, over and over."""
    waits: dict[str, int] = defaultdict(int)
    for others in after.values():
        for other in others:
            waits[other] += 1
    free = [name for name in after if not waits[name]]
    taken = 0
    while free:
        taken += 1
        for other in after.get(free.pop(), ()):
            waits[other] -= 1
            if not waits[other]:
                free.append(other)
    return taken < len(after.keys() | waits.keys())


def _path(after: Mapping[str, Iterable[str]], start: str, end: str) -> tuple[str, ...] | None:
    """Names from `start` to `end`, the shortest way."""
    came: dict[str, str | None] = {start: None}
    queue = [start]
    for name in queue:  # grows meanwhile
        if name == end:
            path = [name]
            while (before := came[path[-1]]) is not None:
                path.append(before)
            return tuple(reversed(path))
        for other in after.get(name, ()):
            if other not in came:
                came[other] = name
                queue.append(other)
    return None
