"""Rules of the family intake: what is not taken into a release as it is."""

import io
import zipfile

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Files, Link, Rule, Waiving

_DAG = "from airflow.sdk import DAG\n\nwith DAG('orders'):\n    pass\n"
_GOOD: Files = {"orders.py": _DAG}
_POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4665a5ea423c2713d436b5ee50593a9640e0018c1550b5a0002f74190d6caea8\nsize 12345\n"
)


def _zip(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "")
    return made.getvalue()


def _rule(
    code: str,
    severity: Severity,
    what: str,
    why: str,
    mend: str,
    *,
    bad: Files,
    good: Files = _GOOD,
    untried: str = "",
) -> Rule:
    denies = severity.rank >= Severity.HIGH.rank
    return Rule(
        code=code,
        family="intake",
        type=FindingType.INTAKE,
        severity=severity,
        what=what,
        why=why,
        mend=mend,
        bad=bad,
        good=good,
        waiving=Waiving.NEVER if denies else Waiving.CONTROL,
        untried=untried,
    )


RULES = (
    _rule(
        "INT001",
        Severity.CRITICAL,
        "A path is too long, leaves the tree or is not plain text",
        "Control characters and marks that turn text let one name look like another in a review; "
        "a backslash or `..` may lead out of the tree; names that a file system cannot hold cannot "
        "be deployed.",
        "Rename it: UTF-8, no control characters, no backslash, names of at most 255 bytes.",
        bad={"orders\u202e.py": _DAG},
    ),
    _rule(
        "INT002",
        Severity.CRITICAL,
        "A symlink leads to no file of the DAG root",
        "A link out of the tree would give tasks, and whoever reads a release, files of the host.",
        "Commit the file itself, or link to a file inside the DAG root.",
        bad={"orders.py": _DAG, "config.json": Link("/etc/passwd")},
        good={"orders.py": _DAG, "config.json": "{}\n", "same.json": Link("config.json")},
    ),
    _rule(
        "INT003",
        Severity.HIGH,
        "A path is a Git submodule",
        "A submodule is only the name of a commit in another repository: its files would be "
        "missing in Airflow.",
        "Add the repository with `--submodules`, commit the files themselves, or move the "
        "submodule out of the DAG root.",
        bad={".gitmodules": '[submodule "shared"]\n\tpath = shared\n\turl = ../shared.git\n'},
        untried="it needs a Git repository inside another one",
    ),
    _rule(
        "INT004",
        Severity.HIGH,
        "A file is too large",
        "Airflow parses every DAG file again and again, and each release carries its files to "
        "every worker: at most 1 MB of Python, and 10 MB of anything else.",
        "Keep large data in object storage and read it in a task.",
        bad={"rates.json": "[1234567890, …  # more than 10 MB\n"},
        untried="the example would have more than 10 MB",
    ),
    _rule(
        "INT005",
        Severity.HIGH,
        "A file would be loaded unseen",
        "Bytecode, native code and archives cannot be read in a review, and Python or Airflow load "
        "them in place of sources; `sitecustomize.py` and `.pth` files run whenever Python starts.",
        "Remove it from the DAG root: code is deployed as `.py` text only. Packages belong into "
        "Airflow's image.",
        bad={"orders.py": _DAG, "fast.so": "…\n"},
        good={"orders.py": _DAG, "fast.py": "def add(a, b):\n    return a + b\n"},
    ),
    _rule(
        "INT006",
        Severity.MEDIUM,
        "Two paths differ only by case or by how accents are written",
        "Some file systems take both for one file, so a checkout on a laptop has only one of them.",
        "Rename one of them.",
        bad={"orders.py": _DAG, "Orders.py": "TABLE = 'orders'\n"},
        good={"orders.py": _DAG, "tables.py": "TABLE = 'orders'\n"},
    ),
    _rule(
        "INT007",
        Severity.HIGH,
        "A file is a Git LFS pointer",
        "Windlass does not fetch LFS objects, so Airflow would get the pointer instead of the "
        "content. In Python that is a syntax error (high); in data a task reads nonsense (medium).",
        "Commit the file itself, or keep it in object storage.",
        bad={"orders.py": _POINTER},
    ),
    _rule(
        "INT008",
        Severity.HIGH,
        "The tree is too large",
        "A release holds at most 50,000 files and 200 MB; more is mostly a whole repository where "
        "only its folder with DAGs was meant.",
        "Register the folder with the DAGs as the repository's path.",
        bad={"data/000001.json": "{}  # and 50,000 more\n"},
        untried="the example would have more than 50,000 files",
    ),
    _rule(
        "INT009",
        Severity.HIGH,
        "A file is not UTF-8 text",
        "Other encodings read differently in different places; a declared codec can even hide "
        "code. One `.airflowignore` that is not UTF-8 stops the whole processor of Airflow 3.1 to "
        "3.3.",
        "Save the file as UTF-8, and remove a `coding` comment that names anything else.",
        bad={"orders.py": b"# caf\xe9\n" + _DAG.encode()},
        good={"orders.py": "# café\n" + _DAG},
    ),
    _rule(
        "INT010",
        Severity.HIGH,
        "Text reads differently from what runs",
        "Marks that turn the direction of text show reviewers another program than Python runs "
        "(Trojan Source, CVE-2021-42574).",
        "Remove the character, or write it as an escape such as `\\u202e`.",
        bad={"orders.py": _DAG + "NOTE = '\u202etxt'\n"},
        good={"orders.py": _DAG + "NOTE = '\\u202etxt'\n"},
    ),
    _rule(
        "INT011",
        Severity.HIGH,
        "The tree cannot be listed",
        "It has more files than a release may hold, or its paths or symlinks are too long. Nothing "
        "of it was looked at.",
        "Register the folder with the DAGs as the repository's path.",
        bad={"data/000001.json": "{}  # and 50,000 more\n"},
        untried="the example would have more than 50,000 files",
    ),
    _rule(
        "INT012",
        Severity.HIGH,
        "A name ends like Python, in capitals",
        "Some versions of Airflow take `orders.PY` for a DAG file, others and Python do not, so "
        "what is checked would differ from what runs.",
        "Let the name end in `.py`.",
        bad={"orders.PY": _DAG},
    ),
    _rule(
        "INT013",
        Severity.MEDIUM,
        "A settings file lies in the DAG root",
        "Airflow reads `airflow.cfg`, `webserver_config.py` and `.env` elsewhere. Here they do "
        "nothing, and every task can read the secrets that they mostly hold.",
        "Remove it; configure Airflow where it runs, and keep secrets in connections.",
        bad={"orders.py": _DAG, "airflow.cfg": "[core]\nparallelism = 8\n"},
    ),
    _rule(
        "INT014",
        Severity.LOW,
        "Plugins lie in the DAG root",
        "Airflow loads plugins from its own plugins folder. Modules in a folder `plugins` of the "
        "DAG root can only be imported.",
        "Install plugins beside Airflow, or register the folder with the DAGs as the path.",
        bad={"dags/orders.py": _DAG, "plugins/links.py": "X = 1\n"},
    ),
    _rule(
        "INT015",
        Severity.LOW,
        "A module has the name of one that Python or Airflow brings",
        "The DAG root is searched last, so `import json` never finds the `json.py` beside it.",
        "Give it another name, or put it into a package.",
        bad={"orders.py": _DAG, "json.py": "X = 1\n"},
        good={"orders.py": _DAG, "order_json.py": "X = 1\n"},
    ),
    _rule(
        "INT016",
        Severity.LOW,
        "Windows cannot have a file or folder of this name",
        "A colleague with Windows cannot check the repository out.",
        "Rename it.",
        bad={"orders.py": _DAG, "aux.sql": "select 1\n"},
        good={"orders.py": _DAG, "auxiliary.sql": "select 1\n"},
    ),
    _rule(
        "INT017",
        Severity.HIGH,
        "A file is a zip archive with modules",
        "Airflow opens every file that has the form of a zip archive, whatever its name, and "
        "imports the modules at its top. No review sees them.",
        "Commit the modules themselves.",
        bad={"orders.py": _DAG, "report.xlsx": _zip("evil.py")},
    ),
    _rule(
        "INT018",
        Severity.MEDIUM,
        "A file is a program in machine code",
        "No check can read it, and a task can run it.",
        "Install programs with Airflow's image; keep the DAG root to text.",
        bad={"orders.py": _DAG, "tools/convert": b"\x7fELF\x02\x01\x01" + bytes(9)},
    ),
)
