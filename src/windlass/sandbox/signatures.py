"""Reads the signatures of operators from the files that an interpreter has installed.

Nothing of them is imported or run: a provider's module takes seconds to import, and would run here
unconfined. What cannot be told by reading is unknown, and the import in the sandbox tells it.
"""

import ast
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from windlass.domain.signature import Missing, Signature

_MAX_BYTES = 2_000_000
_MAX_DEPTH = 12
# Names that Airflow re-exports by __getattr__, and where their classes are: of 3.x, then of 2.11.
_HOMES = {
    "BaseOperator": ("airflow.sdk.bases.operator", "airflow.models.baseoperator"),
    "BaseSensorOperator": ("airflow.sdk.bases.sensor", "airflow.sensors.base"),
}
_NO_ARGUMENTS = frozenset(
    {
        "object",
        "ABC",
        "Generic",
        "Protocol",
        "LoggingMixin",
        "SkipMixin",
        "Templater",
    }
)
_ADDED = frozenset({"task_group", "dag"})
"""What a class's own file may not name, and Airflow's metaclass takes."""

Found = Signature | Missing | None


@dataclass(frozen=True, slots=True)
class _Module:
    """What a module says: its classes, name → (module, name) that it is imported from, and whether
    it answers for others by __getattr__."""

    classes: dict[str, ast.ClassDef]
    imports: dict[str, tuple[str, str]]
    is_open: bool


@dataclass(slots=True)
class Signatures:
    """The signatures of what lies in some folders, those that an interpreter looks into. Each file
    is read once. Safe for threads."""

    places: Sequence[str]
    _modules: dict[str, _Module | None] = field(default_factory=dict)
    _found: dict[str, Found] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, path: str) -> Found:
        """That of a class by its dotted path; None where reading does not tell."""
        with self._lock:
            if path not in self._found:
                self._found[path] = self._look(path)
            return self._found[path]

    def _look(self, path: str) -> Found:
        module, _, name = path.rpartition(".")
        known = self._module(module)
        if known is None:
            above = self._module(module.rpartition(".")[0])
            is_open = above is not None and above.is_open  # airflow.operators makes up modules
            is_own = not module.startswith("airflow.")  # the repository's
            return None if is_open or is_own else Missing()
        home = self._home(module, name)
        if home is None:
            return None if known.is_open else Missing(tuple(sorted(known.classes)))
        arguments = _Arguments()
        self._collect(*home, arguments, 0)
        names = frozenset(arguments.known | _ADDED)
        return Signature(names, frozenset(arguments.required), arguments.is_whole)

    def _home(self, module: str, name: str, depth: int = 0) -> tuple[str, ast.ClassDef] | None:
        """The module that defines a class, and the class, through what re-exports it."""
        known = self._module(module)
        if known is None or depth > _MAX_DEPTH:
            return None
        if name in known.imports:  # before a class that stands in for it where it is missing
            found = self._home(*known.imports[name], depth + 1)
            if found is not None:
                return found
        if name in known.classes:
            return module, known.classes[name]
        return self._known_home(name, depth)

    def _known_home(self, name: str, depth: int) -> tuple[str, ast.ClassDef] | None:
        homes = (self._home(home, name, depth + 1) for home in _HOMES.get(name, ()))
        return next((one for one in homes if one), None)

    def _collect(self, module: str, found: ast.ClassDef, into: "_Arguments", depth: int) -> None:
        """Add what a class takes by its own constructor, and passes on to those above it."""
        init = next(
            (
                one
                for one in found.body
                if isinstance(one, ast.FunctionDef) and one.name == "__init__"
            ),
            None,
        )
        if init is not None:
            into.add(init)
            if init.args.kwarg is None or found.name == "BaseOperator":
                return
        for base in found.bases:
            self._collect_base(module, base, into, depth)

    def _collect_base(self, module: str, base: ast.expr, into: "_Arguments", depth: int) -> None:
        target = base.value if isinstance(base, ast.Subscript) else base
        name = target.id if isinstance(target, ast.Name) else ""
        if name in _NO_ARGUMENTS:
            return
        home = self._home(module, name, depth) if name and depth < _MAX_DEPTH else None
        if home is None:
            into.is_whole = into.is_whole and name.endswith("Mixin")
            return
        self._collect(*home, into, depth + 1)

    def _module(self, module: str) -> _Module | None:
        if module not in self._modules:
            self._modules[module] = self._read(module)
        return self._modules[module]

    def _read(self, module: str) -> _Module | None:
        """None where there is no such file, or none that can be read."""
        below = module.replace(".", "/")
        for place in self.places:
            for name in (f"{below}.py", f"{below}/__init__.py"):
                path = Path(place, name)
                try:
                    if path.stat().st_size > _MAX_BYTES:
                        return None
                    tree = ast.parse(path.read_bytes())
                except (OSError, SyntaxError, ValueError):
                    continue
                return _module_of(module, tree, is_package=name.endswith("__init__.py"))
        return None


@dataclass(slots=True)
class _Arguments:
    known: set[str] = field(default_factory=set)
    required: set[str] = field(default_factory=set)
    is_whole: bool = True

    def add(self, init: ast.FunctionDef) -> None:
        """Those of a constructor; one that a class below it names is that class's to require. What
        it takes out of **kwargs stands in it as a text."""
        args = init.args
        plain = [one.arg for one in (*args.posonlyargs, *args.args)][1:]
        without = plain[: len(plain) - len(args.defaults)] if args.defaults else plain
        required = {*without} | {
            one.arg
            for one, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
            if default is None
        }
        self.required |= required - self.known - {"task_id"}
        self.known |= {*plain, *(one.arg for one in args.kwonlyargs)}
        if args.kwarg is not None:
            nodes = (node for statement in init.body for node in ast.walk(statement))
            texts = (node.value for node in nodes if isinstance(node, ast.Constant))
            self.known |= {text for text in texts if isinstance(text, str) and text.isidentifier()}


def _module_of(module: str, tree: ast.Module, *, is_package: bool) -> _Module:
    classes: dict[str, ast.ClassDef] = {}
    imports: dict[str, tuple[str, str]] = {}
    is_open = False
    for one in _statements(tree.body):
        match one:
            case ast.ClassDef(name=name):
                classes[name] = one
            case ast.FunctionDef(name="__getattr__"):
                is_open = True
            case ast.ImportFrom():
                above = _above(module, one, is_package=is_package)
                is_open = is_open or any(alias.name == "*" for alias in one.names)
                imports |= {a.asname or a.name: (above, a.name) for a in one.names}
            case ast.Assign() | ast.Expr():  # of Airflow 2: add_deprecated_classes, __deprecated…
                is_open = is_open or "deprecated" in ast.dump(one).lower()
    return _Module(classes, imports, is_open)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Also those below `if TYPE_CHECKING`, version checks and `try`."""
    for one in body:
        yield one
        for name in ("body", "orelse", "handlers"):
            if isinstance(one, ast.If | ast.Try):
                for inner in getattr(one, name, []):
                    yield from _statements([inner] if isinstance(inner, ast.stmt) else inner.body)


def _above(module: str, found: ast.ImportFrom, *, is_package: bool) -> str:
    if not found.level:
        return found.module or ""
    parts = module.split(".")
    kept = len(parts) - found.level + (1 if is_package else 0)
    return ".".join([*parts[:kept], *([found.module] if found.module else [])])
