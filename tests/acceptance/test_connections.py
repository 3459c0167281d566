"""A connection that Windlass wrote, used by Airflow's own Git bundle."""

import json

from tests.acceptance.conftest import BothTargets
from windlass.entrypoints.demo.stage import USER

READ = """
import json, os
os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
from airflow.models.connection import Connection
from airflow.providers.git.bundles.git import GitDagBundle
from airflow.utils.session import create_session

name = {name!r}
with create_session() as session:
    row = session.query(Connection).filter(Connection.conn_id == name).one()
    stored, opened = row._password, row.get_password()
bundle = GitDagBundle(name="stock", git_conn_id=name, tracking_ref="main")
bundle.initialize()
told = dict(stored=stored, opened=opened, type=row.conn_type)
version = bundle.get_current_version()
told |= dict(version=getattr(version, "version", version), files=sorted(os.listdir(bundle.path)))
print("told", json.dumps(told))
"""


def test_a_stock_git_bundle_clones_with_the_connection_that_was_written(
    stage: BothTargets,
) -> None:
    clone = stage.clone("stock")
    sha = clone.commit_and_push("first", {"stock.py": "x = 1\n"})
    auth = {"username": USER, "password": stage.password}
    body = {"url": clone.url, "name": "stock", "auth": auth}
    stage.client.post("/api/v1/repositories", body)
    endpoint = stage.airflow.endpoint
    admin = endpoint.admin_password_file.read_text().strip()
    login = {"username": endpoint.admin_username, "password": admin}

    written = stage.client.post("/api/v1/repositories/stock/connection", {"login": login})
    again = stage.client.post("/api/v1/repositories/stock/connection", {"login": login})
    said = stage.run_in_airflow(READ.format(name=written["connection_id"]))

    told = json.loads(said.rpartition("told ")[2].splitlines()[0])
    assert (written["is_new"], again["is_new"]) == (True, False)
    assert (told["type"], told["opened"], told["version"]) == ("git", stage.password, sha)
    assert "stock.py" in told["files"]
    assert stage.password not in told["stored"]  # encrypted, and opened by decrypting once
