"""What a name in a file stands for: `sp.run` for `subprocess.run`, also where that is disguised."""

import ast
from collections.abc import Iterator
from functools import cached_property, partial
from typing import NamedTuple
from weakref import proxy

from windlass.checks.dangers import MODULES, WARY
from windlass.checks.folding import Folder
from windlass.checks.module import Module

_MAX_DEPTH = 30
_NAMING = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.NamedExpr, ast.IfExp, ast.BoolOp)
_TEXTUAL = (ast.Constant, ast.JoinedStr)
_TEXTS = (str, bytes)
_BY_NAME = frozenset({"__import__", "importlib.import_module", "importlib.__import__"})
_CALLERS_BY_NAME = frozenset({"operator.methodcaller", "operator.attrgetter"})
_GETTERS = frozenset({"getattr", "operator.attrgetter", "inspect.getattr_static"})
_MAKERS = frozenset({"join", "format", "decode", "b64decode", "replace", "fromhex"})
_NAMESPACES = frozenset({"globals", "locals", "vars"})
_SAME_AS_OS = frozenset({"posix", "nt"})  # from which `os` has its functions


class Meaning(NamedTuple):
    """The dotted name that an expression stands for; `hidden` where it is not written as such."""

    name: str
    hidden: bool = False


class Names:
    """The names of one file.

    Where a name is bound more than once, one of `dangers.WARY` that it may stand for wins: nobody
    escapes by binding it again.
    """

    def __init__(self, module: Module) -> None:
        self._module = proxy(module)  # which has this: a circle would outlive both
        self._attributes: dict[str, Meaning] | None = None
        self._stars: list[str] = []
        self._bound: dict[str, Meaning] = {}
        self._defined = {f.name for f in module.all(ast.FunctionDef)}
        self._holders = {"self", "cls", *(one.name for one in module.all(ast.ClassDef))}
        self._bind_imports()
        self.folder = Folder(self._texts, partial(Names.name_of, proxy(self)))
        for _ in range(2):  # an alias of an alias
            self._bind_assignments()

    def name_of(self, node: ast.expr) -> str | None:
        """The dotted name of an expression; None where it has none."""
        meaning = self.meaning(node)
        return meaning.name if meaning else None

    def is_known(self, name: str) -> bool:
        """Whether the file imports something under this name, or gives it to something wary."""
        return name in self._bound or bool(self._stars)

    def is_bound_to(self, name: str | None, wanted: frozenset[str]) -> bool:
        """Whether a name is bound to one of these."""
        found = self._bound.get(name) if name else None
        return found is not None and found.name in wanted

    def bound(self) -> Iterator[tuple[str, Meaning]]:
        """Every name that the file binds to something known."""
        yield from self._bound.items()

    @cached_property
    def texts(self) -> list[tuple[ast.expr, str]]:
        """Every text of the file with its node: literals, and what expressions of them make."""
        found: list[tuple[ast.expr, str]] = []
        for node in self._module.all(ast.Constant):
            if type(node.value) is str:
                found.append((node, node.value))
            elif type(node.value) is bytes:
                found.append((node, node.value.decode("latin-1")))
        return found + self.made

    @cached_property
    def whole(self) -> str:
        """All texts of the file, a line each at least."""
        return "\n".join([text for _, text in self.texts])

    @property
    def broken(self) -> list[tuple[ast.expr, str]]:
        """The literals that are written in parts: `"a" "b"`."""
        return [
            (node, node.value)
            for node in self._module.all(ast.Constant)
            if type(node.value) is str
            if node.end_lineno != node.lineno
            or node.end_col_offset - node.col_offset > len(node.value) + 3
        ]

    @cached_property
    def made(self) -> list[tuple[ast.expr, str]]:
        """The texts that expressions of literals make: sums, f-strings, `"".join([…])`."""
        sums = self._module.all(ast.BinOp)
        whole: list[ast.expr] = [one for one in sums if _is_textual(one)]
        inner = {
            id(side)
            for one in whole
            if isinstance(one, ast.BinOp)
            for side in (one.left, one.right)
        }
        whole = [one for one in whole if id(one) not in inner]
        whole += self._module.all(ast.JoinedStr)
        whole += (
            one for one in self._module.all(ast.Subscript) if isinstance(one.slice, ast.Slice)
        )
        for call in self._module.all(ast.Call):
            if isinstance(call.func, ast.Attribute) and call.func.attr in _MAKERS:
                whole.append(call)
        return [(one, text) for one in whole if (text := self.folder.text(one)) is not None]

    def meaning(self, node: ast.AST | None, depth: int = 0) -> Meaning | None:
        """What an expression stands for; builtins have their own name."""
        if depth > _MAX_DEPTH:
            return None
        match node:
            case ast.Name(id=name):
                return self._bound.get(name) or self._unbound(name)
            case ast.Attribute(value=value, attr=attr):
                return self._member(self.meaning(value, depth + 1), attr)
            case ast.Call():
                return self._called(node, depth + 1)
            case ast.Subscript():
                return self._item(node, depth + 1)
            case ast.NamedExpr() | ast.IfExp() | ast.BoolOp():
                return self._either(node, depth + 1)
        return None

    def _either(self, node: ast.NamedExpr | ast.IfExp | ast.BoolOp, depth: int) -> Meaning | None:
        """What one of some expressions stands for: the one to be wary of."""
        nodes = [node.value] if isinstance(node, ast.NamedExpr) else choices(node)
        found = [one for node in nodes if (one := self.meaning(node, depth)) is not None]
        return next(filter(self._is_wary, found), found[0] if found else None)

    @property
    def attributes(self) -> dict[str, Meaning]:
        """Names of attributes that the file gives something to be wary of: `self.run = os.system`,
        and `run = os.system` in the body of a class."""
        if self._attributes is None:
            self._attributes = {}  # while it is being filled, too
            for name, value in self._given_attributes():
                meaning = self.meaning(value)
                if meaning is not None and self._is_wary(meaning):
                    self._attributes[name] = meaning
        return self._attributes

    def _given_attributes(self) -> list[tuple[str, ast.expr]]:
        given = [
            (one.attr, assign.value)
            for assign in self._module.all(ast.Assign)
            for one in assign.targets
            if isinstance(one, ast.Attribute)
        ]
        for holder in self._module.all(ast.ClassDef):
            for statement in holder.body:
                if isinstance(statement, ast.Assign):
                    names = [one.id for one in statement.targets if isinstance(one, ast.Name)]
                    given += [(name, statement.value) for name in names]
        return [one for one in given if isinstance(one[1], ast.Name | ast.Attribute)]

    def is_given(self, node: ast.expr) -> bool:
        """Whether the file gives a builtin's name to something else."""
        name = node.id if isinstance(node, ast.Name) else ""
        return name in self._defined or any(name == other for other, _ in self._assigned)

    def _unbound(self, name: str) -> Meaning | None:
        for module in self._stars:
            if f"{module}.{name}" in WARY:
                return Meaning(f"{module}.{name}")
        return None if name in self._defined else Meaning(name)

    def _member(self, owner: Meaning | None, attr: str) -> Meaning | None:
        if owner is None:
            return None
        if owner.name in ("builtins", "__builtins__"):
            return Meaning(attr, hidden=True)
        if owner.name in self._holders and attr in self.attributes:
            return self.attributes[attr]
        return Meaning(f"{owner.name}.{attr}", owner.hidden)

    def _called(self, node: ast.Call, depth: int) -> Meaning | None:
        """What `__import__("os")` and `getattr(os, "system")` give."""
        if isinstance(node.func, ast.Attribute) and node.func.attr == "__getattribute__":
            attr = self.folder.text(node.args[-1]) if node.args else None
            found = self._member(self.meaning(node.func.value, depth), attr) if attr else None
            return found._replace(hidden=True) if found else None
        called = self.meaning(node.func, depth)
        if called is None or not node.args:
            return None
        if called.name in _BY_NAME:
            name = self.folder.text(node.args[0])
            return Meaning(name, hidden=True) if name else None
        if called.name in _GETTERS and len(node.args) > 1:
            attr = self.folder.text(node.args[1])
            owner = self.meaning(node.args[0], depth)
            found = self._member(owner, attr) if attr else None
            return found._replace(hidden=True) if found else None
        if called.name in _CALLERS_BY_NAME:
            attr = self.folder.text(node.args[0])
            return Meaning(f"os.{attr}", hidden=True) if f"os.{attr}" in WARY else None
        if called.name == "vars":
            return self.meaning(node.args[0], depth)
        return None

    def _item(self, node: ast.Subscript, depth: int) -> Meaning | None:
        """What `globals()["os"]`, `vars(os)["system"]` and `sys.modules["os"]` give."""
        key = self.folder.text(node.slice)
        if key is None:
            return None
        holder = node.value
        if isinstance(holder, ast.Call) and not holder.args:
            called = self.meaning(holder.func, depth)
            if called and called.name in _NAMESPACES:
                found = self._bound.get(key) or self._unbound(key)
                return found._replace(hidden=True) if found else None
        if isinstance(holder, ast.Attribute) and holder.attr == "__dict__":
            holder = holder.value
        owner = self.meaning(holder, depth)
        if owner is None:
            return None
        if owner.name == "sys.modules":
            return Meaning(key, hidden=True)
        found = self._member(owner, key)
        return found._replace(hidden=True) if found and found.name in WARY else None

    def _bind(self, name: str, meaning: Meaning) -> None:
        known = self._bound.get(name)
        if known is None or not self._is_wary(known):
            self._bound[name] = meaning

    def _is_wary(self, meaning: Meaning) -> bool:
        return meaning.name in WARY or meaning.name in MODULES

    def _bind_imports(self) -> None:
        for name, whole in self._module.imports:
            if name == "*":
                self._stars.append(whole)
                continue
            top, dot, rest = whole.partition(".")
            is_other = top in _SAME_AS_OS
            self._bind(name, Meaning(f"os{dot}{rest}" if is_other else whole, hidden=is_other))

    def _bind_assignments(self) -> None:
        """`run = os.system`, and `run = getattr(os, "sys" + "tem")`."""
        for name, value in self._assigned:
            if isinstance(value, _NAMING):
                meaning = self.meaning(value)
                if meaning and (meaning.hidden or self._is_wary(meaning)):
                    self._bind(name, meaning)

    @cached_property
    def _assigned(self) -> list[tuple[str, ast.expr]]:
        """Each name with each expression that the file gives it."""
        found: list[tuple[str, ast.expr]] = []
        for node in self._module.all(ast.Assign):
            for target in node.targets:
                found += _pairs(target, node.value)
        for named in self._module.all(ast.NamedExpr):
            found.append((named.target.id, named.value))
        for one in self._module.all(ast.AnnAssign):
            if one.value is not None:
                found += _pairs(one.target, one.value)
        return found

    @cached_property
    def _texts(self) -> dict[str, ast.expr]:
        """The names that are given one expression each."""
        counts: dict[str, int] = {}
        for name, _ in self._assigned:
            counts[name] = counts.get(name, 0) + 1
        return {name: value for name, value in self._assigned if counts[name] == 1}


def choices(node: ast.BoolOp | ast.IfExp) -> list[ast.expr]:
    """What an expression may come to."""
    return node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]


def _is_textual(node: ast.expr) -> bool:
    """Whether an operation may make a text: a side of it is one, some way down on the left."""
    while isinstance(node, ast.BinOp):
        if isinstance(node.right, ast.Constant) and isinstance(node.right.value, _TEXTS):
            return True
        node = node.left
    return isinstance(node, _TEXTUAL)


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        return [(target.id, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=False)
        return [(t.id, v) for t, v in pairs if isinstance(t, ast.Name)]
    return []
