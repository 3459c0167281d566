"""A repository that Airflow's own Git bundle serves goes over to Windlass."""

from tests.acceptance.conftest import SERVED, SETTLED, BothTargets, run_windlass
from tests.waiting import wait_until
from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.entrypoints.demo.stage import USER


def test_what_a_git_bundle_serves_is_judged_first_then_switched_and_keeps_its_runs(
    stage: BothTargets, airflow: DemoAirflow
) -> None:
    clone = stage.served
    assert clone is not None
    first = clone.git("rev-parse", "HEAD")
    wait_until(lambda: bool(airflow.list_dags(SERVED)), "the Git bundle's DAG is there")
    old = airflow.wait_for_run("settled", airflow.trigger("settled"))

    def say(*arguments: str, text: str = "") -> str:
        done = run_windlass(stage, *arguments, text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def state() -> str:
        return str(stage.client.get(f"/api/v1/repositories/{SERVED}")["sync"]["state"])

    login = ("--username", USER, "--password-stdin")
    say("credential", "add", "team", clone.url, *login, text=stage.password)
    found = ("repo", "adopt", "-", "--credential", "team", "--add")
    adopted = say(*found, text=stage.variables_of_processor())
    wait_until(lambda: state() == "waiting_approval", "it is judged, and waits")
    assert f"Added {SERVED}; its first release waits for you" in adopted
    assert [dag.version for dag in airflow.list_dags(SERVED)] == [first]

    stage.stop_serving()
    stage.restart_processor()
    wait_until(lambda: not airflow.list_dags(SERVED), "the Git bundle's DAG is gone")
    repository = stage.client.get(f"/api/v1/repositories/{SERVED}")
    release = str(repository["waiting"][0]["id"])
    say("release", "approve", SERVED, release, "--reason", "switched", "--wait")
    say("repo", "set", SERVED, "-O", "auto_deploy=true", "--sync-interval", "1s")

    kept = airflow.get_run("settled", old["dag_run_id"])
    new = airflow.wait_for_run("settled", airflow.trigger("settled"))
    assert (kept["state"], kept["bundle_version"]) == ("success", first)
    assert airflow.returned("settled", old["dag_run_id"], "work") == "v1"
    assert (new["state"], new["bundle_version"]) == ("success", release)

    clone.commit_and_push("next", {"dags/settled.py": SETTLED.format(tag="v2")})
    wait_until(lambda: airflow.tags("settled")[-1] == "v2", "a push goes live by itself")
