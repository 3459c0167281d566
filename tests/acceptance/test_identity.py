"""One environment per Airflow, on a real one."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

import pytest

from tests.acceptance.conftest import BothTargets, run_windlass
from tests.waiting import wait_until
from windlass.domain.errors import Conflict
from windlass.entrypoints.demo.stage import USER
from windlass.entrypoints.processes import free_port

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


@contextlib.contextmanager
def forwarding(port: int, url: str) -> Iterator[None]:
    """Let a port of 127.0.0.1 lead to what is at `url`."""
    to = urlsplit(url)

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with closing(socket.create_connection((to.hostname, to.port))) as there:
                back = threading.Thread(target=pass_on, args=(there, self.request), daemon=True)
                back.start()
                pass_on(self.request, there)
                back.join()

    class Server(ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        allow_reuse_address = True

    with Server(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def pass_on(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            to.sendall(part)
        to.shutdown(socket.SHUT_WR)


def has_gone(stage: BothTargets, environment: str) -> bool:
    """Whether an environment could be removed now."""
    with suppress(Conflict):
        stage.client.delete(f"/api/v1/environments/{environment}")
        return True
    return False


@pytest.mark.timeout(400)
def test_nothing_is_deployed_to_an_environment_whose_airflow_turns_out_to_be_another_ones(
    stage: BothTargets,
) -> None:
    """It was away when the environment was added, so that nobody could ask which one it is."""
    endpoint, port = stage.airflow.endpoint, free_port()
    password = endpoint.password_file.read_text().strip()
    body = {
        "name": "later",
        "airflow_url": f"http://127.0.0.1:{port}",
        "login": {"username": endpoint.username, "password": password},
    }
    stage.client.post("/api/v1/environments", body)
    clone = stage.clone("later-team")
    clone.commit_and_push("first", {"a.py": "from airflow.sdk import DAG\nDAG('later_a')\n"})
    auth = {"username": USER, "password": stage.password}
    wanted = {"url": clone.url, "environment": "later", "sync_interval": "1s", "auth": auth}
    address = "/api/v1/repositories/later-team"

    with forwarding(port, endpoint.url):
        wait_until(
            lambda: stage.client.get("/api/v1/environments/later")["airflow_refused"],
            "the Airflow is known to be that of the other environment",
        )
        stage.client.post("/api/v1/repositories", {**wanted, "name": "later-team"})
        wait_until(lambda: stage.client.get(address)["failure"], "the deployment is refused")

    found = stage.client.get(address)
    stage.client.delete(f"{address}?reason=told&drain_s=0")
    wait_until(lambda: has_gone(stage, "later"), "the environment can be removed")
    assert (found["failure"]["code"], found["release"]) == ("DEP007", None)
    assert "that of the environment 'default' already" in found["failure"]["message"]
