"""`windlass plan` on real clones, with real imports."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.commands import run_windlass
from windlass.checks.known import Known
from windlass.domain.errors import Invalid
from windlass.domain.imported import Imported, ImportStatus
from windlass.domain.options import Options
from windlass.domain.plan import Plan, What
from windlass.domain.policy import Policy
from windlass.engine.imports import Imports, KeepNothing
from windlass.engine.pipelines import Pipelines, bindings_of
from windlass.engine.plan import Planner
from windlass.engine.ruling import Rules
from windlass.engine.source import RevisionSource
from windlass.git.clone import Clone
from windlass.git.listing import ListingMemory
from windlass.sandbox.checker import Checker
from windlass.sandbox.compiler import PipelineCompiler
from windlass.sandbox.importer import Importer, Limits
from windlass.sandbox.remembered import FolderKeep

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("TEST_AIRFLOW_PYTHON", ROOT / ".venv-airflow" / "bin" / "python"))
DAG = """\
from airflow.sdk import DAG, Asset
from airflow.providers.standard.operators.bash import BashOperator
import lib

with DAG("{dag_id}", schedule={schedule}, tags=["a"]):
    first = BashOperator(task_id="first", bash_command="echo {{{{ var.value.day }}}}")
    last = BashOperator(task_id="last", bash_command=lib.COMMAND, outlets=[Asset("s3://out")])
    first >> last
"""
ORDERS = DAG.format(dag_id="orders", schedule='"0 3 * * *"')
PIPELINE = """\
apiVersion: windlass/v1
pipeline:
  name: mails
  domain: sales
  schedule: {{type: cron, expression: "{cron}"}}
  steps:
    - {{name: send, type: bash, command: "true"}}
"""
FILES = {
    "dags/orders.py": ORDERS,
    "dags/down.py": "from airflow.sdk import DAG, Asset\ndag = DAG('down', schedule=[Asset('s3://out')])\n",
    "dags/lib.py": "COMMAND = 'date'\n",
    "dags/pipelines/mails.yaml": PIPELINE.format(cron="15 2 * * *"),
}


class Repository:
    """A clone with a first commit on `main`; `dags` is the DAG root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "-b", "main")
        self.base = self.commit(FILES)
        self.git("checkout", "--quiet", "-b", "change")

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, files: Mapping[str, str | None]) -> str:
        """Write files, None: remove them; the commit."""
        for path, text in files.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True) if text is None else place.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture(scope="module")
def importer() -> Iterator[Importer]:
    made = Importer(PYTHON, limits=Limits(limit_s=120))
    yield made
    made.close()


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker(PYTHON)
    yield made
    made.close()


@pytest.fixture(scope="module")
def compiler() -> Iterator[PipelineCompiler]:
    made = PipelineCompiler()
    yield made
    made.close()


class Planning:
    """Plans from a repository's first commit, in one process of Airflow."""

    def __init__(self, importer: Importer, checker: Checker, compiler: PipelineCompiler) -> None:
        self.parts = importer, checker, compiler

    def plan(self, repository: Repository, keep: Any = None, *, whole: bool = True) -> Plan:
        importer, checker, compiler = self.parts
        known = Known(checker.installed)
        imports = Imports(importer, "plan", keep=keep or KeepNothing())
        bindings = bindings_of(checker.installed, known.inventory.declared, "default")
        rules = Rules(Policy(), Options(), known=known)
        pipelines = Pipelines(compiler, bindings, rules.options.pipelines)
        clone = Clone.at(repository.folder / "dags")
        old, new = (
            RevisionSource(clone.mirror, clone.commit(name), clone.prefix, ListingMemory())
            for name in ("main", "change")
        )
        return Planner(checker, rules, imports, pipelines, whole=whole).plan(old, new)


@pytest.fixture(scope="module")
def planning(importer: Importer, checker: Checker, compiler: PipelineCompiler) -> Planning:
    return Planning(importer, checker, compiler)


def told(plan: Plan) -> list[dict[str, Any]]:
    """The changes without what is empty, as JSON."""
    rows = [one.to_json() for one in plan.dags]
    return [{k: v for k, v in row.items() if v not in (None, "", [], True)} for row in rows]


EDGES: dict[str, list[object]] = {"added": [], "removed": []}


def test_a_plan_of_the_same_commit_is_empty(planning: Planning, repository: Repository) -> None:
    plan = planning.plan(repository)

    assert (plan.is_empty, plan.same, plan.reached) == (True, 3, ())


def test_a_changed_schedule_is_all_that_is_told(planning: Planning, repository: Repository) -> None:
    repository.commit({"dags/orders.py": ORDERS.replace("0 3 * * *", "0 * * * *")})

    plan = planning.plan(repository)

    assert told(plan) == [
        {
            "dag_id": "orders",
            "what": "changed",
            "path": "orders.py",
            "fields": [{"name": "schedule", "old": "0 3 * * *", "new": "0 * * * *"}],
            "edges": EDGES,
            "uses": EDGES,
            "code": ["orders.py"],
        }
    ]
    assert [(one.dag_id, one.by, one.link) for one in plan.reached] == [
        ("down", "orders", ("asset", "s3://out/"))
    ]


def test_a_changed_helper_changes_what_it_is_used_for(
    planning: Planning, repository: Repository
) -> None:
    repository.commit({"dags/lib.py": "COMMAND = 'true'\n"})

    (change,) = planning.plan(repository).dags

    assert (change.dag_id, change.code) == ("orders", ("lib.py",))
    assert [task.to_json() for task in change.tasks] == [
        {
            "task_id": "last",
            "what": "changed",
            "was": None,
            "operator": "BashOperator",
            "fields": [{"name": "bash_command", "old": "date", "new": "true"}],
        }
    ]


def test_pipelines_are_planned_like_dags_that_are_written_by_hand(
    planning: Planning, repository: Repository
) -> None:
    repository.commit({"dags/pipelines/mails.yaml": PIPELINE.format(cron="0 4 * * *")})

    (change,) = planning.plan(repository).dags

    assert (change.dag_id, change.path) == ("sales.mails", "pipelines/mails.py")
    assert [one.to_json() for one in change.fields] == [
        {"name": "schedule", "old": "15 2 * * *", "new": "0 4 * * *"}
    ]


def test_a_renamed_dag_in_a_moved_file_is_one_dag(
    planning: Planning, repository: Repository
) -> None:
    moved = ORDERS.replace('"orders"', '"orders_eu"')
    repository.commit({"dags/orders.py": None, "dags/eu/orders.py": moved})

    (change,) = planning.plan(repository).dags

    assert (change.what, change.was, change.dag_id) == (What.RENAMED, "orders", "orders_eu")
    assert (change.was_in, change.path, change.tasks) == ("orders.py", "eu/orders.py", ())


def test_new_uses_and_findings_are_told(planning: Planning, repository: Repository) -> None:
    text = ORDERS.replace("var.value.day", "conn.dw.host").replace(
        "import lib", "import lib\nimport os\nos.system('true')"
    )
    repository.commit({"dags/orders.py": text})

    plan = planning.plan(repository)

    assert [one.what for one in plan.dags] == [What.UNKNOWN]
    assert plan.allowed is False
    assert "orders.py" in {one.path for one in plan.findings_new if one.denies}

    repository.commit({"dags/orders.py": ORDERS.replace("var.value.day", "conn.dw.host")})
    plan = planning.plan(repository)
    assert (plan.uses_added, plan.uses_removed) == (
        (("connection", "dw"),),
        (("variable", "day"),),
    )


def test_arguments_that_are_no_templates_are_told_too(
    planning: Planning, repository: Repository
) -> None:
    text = ORDERS.replace('task_id="first",', 'task_id="first", append_env=True,')
    repository.commit({"dags/orders.py": text})

    (change,) = planning.plan(repository).dags

    assert [field.to_json() for task in change.tasks for field in task.fields] == [
        {"name": "append_env", "new": True}
    ]


class CountingKeep:
    """A folder of results that notes which DAGs were imported for it."""

    def __init__(self, folder: Path) -> None:
        self.keeper = FolderKeep(folder)
        self.imported: list[str] = []

    def find(self, keys: Any) -> Mapping[str, Imported]:
        return self.keeper.find(keys)

    def find_whole(self, keys: Any) -> Mapping[str, Imported]:
        return self.keeper.find_whole(keys)

    def keep(self, results: Mapping[str, Imported]) -> None:
        self.imported += [dag_id for one in results.values() for dag_id in one.dag_ids]
        self.keeper.keep(results)


def test_what_is_remembered_is_not_imported_again(
    planning: Planning, repository: Repository, tmp_path: Path
) -> None:
    keep = CountingKeep(tmp_path / "cache")
    first = planning.plan(repository, keep)
    assert sorted(keep.imported) == ["down", "orders", "sales.mails"]
    keep.imported.clear()

    repository.commit({"dags/orders.py": ORDERS.replace("0 3 * * *", "0 * * * *")})
    plan = planning.plan(repository, keep)

    assert (first.is_empty, keep.imported) == (True, ["orders"])
    assert [one.dag_id for one in plan.dags] == ["orders"]


def test_only_what_changes_is_imported_unless_all_is_wanted(
    planning: Planning, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"dags/lib.py": "COMMAND = 'true'\n"})
    keep = CountingKeep(tmp_path / "cache")

    plan = planning.plan(repository, keep, whole=False)

    assert keep.imported == ["orders", "orders"]  # before and after
    assert [one.dag_id for one in plan.dags] == ["orders"]
    assert plan.not_looked_into == (
        "what DAGs that do not change use and wait for: their files were not imported (2 of 3)",
    )


def test_a_damaged_result_is_as_good_as_none(tmp_path: Path) -> None:
    keep = FolderKeep(tmp_path)
    one = Imported(ImportStatus.OK, ("a",), needs={"f:a.py": "1"}, serialized=b"x")
    keep.keep({"ab12": one})
    assert keep.find_whole(["ab12", "cd34"])["ab12"].serialized == b"x"

    place = tmp_path / "ab" / "ab12"
    place.write_bytes(place.read_bytes()[:-1])

    assert keep.find(["ab12"]) == {}


def test_a_cache_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Invalid, match="nothing can be kept") as told:
        FolderKeep(tmp_path / "file").keep({"ab12": Imported(ImportStatus.OK)})

    assert told.value.code == "PLAN004"


def run(repository: Repository, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_windlass(repository.folder / "dags", "plan", *arguments, timeout_s=300)


def test_the_command_plans_a_clone(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"dags/orders.py": ORDERS.replace("0 3 * * *", "0 * * * *")})
    out = tmp_path / "plan.md"

    done = run(
        repository,
        *("main", "HEAD", "--airflow-python", str(PYTHON)),
        *("--format", "markdown", "--out", str(out), "--detailed-exitcode"),
    )

    assert done.returncode == 4, done.stderr
    lines = done.stdout.splitlines()
    assert "    ~ schedule 0 3 * * * → 0 * * * *" in lines
    assert lines[-1] == "Plan: 1 to change; 2 stay as they are."
    assert "!     schedule 0 3 * * * → 0 * * * *" in out.read_text().splitlines()


def test_without_airflow_a_plain_reading_must_do(repository: Repository) -> None:
    repository.commit({"dags/orders.py": ORDERS.replace("0 3 * * *", "0 * * * *")})

    done = run(repository, "main", "--format", "json")

    plan = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert [(one["dag_id"], one["looked_into"]) for one in plan["dags"]] == [("orders", False)]
    assert [one["name"] for one in plan["dags"][0]["fields"]] == ["schedule"]
    assert plan["circumstances"]["runs_in_flight"] is None


def test_what_the_target_gained_meanwhile_is_not_planned(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "main")
    repository.commit({"dags/other.py": "from airflow.sdk import DAG\ndag = DAG('other')\n"})

    fork, exact = (run(repository, "main", "change", *more) for more in ((), ("--exact",)))

    assert fork.stdout.splitlines()[-1] == "Plan: No DAG changes; 3 stay as they are."
    assert exact.stdout.splitlines()[-1] == "Plan: 1 to remove; 3 stay as they are."


def test_a_root_that_is_new_is_planned_from_nothing(repository: Repository) -> None:
    repository.commit({"more/a.py": "from airflow.sdk import DAG\ndag = DAG('a')\n"})

    done = run(repository, "main", "HEAD", "../more", "--detailed-exitcode")

    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        4,
        "Plan: 1 to add; 0 stay as they are.",
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "PLAN005"),
        (("nowhere",), "PLAN002"),
        (("--", "--output=x"), "PLAN002"),
        (("main", "HEAD", "/"), "PLAN001"),
    ],
)
def test_what_cannot_be_planned_is_told(
    repository: Repository, arguments: tuple[str, ...], code: str
) -> None:
    done = run(repository, *arguments)

    assert (done.returncode, done.stderr.split()[0]) == (1, code)


def test_histories_without_a_common_commit_are_told(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.commit({"dags/own.py": DAG.format(dag_id="own", schedule=None)})

    done = run(repository, "main", "other")

    assert (done.returncode, done.stderr.split()[0]) == (1, "PLAN003")
