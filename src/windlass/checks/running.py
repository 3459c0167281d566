"""What of a file runs when Airflow imports it, and what only when a task runs."""

import ast
from collections.abc import Iterable, Iterator

from windlass.checks.module import Module, Scope

# What is decorated with them is called by Airflow when the task runs, not where the file calls it.
_TASKS = frozenset({"task", "asset", "setup", "teardown"})
_PROPERTIES = frozenset({"property", "cached_property"})
_DOTTED = (ast.Attribute, ast.Call)
_CALLERS = frozenset({"map", "filter", "sorted", "min", "max", "reduce", "submit", "partial"})


class Running:
    """Which nodes of one file importing it reaches: also in functions that it calls."""

    def __init__(self, module: Module) -> None:
        self._guarded = _guarded(module.top)
        self._methods: dict[str, list[Scope]] = {}
        self._classes: dict[str, list[Scope]] = {}
        self._functions: dict[str, list[Scope]] = {}
        self._owners = {one.name for one in module.all(ast.ClassDef)}
        self._lambdas: dict[int, Scope] = {}
        self._properties: set[str] = set()
        for scope in module.scopes[1:]:
            self._note(scope)
        starts = [module.top, *self._functions.get("__getattr__", ())]
        self._reached = {id(scope): scope for scope in starts}
        self._made: set[str] = set()
        known = -1
        while known < len(self._made):  # whose methods may be called before it is met
            known = len(self._made)
            self._follow()

    def _follow(self) -> None:
        waiting = list(self._reached.values())
        for scope in waiting:  # grows meanwhile
            for found in self._called_by(scope):
                if id(found) not in self._reached:
                    self._reached[id(found)] = found
                    waiting.append(found)

    def closure(self, scope: Scope) -> list[Scope]:
        """A scope and all those of the file that it calls, directly or not."""
        found = {id(scope): scope}
        waiting = [scope]
        for one in waiting:  # grows meanwhile
            for called in self._called_by(one):
                if id(called) not in found:
                    found[id(called)] = called
                    waiting.append(called)
        return waiting

    def reaches(self, scope: Scope, node: ast.AST) -> bool:
        """Whether importing the file runs a node of a scope."""
        return id(scope) in self._reached and id(node) not in self._guarded

    def is_never(self, node: ast.AST) -> bool:
        """Whether a node runs only where the file is the program, or for a type checker."""
        return id(node) in self._guarded

    def _note(self, scope: Scope) -> None:
        function = scope.function
        if isinstance(function, ast.Lambda):
            self._lambdas[id(function)] = scope
        elif function is not None and not _is_task(function):
            if scope.owner is None:
                self._functions.setdefault(function.name, []).append(scope)
            else:
                self._methods.setdefault(function.name, []).append(scope)
                if any(_PROPERTIES & set(_parts(one)) for one in function.decorator_list):
                    self._properties.add(function.name)
                if function.name.startswith("__") or function.name == "_":
                    self._classes.setdefault(scope.owner.name, []).append(scope)

    def _called_by(self, scope: Scope) -> Iterator[Scope]:
        for call in scope.all(ast.Call):
            if id(call) not in self._guarded:
                yield from self._callees(call)
        for part in scope.all(ast.Attribute) if self._properties else ():
            if part.attr in self._properties and id(part) not in self._guarded:
                yield from self._made_by_now(part.attr)
        for function in scope.all(ast.FunctionDef):
            yield from self._named(function.decorator_list)
        for made in scope.all(ast.ClassDef):
            metaclass = [one.value for one in made.keywords]
            yield from self._named([*made.decorator_list, *made.bases, *metaclass])

    def _callees(self, call: ast.Call) -> Iterator[Scope]:
        function = call.func
        if isinstance(function, ast.Lambda):
            yield self._lambdas[id(function)]
        elif isinstance(function, ast.Attribute):
            yield from self._made_by_now(function.attr)
            if function.attr == "start":  # of a thread or process
                yield from self._made_by_now("run")
        yield from self._named([function])
        if _last(function) in _CALLERS:
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            yield from self._named(given)
            yield from (self._lambdas[id(one)] for one in given if isinstance(one, ast.Lambda))

    def _made_by_now(self, name: str) -> Iterator[Scope]:
        """The methods of a name. Of which object one is, is not known: of any class that was made
        by then."""
        for method in self._methods.get(name, ()):
            if method.owner and method.owner.name in self._made:
                yield method

    def _named(self, nodes: Iterable[ast.expr]) -> Iterator[Scope]:
        for node in nodes:
            head = node.func if isinstance(node, ast.Call) else node
            root = head.value if isinstance(head, ast.Attribute) else head
            root = root.func if isinstance(root, ast.Call) else root
            if isinstance(head, ast.Name):
                yield from self._functions.get(head.id, ())
            if isinstance(root, ast.Name) and root.id in self._owners:
                self._made.add(root.id)
                yield from self._classes.get(root.id, ())


def _guarded(top: Scope) -> set[int]:
    """The nodes that run only where the file is the program, or for a type checker."""
    return {
        id(node)
        for guard in top.all(ast.If)
        if _is_never(guard.test)
        for statement in guard.body
        for node in ast.walk(statement)
    }


def _is_never(test: ast.expr) -> bool:
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq):
        sides = [test.left, *test.comparators]
        names = {side.id for side in sides if isinstance(side, ast.Name)}
        texts = {side.value for side in sides if isinstance(side, ast.Constant)}
        return "__name__" in names and "__main__" in texts
    return _last(test) == "TYPE_CHECKING"


def _is_task(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(_TASKS & set(_parts(decorator)) for decorator in function.decorator_list)


def _last(node: ast.expr) -> str:
    return next(_parts(node), "")


def _parts(node: ast.expr) -> Iterator[str]:
    """The names of `a.b.c(…)`, the last one first."""
    while isinstance(node, _DOTTED):
        if isinstance(node, ast.Attribute):
            yield node.attr
            node = node.value
        else:
            node = node.func
    if isinstance(node, ast.Name):
        yield node.id
