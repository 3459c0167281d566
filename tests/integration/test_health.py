"""/healthz and /readyz: which part of Windlass does not work."""

import shutil
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.serving import api_over, client_of
from windlass.artifacts.store import Store
from windlass.database.connection import Database
from windlass.engine.context import Context
from windlass.engine.readiness import look_at_parts


def ready(context: Context) -> tuple[int, dict[str, Any]]:
    with client_of(api_over(context)) as client:
        answer = client.get("/readyz")
    return answer.status_code, answer.json()


def hear_a_worker(context: Context, ago_s: int) -> None:
    with context.database.transaction() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - make_interval(secs => :ago))"
            ),
            {"ago": ago_s},
        )


def failures(context: Context, age_s: float = 0) -> list[str]:
    parts = look_at_parts(context, age_s=age_s)
    return [f"{part.name} {part.failure.code}" for part in parts if part.failure]


def test_all_parts_work(context: Context) -> None:
    hear_a_worker(context, 2)

    assert ready(context) == (
        200,
        {
            "status": "ready",
            "parts": [
                {"name": "database", "failure": None},
                {"name": "store", "failure": None},
                {"name": "worker", "failure": None},
            ],
        },
    )


def test_a_database_that_is_away_is_told_and_the_process_still_answers(context: Context) -> None:
    away = replace(context, database=Database("postgresql://windlass:s3cret@127.0.0.1:1/x"))
    with client_of(api_over(away)) as client:
        alive, answer = client.get("/healthz"), client.get("/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (answer.status_code, answer.json()["code"]) == (503, "DB001")
    failed = [part["name"] for part in answer.json()["parts"] if part["failure"]]
    assert failed == ["database", "worker"]
    assert "s3cret" not in answer.text


def test_a_store_that_is_gone_is_told(context: Context) -> None:
    shutil.rmtree(context.store.root)

    assert failures(context) == ["store STORE003"]


def test_a_store_that_cannot_be_written_is_told(context: Context) -> None:
    assert failures(replace(context, store=Store(root=context.store.root / "store.json"))) == [
        "store STORE003"
    ]


@pytest.mark.parametrize(("ago_s", "broken"), [(2, []), (59, []), (75, ["worker SYNC003"])])
def test_a_worker_that_fell_silent_is_told(context: Context, ago_s: int, broken: list[str]) -> None:
    hear_a_worker(context, ago_s)

    assert failures(context, age_s=1000) == broken


@pytest.mark.parametrize(("age_s", "broken"), [(5.0, []), (61.0, ["worker SYNC003"])])
def test_a_worker_that_was_never_heard_has_a_minute_to_come(
    context: Context, age_s: float, broken: list[str]
) -> None:
    assert failures(context, age_s) == broken
