"""One environment per Airflow, on a real one."""

import pytest

from tests.acceptance.conftest import BothTargets, run_windlass
from tests.waiting import wait_until
from windlass.domain.errors import Conflict

TELL = "from windlass_airflow.plugin import airflow_id; print('id', airflow_id())"


def test_an_airflow_under_another_name_is_no_second_environment(stage: BothTargets) -> None:
    endpoint = stage.airflow.endpoint
    password = endpoint.password_file.read_text().strip()
    alias = endpoint.url.replace("127.0.0.1", "localhost")
    body = {
        "name": "again",
        "airflow_url": alias,
        "login": {"username": endpoint.username, "password": password},
    }

    wait_until(
        lambda: stage.client.get("/api/v1/environments/default")["airflow_id"], "its id is known"
    )
    with pytest.raises(Conflict, match=r"AIR005 .* that of the environment 'default' already"):
        stage.client.post("/api/v1/environments", body)


def test_airflow_tells_which_of_its_settings_differ(stage: BothTargets) -> None:
    found = stage.client.post("/api/v1/environments/default/test")

    differing = [row["found"] for row in found if row["subject"] == "setting"]
    assert [words.split(":")[0] for words in differing] == [
        "[dag_processor] stale_bundle_cleanup_interval is 2, not 0"
    ]


def test_every_process_of_one_airflow_tells_the_same_id(stage: BothTargets) -> None:
    told = stage.run_in_airflow(TELL).split()[-1]

    shown = stage.client.get("/api/v1/environments/default")
    tried = run_windlass(stage, "environment", "test", "default")

    assert (shown["airflow_id"], shown["airflow_refused"]) == (told, None)
    assert f"its provider reports the id {told}" in tried.stdout
