"""Which Airflow this is, as its API server tells Windlass."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

SERVER = """
from concurrent.futures import ThreadPoolExecutor
from airflow import settings
from airflow.models import team, variable
from windlass_airflow.plugin import airflow_id
for model in (team.Team, variable.Variable):
    model.__table__.create(settings.engine, checkfirst=True)
with ThreadPoolExecutor(4) as many:
    print(*{*many.map(lambda _: airflow_id(), range(8))})
"""


def test_an_airflow_has_one_id_whoever_asks_first_and_another_has_another(tmp_path: Path) -> None:
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", SERVER],
            env={**os.environ, "AIRFLOW_HOME": str(tmp_path / name)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    told = [server.communicate()[0].splitlines()[-1] for server in servers]

    assert UUID(told[0]) != UUID(told[1])


def test_a_caller_who_is_not_signed_in_is_told_nothing() -> None:
    from fastapi.testclient import TestClient

    from windlass_airflow.plugin import serve

    answer = TestClient(serve).get("/airflow")

    assert answer.status_code == 401
    assert "airflow_id" not in answer.json()


def test_a_process_that_is_no_server_imports_none_for_it() -> None:
    code = "import sys, {}; print('fastapi' in sys.modules, end=' ');"
    code = code.format("airflow.plugins_manager") + code.format("windlass_airflow.plugin")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = done.stdout.split()[-2:]

    assert before == after
