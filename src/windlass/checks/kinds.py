"""Kinds of files, by their names: what would be loaded unseen, and what does nothing here."""

import re
import sys
from pathlib import PurePosixPath

from windlass.domain.finding import Finding, FindingType, Severity

_BYTECODE = "is bytecode, which Python loads in place of a source"
_NATIVE = "is native code, which nobody can read before Python loads it"
_ARCHIVE = "is an archive, whose modules Airflow or Python would load unseen"
_AT_START = "is run by Python or Airflow whenever it starts"
_BY_SUFFIX = {
    **dict.fromkeys((".pyc", ".pyo"), _BYTECODE),
    **dict.fromkeys((".pyd", ".so", ".dll", ".dylib"), _NATIVE),
    **dict.fromkeys((".zip", ".egg", ".whl", ".pyz"), _ARCHIVE),
    **dict.fromkeys((".pth", ".egg-link"), "adds to where Python looks for modules"),
}
_SHARED_OBJECT = re.compile(r"\.so(\.[0-9]++)+$")  # libx.so.1.2
_AT_START_MODULES = frozenset({"sitecustomize", "usercustomize", "airflow_local_settings"})
# Airflow reads them below AIRFLOW_HOME only; copied into the DAG root they do nothing but show.
_SETTINGS_FILES = frozenset({"airflow.cfg", "webserver_config.py", "unittests.cfg", ".env"})
# "Naming Files, Paths, and Namespaces" of the Windows documentation.
_WINDOWS_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?")
_WINDOWS_CHARACTERS = re.compile(r'[<>:"|?*]|[. ]$')

PROSE = frozenset({".md", ".rst", ".txt", ".html", ".htm"})
"""Suffixes of texts for people."""
_DATA = frozenset({".yaml", ".yml", ".json", ".env", ".sh", ".bash", ".cfg", ".ini", ".toml"})
_DATA |= {".conf", ".properties", ".tf", ".tfvars", ".pem", ".key", ".j2", ".tpl", ".sql", ".hql"}
_DATA |= {".ppk", ".tfstate", ".cnf", ".p8", ".ovpn", ".asc"}
_DATA |= {".xml", ".jinja", ".jinja2", ".mk", ".npmrc", ".pypirc", ".pgpass", ".dockerconfigjson"}
PROGRAMS = frozenset({".ipynb", ".js", ".ts", ".r", ".scala", ".java", ".go", ".rb", ".groovy"})
"""Suffixes of programs that are not Python files: only what is in quotes is a value there."""
PROGRAMS |= {".ps1", ".bat", ".cmd", ".php", ".pl", ".kt"}
_NAMES = (
    *(".env", "dockerfile", "makefile", "jenkinsfile", ".netrc", ".npmrc", ".pypirc", ".pgpass"),
    *(".dockerconfigjson", ".dockercfg", ".s3cfg", ".boto", ".git-credentials", ".my.cnf"),
    *("id_rsa", "id_ed25519", "id_ecdsa", "id_dsa", "kubeconfig", ".htpasswd"),
)


def is_text(path: str) -> bool:
    """Whether a file that is not Python is a text in which secrets may stand, by its name."""
    name = path.rpartition("/")[2].lower()
    suffix = PurePosixPath(name).suffix
    return suffix in _DATA or suffix in PROSE or suffix in PROGRAMS or name.startswith(_NAMES)


_TEST_NAME = re.compile(r"(?:test_.*|.*_test|conftest)\.py")
_TEST_FOLDERS = frozenset({"test", "tests", "testing", "fixtures", "e2e"})


def is_test(path: str) -> bool:
    """Whether a file belongs to tests, by its name or folder.

    >>> is_test("tests/data.yaml"), is_test("dags/test_orders.py"), is_test("dags/testing.py")
    (True, True, False)
    """
    *folders, name = path.split("/")
    return is_test_module(name) or not _TEST_FOLDERS.isdisjoint(folders)


def is_test_module(path: str) -> bool:
    """Whether pytest takes a file for a module of tests, by its name alone."""
    return _TEST_NAME.fullmatch(path.rpartition("/")[2]) is not None


def check_kind(path: str) -> list[Finding]:
    """Judge a file by its path alone; the first that is wrong with it."""
    pure = PurePosixPath(path)
    if not pure.parts:
        return []
    why = _forbidden(pure)
    if why is not None:
        return [
            _finding(
                "INT005",
                Severity.HIGH,
                path,
                f"{pure.name!r} {why}",
                "Remove it from the DAG root: code is deployed as .py text only.",
            )
        ]
    return _odd_python(path) or _idle(pure) or _hard_to_check_out(pure)


def check_folders(paths: frozenset[str]) -> list[Finding]:
    """Judge the folders at the top of a tree."""
    if not any(path.startswith("plugins/") and path.endswith(".py") for path in paths):
        return []
    return [
        _finding(
            "INT014",
            Severity.LOW,
            "plugins",
            "Airflow does not load plugins from a DAG root; modules here can only be imported",
            "Install plugins beside Airflow, or register the folder with the DAGs as the path.",
        )
    ]


def _forbidden(path: PurePosixPath) -> str | None:
    """Why a file of this name would be loaded unseen; None where it would not be."""
    folders = [part.lower() for part in path.parts[:-1]]
    name = path.name.lower()
    if ".git" in (*folders, name):
        return "is part of a Git repository inside this one, which checks nobody out"
    if "__pycache__" in folders:
        return _BYTECODE
    if _SHARED_OBJECT.search(name):
        return _NATIVE
    if name == "entry_points.txt" and folders and folders[-1].endswith((".dist-info", ".egg-info")):
        return "registers plugins, which Airflow finds and loads wherever Python looks for modules"
    module = folders[-1] if name == "__init__.py" and folders else name.removesuffix(".py")
    if name.endswith(".py") and module in _AT_START_MODULES:
        return _AT_START
    return _BY_SUFFIX.get(path.suffix.lower())


def _odd_python(path: str) -> list[Finding]:
    if path.endswith(".py") or not path.lower().endswith(".py"):
        return []
    return [
        _finding(
            "INT012",
            Severity.HIGH,
            path,
            f"the name ends in {path[-3:]!r}: some versions of Airflow take it for a DAG file, "
            "others and Python do not",
            "Let the name end in '.py'.",
        )
    ]


def _idle(path: PurePosixPath) -> list[Finding]:
    """Advice about files that do not do what their name promises."""
    top = path.parts[0].removesuffix(".py")
    is_top_module = len(path.parts) == 1 and path.suffix == ".py"
    is_top_package = len(path.parts) == 2 and path.name == "__init__.py"
    if path.name.lower() in _SETTINGS_FILES:
        return [
            _finding(
                "INT013",
                Severity.MEDIUM,
                str(path),
                f"{path.name!r} is not read from a DAG root, but every task can read it",
                "Remove it; configure Airflow where it runs, and keep secrets in connections.",
            )
        ]
    if (is_top_module or is_top_package) and top in {*sys.stdlib_module_names, "airflow"}:
        return [
            _finding(
                "INT015",
                Severity.LOW,
                str(path),
                f"`import {top}` finds the module of that name that Python or Airflow brings, "
                "not this one: the DAG root is searched last",
                "Give it another name, or put it into a package.",
            )
        ]
    return []


def _hard_to_check_out(path: PurePosixPath) -> list[Finding]:
    for name in (part for part in path.parts if part != ".."):
        if _WINDOWS_DEVICE.fullmatch(name) or _WINDOWS_CHARACTERS.search(name):
            return [
                _finding(
                    "INT016",
                    Severity.LOW,
                    str(path),
                    f"Windows cannot have a file or folder named {name!r}",
                    "Rename it, or nobody can check the repository out there.",
                )
            ]
    return []


def _finding(code: str, severity: Severity, path: str, message: str, hint: str) -> Finding:
    return Finding(code, severity, FindingType.INTAKE, path, message, hint)
