"""Structure of a tree beside Python's own modules and what is installed, and its ignore files."""

import re
import sys
from collections.abc import Iterator, Mapping

from windlass.domain.airflowignore import IgnoredBy, Syntax
from windlass.domain.artifact import Artifact
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.ignores import Ignores
from windlass.domain.installed import Installed
from windlass.domain.ownership import files_by_dag_id

_PYTHONS = frozenset(sys.stdlib_module_names) - {"test"}
_REGEXP = re.compile(r"\.\*|\.\+|\\[.dwsDWS]|^\^|\$$|\(\?|\|")
# Patterns that people write into every such file, whether or not they match anything.
_USUAL = ("__pycache__", ".git", ".venv", "venv", ".idea", ".vscode", ".pyc", "node_modules")


_IDLE = "matches no file of the DAG root"
_NO_REGEXP = "is no regular expression, and Airflow passes over it"
_REGEXP_HINT = (
    "The environment's Airflow reads .airflowignore as regular expressions: write `.*_test\\.py`, "
    "not `*_test.py`."
)


def shadow_findings(artifact: Artifact, installed: Installed | None) -> list[Finding]:
    """Modules that Python never finds in the DAG root, since it looks there last."""
    return [*_shadowed(artifact, installed)]


def _shadowed(artifact: Artifact, installed: Installed | None) -> Iterator[Finding]:
    roots = frozenset().union(*(chunk.roots for chunk in artifact.chunks))
    packages = installed.modules if installed is not None else frozenset[str]()
    for root in sorted(roots & (_PYTHONS | {"airflow"} | packages)):
        path = _own_path(artifact, root)
        users = _users(artifact, root)
        is_vital = root in _PYTHONS or root == "airflow"
        if path is not None and (root == "airflow" or users):
            yield _shadow(path, root, users, is_vital=is_vital)
        elif any(users.values()):  # a folder alone: only what it alone has is missed
            missed = next(p for p, is_own in users.items() if is_own)
            yield _missed(missed, root)


def _own_path(artifact: Artifact, root: str) -> str | None:
    """The file of a top-level module or package; None of a folder alone."""
    return next((p for p in (f"{root}/__init__.py", f"{root}.py") if p in artifact.files), None)


def _users(artifact: Artifact, root: str) -> Mapping[str, bool]:
    """The files outside of a module that import it → whether they want a part that only the tree
    has, or the whole of it where it is Python's."""
    found: dict[str, bool] = {}
    for chunk in artifact.chunks:
        for path, name in chunk.imported.get(root, ()):
            if path == f"{root}.py" or path.startswith(f"{root}/"):
                continue
            place = name.replace(".", "/")
            is_own = "." in name and any(
                p in artifact.files for p in (f"{place}.py", f"{place}/__init__.py")
            )
            is_file = f"{root}.py" in artifact.files
            found[path] = found.get(path, False) or is_own or (is_file and root in _PYTHONS)
    return found


def _shadow(path: str, root: str, users: Mapping[str, bool], *, is_vital: bool) -> Finding:
    wants_it = root == "airflow" or any(users.values())
    who = min(users, key=lambda user: (not users[user], user), default="")
    used = f", also in {who}" if who else ""
    message = (
        f"`import {root}` finds the module of that name that Python or Airflow brings, not this "
        f"one{used}: the DAG root is searched last"
    )
    hint = "Give it another name, or put it into a package of another name."
    severity = Severity.HIGH if is_vital and wants_it else Severity.MEDIUM
    return _finding(severity, path, message, hint)


def _missed(path: str, root: str) -> Finding:
    message = (
        f"it imports a part of {root!r} that only the DAG root has; Python finds the {root!r} that "
        "is installed first, and never looks there"
    )
    return _finding(Severity.HIGH, path, message, f"Rename the folder {root!r} of the DAG root.")


def _finding(severity: Severity, path: str, message: str, hint: str) -> Finding:
    return Finding("STR012", severity, FindingType.STRUCTURE, path, message, hint)


def moved_findings(artifact: Artifact, served: Artifact) -> list[Finding]:
    """DAGs that another file of the tree has than the served one, which no longer has them."""
    before = files_by_dag_id(served)
    found = []
    for path, outline in artifact.dag_files.items():
        for dag_id in outline.dag_ids:
            was = before.get(dag_id, path)
            still = artifact.files.get(was)
            if was != path and not (still and still.outline and dag_id in still.outline.dag_ids):
                found.append(_moved(path, dag_id, was))
    return found


def _moved(path: str, dag_id: str, was: str) -> Finding:
    return Finding(
        "STR014",
        Severity.INFO,
        FindingType.STRUCTURE,
        path,
        f"the DAG {dag_id!r} moves here from {was}",
        "Nothing is to be done: the deployment waits until runs in flight end, which look for it "
        "there.",
    )


def ignore_findings(ignores: Ignores) -> list[Finding]:
    """Lines of ignore files that hide nothing, and files that took too long to be read."""
    return [
        *(_idle(one, ignores.syntax) for one in ignores.idle if not _is_usual(one)),
        *(_ignored(one, Severity.MEDIUM, _NO_REGEXP, _REGEXP_HINT) for one in ignores.invalid),
        *(_unread(path) for path in ignores.unread),
    ]


def _is_usual(one: IgnoredBy) -> bool:
    is_plain = _REGEXP.search(one.pattern) is None
    return is_plain and any(word in one.pattern for word in _USUAL)


def _idle(one: IgnoredBy, syntax: Syntax) -> Finding:
    if syntax is Syntax.REGEXP or _REGEXP.search(one.pattern) is None:
        return _ignored(one, Severity.LOW, _IDLE, "Correct it, or take it away.")
    why = f"{_IDLE}; it reads like a regular expression, and Airflow 3 takes globs"
    return _ignored(one, Severity.MEDIUM, why, _glob_hint(one.pattern))


def _ignored(one: IgnoredBy, severity: Severity, why: str, hint: str) -> Finding:
    message = f"the pattern {one.pattern[:80]!r} {why}"
    kind = FindingType.STRUCTURE
    return Finding("STR013", severity, kind, one.path, message, hint, one.line)


def _unread(path: str) -> Finding:
    return Finding(
        "STR015",
        Severity.HIGH,
        FindingType.STRUCTURE,
        path,
        "what its regular expressions hide could not be told: they take too long",
        "Write them without repeats within repeats, such as (a+)+. Airflow's DAG processor would "
        "hang on them.",
    )


def _glob_hint(pattern: str) -> str:
    """The nearest glob, for people to look at.

    >>> _glob_hint(".*/tests/.*_test\\\\.py$")
    "Write 'tests/*_test.py' if that is meant, or set Airflow's dag_ignore_file_syntax to regexp."
    """
    glob = re.sub(r"^\^|\$$", "", pattern)
    glob = re.sub(r"\\(.)", r"\1", glob).replace(".*", "*").replace(".+", "?*")
    glob = re.sub(r"^\*/", "", glob)
    return (
        f"Write {glob[:80]!r} if that is meant, or set Airflow's dag_ignore_file_syntax to regexp."
    )
