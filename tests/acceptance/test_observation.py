"""What Windlass does about what Airflow reports, on the real one."""

from pathlib import Path

from tests.acceptance.conftest import Team
from tests.waiting import wait_until
from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.entrypoints.demo.stage import Stage

DAG = "from airflow.sdk import DAG\n{more}\ndag = DAG({dag_id!r}, schedule=None, tags=[{tag!r}])\n"


def dag(dag_id: str, tag: str = "v1", more: str = "") -> str:
    return DAG.format(dag_id=dag_id, tag=tag, more=more)


def test_a_release_that_airflow_cannot_import_is_rolled_back_and_stays_away(
    stage: Stage, airflow: DemoAirflow
) -> None:
    files = {"regress.py": dag("regress"), "steady.py": dag("steady")}
    team = Team(stage, "regress", files, validation=False)  # else the gate would not let it pass

    bad = team.push(
        "needs a library",
        {
            "regress.py": dag("regress", "v2", "import no_such_library"),
            "fresh.py": dag("fresh", more="import no_such_library_either"),
        },
    )
    wait_until(lambda: team.status["sync"]["state"] == "held", "it is held after the rollback")
    wait_until(lambda: team.status["release"]["state"] == "live", "the old content is live")

    found = team.status
    assert found["head"]["sha"] == bad
    assert found["release"]["content_of"] == team.first
    assert found["health"]["reason"] in ("every DAG was seen", "every changed DAG was seen")
    assert "Airflow cannot import fresh.py: ModuleNotFoundError" in found["sync"]["reason"]
    assert airflow.tags("regress")[-1] == "v1"
    newest = stage.client.get(f"/api/v1/repositories/{team.name}/releases")[0]
    assert (newest["actor"], newest["content_of"]) == ("windlass", team.first)


def test_a_file_that_hangs_for_ever_is_taken_back_and_holds_up_nobody(
    stage: Stage, airflow: DemoAirflow
) -> None:
    files = {"hangs.py": dag("hangs"), "beside.py": dag("beside")}
    team = Team(stage, "hangs", files, validation=False)  # else the gate would not let it pass
    other = Team(stage, "unhurt", {"unhurt.py": dag("unhurt")})

    hung = team.push("for ever", {"hangs.py": dag("hangs", "v2", "while True: pass")})
    wait_until(lambda: team.status["release"]["revision"] == hung, "it is published")
    new = other.wait_live(other.push("meanwhile", {"unhurt.py": dag("unhurt", "v2")}))
    meanwhile = team.status["release"]
    wait_until(lambda: team.status["sync"]["state"] == "held", "it is held after the rollback")
    wait_until(lambda: team.status["release"]["state"] == "live", "the old content is live")

    assert new > other.first
    assert (meanwhile["revision"], meanwhile["state"]) == (hung, "published")
    assert "Airflow cannot import hangs.py: " in team.status["sync"]["reason"]
    assert [airflow.tags(one)[-1] for one in ("hangs", "beside", "unhurt")] == ["v1", "v1", "v2"]


SLEEPER = """
import time
from pathlib import Path

from airflow.sdk import DAG, task

with DAG("sleeper", schedule=None):

    @task
    def first() -> None:
        while not Path({gate!r}).exists():
            time.sleep(0.1)

    @task
    def then() -> str:
        return "done"

    first() >> then()
"""


def test_a_file_that_moves_under_a_run_is_held_until_the_run_has_ended(
    stage: Stage, airflow: DemoAirflow, gate: Path
) -> None:
    team = Team(stage, "mover", {"sleeper.py": SLEEPER.format(gate=str(gate))})
    run_id = airflow.trigger("sleeper")

    team.clone.git("mv", "sleeper.py", "asleep.py")
    sha = team.push("moved", {})
    wait_until(lambda: "in flight (" in team.status["sync"]["reason"], "the move is held")
    held = team.status
    gate.touch()
    second = team.wait_live(sha)

    assert (
        f"sleeper moves from sleeper.py to asleep.py with 1 run in flight ({run_id})"
        in (held["sync"]["reason"])
    )
    assert held["release"]["id"] == team.first
    run = airflow.wait_for_run("sleeper", run_id)
    assert (run["state"], run["bundle_version"]) == ("success", str(team.first))
    assert second > team.first


HELPED = (
    "from airflow.sdk import DAG\nfrom lookup import TAG\n\ndag = DAG({dag_id!r}, tags=[TAG])\n"
)
WHEN_FALSE = dag("always") + "if False:\n    off = DAG('never')\n"


def test_a_dag_is_explained_whatever_keeps_it_from_view(stage: Stage, airflow: DemoAirflow) -> None:
    files = {
        "shown.py": dag("shown"),
        "old/past.py": dag("past"),
        "quiet.py": "# nothing of the kind\n",
        ".airflowignore": "# what was\nold/\n",
    }
    team = Team(stage, "riddle", files)
    team.push("denied", {"broken.py": dag("broken") + "def :\n", "later.py": dag("later")})
    wait_until(lambda: team.status["sync"]["state"] == "denied", "the head is denied")
    run_id = airflow.trigger("shown")
    airflow.wait_for_run("shown", run_id)

    def told(dag_id: str) -> list[str]:
        return team.windlass("explain", dag_id).stdout.splitlines()

    assert told("shown")[0].startswith("shown is live and visible: last parsed ")
    assert told("past")[0] == "past is ignored by .airflowignore line 2: 'old/'."
    assert told("later")[0].startswith("later is not deployed: its revision is denied by SYN001")
    assert told("shwon")[0] == "shwon is in no repository that Windlass knows. Near: shown."
    words = [line.split()[2].rstrip(":") for line in told("shown") if line.startswith("  20")]
    assert [word for word in words if word != "converged"] == [
        *("committed", "noticed", "fetched", "checked", "released", "flipped", "live"),
        *("first", "first"),
    ]
    airflow.pause("shown")
    assert told("shown")[0] == "shown is live, but paused in Airflow."


def of_bundle(airflow: DemoAirflow, team: Team) -> dict[str, str | None]:
    """dag_id → the version that Airflow shows it at."""
    return {one.dag_id: one.version for one in airflow.list_dags(team.bundle)}


def test_a_change_of_a_helper_alone_is_seen_in_every_dag_that_imports_it(
    stage: Stage, airflow: DemoAirflow
) -> None:
    ids = ("first_user", "second_user")
    files = {f"{dag_id}.py": HELPED.format(dag_id=dag_id) for dag_id in ids}
    team = Team(stage, "helper", {**files, "lookup.py": "TAG = 'v1'\n", "other.py": WHEN_FALSE})
    assert team.status["release"]["not_made"] == []  # importing it told that before

    team.wait_live(team.push("helper only", {"lookup.py": "TAG = 'v2'\n"}))

    assert [airflow.tags(dag_id)[-1] for dag_id in ids] == ["v2", "v2"]
    now = str(team.status["release"]["id"])
    (other,) = [one for one in airflow.list_dags(team.bundle) if one.dag_id == "always"]
    airflow.parse_file(other.file_token)
    wait_until(lambda: of_bundle(airflow, team)["always"] == now, "the other one is read again")
    assert airflow.count_versions("always") == 1
    assert team.status["release"]["seconds_to_live"] > 0
