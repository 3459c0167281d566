"""The tasks and groups that a file makes outright: which DAG each belongs to, under which id.

What loops, factories and other files make is left out: only running the file would tell.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from windlass.checks.aliases import dotted, imported_names, keyword, last_part, text_of
from windlass.checks.module import Module, Scope
from windlass.checks.places import Function, Loop, Place

_Owner = ast.expr | Function
_ONCE = 2  # repetitions of a loop from which an id is there twice
_LISTS, _GIVING = (ast.List, ast.Tuple), (ast.AnnAssign, ast.NamedExpr, ast.AugAssign)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A task or a group. `written` is its literal id, `full_id` the one that Airflow makes of it,
    `owner` the DAG that it belongs to, `at` where its id stands. `loop` has it made again and
    again, under the same id."""

    call: ast.Call
    written: str
    full_id: str
    owner: _Owner
    place: Place
    at: ast.expr
    is_group: bool
    loop: Loop | ast.expr | None


class Tasks:
    """Reads the DAGs, groups and tasks of a file."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.names = imported_names(module)
        self._bound: dict[int, dict[str, list[ast.expr]]] = {}
        self.places = module.places
        self.dags, self.groups, self.operators = (
            list[ast.Call](),
            list[ast.Call](),
            list[ast.Call](),
        )
        for call, name in module.called:
            if _is_airflows(name, "DAG"):
                self.dags.append(call)
            elif _is_airflows(name, "TaskGroup"):
                self.groups.append(call)
            elif call.keywords and _is_operators(name.removesuffix(".partial")):
                self.operators.append(call)

    def is_dag(self, node: ast.expr) -> bool:
        """Whether it is a call that makes a DAG."""
        return isinstance(node, ast.Call) and _is_airflows(dotted(node.func, self.names), "DAG")

    def is_group(self, node: ast.expr) -> bool:
        """Whether it is a call that makes a task group."""
        name = dotted(node.func, self.names) if isinstance(node, ast.Call) else ""
        return _is_airflows(name, "TaskGroup")

    def decorator(self, function: Function, *wanted: str) -> ast.expr | None:
        """The decorator of a function that is Airflow's `dag`, `task_group` or a kind of `task`."""
        for one in function.decorator_list:
            head = one.func if isinstance(one, ast.Call) else one
            name = dotted(head, self.names)
            base = name.rpartition(".task.")[0] + ".task" if ".task." in name else name
            if base.startswith("airflow") and last_part(base) in wanted:
                return one
        return None

    @cached_property
    def has_orders(self) -> bool:
        """Whether the text may put tasks in order by other means than `>>`."""
        content = self.module.content
        return not content.isascii() or b"stream" in content or b"chain" in content

    @cached_property
    def nodes(self) -> list[Node]:
        """Tasks and groups whose id is literal and whose DAG is known, in the order of the text."""
        made = [(call, True) for call in self.groups] + [(call, False) for call in self.operators]
        found = [node for call, is_group in made if (node := self._node(call, is_group=is_group))]
        return sorted(found, key=lambda one: (one.at.lineno, one.at.col_offset))

    def bound(self, function: ast.AST | None) -> Mapping[str, list[ast.expr]]:
        """Name → everything that is bound to it in a function of the file; None is the module."""
        key = id(function) if function else 0
        names = self._bound.get(key)
        if names is None:
            names = self._bound[key] = defaultdict(list)
            scope = self._scopes.get(key)
            for name, value in _bindings(scope.nodes) if scope else ():
                names[name].append(value)
        return names

    @cached_property
    def _repeated(self) -> Mapping[int, ast.expr]:
        """The comprehensions that surely make a call at least twice, by the call."""
        found: dict[int, ast.expr] = {}
        made: list[ast.ListComp | ast.GeneratorExp] = [*self.module.all(ast.ListComp)]
        for one in (*made, *self.module.all(ast.GeneratorExp)):
            first, *others = one.generators
            if not others and not first.ifs and _length(first.iter) >= _ONCE:
                inner = [n for n in ast.walk(one.elt) if isinstance(n, ast.Call)]
                found |= {id(call): one for call in inner}
        return found

    @cached_property
    def _scopes(self) -> Mapping[int, Scope]:
        """The scopes of the file, by function; 0 is the module."""
        return {id(one.function) if one.function else 0: one for one in self.module.scopes}

    def value_of(self, node: ast.expr, function: ast.AST | None) -> ast.expr:
        """What a name stands for where it is bound once; else the expression itself."""
        if isinstance(node, ast.Name) and not _is_parameter(node.id, function):
            for where in dict.fromkeys((function, None)):
                values = self.bound(where).get(node.id)
                if values is not None:
                    return values[0] if len(values) == 1 else node
        return node

    def written(self, node: ast.expr | None, place: Place) -> str | None:
        """The text that an expression stands for: a literal, outside of functions also a name that
        the file gives one, and an f-string of such. None where that is not known for certain."""
        if isinstance(node, ast.JoinedStr):
            parts = [self._part(one, place) for one in node.values]
            return "".join(map(str, parts)) if None not in parts else None
        if isinstance(node, ast.Name):
            is_plain = place.function is None and node.id not in self._changing
            return text_of(self.value_of(node, None)) if is_plain else None
        return text_of(node)

    def _part(self, node: ast.expr, place: Place) -> str | None:
        if not isinstance(node, ast.FormattedValue):
            return text_of(node)
        is_plain = node.conversion == -1 and node.format_spec is None
        return self.written(node.value, place) if is_plain else None

    @cached_property
    def _changing(self) -> set[str]:
        """Names that are bound in other ways than `bound` sees."""
        loops = self.module.all(ast.comprehension)
        found = {name for one in loops for name in _target_names(one.target)}
        found |= {name for one in self.module.all(ast.Global) for name in one.names}
        found |= {one.name for one in self.module.all(ast.ExceptHandler) if one.name}
        found |= {one.name for one in self.module.all(ast.FunctionDef)}
        return found | {one.name for one in self.module.all(ast.ClassDef)} | {*self.names}

    def _node(self, call: ast.Call, *, is_group: bool) -> Node | None:
        at = id_of_group(call) if is_group else keyword(call, "task_id")
        place = self.places.at(call)
        written = self.written(at, place)
        if written is None or (not is_group and keyword(call, "task_group") is not None):
            return None
        owner, groups = self._surroundings(call, place)
        if at is None or owner is None:
            return None
        inner = groups[-1] if groups else owner
        loop = repeating_loop(place, inner) or self._repeated.get(id(call))
        return Node(call, written, self._full(groups, written), owner, place, at, is_group, loop)

    def _surroundings(
        self, call: ast.Call, place: Place
    ) -> tuple[_Owner | None, list[ast.Call | Function]]:
        """The DAG of a call, None where it is not known; and the groups around it in that DAG."""
        groups: list[ast.Call | Function] = []
        given = keyword(call, "dag")
        if given is not None:
            value = self.value_of(given, place.function)
            if not self.is_dag(value):
                return None, []
            around = [c for c in self._groups(place.contexts, place) if c is not call]
            return (value, around) if self._dag_of(place) in (None, value) else (None, [])
        owner = self._dag_of(place)
        for one in place.contexts:
            value = self.value_of(one, place.function)
            if value is owner:
                groups = []
            elif isinstance(value, ast.Call) and self.is_group(value) and value is not call:
                groups.append(value)
        if place.function is not None and self.decorator(place.function, "task_group"):
            groups.insert(0, place.function)
        return owner, groups

    def _groups(self, contexts: tuple[ast.expr, ...], place: Place) -> list[ast.Call | Function]:
        values = (self.value_of(one, place.function) for one in contexts)
        return [one for one in values if isinstance(one, ast.Call) and self.is_group(one)]

    def _dag_of(self, place: Place) -> _Owner | None:
        """The innermost DAG around a place."""
        for one in reversed(place.contexts):
            value = self.value_of(one, place.function)
            if self.is_dag(value):
                return value
        function = place.function
        if function is not None and self.decorator(function, "dag", "task_group"):
            return function
        return None

    def _full(self, groups: list[ast.Call | Function], label: str) -> str:
        """The id with those of its groups before it; a group that is made of a function, or whose
        id is not literal, is told apart from all others."""
        for group in reversed(groups):
            if isinstance(group, Function):
                return f"<{id(group)}>.{label}"
            prefixes = keyword(group, "prefix_group_id")
            if isinstance(prefixes, ast.Constant) and prefixes.value is False:
                return label
            own = text_of(id_of_group(group))
            label = f"{own if own is not None else f'<{id(group)}>'}.{label}"
        return label


def _is_airflows(name: str, wanted: str) -> bool:
    """Whether a dotted name is Airflow's of that last part, as far as the text tells."""
    return (
        name.endswith(wanted)
        and (name.startswith("airflow") or "." in name)
        and last_part(name) == wanted
    )


def _is_operators(name: str) -> bool:
    """Whether a dotted name is that of an operator or a sensor."""
    own = last_part(name)
    if not own[:1].isupper():
        return False
    if own.endswith(("Operator", "Sensor", "OperatorAsync", "SensorAsync")):
        return True
    parts = name.split(".")
    return "operators" in parts or "sensors" in parts


def id_of_group(call: ast.Call) -> ast.expr | None:
    """What a call that makes a group is given as its id."""
    return keyword(call, "group_id") or (call.args[0] if call.args else None)


def _is_parameter(name: str, function: ast.AST | None) -> bool:
    if not isinstance(function, Function):
        return False
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return any(one is not None and one.arg == name for one in every)


def _bindings(nodes: Mapping[type, list[ast.AST]]) -> Iterator[tuple[str, ast.expr]]:
    """Names that are bound, and to what; what is bound piece by piece counts too, so that nobody
    takes the name for bound once."""
    for assign in nodes.get(ast.Assign, []):
        assert isinstance(assign, ast.Assign)
        for target in assign.targets:
            yield from ((name, assign.value) for name in _target_names(target))
    for kind in (ast.AnnAssign, ast.NamedExpr, ast.AugAssign):
        for one in nodes.get(kind, []):
            assert isinstance(one, _GIVING)
            if one.value is not None and isinstance(one.target, ast.Name):
                yield one.target.id, one.value
    for item in nodes.get(ast.withitem, []):
        assert isinstance(item, ast.withitem)
        if isinstance(item.optional_vars, ast.Name):
            yield item.optional_vars.id, item.context_expr
    for loop in (*nodes.get(ast.For, []), *nodes.get(ast.AsyncFor, [])):
        assert isinstance(loop, ast.For | ast.AsyncFor)
        for name in _target_names(loop.target):
            yield from ((name, loop.iter), (name, loop.iter))  # it changes


def _target_names(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, _LISTS):
        for one in target.elts:  # unpacked: not the value itself
            yield from (name for name in _target_names(one) for _ in range(2))
    elif isinstance(target, ast.Starred):
        yield from _target_names(target.value)


def repeating_loop(place: Place, inner: ast.AST) -> Loop | None:
    """The loop around a place, inside of `inner`, that surely comes by at least twice."""
    if not place.loops:
        return None
    loop = place.loops[-1]
    if place.branches[-1] != (id(loop), 0) or not isinstance(loop, ast.For):
        return None
    if (loop.lineno, loop.col_offset) < (_line(inner), 0) or _length(loop.iter) < _ONCE:
        return None
    leaves = (ast.Break, ast.Continue, ast.Return, ast.Raise)
    return None if any(isinstance(one, leaves) for one in ast.walk(loop)) else loop


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


def _length(node: ast.expr) -> int:
    """How many turns a loop over it takes, as far as that is written down; else 0."""
    if isinstance(node, _LISTS):
        return 0 if any(isinstance(e, ast.Starred) for e in node.elts) else len(node.elts)
    if isinstance(node, ast.Dict):
        return len({ast.dump(key) for key in node.keys if key is not None})
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        bounds = [a.value for a in node.args if isinstance(a, ast.Constant)]
        numbers = [b for b in bounds if isinstance(b, int)]
        return len(range(*numbers)) if len(numbers) == len(node.args) in (1, 2) else 0
    return 0
