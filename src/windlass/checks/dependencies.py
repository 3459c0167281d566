"""Dependencies of a tree: whether what its files import is there when Airflow imports them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from windlass.domain.artifact import EMPTY, Artifact
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.installed import Installed, usual_package
from windlass.domain.names import How, Need, Requirement
from windlass.domain.versions import satisfies

_NAMED = 5  # files in one message


@dataclass(frozen=True, slots=True)
class _Miss:
    """A module that a file does not find."""

    path: str
    need: Need
    module: str
    in_tree: bool  # whether it would be one of the tree's own


def dependency_findings(
    artifact: Artifact,
    installed: Installed,
    elsewhere: Collection[str] = (),
    served: Artifact = EMPTY,
    hidden: Collection[str] = (),
) -> list[Finding]:
    """What the files of a tree lack. `elsewhere` are top-level modules that Airflow finds in places
    that are not looked at: its plugins folder, or what `PYTHONPATH` names. A requirement that
    `served` did not have yet denies the DAG files that need it, until the environment has it.
    `hidden` are the files that Airflow passes over.

    Says nothing where the interpreter has no Airflow: it is not the one that imports DAG files.
    """
    if not installed.has_airflow:
        return []
    tree = _Tree(artifact, installed, frozenset(elsewhere), hidden)
    found = [tree.finding(miss) for miss in _worst(tree.misses())]
    found += _relative(artifact, tree.loaded)
    return found + _requirements(artifact, installed, tree, served)


class _Tree:
    """A tree beside what is installed."""

    def __init__(
        self,
        artifact: Artifact,
        installed: Installed,
        elsewhere: frozenset[str],
        hidden: Collection[str],
    ) -> None:
        self.artifact = artifact
        self.installed = installed
        self.elsewhere = elsewhere
        self.roots = frozenset().union(*(chunk.roots for chunk in artifact.chunks))
        self.loaded = artifact.dag_files.keys() - set(hidden)  # what Airflow imports
        self._parents: dict[str, str] = {}

    def misses(self) -> Iterator[_Miss]:
        known: dict[tuple[str, str], tuple[str, bool] | None] = {}
        for chunk in self.artifact.chunks:
            for key, uses in chunk.needs.items():
                if key not in known:
                    known[key] = self._missing(*key)
                if (missing := known[key]) is not None:
                    yield from (_Miss(path, need, *missing) for path, need in uses)

    def finding(self, miss: _Miss) -> Finding:
        severity = self._severity(miss)
        return (
            _not_in_tree(miss, severity) if miss.in_tree else _not_installed(miss, severity, self)
        )

    def needing(self, modules: Iterable[str]) -> list[tuple[str, Need]]:
        """The files that are imported with a DAG file and import one of these modules then."""
        wanted = tuple(modules)
        tops = tuple(f"{module}." for module in wanted)
        return [
            (path, need)
            for root in {module.partition(".")[0] for module in wanted}
            for whole, path, need in self._by_root.get(root, ())
            if f"{whole}.".startswith(tops) and path in self._reached
        ]

    @cached_property
    def _by_root(self) -> Mapping[str, list[tuple[str, str, Need]]]:
        """Top-level module → what is imported of it along with a file, and where."""
        found: dict[str, list[tuple[str, str, Need]]] = {}
        for chunk in self.artifact.chunks:
            for (module, name), uses in chunk.needs.items():
                row = found.setdefault(module.partition(".")[0], [])
                whole = f"{module}.{name}" if name else module
                row += [(whole, path, need) for path, need in uses if need.how is How.IMPORT]
        return found

    def _missing(self, module: str, name: str) -> tuple[str, bool] | None:
        """The module that is not there, and whether it is the tree's own; None: all is there."""
        root = module.partition(".")[0]
        whole = f"{module}.{name}" if name else module
        if root in self.elsewhere or self.installed.has(whole):
            return None
        if not module or root in self.roots:
            if not module or self._is_here(module):
                is_open = self._is_module(module) or not name or self._is_here(whole.strip("."))
                return None if is_open else (whole.strip("."), True)
            return module, True
        return whole if self.installed.has(module) else module, False

    def _is_here(self, module: str) -> bool:
        return self._is_module(module) or module.replace(".", "/") in self._folders

    def _is_module(self, module: str) -> bool:
        place = module.replace(".", "/")
        files = self.artifact.files
        return f"{place}.py" in files or f"{place}/__init__.py" in files

    @cached_property
    def _folders(self) -> set[str]:
        found: set[str] = set()
        for chunk in self.artifact.chunks:
            for folder in chunk.folders:
                while folder and folder not in found:
                    found.add(folder)
                    folder = folder.rpartition("/")[0]  # noqa: PLW2901  # up to the root
        return found

    def _severity(self, miss: _Miss) -> Severity:
        """An import that fails takes the DAGs of its file away, and of those that import that."""
        if miss.need.how is How.MAYBE:
            return Severity.INFO
        matters = miss.path in self._reached
        if miss.need.how is How.CALL:
            return Severity.MEDIUM if matters else Severity.LOW
        return Severity.HIGH if matters else Severity.LOW

    @cached_property
    def _reached(self) -> set[str]:
        """The files that are imported when Airflow imports DAG files."""
        imported: dict[str, list[str]] = {}
        for chunk in self.artifact.chunks:
            for root in self.roots & chunk.imported.keys():
                for path, name in chunk.imported[root]:
                    imported.setdefault(path, []).append(name)
        reached = set(self.loaded)
        queue = list(reached & imported.keys())
        while queue:
            for name in imported.get(queue.pop(), ()):
                parts = name.split(".")
                names = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
                new = {p for own in names if (p := self._path_of(own))} - reached
                reached |= new
                queue += new
        return reached

    def _path_of(self, module: str) -> str | None:
        """The file that a module of the tree is; of two the package, as Python has it."""
        place, files = module.replace(".", "/"), self.artifact.files
        package, plain = f"{place}/__init__.py", f"{place}.py"
        return package if package in files else plain if plain in files else None

    def suggestion(self, module: str) -> str:
        """Where the tree has a module of that name; "" where it has none."""
        below = module.partition(".")[2]
        if below and self._is_module(below):
            return f"The DAG root has it as {below!r}: the root itself is where Python looks."
        root = module.partition(".")[0]
        if root not in self._parents:
            self._parents[root] = next((f for f in self._folders if self._holds(f, root)), "")
        parent = self._parents[root].replace("/", ".")
        if parent and self._is_here(f"{parent}.{module}"):
            return f"The DAG root has it as '{parent}.{module}': import that."
        return ""

    def _holds(self, folder: str, root: str) -> bool:
        return f"{folder}/{root}" in self._folders or f"{folder}/{root}.py" in self.artifact.files


_RANKS = (How.IMPORT, How.RELATIVE, How.CALL, How.MAYBE)


def _worst(misses: Iterable[_Miss]) -> list[_Miss]:
    """One for each file and package: the one that fails first."""
    found: dict[tuple[str, str], _Miss] = {}
    for miss in misses:
        parts = miss.module.split(".")
        key = miss.path, miss.module if miss.in_tree else ".".join(parts[:3])
        known = found.get(key)
        if known is None or _rank(miss) < _rank(known):
            found[key] = miss
    return list(found.values())


def _rank(miss: _Miss) -> tuple[int, int]:
    return _RANKS.index(miss.need.how), miss.need.line


def _not_installed(miss: _Miss, severity: Severity, tree: _Tree) -> Finding:
    package = usual_package(miss.module)
    what = f"the module {miss.module!r}"
    if miss.module.startswith("airflow.providers."):
        what = f"the provider {package}, which has {miss.module!r},"
    when = {
        How.CALL: "; it is imported only when its code is reached",
        How.MAYBE: "; the file goes on without it",
    }.get(miss.need.how, "")
    python = tree.installed.python
    hint = tree.suggestion(miss.module)
    return _finding(
        "PKG001",
        severity,
        miss.path,
        f"{what} is not installed in the environment (Python {python}){when}",
        hint
        or f"Install {package} with Airflow's image. If Airflow finds it elsewhere, name it in the "
        "environment's inventory, under modules.",
        line=miss.need.line,
    )


def _not_in_tree(miss: _Miss, severity: Severity) -> Finding:
    return _finding(
        "PKG003",
        severity,
        miss.path,
        f"the DAG root has no module {miss.module!r}",
        "Commit it, or correct the import: Python looks from the DAG root.",
        line=miss.need.line,
    )


def _relative(artifact: Artifact, loaded: Collection[str]) -> list[Finding]:
    """Relative imports in files that Airflow imports by itself, which are in no package then."""
    found: dict[str, Need] = {}
    for chunk in artifact.chunks:
        for uses in chunk.needs.values():
            for path, need in uses:
                if need.how is How.RELATIVE and path in loaded:
                    first = found.setdefault(path, need)
                    found[path] = min(first, need, key=lambda one: one.line)
    return [
        _finding(
            "PKG002",
            Severity.HIGH,
            path,
            "a relative import fails in a file that Airflow imports: it is in no package then",
            f"Write `from {need.module or 'the module'} import …`, from the DAG root on; or name a "
            "file without DAGs in .airflowignore.",
            line=need.line,
        )
        for path, need in sorted(found.items())
    ]


def _requirements(
    artifact: Artifact, installed: Installed, tree: _Tree, served: Artifact
) -> list[Finding]:
    found: list[Finding] = []
    before = _wanted(served)
    for path, requirements in _wanted(artifact).items():
        old = {(one.name, one.wants) for one in before.get(path, ())}
        for one in requirements:
            has = installed.distributions.get(one.name)
            if has is not None and satisfies(has, one.wants) is not False:
                continue
            users = tree.needing(installed.modules_of(one.name))
            found.append(_unsatisfied(path, one, has, [user for user, _ in users]))
            is_new = bool(served.files) and (one.name, one.wants) not in old
            if has is not None and is_new:
                found += _outdated(path, one, has, users)
    return found


def _wanted(artifact: Artifact) -> dict[str, tuple[Requirement, ...]]:
    """Path → what the files of requirements ask for."""
    found: dict[str, tuple[Requirement, ...]] = {}
    for chunk in artifact.chunks:
        found.update(chunk.requirements)
    return found


def _unsatisfied(path: str, one: Requirement, has: str | None, users: list[str]) -> Finding:
    there = f"{has} is there" if has else "it is not there"
    files = sorted(set(users))
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    who = f"; needed by {', '.join(files[:_NAMED])}{more}" if files else ""
    return _finding(
        "PKG004",
        Severity.MEDIUM,
        path,
        f"the environment does not have {one.name}{one.wants} yet: {there}{who}",
        "Build Airflow's image with the new requirements first; the next sync sees it.",
        line=one.line,
    )


def _outdated(
    path: str, one: Requirement, has: str, users: list[tuple[str, Need]]
) -> list[Finding]:
    """For each DAG file that would run with a version that the repository does not want."""
    first: dict[str, Need] = {}
    for user, need in users:
        first[user] = min(first.get(user, need), need, key=lambda other: other.line)
    return [
        _finding(
            "PKG005",
            Severity.HIGH,
            user,
            f"it imports {one.name}, of which {path} line {one.line} wants {one.wants}, and the "
            f"environment has {has}",
            "Build Airflow's image with the new requirements first; the next sync sees it.",
            line=need.line,
        )
        for user, need in sorted(first.items())
    ]


def _finding(
    code: str, severity: Severity, path: str, message: str, hint: str, *, line: int
) -> Finding:
    return Finding(code, severity, FindingType.DEPENDENCY, path, message, hint, line)
