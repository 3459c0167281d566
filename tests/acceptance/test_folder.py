"""The folder target on a real Airflow: a LocalDagBundle over links to releases."""

from collections.abc import Iterator

import pytest

from tests.acceptance.anonymous import anonymous
from tests.acceptance.conftest import Team, run_windlass
from tests.waiting import wait_until
from windlass.domain.environment import FOLDER_BUNDLE
from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.entrypoints.demo.stage import Stage

DAG = """
from airflow.sdk import DAG, task
from filed.filed.words import TAG

with DAG("{dag_id}", schedule=None, tags=[TAG]):

    @task
    def work() -> str:
        return TAG

    work()
"""


@pytest.fixture(scope="module")
def folders(stage: Stage) -> Iterator[str]:
    """An environment of that target, on the same Airflow; which one it is, that does not tell here:
    one Airflow is one environment otherwise."""
    with anonymous(stage.airflow.endpoint.url) as address:
        yield connect(stage, address)


def connect(stage: Stage, address: str) -> str:
    endpoint = stage.airflow.endpoint
    body = {
        "name": "folders",
        "target": "folder",
        "airflow_url": address,
        "login": {
            "username": endpoint.username,
            "password": endpoint.password_file.read_text().strip(),
        },
    }
    stage.client.post("/api/v1/environments", body)
    return "folders"


def seen(airflow: DemoAirflow) -> dict[str, str]:
    """dag_id → path, of the whole folder."""
    return {dag.dag_id: dag.path for dag in airflow.list_dags(FOLDER_BUNDLE)}


def test_pushes_come_and_go_in_the_folder_and_run(
    stage: Stage, airflow: DemoAirflow, folders: str
) -> None:
    files = {"a.py": DAG.format(dag_id="filed_a"), "words.py": "TAG = 'one'\n"}
    team = Team(stage, "filed", files, folders)
    assert seen(airflow) == {"filed_a": "filed/filed/a.py"}
    run = airflow.wait_for_run("filed_a", airflow.trigger("filed_a"))
    assert run["state"] == "success"

    changed = {"words.py": "TAG = 'two'\n", "b.py": DAG.format(dag_id="filed_b")}
    team.wait_live(team.push("change the helper, add one", changed))
    assert (airflow.tags("filed_a"), airflow.tags("filed_b")) == (["two"], ["two"])

    team.clone.git("rm", "--quiet", "b.py")
    team.wait_live(team.push("remove one", {}))
    wait_until(lambda: seen(airflow) == {"filed_a": "filed/filed/a.py"}, "the removed one is gone")


def test_the_environment_can_be_tried_from_the_command_line(stage: Stage, folders: str) -> None:
    answer = run_windlass(stage, "environment", "test", folders)

    assert answer.returncode == 0, answer.stdout + answer.stderr
    conditions = {line.split()[2]: line.split()[1] for line in answer.stdout.splitlines()}
    assert conditions["identity"] == "warning"
    assert conditions["rights"] == conditions["dag_processor"] == conditions["scheduler"] == "ok"
