"""Rules of the family dependencies: what files import beside what the environment has."""

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Files, Rule, Waiving

_HEAD = "from airflow.sdk import DAG\n"
_END = "\nwith DAG('orders'):\n    pass\n"
_NEEDS_AIRFLOW = "it needs the Python of an Airflow (tests/cases/gate/dependencies has examples)"


def _dag(imports: str) -> str:
    return _HEAD + imports + _END


def _rule(
    code: str,
    severity: Severity,
    what: str,
    why: str,
    mend: str,
    *,
    bad: Files,
    good: Files,
    waiving: Waiving = Waiving.CONTROL,
) -> Rule:
    is_tried = "requirements.txt" in bad and len(bad) == 1
    return Rule(
        code=code,
        family="dependencies",
        type=FindingType.DEPENDENCY,
        severity=severity,
        what=what,
        why=why,
        mend=mend,
        bad=bad,
        good=good,
        waiving=waiving,
        untried="" if is_tried else _NEEDS_AIRFLOW,
    )


RULES = (
    _rule(
        "PKG001",
        Severity.HIGH,
        "A module is imported that the environment has not installed",
        "Airflow could not import the file, and its DAGs would vanish. It denies where the import "
        "is made whenever Airflow imports a DAG file; inside a function it is advice, and where "
        "the failure is caught it is only told. The interpreter of the environment is asked what "
        "it has.",
        "Install the package with Airflow's image. Where Airflow finds the module elsewhere, in "
        "its plugins folder or by PYTHONPATH, name it in the inventory of the environment.",
        bad={"orders.py": _dag("import pandas\n")},
        good={"orders.py": _dag("import json\n")},
    ),
    _rule(
        "PKG002",
        Severity.HIGH,
        "A file that Airflow imports has a relative import",
        "Airflow imports DAG files by their path, so they are in no package, and `from . import "
        "x` fails. Every file counts that mentions Airflow and DAGs, unless `.airflowignore` "
        "hides it.",
        "Import by the whole name, from the DAG root on.",
        bad={"team/orders.py": _dag("from .rates import today\n"), "team/rates.py": "today = 1\n"},
        good={
            "team/orders.py": _dag("from team.rates import today\n"),
            "team/rates.py": "today = 1\n",
        },
    ),
    _rule(
        "PKG003",
        Severity.HIGH,
        "A module is imported that the DAG root does not have",
        "The DAG root has the package, and not the module in it, so the import fails.",
        "Commit the module, or correct the import.",
        bad={"orders.py": _dag("import team.rates\n"), "team/__init__.py": ""},
        good={"orders.py": _dag("import team.rates\n"), "team/rates.py": ""},
    ),
    _rule(
        "PKG004",
        Severity.MEDIUM,
        "The environment does not have what requirements.txt asks for",
        "The requirements of a repository say what its DAGs need; the environment's image must "
        "have it first.",
        "Build Airflow's image with the new requirements; the next sync sees it.",
        bad={"orders.py": _dag(""), "requirements.txt": "pandas==2.3.1\n"},
        good={"orders.py": _dag("")},
    ),
    _rule(
        "PKG005",
        Severity.HIGH,
        "A file needs a version that the environment does not have yet",
        "A requirement is new or has changed, the environment has another version, and the file "
        "imports it: it would run with what the repository does not want any more.",
        "Build Airflow's image with the new requirements; the next sync sees it.",
        bad={"orders.py": _dag("import jinja2\n"), "requirements.txt": "jinja2>=99\n"},
        good={"orders.py": _dag("import jinja2\n"), "requirements.txt": "jinja2>=3\n"},
    ),
    _rule(
        "PKG006",
        Severity.MEDIUM,
        "A package comes from elsewhere than the index",
        "With a second index anybody who registers the name there may decide what is installed; "
        "plain http can be changed on the way; a branch or a tag may move.",
        "Configure the index where the image is built, and name packages and versions only.",
        bad={
            "requirements.txt": "--extra-index-url https://packages.example/simple\npandas==2.3.1\n"
        },
        good={"requirements.txt": "pandas==2.3.1\n"},
    ),
    _rule(
        "PKG007",
        Severity.LOW,
        "A requirement is not pinned",
        "The next image may have another version than the one that was tried.",
        "Write `==` and the version.",
        bad={"requirements.txt": "pandas>=2\n"},
        good={"requirements.txt": "pandas==2.3.1\n"},
        waiving=Waiving.INLINE,
    ),
)
