"""One bad file of ten, in both verdict modes, on the real Airflow."""

from collections.abc import Mapping

import pytest

from tests.acceptance.conftest import BothTargets, Team
from tests.waiting import wait_until
from windlass.entrypoints.demo.questions import DemoAirflow

DAG = """
from airflow.sdk import DAG, task

with DAG("ten_{number}", schedule=None, tags=["{word}"]):

    @task
    def say() -> str:
        return "{word}"

    say()
"""
BROKEN = "from airflow.sdk import DAG\nwith DAG('ten_3', schedule=None:\n    pass\n"
DAG_IDS = [f"ten_{number}" for number in range(10)]


@pytest.fixture(scope="module")
def team(stage: BothTargets) -> Team:
    return Team(stage, "ten", files("old"))


def files(word: str) -> dict[str, str]:
    return {f"ten_{number}.py": DAG.format(number=number, word=word) for number in range(10)}


def shown(airflow: DemoAirflow) -> dict[str, str]:
    """dag_id → the tag that its file gives it."""
    return {i: next(tag for tag in airflow.tags(i) if ":" not in tag) for i in DAG_IDS}


def said(airflow: DemoAirflow, dag_ids: tuple[str, ...]) -> Mapping[str, tuple[str, object]]:
    """dag_id → how a new run of it ends, and what it returns."""
    runs = {dag_id: airflow.trigger(dag_id) for dag_id in dag_ids}
    return {
        dag_id: (airflow.wait_for_run(dag_id, run)["state"], airflow.returned(dag_id, run, "say"))
        for dag_id, run in runs.items()
    }


def test_in_mode_all_a_bad_file_keeps_every_dag_as_it_was_and_running(
    airflow: DemoAirflow, team: Team
) -> None:
    team.push("one of ten is bad", {**files("new"), "ten_3.py": BROKEN})
    wait_until(lambda: team.status["sync"]["state"] == "denied", "the push is denied")

    assert shown(airflow) == dict.fromkeys(DAG_IDS, "old")
    assert said(airflow, ("ten_0", "ten_3")) == {
        "ten_0": ("success", "old"),
        "ten_3": ("success", "old"),
    }
    assert airflow.list_import_errors(team.status["bundle"]) == []
    assert team.status["release"]["id"] == team.first


def test_in_mode_per_file_the_nine_good_ones_go_on_and_the_bad_one_stays_as_it_was(
    airflow: DemoAirflow, team: Team
) -> None:
    done = team.windlass("repo", "set", "ten", "-O", "verdict_mode=per_file")
    assert done.returncode == 0, done.stdout + done.stderr
    team.wait_live(team.status["head"]["sha"])

    assert shown(airflow) == {**dict.fromkeys(DAG_IDS, "new"), "ten_3": "old"}
    assert said(airflow, ("ten_0", "ten_3")) == {
        "ten_0": ("success", "new"),
        "ten_3": ("success", "old"),
    }
    assert "1 file not as in the head: ten_3.py" in team.status["sync"]["reason"]
