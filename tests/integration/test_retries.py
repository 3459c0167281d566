"""Hosts that fail, against a real socket that counts: who asks again, when, and how often."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.test_notice import empty_queue, make_due
from tests.waiting import wait_until
from windlass.database import tables as t
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.hosts import FAILING
from windlass.engine.notice import Poller
from windlass.engine.register import Registration

ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"


class _Faults(BaseHTTPRequestHandler):
    """Answers everything with one status, or drops the connection; counts."""

    protocol_version = "HTTP/1.1"
    asked: list[str]
    status: int | None = None

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.status is None:
            self.close_connection = True
            return
        self.send_response(self.status)
        self.send_header("Retry-After", "300")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the inherited name
        pass


@pytest.fixture
def faults() -> Iterator[tuple[str, type[_Faults]]]:
    kind = type("Faults", (_Faults,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", kind
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def several(context: Context, origin: Origin, registration: Registration) -> list[Repository]:
    origin.push("first", {"orders.py": ORDERS})
    found = [register(context, registration, name=f"r{number}") for number in range(8)]
    empty_queue(context)
    return found


def move(context: Context, host: str) -> None:
    """All repositories to another host."""
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.repository).values(url=f"{host}/team/dags.git"))


def one_round(context: Context, poller: Poller) -> None:
    make_due(context)
    poller.poll_due()
    poller.wait()


def test_a_host_that_fails_for_several_is_asked_by_one_at_a_time_until_it_answers(
    context: Context,
    several: list[Repository],
    faults: tuple[str, type[_Faults]],
    origin: Origin,
) -> None:
    good = origin.url.partition("/team")[0]
    poller = Poller(context)
    move(context, faults[0])
    one_round(context, poller)
    first = len(faults[1].asked)
    for _ in range(5):
        one_round(context, poller)
    more = len(faults[1].asked) - first

    assert FAILING <= first <= len(several)
    assert more <= 1
    codes = {
        failure.code for one in several if (failure := status_of(context, one.name).facts.failure)
    }
    assert codes <= {"GIT006", "GIT022"}
    move(context, good)
    make_due(context)

    def were_polled() -> bool:
        poller.poll_due()
        return all(status_of(context, one.name).polled_at for one in several)

    wait_until(were_polled, "all were polled again")
    poller.close()


def test_a_host_that_asks_for_fewer_requests_is_left_alone_as_long_as_it_says(
    context: Context, several: list[Repository], faults: tuple[str, type[_Faults]]
) -> None:
    faults[1].status = 429
    move(context, faults[0])
    with context.database.transaction() as connection:
        others = sa.update(t.repository).where(t.repository.c.id != several[0].id)
        connection.execute(others.values(suspended_at=sa.func.now()))
    poller = Poller(context)

    one_round(context, poller)

    poller.close()
    failure = status_of(context, several[0].name).facts.failure
    assert failure is not None
    with context.database.transaction() as connection:
        wait = sa.select(t.repository.c.next_poll_at - sa.func.now())
        wait_s = connection.execute(wait.where(t.repository.c.id == several[0].id)).scalar_one()
    assert (failure.code, len(faults[1].asked)) == ("GIT021", 1)
    assert 295 <= wait_s.total_seconds() <= 370


def test_a_sync_that_meets_a_dead_host_tries_once_and_is_tried_again_by_the_poll_loop(
    context: Context, several: list[Repository], faults: tuple[str, type[_Faults]]
) -> None:
    move(context, faults[0])

    run_sync(context, several[0])

    failure = status_of(context, several[0].name).facts.failure
    assert failure is not None
    assert failure.code == "GIT006"
    assert len(faults[1].asked) <= 2  # git's libcurl asks a second time on a new connection
