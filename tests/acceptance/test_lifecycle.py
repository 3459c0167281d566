"""Approval, holds and removal, on a real Airflow, as people do it at the command line."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import Team, run_windlass
from tests.waiting import wait_until
from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.entrypoints.demo.stage import USER, Stage

TAGGED = """
from airflow.sdk import DAG

dag = DAG("{dag_id}", schedule=None, tags=["{tag}"])
"""
SLOW = """
import time
from pathlib import Path

from airflow.sdk import DAG, task

with DAG("leaver", schedule=None):

    @task
    def work() -> str:
        while not Path({gate!r}).exists():
            time.sleep(0.1)
        return "done"

    @task
    def then(before: str) -> str:
        return before

    then(work())
"""


def state_of(team: Team) -> str:
    return str(team.status["sync"]["state"])


def test_what_waits_for_approval_is_not_in_airflow_until_it_is_approved(
    stage: Stage, airflow: DemoAirflow
) -> None:
    team = Team(stage, "asker", {"asker.py": TAGGED.format(dag_id="asker", tag="v1")})
    assert team.windlass("repo", "set", "asker", "-O", "auto_deploy=false").returncode == 0

    sha = team.push("v2", {"asker.py": TAGGED.format(dag_id="asker", tag="v2")})
    wait_until(lambda: state_of(team) == "waiting_approval", "the push waits")
    assert airflow.tags("asker")[-1] == "v1"
    waiting = team.status["waiting"][0]["id"]
    done = team.windlass("release", "approve", "asker", str(waiting), "--reason", "reviewed")

    assert done.returncode == 0, done.stderr
    assert team.wait_live(sha) == waiting
    assert airflow.tags("asker")[-1] == "v2"


def test_the_first_release_of_a_repository_waits_when_it_was_added_so(
    stage: Stage, airflow: DemoAirflow
) -> None:
    clone = stage.clone("newcomer")
    clone.commit_and_push("first", {"newcomer.py": TAGGED.format(dag_id="newcomer", tag="v1")})
    access = ("--username", USER, "--password-stdin", "--sync-interval", "1s")
    added = run_windlass(
        stage, "repo", "add", clone.url, *access, "-O", "auto_deploy=false", text=stage.password
    )
    assert added.returncode == 0, added.stderr

    def shown() -> dict[str, Any]:
        found: dict[str, Any] = stage.client.get("/api/v1/repositories/newcomer")
        return found

    wait_until(lambda: shown()["sync"]["state"] == "waiting_approval", "it waits")
    assert (shown()["release"], airflow.find_dag("newcomer")) == (None, None)
    waiting = str(shown()["waiting"][0]["id"])
    run_windlass(stage, "release", "approve", "newcomer", waiting, "--reason", "welcome")
    wait_until(lambda: (shown()["release"] or {}).get("state") == "live", "it is live")
    assert airflow.tags("newcomer")[-1] == "v1"


def test_what_is_pushed_while_held_goes_live_when_the_hold_ends(
    stage: Stage, airflow: DemoAirflow
) -> None:
    team = Team(stage, "holder", {"holder.py": TAGGED.format(dag_id="holder", tag="v1")})
    assert team.windlass("release", "hold", "holder", "--reason", "incident").returncode == 0

    sha = team.push("v2", {"holder.py": TAGGED.format(dag_id="holder", tag="v2")})
    wait_until(lambda: state_of(team) == "held", "the push is held")
    assert airflow.tags("holder")[-1] == "v1"
    assert team.windlass("release", "unhold", "holder", "--reason", "over").returncode == 0

    team.wait_live(sha)
    assert airflow.tags("holder")[-1] == "v2"


def test_a_removed_repository_leaves_airflow_when_its_runs_have_ended(
    stage: Stage, airflow: DemoAirflow, gate: Path
) -> None:
    team = Team(stage, "leaver", {"leaver.py": SLOW.format(gate=str(gate))})
    bundle = team.status["bundle"]
    run_id = airflow.trigger("leaver")
    wait_until(lambda: airflow.get_run("leaver", run_id)["state"] == "running", "the run runs")

    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(
            team.windlass, "repo", "remove", "leaver", "--reason", "merged", "--yes", "--wait"
        )
        wait_until(
            lambda: "waits for 1 run" in team.status["sync"]["reason"], "it waits for the run"
        )
        gate.touch()
        done = asked.result()

    assert (done.returncode, done.stderr) == (0, "")
    assert "waits for 1 run: leaver" in done.stdout
    assert airflow.get_run("leaver", run_id)["state"] == "success"
    assert airflow.list_dags(bundle) == []
    history = team.windlass("release", "list", "leaver").stdout
    assert f"#{team.first}" in history

    def is_free() -> bool:
        removed = stage.client.get("/api/v1/repositories/removed/all")
        return any(one["name"] == "leaver" and one["waits_for"] is None for one in removed)

    wait_until(is_free, "its bundle is free")


def test_airflow_forgets_the_dags_of_a_removed_repository_where_that_is_wished(
    stage: Stage, airflow: DemoAirflow
) -> None:
    files = {f"{one}.py": TAGGED.format(dag_id=one, tag="v1") for one in ("forgotten", "past")}
    team = Team(stage, "forgotten", files)
    run_id = airflow.trigger("past")
    wait_until(lambda: airflow.get_run("past", run_id)["state"] == "success", "the run ends")
    (team.clone.folder / "past.py").unlink()
    team.wait_live(team.push("without past", {}))

    done = team.windlass(
        "repo", "remove", "forgotten", "--reason", "for good", "--delete-dags", "--yes", "--wait"
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert (airflow.find_dag("forgotten"), airflow.find_dag("past")) == (None, None)
    assert "2 DAGs were deleted in Airflow" in team.windlass("repo", "show", "forgotten").stdout
    assert f"#{team.first}" in team.windlass("release", "list", "forgotten").stdout
