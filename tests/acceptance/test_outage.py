"""Git host, store, Windlass and Airflow are away, then come back one by one.

One story, told in the order of the tests: each goes on where the one before it ended.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.conftest import BothTargets, Team
from tests.waiting import wait_until
from windlass.entrypoints.demo.questions import DemoAirflow

pytestmark = pytest.mark.timeout(300)  # all else must start anew within one test

LASTING = """
from datetime import timedelta

from airflow.sdk import DAG, task
from word import WORD

again = {"retries": 100, "retry_delay": timedelta(seconds=1)}

with DAG("lasting", schedule=None, default_args=again):

    @task
    def say() -> str:
        return WORD

    say()
"""
STEADY = "from airflow.sdk import DAG\ndag = DAG('steady_one', schedule=None)\n"
DROPPED = "from airflow.sdk import DAG\ndag = DAG('dropped', schedule=None)\n"
REFUSALS = 12
"""So many tries to show a bundle, a second apart, outlast [dag_processor] stale_dag_threshold and
[scheduler] parsing_cleanup_interval, 5 s each, after which a DAG could go stale."""


class Tampered(Team):
    """A repository with a release into which somebody puts a file."""

    @property
    def tree(self) -> Path:
        return self.stage.settings.home / "store" / "releases" / str(self.first) / "tree"

    def told(self) -> list[tuple[str, list[str]]]:
        """(tag, files) of what history says of drift."""
        events = self.stage.client.get(f"/api/v1/repositories/{self.name}/events")
        drift = [event for event in events if event["tag"].startswith("drift:")]
        return [(event["tag"], event["facts"]["files"]) for event in drift]


class Outage(Team):
    """A repository whose host goes, and with it all else."""

    run_id = ""

    def refusals(self) -> int:
        """How often Airflow's processor could not show this bundle for want of the store."""
        log = self.stage.airflow.log_path("dag-processor").read_text()
        return log.count(f"Error initializing bundle {self.bundle}: BUNDLE001 ")


@pytest.fixture(scope="module")
def tampered(stage: BothTargets) -> Tampered:
    return Tampered(stage, "tampered", {"steady.py": STEADY})


@pytest.fixture(scope="module")
def team(stage: BothTargets, tampered: Tampered) -> Iterator[Outage]:
    """Everything is away but Airflow, which starts without its store."""
    team = Outage(stage, "lasting", {"lasting.py": LASTING, "word.py": "WORD = 'old'\n"})
    (tampered.tree / "dropped.py").write_text(DROPPED)
    stage.git.offline()
    stage.stop_windlass()
    stage.airflow.stop()
    stage.stop_serving()  # Airflow's own Git bundle needs the host to start
    stage.unmount()
    stage.airflow.start(deadline_s=90)
    yield team
    stage.mount()
    stage.start_windlass()
    stage.git.online()


def dags(airflow: DemoAirflow, bundle: str) -> dict[str, str | None]:
    """dag_id → version, of the DAGs of a bundle that are not stale."""
    return {dag.dag_id: dag.version for dag in airflow.list_dags(bundle)}


def test_no_dag_goes_stale_when_airflow_starts_while_the_store_is_away(
    airflow: DemoAirflow, team: Outage
) -> None:
    team.run_id = airflow.trigger("lasting")
    before = team.refusals()

    wait_until(lambda: team.refusals() >= before + REFUSALS, "the store was looked for")

    assert dags(airflow, team.bundle) == {"lasting": str(team.first)}
    assert airflow.get_run("lasting", team.run_id)["state"] in ("queued", "running")


def test_its_tasks_go_on_when_the_store_is_back_though_windlass_and_git_host_are_not(
    stage: BothTargets, airflow: DemoAirflow, team: Outage
) -> None:
    stage.mount()

    run = airflow.wait_for_run("lasting", team.run_id, limit_s=120)
    assert (run["state"], run["bundle_version"]) == ("success", str(team.first))
    assert airflow.returned("lasting", team.run_id, "say") == "old"


def test_a_file_that_somebody_put_into_a_release_is_an_import_error_and_no_dag(
    airflow: DemoAirflow, tampered: Tampered
) -> None:
    errors = partial(airflow.list_import_errors, tampered.bundle)
    wait_until(lambda: bool(errors()), "the file was parsed")

    (error,) = errors()
    assert (error.path, "CLP001 " in error.text) == ("dropped.py", True)
    assert dags(airflow, tampered.bundle) == {"steady_one": str(tampered.first)}


def test_a_windlass_that_starts_without_the_git_host_says_so_and_changes_nothing(
    stage: BothTargets, airflow: DemoAirflow, team: Outage
) -> None:
    stage.start_windlass()

    wait_until(lambda: team.status["sync"]["state"] == "behind", "it says that it is behind")
    found = team.status
    assert re.search("Connection refused|does not answer", found["sync"]["reason"])
    assert (found["release"]["id"], found["release"]["state"]) == (team.first, "live")
    assert dags(airflow, team.bundle) == {"lasting": str(team.first)}


def test_the_next_push_after_the_git_host_is_back_goes_live(
    stage: BothTargets, airflow: DemoAirflow, team: Outage
) -> None:
    stage.git.online()

    second = team.wait_live(team.push("after the outage", {"word.py": "WORD = 'new'\n"}))

    run = airflow.wait_for_run("lasting", airflow.trigger("lasting"))
    assert (run["state"], run["bundle_version"]) == ("success", str(second))
    assert airflow.returned("lasting", run["dag_run_id"], "say") == "new"


def test_the_file_was_taken_out_of_the_release_and_the_history_tells_it(
    tampered: Tampered,
) -> None:
    wait_until(lambda: len(tampered.told()) == 2, "drift was found and mended", limit_s=120)

    assert tampered.told() == [
        ("drift:found", ["foreign dropped.py"]),
        ("drift:mended", ["foreign dropped.py"]),
    ]
    assert [path.name for path in tampered.tree.iterdir()] == ["steady.py"]
