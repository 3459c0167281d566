"""The promises of the first flight, on real git, PostgreSQL and Airflow."""

import io
import threading
from pathlib import Path

from tests.acceptance.conftest import Team
from tests.waiting import wait_until
from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.entrypoints.demo.stage import Stage
from windlass.entrypoints.demo.story import Story

SLOW = """
import time
from pathlib import Path

from airflow.sdk import DAG, task
from pace import WORD

with DAG("slow", schedule=None):

    @task
    def first() -> str:
        while not Path({gate!r}).exists():
            time.sleep(0.1)
        return WORD

    @task
    def then(before: str) -> list[str]:
        from pace import WORD as now

        return [before, now, "{word}"]

    then(first())
"""
LAGGARD = """
import time

from airflow.sdk import DAG

time.sleep(1.5)
dag = DAG("laggard", schedule=None, tags=["{tag}"])
"""
TWO = """
from airflow.sdk import DAG, task
from shared import TEAM

with DAG("{dag_id}", schedule=None):

    @task
    def whose() -> str:
        return TEAM

    whose()
"""


def test_the_story_of_the_demo_holds(stage: Stage) -> None:
    out = io.StringIO()
    story = Story(stage, out)

    story.first_push()
    story.rest()

    words = [line.split()[2] for line in out.getvalue().splitlines() if " s  " in line]
    way = ["pushed", "noticed", "fetched", "checked", "released", "LIVE", "run"]
    assert words == [
        *("pushed", "added"),
        *way,
        *("pushed", "noticed", "DENIED", "kept"),
        *way,
        *("asked", "released", "LIVE", "run", "held"),
    ]


def test_a_run_in_flight_finishes_on_its_own_release_while_the_next_is_live(
    stage: Stage, airflow: DemoAirflow, gate: Path
) -> None:
    old_slow, new_slow = (SLOW.format(word=word, gate=str(gate)) for word in ("old", "new"))
    team = Team(stage, "in-flight", {"slow.py": old_slow, "pace.py": "WORD = 'old'\n"})
    run_id = airflow.trigger("slow")
    wait_until(lambda: airflow.get_run("slow", run_id)["state"] == "running", "the run runs")

    sha = team.push("new", {"slow.py": new_slow, "pace.py": "WORD = 'new'\n"})
    second = team.wait_live(sha)
    assert airflow.get_run("slow", run_id)["state"] == "running"
    gate.touch()
    old, new = (airflow.wait_for_run("slow", one) for one in (run_id, airflow.trigger("slow")))

    assert (old["state"], old["bundle_version"]) == ("success", str(team.first))
    assert airflow.returned("slow", old["dag_run_id"], "then") == ["old", "old", "old"]
    assert (new["state"], new["bundle_version"]) == ("success", str(second))
    assert airflow.returned("slow", new["dag_run_id"], "then") == ["new", "new", "new"]


def test_two_repositories_added_while_all_runs_import_their_own_module_of_one_name(
    stage: Stage, airflow: DemoAirflow
) -> None:
    for team in ("red", "blue"):
        Team(
            stage,
            team,
            {f"{team}.py": TWO.format(dag_id=team), "shared.py": f"TEAM = {team!r}\n"},
        )

    runs = {team: airflow.trigger(team) for team in ("red", "blue")}

    for team, run_id in runs.items():
        assert airflow.wait_for_run(team, run_id)["state"] == "success"
    told = {team: airflow.returned(team, run_id, "whose") for team, run_id in runs.items()}
    assert told == {"red": "red", "blue": "blue"}


def test_a_flip_in_the_middle_of_a_parse_is_not_called_live_before_the_new_code_is_seen(
    stage: Stage, airflow: DemoAirflow
) -> None:
    team = Team(stage, "laggard", {"laggard.py": LAGGARD.format(tag="v1")})
    tokens = [dag.file_token for dag in airflow.list_dags(team.status["bundle"])]
    stop = threading.Event()

    def keep_parsing() -> None:
        while not stop.wait(0.2):
            airflow.parse_file(tokens[0])

    parsing = threading.Thread(target=keep_parsing)
    parsing.start()
    try:
        seen = []
        for tag in [f"v{i}" for i in range(2, 6)]:
            team.wait_live(team.push(tag, {"laggard.py": LAGGARD.format(tag=tag)}))
            seen.append(airflow.tags("laggard"))
    finally:
        stop.set()
        parsing.join()

    ours = ["ns:laggard", "repo:laggard"]
    assert seen == [[*ours, f"v{i}"] for i in range(2, 6)]
