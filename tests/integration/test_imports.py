"""Imports under a real Airflow: what they give, and that every rule about them is true."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_rules import Example
from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.digest import digest_bytes
from windlass.domain.facts import DagFacts
from windlass.domain.finding import Finding, Severity
from windlass.domain.import_findings import import_findings
from windlass.domain.imported import Asked, Deed, Imported, ImportStatus, Problem, Trouble
from windlass.domain.options import Options
from windlass.domain.policy import Policy
from windlass.domain.rule import Rule
from windlass.domain.rules import all_rules
from windlass.engine.imports import Imports
from windlass.engine.ruling import Rules
from windlass.engine.scan import scan
from windlass.sandbox.checker import Checker
from windlass.sandbox.importer import Importer, Limits

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("TEST_AIRFLOW_PYTHON", ROOT / ".venv-airflow" / "bin" / "python"))
RULES = [
    r for r in all_rules().values() if r.family == "import" and r.code not in ("IMP010", "IMP011")
]
DAG = "from airflow.sdk import DAG, Variable\nwith DAG('orders', schedule='@daily'):\n    pass\n"


@pytest.fixture(scope="module")
def importer() -> Iterator[Importer]:
    made = Importer(PYTHON, limits=Limits(limit_s=60))
    yield made
    made.close()


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker(PYTHON)
    yield made
    made.close()


def import_files(
    importer: Importer, *dags: str, inside: str = "", **files: str
) -> dict[str, Imported]:
    """What importing `dags` gives; `files` maps names without `.py` to texts."""
    contents = {f"{name}.py": text.encode() for name, text in files.items()}
    by_digest = {digest_bytes(content): content for content in contents.values()}
    artifact = Artifact(
        {
            path: FileEntry(path, 0o444, digest_bytes(content), "", len(content))
            for path, content in sorted(contents.items())
        }
    )
    with importer.stage("tests", inside) as stage:
        stage.become(artifact, lambda entries: {e.digest: by_digest[e.digest] for e in entries})
        return importer.run(stage, [f"{dag}.py" for dag in dags])


def import_one(importer: Importer, text: str, **others: str) -> Imported:
    return import_files(importer, "orders", orders=text, **others)["orders.py"]


def told_by(importer: Importer, checker: Checker, rule: Rule, *, bad: bool) -> set[str]:
    imports = Imports(importer, "rules")
    files = Example(rule.bad if bad else rule.good)
    lenient = Policy(Severity.CRITICAL)  # what a plain reading finds already is imported too
    report = scan(checker, files, Rules(lenient, Options()), imports).report
    return {_named(issue.finding) for issue in report.issues}


def _named(finding: Finding) -> str:
    return f"{finding.code} {finding.severity} {finding.type}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_bad_example_gives_the_finding(
    importer: Importer, checker: Checker, rule: Rule
) -> None:
    told = told_by(importer, checker, rule, bad=True)

    assert f"{rule.code} {rule.severity} {rule.type}" in told


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_good_example_does_not(importer: Importer, checker: Checker, rule: Rule) -> None:
    told = told_by(importer, checker, rule, bad=False)

    assert [name for name in told if name.startswith(("IMP", "AUD"))] == []


def test_ids_come_from_the_import(importer: Importer) -> None:
    text = "from airflow.sdk import DAG\nfor t in ('eu', 'us'):\n    DAG(f'orders_{t}')\n"
    text += "globals().update({f'd{t}': DAG(f'made_{t}') for t in 'ab'})\n"

    one = import_one(importer, text)

    assert (one.status, one.dag_ids) == (ImportStatus.OK, ("made_a", "made_b"))


def test_an_error_is_told_at_the_users_line(importer: Importer) -> None:
    text = f"{DAG}\n\ndef rate(day):\n    return 1 / day\n\n\nrate(0)\n"

    problem = Problem(Trouble.ERROR, "ZeroDivisionError: division by zero", "orders.py", 7)
    assert import_one(importer, text).problems == (problem,)


def test_an_error_of_a_helpers_own_import_is_told_there(importer: Importer) -> None:
    one = import_one(importer, f"import rates\n{DAG}", rates="x = 1\nx = y\n")

    problem = Problem(Trouble.ERROR, "NameError: name 'y' is not defined", "rates.py", 2)
    assert one.problems == (problem,)


def test_an_error_in_a_function_of_a_helper_is_told_where_it_is_called(importer: Importer) -> None:
    one = import_one(importer, f"import rates\n{DAG}rates.get()\n", rates="def get():\n    1 / 0\n")

    words = "ZeroDivisionError: division by zero (raised at rates.py:2)"
    assert one.problems == (Problem(Trouble.ERROR, words, "orders.py", 5),)


def test_airflows_own_complaint_names_the_line_of_the_dag(importer: Importer) -> None:
    text = "from airflow.sdk import DAG\n\nDAG('fine')\nDAG('orders', schedule='@never')\n"
    text = text.replace("DAG('fine')", "").replace("DAG('orders'", "d = DAG('orders'")

    (problem,) = import_one(importer, text).problems

    assert (problem.trouble, problem.path, problem.line) == (Trouble.AIRFLOW, "orders.py", 4)


def test_in_a_folder_python_looks_from_there_and_places_are_those_of_the_tree(
    importer: Importer,
) -> None:
    files = {
        "orders": "from sales.dags.rates import VAT\n" + DAG,
        "wrong": "from rates import VAT\n" + DAG,
        "rates": "VAT = 25\n",
    }

    told = import_files(importer, "orders", "wrong", inside="sales/dags", **files)

    assert (told["orders.py"].dag_ids, told["orders.py"].problems) == (("orders",), ())
    assert "f:rates.py" in (told["orders.py"].needs or {})
    (problem,) = told["wrong.py"].problems
    assert (problem.path, problem.line) == ("wrong.py", 1)
    (finding,) = import_findings({"wrong.py": told["wrong.py"]}, folder="sales/dags")
    assert finding.code == "IMP001"
    assert finding.hint == (
        "Airflow's folder is where Python looks: a module of yours is 'sales.dags.rates' there."
    )


def test_what_is_asked_for_is_noted_with_its_line(importer: Importer) -> None:
    text = f"import os\n{DAG}Variable.get('rates', default=1)\nos.environ.get('STAGE')\n"

    assert import_one(importer, text).asked == (
        Asked("variable", "rates", "orders.py", 5),
        Asked("environment", "STAGE", "orders.py", 6),
    )


FACTORY = """from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import BaseOperator
class Load(BaseOperator):
    def __init__(self, db_conn_id="db", **more):
        super().__init__(**more)
        self.db_conn_id = db_conn_id
def load(name):
    return Load(
        task_id=name,
        db_conn_id=f"db_{name}",
    )
"""
LOOP = """from airflow.sdk import DAG
from factory import BashOperator, Load, load
for name in ("a", "b"):
    with DAG(f"made_{name}", tags=["x", name], default_args={"retries": 2}):
        load(name)
        Load(task_id="own", pool=f"pool_{name}", owner="bob")
        BashOperator.partial(task_id="each", env={"A": "{{ conn.crm.host }}"}).expand(
            bash_command=["{{ var.value.get('size', 1) }}"]
        )
"""


def test_dags_say_what_they_are_and_name_whatever_made_them(importer: Importer) -> None:
    found = import_files(importer, "orders", orders=LOOP, factory=FACTORY)["orders.py"].seen

    assert found.dags == (
        DagFacts("made_a", 4, ("a", "x"), ("bob",), 2, ""),
        DagFacts("made_b", 4, ("b", "x"), ("bob",), 2, ""),
    )
    assert sorted((u.kind, u.name, u.has_default, u.path, u.line, u.last) for u in found.uses) == [
        ("connection", "crm", False, "orders.py", 7, 9),
        ("connection", "db_a", False, "factory.py", 8, 11),
        ("connection", "db_b", False, "factory.py", 8, 11),
        ("pool", "pool_a", False, "orders.py", 6, 6),
        ("pool", "pool_b", False, "orders.py", 6, 6),
        ("variable", "size", True, "orders.py", 7, 9),
    ]
    assert "unusual_prefix" not in " ".join(found.operators)


def test_values_that_are_no_secret_answer(importer: Importer) -> None:
    text = f"import os\n{DAG}d = DAG(Variable.get('name') + os.environ['STAGE'])\n"
    content = text.encode()
    entry = FileEntry("orders.py", 0o444, digest_bytes(content), "", len(content))
    with importer.stage("values") as stage:
        stage.become(Artifact({"orders.py": entry}), lambda _: {entry.digest: content})
        values = {"variable": {"name": "orders_"}, "environment": {"STAGE": "eu"}}
        one = importer.run(stage, ["orders.py"], values)["orders.py"]

    assert (one.status, one.dag_ids) == (ImportStatus.OK, ("orders", "orders_eu"))


def test_obfuscated_calls_are_seen_with_their_line(importer: Importer) -> None:
    text = f"{DAG}import base64, importlib\n"
    text += "getattr(importlib.import_module('o' + 's'), 'sys' + 'tem')('true')\n"

    assert import_one(importer, text).deeds == (Deed("process", "os.system", "orders.py", 5),)


def test_what_libraries_do_when_they_are_imported_is_not_the_files_deed(importer: Importer) -> None:
    text = f"{DAG}import ctypes.util, multiprocessing, dataclasses, enum, uuid, requests\n"
    text += "@dataclasses.dataclass\nclass Row:\n    day: int = 0\n"

    assert import_one(importer, text).deeds == ()


def test_a_message_tells_no_secret_and_no_path_of_the_sandbox(importer: Importer) -> None:
    text = "from airflow.sdk import DAG\n"
    text += "raise RuntimeError(f'postgres://etl:hunter2@db/x is not in {__file__}')\n"

    (problem,) = import_one(importer, text).problems

    assert problem.message == "RuntimeError: postgres://etl:***@db/x is not in orders.py"


def test_everything_it_looked_at_is_known(importer: Importer) -> None:
    text = f"{DAG}import rates\nfrom pathlib import Path\n"
    text += "here = Path(__file__).parent\n(here / 'day.sql').exists()\n[*here.glob('*.yaml')]\n"

    needs = import_one(importer, text, rates="").needs

    assert needs is not None
    assert sorted(needs) == ["f:", "f:day.sql", "f:orders.py", "f:rates.py", "l:", "n::rates"]


def test_a_process_that_is_lost_is_replaced_and_the_file_named(importer: Importer) -> None:
    import_one(importer, DAG)
    assert importer._zygote is not None
    importer._zygote._process.kill()

    assert import_one(importer, DAG).status is ImportStatus.OK


def test_airflows_own_examples_pass(importer: Importer) -> None:
    site = next((PYTHON.parent.parent / "lib").glob("python*/site-packages/airflow"))
    folders = [site / "example_dags", *site.glob("providers/standard/example_dags")]
    status: dict[str, ImportStatus] = {}
    for folder in folders:
        found = sorted(p for p in folder.rglob("*.py") if "__pycache__" not in p.parts)
        texts = {str(p.relative_to(folder)).removesuffix(".py"): p.read_text() for p in found}
        dags = [n for n, t in texts.items() if "dag" in t.lower() and "airflow" in t.lower()]
        status |= {p: one.status for p, one in import_files(importer, *dags, **texts).items()}

    assert len(status) > 50
    assert {p: s for p, s in status.items() if s is not ImportStatus.OK} == {}
