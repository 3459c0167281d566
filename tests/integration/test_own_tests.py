"""The repository's own tests: run in the sandbox before a release, where its option asks for it."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from tests.integration.sham import install_pytest, make_sham_airflow
from windlass.domain.errors import EngineFailed
from windlass.domain.finding import Severity
from windlass.domain.tested import SuiteEnd, SuiteResult
from windlass.engine.context import Context
from windlass.engine.imports import NO_INTERPRETER, Imports
from windlass.engine.policies import set_policy
from windlass.engine.register import Registration
from windlass.engine.testing import Suite
from windlass.git.worktree import WorkingTree
from windlass.sandbox.importer import Importer, Limits

ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"
GOOD = "import orders\n\ndef test_it_is_there():\n    assert orders\n"
BAD = "def test_sum():\n    assert 1 + 1 == 2\n    assert 1 + 1 == 3, 'sums'\n"
ON = {"tests": True}
WINDLASS = Path(sys.executable).parent / "windlass"
TIER = {"WINDLASS_SANDBOX_TIER": "limits"}


@pytest.fixture(scope="module")
def sham(session_folder: Path) -> Path:
    session_folder.chmod(0o755)
    python = make_sham_airflow(session_folder / "sham-with-pytest")
    install_pytest(python)
    return python


@pytest.fixture(scope="module")
def importer(sham: Path) -> Iterator[Importer]:
    made = Importer(sham, limits=Limits(limit_s=60, least="limits"))
    yield made
    made.close()


@pytest.fixture
def testing(context: Context, importer: Importer) -> Context:
    return replace(context, importer=importer)


def told(context: Context) -> list[tuple[str, str, str]]:
    return [(f.code, f.place, f.message) for f in status_of(context).facts.findings]


def test_a_test_that_fails_denies_at_its_line_until_it_passes(
    testing: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"dags/orders.py": ORDERS, "tests/test_orders.py": GOOD + BAD})
    repository = register(testing, registration, path="dags", options=ON)
    run_sync(testing, repository)
    denied = told(testing), deployed_files(testing)

    origin.push("second", {"tests/test_orders.py": GOOD})
    run_sync(testing, repository)

    words = "the test test_sum fails: AssertionError: sums"
    assert denied[0][0][:2] == ("TST001", "../tests/test_orders.py:7")
    assert (denied[0][0][2].startswith(words), denied[1]) == (True, {})
    assert (told(testing), deployed_files(testing)) == ([], {"orders.py": ORDERS})
    assert "; tests: 1 passed (" in str(status_of(testing).facts.imports)


def test_a_test_that_fails_denies_the_whole_revision_in_every_mode(
    testing: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"orders.py": ORDERS, "test_sum.py": BAD})
    options = {**ON, "verdict_mode": "per_file", "import_check": False}
    repository = register(testing, registration, options=options)
    run_sync(testing, repository)

    assert [code for code, *_ in told(testing)] == ["TST001"]
    assert deployed_files(testing) == {}


PIPELINE = """\
apiVersion: windlass/v1
pipeline:
  name: orders
  domain: sales
  steps:
    - {name: load, type: bash, command: "true"}
"""
SEES_IT = """
import pathlib

def test_the_pipeline_is_a_dag_file():
    text = pathlib.Path("dags/pipelines/orders.py").read_text()
    assert '"sales.orders"' in text
"""


def test_tests_see_the_dag_files_that_pipelines_are_compiled_to(
    testing: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"dags/pipelines/orders.yaml": PIPELINE, "tests/test_orders.py": SEES_IT})
    options = {**ON, "import_check": False}
    run_sync(testing, register(testing, registration, path="dags", options=options))

    assert told(testing) == []
    assert deployed_files(testing).keys() == {"pipelines/orders.py", "pipelines/orders.yaml"}
    assert "tests: 1 passed (" in str(status_of(testing).facts.imports)


def test_tests_are_not_run_unless_somebody_asks_for_it(
    testing: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"orders.py": ORDERS, "test_sum.py": BAD})
    run_sync(testing, register(testing, registration))

    assert deployed_files(testing).keys() == {"orders.py", "test_sum.py"}


def test_a_policy_of_the_environment_has_them_run_whatever_the_options_say(
    testing: Context, registration: Registration, origin: Origin
) -> None:
    policy = "require: {tests: true}\napplies_to: {environments: [default]}\n"
    set_policy(testing, "prod", policy, actor="alice")
    origin.push("first", {"orders.py": ORDERS, "test_sum.py": BAD})
    run_sync(testing, register(testing, registration))

    assert [(code, place) for code, place, _ in told(testing)] == [("TST001", "test_sum.py:3")]
    assert deployed_files(testing) == {}


def test_without_an_interpreter_nothing_passes_for_tested(
    context: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    run_sync(context, register(context, registration, options=ON))

    assert [code for code, *_ in told(context)] == ["TST006"]


@dataclass
class Remembering:
    """What is kept, and how often."""

    kept: dict[str, SuiteResult] = field(default_factory=dict)
    times: int = 0

    def find_tested(self, key: str) -> SuiteResult | None:
        return self.kept.get(key)

    def keep_tested(self, key: str, tested: SuiteResult) -> None:
        self.times += 1
        self.kept[key] = SuiteResult.from_json(tested.to_json())


@dataclass(frozen=True)
class Trial:
    """A folder whose tests are run."""

    folder: Path
    importer: Importer
    number: Iterator[int] = field(default_factory=itertools.count)

    def run(self, files: dict[str, str], *, limit_s: float = 60, below: str = "") -> SuiteResult:
        for path, text in files.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return self.tests(limit_s=limit_s, below=below).run()[0]

    def tests(self, limit_s: float = 60, below: str = "") -> Suite:
        imports = Imports(self.importer, (self.folder, next(self.number)))
        return Suite(imports, WorkingTree(self.folder), below, limit_s)


@pytest.fixture
def trial(room: Path, importer: Importer) -> Trial:
    (room / "trial").mkdir()
    return Trial(room / "trial", importer)


def end(tested: SuiteResult) -> tuple[SuiteEnd, int, int]:
    return tested.end, tested.passed, tested.failed


def test_everything_is_counted_and_what_fails_is_named(trial: Trial) -> None:
    text = (
        "import pytest\n"
        "@pytest.fixture\ndef broken():\n    raise ValueError('no')\n"
        "def test_setup(broken): ...\n"
        "@pytest.mark.skip\ndef test_skipped(): ...\n"
        "@pytest.mark.parametrize('x', [1, 2])\ndef test_many(x):\n    assert x == 1\n"
    )
    tested = trial.run({"test_a.py": text, "test_b.py": "import no_such_module\n"})

    failures = [(one.name, one.path, one.line) for one in tested.failures]
    assert (tested.passed, tested.failed, tested.skipped) == (1, 2, 1)
    assert failures == [
        ("test_a.py::test_setup (setup)", "test_a.py", 4),
        ("test_a.py::test_many[2]", "test_a.py", 10),
        ("", "test_b.py", 1),
    ]


@pytest.mark.parametrize(
    "conftest",
    [
        'import os\nos.write(3, b\'{"passed": 5, "code": 0}\')\nos._exit(0)\n',
        "import os\nos._exit(0)\n",
        "import os\nos.kill(os.getpid(), 9)\n",
        "import os\nos.close(3)\n",
        "import os, threading\nos.write(3, b'{')\n",
    ],
)
def test_who_ends_the_run_or_answers_in_its_place_does_not_pass(
    trial: Trial, conftest: str
) -> None:
    tested = trial.run({"test_sum.py": GOOD.replace("orders", "os"), "conftest.py": conftest})

    assert end(tested) == (SuiteEnd.ENDED, 0, 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\naddopts = --collect-only\n"),
        ("pytest.ini", "[pytest]\naddopts = -k nothing --deselect test_sum.py -p no:python\n"),
        ("conftest.py", "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\naddopts = '--exitfirst --maxfail=0 -h'\n"),
    ],
)
def test_settings_of_the_repository_leave_no_test_out(trial: Trial, name: str, text: str) -> None:
    tested = trial.run({"test_sum.py": BAD, name: text})

    assert end(tested) == (SuiteEnd.FAILED, 0, 1)


def test_a_raised_exit_is_a_failure_and_not_an_end(trial: Trial) -> None:
    tested = trial.run({"test_exit.py": "import sys\n\ndef test_it():\n    sys.exit(0)\n"})

    assert end(tested) == (SuiteEnd.FAILED, 0, 1)


def test_settings_that_pytest_refuses_are_told(trial: Trial) -> None:
    tested = trial.run({"test_sum.py": BAD, "pytest.ini": "[pytest]\nminversion = 999\n"})

    assert tested.end is SuiteEnd.REFUSED
    assert "requires pytest-999" in tested.why


def test_no_tests_are_told_and_deny_nothing(
    testing: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    run_sync(testing, register(testing, registration, options=ON))

    findings = status_of(testing).facts.findings
    assert [(f.code, f.severity) for f in findings] == [("TST005", Severity.LOW)]
    assert deployed_files(testing) == {"orders.py": ORDERS}


def test_tests_that_take_too_long_deny_and_say_so(trial: Trial) -> None:
    tested = trial.run({"test_slow.py": "def test_it():\n    while True: ...\n"}, limit_s=1)

    assert (tested.end, tested.why) == (SuiteEnd.TIME, "they take longer than 1 s")


def test_an_interpreter_without_pytest_is_told(session_folder: Path, trial: Trial) -> None:
    importer = Importer(
        make_sham_airflow(session_folder / "no-pytest"), limits=trial.importer.limits
    )
    tested = replace(trial, importer=importer).run({"test_sum.py": BAD})
    importer.close()

    assert (tested.end, tested.why) == (SuiteEnd.MISSING, "No module named 'pytest'")


def test_without_an_interpreter_there_is_no_run(trial: Trial) -> None:
    tests = replace(trial.tests(), imports=Imports(None, trial.folder))

    with pytest.raises(EngineFailed) as failed:
        tests.run()

    assert (failed.value.code, failed.value.message) == ("TST100", NO_INTERPRETER)


def test_an_unchanged_tree_is_tested_once(trial: Trial) -> None:
    trial.run({"test_sum.py": BAD})
    memory = Remembering()
    tests = replace(trial.tests(), kept_by=memory)
    first, again = tests.run()[0], tests.run()[0]

    assert (first, memory.times) == (again, 1)
    assert replace(tests, limit_s=59).run()[0].end is SuiteEnd.FAILED
    assert memory.times == 2


def test_tests_find_modules_and_dags_where_airflow_does(trial: Trial) -> None:
    text = (
        "import os\nimport orders\n\ndef test_folder():\n"
        "    assert os.environ['AIRFLOW__CORE__DAGS_FOLDER'] == os.path.dirname(orders.__file__)\n"
    )
    files = {"dags/orders.py": ORDERS, "tests/test_orders.py": text}

    assert end(trial.run(files, below="dags")) == (SuiteEnd.PASSED, 1, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="other hosts may have no tier with a place to write")
def test_tests_may_write_in_a_small_folder_of_their_own(trial: Trial) -> None:
    text = "def test_it(tmp_path):\n    (tmp_path / 'x').write_text('x')\n"
    tested = trial.run({"test_tmp.py": text})

    assert (tested.tier == "namespaces") == (end(tested) == (SuiteEnd.PASSED, 1, 0))


def test_a_folder_is_checked_with_its_tests(trial: Trial, sham: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(trial.folder)], check=True)
    trial.run({"dags/orders.py": ORDERS, "tests/test_sum.py": BAD})
    python = ["--airflow-python", str(sham), "--no-import"]
    with_tests = ["--tests", "--tests-limit", "60", "--format", "junit"]
    done = [
        subprocess.run(
            [WINDLASS, "check", "dags", *python, *more],
            check=False,
            cwd=trial.folder,
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **TIER},
            capture_output=True,
            text=True,
        )
        for more in ((), with_tests)
    ]

    assert [one.returncode for one in done] == [0, 1]
    assert 'name="tests/test_sum.py"' in done[1].stdout
