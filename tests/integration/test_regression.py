"""What follows when Airflow shows import errors, before an Airflow that shows what a test wants.

tests/acceptance/test_observation.py has a real one that cannot import a real file.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.strange import Strange
from windlass.database.history import list_events
from windlass.database.measures import read_measures
from windlass.domain.events import Event
from windlass.domain.measures import Series
from windlass.domain.options import OnImportError
from windlass.domain.repository import Repository
from windlass.domain.status import health, warnings_of
from windlass.engine.context import Context
from windlass.engine.holds import hold
from windlass.engine.lifecycle import suspend
from windlass.engine.observe import Observer
from windlass.engine.register import Registration
from windlass.engine.survey import survey
from windlass.engine.worker import handlers
from windlass.targets.airflow import AirflowClient

GOOD = "from airflow.sdk import DAG\nwith DAG('orders'):\n    pass\n"
TEXT = "Traceback\nModuleNotFoundError: No module named 'x'"


class Airflow:
    """Shows every release at once, and the import errors that a test put in: (bundle, file) → when
    it was met last, in seconds from now."""

    def __init__(self, strange: Strange) -> None:
        self.release = 1
        self.errors: dict[tuple[str, str], float] = {}
        self.other = [("two", "sales", "s.py")]
        self.ill: set[str] = set()
        self.strange = strange
        strange.answer = self._answer

    def _answer(self, path: str, query: dict[str, str]) -> Any:
        bundle = query.get("bundle_name")
        if path.endswith("/health"):
            return {
                name: {"status": "unhealthy" if name in self.ill else "healthy"}
                for name in ("scheduler", "dag_processor")
            }
        if path.endswith("/importErrors"):
            rows = [
                {"bundle_name": b, "filename": f, "timestamp": _in(s), "stack_trace": TEXT}
                for (b, f), s in self.errors.items()
                if bundle in (None, b)
            ]
            return {"import_errors": rows, "total_entries": len(rows)}
        shown = [("one", "orders", "a.py"), *self.other]
        rows = [
            {
                "dag_id": dag_id,
                "bundle_name": b,
                "bundle_version": str(self.release) if b == "one" else "9",
                "relative_fileloc": path,
                "file_token": dag_id,
            }
            for b, dag_id, path in shown
            if bundle in (None, b)
        ]
        return {"dags": rows, "total_entries": len(rows)}


def _in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@pytest.fixture
def airflow(strange: Strange) -> Airflow:
    return Airflow(strange)


@pytest.fixture
def asking(context: Context, strange: Strange) -> Iterator[Context]:
    client = AirflowClient(strange.url, "windlass", "x")
    yield replace(context, airflows={"default": client})
    client.close()


@pytest.fixture
def observer(asking: Context) -> Observer:
    return Observer(asking)


@pytest.fixture
def second(
    asking: Context,
    airflow: Airflow,
    observer: Observer,
    origin: Origin,
    registration: Registration,
) -> Repository:
    """Release 1 was live; release 2, with the same DAG changed, is published."""
    origin.push("first", {"a.py": GOOD})
    repository = register(asking, registration)
    run_sync(asking, repository)
    look(asking, observer)
    origin.push("second", {"a.py": GOOD + "import x\n"})
    run_sync(asking, repository)
    airflow.release = 2
    return repository


def look(context: Context, observer: Observer) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.text("UPDATE deployment SET next_observation_at = '2020-01-01'"))
    observer.look()


def look_twice(context: Context, observer: Observer, airflow: Airflow) -> None:
    """Two looks, and between them a parse that meets the errors again."""
    look(context, observer)
    airflow.errors = {place: at + 3 for place, at in airflow.errors.items()}
    look(context, observer)


def run_rollback(context: Context) -> list[dict[str, Any]]:
    """Run the rollbacks that wait; what they were asked to do."""
    with context.database.transaction() as connection:
        jobs = sa.text("DELETE FROM procrastinate_jobs WHERE task_name = 'rollback' RETURNING args")
        waiting = list(connection.execute(jobs).scalars())
    for job in waiting:
        handlers(context)["rollback"](**job, should_abort=lambda: False)
    return waiting


def health_of(context: Context) -> tuple[str, str]:
    facts = status_of(context).facts
    return health(facts.deployed, facts.survey)


def told(context: Context, repository: Repository) -> list[str]:
    with context.database.transaction() as connection:
        return [event.tag for event in list_events(connection, repository.id, 50)]


def test_a_release_that_fails_twice_is_rolled_back_with_the_error_as_the_reason(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    airflow.errors = {("one", "a.py"): 0.0}
    look(asking, observer)
    assert run_rollback(asking) == []
    airflow.errors = {("one", "a.py"): 3.0}
    look(asking, observer)

    [job] = run_rollback(asking)
    reason = "Airflow cannot import a.py: ModuleNotFoundError: No module named 'x'"
    assert (job["to"], job["bad"], job["actor"], job["reason"]) == (1, 2, "windlass", reason)
    deployed = status_of(asking).facts.deployed
    assert deployed is not None
    assert (deployed.release_id, deployed.content_of) == (3, 1)
    run_sync(asking, second)
    assert status_of(asking).facts.held_reason == (
        f"its content is that of release #2, which is quarantined: {reason}"
    )


def test_the_failing_file_and_a_sound_one_elsewhere_are_parsed_again(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    airflow.strange.parsed.clear()
    airflow.errors = {("one", "a.py"): 0.0}

    look(asking, observer)

    assert airflow.strange.parsed == ["orders", "sales"]


def test_a_release_is_kept_where_sound_files_elsewhere_begin_to_fail_too(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    airflow.errors = {("one", "a.py"): 0.0}
    look(asking, observer)
    airflow.errors = {("one", "a.py"): 3.0, ("two", "s.py"): 3.0}
    look(asking, observer)

    assert run_rollback(asking) == []
    assert health_of(asking) == (
        "degraded",
        "Airflow reports import errors in a.py; not rolled back: DAGs of other repositories, which "
        "did not change, fail too: the cause is outside",
    )


def test_an_error_that_goes_away_is_no_reason(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    airflow.errors = {("one", "a.py"): 0.0}
    look(asking, observer)
    airflow.errors = {}
    look(asking, observer)

    assert run_rollback(asking) == []
    assert health_of(asking) == ("healthy", "every DAG was seen")


def test_a_rollback_that_fails_is_not_rolled_back_further(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    airflow.errors = {("one", "a.py"): 0.0}
    look_twice(asking, observer, airflow)
    run_rollback(asking)
    with asking.database.transaction() as connection:
        forget = "UPDATE deployment SET import_errors = '[]' WHERE release_id = 2"
        connection.execute(sa.text(forget))
    airflow.release, airflow.errors = 3, {("one", "a.py"): 0.5}
    look_twice(asking, observer, airflow)

    assert run_rollback(asking) == []
    assert health_of(asking)[1].endswith("it is a rollback itself, so a person must look")


def test_an_option_keeps_what_fails(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    with asking.database.transaction() as connection:
        options = replace(second.options, on_import_error=OnImportError.KEEP).to_json()
        query = sa.text("UPDATE repository SET options = CAST(:options AS jsonb)")
        connection.execute(query, {"options": json.dumps(options)})
    airflow.errors = {("one", "a.py"): 0.0}
    look_twice(asking, observer, airflow)

    assert run_rollback(asking) == []
    assert health_of(asking)[1].endswith("the repository's option on_import_error is keep")


def hold_it(context: Context) -> str:
    hold(context, "dags", reason="incident 221", actor="alice")
    return "the repository is held: incident 221"


def suspend_it(context: Context) -> str:
    suspend(context, "dags", reason="moving house", actor="alice")
    return "the repository is suspended"


@pytest.mark.parametrize("stop", [hold_it, suspend_it])
def test_what_a_person_stopped_stays_as_it_is(
    asking: Context,
    airflow: Airflow,
    observer: Observer,
    second: Repository,
    stop: Callable[[Context], str],
) -> None:
    reason = stop(asking)
    airflow.errors = {("one", "a.py"): 1}

    look_twice(asking, observer, airflow)

    assert run_rollback(asking) == []
    with asking.database.transaction() as connection:
        kept = [e for e in list_events(connection, second.id, 50) if "reason" in e.facts]
    assert kept[-1].facts["reason"] == reason


def test_a_newer_push_is_not_rolled_back_for_the_one_before(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository, origin: Origin
) -> None:
    airflow.errors = {("one", "a.py"): 0.0}
    look_twice(asking, observer, airflow)
    origin.push("third", {"a.py": GOOD + "# mended\n"})
    run_sync(asking, second)

    assert len(run_rollback(asking)) == 1
    facts = status_of(asking).facts
    assert facts.deployed is not None
    assert (facts.deployed.release_id, facts.failure) == (3, None)


def make_survey_due(context: Context, published: str = "now()") -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.text("UPDATE environment SET next_look_at = '2020-01-01'"))
        connection.execute(sa.text(f"UPDATE deployment SET published_at = {published}"))


def test_a_release_that_fails_long_after_it_was_live_is_degraded_and_heals(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    look(asking, observer)
    airflow.errors = {("one", "a.py"): 0.0}
    make_survey_due(asking, "now() - interval '6 minutes'")
    survey(asking)

    assert health_of(asking) == ("degraded", "Airflow reports import errors in a.py")
    airflow.errors = {}
    make_survey_due(asking)
    survey(asking)
    assert health_of(asking) == ("healthy", "every DAG was seen")
    assert told(asking, second)[-2:] == [Event.DEPLOYMENT_FAILING, Event.DEPLOYMENT_HEALED]


def test_a_release_that_fails_soon_after_it_was_live_is_looked_at_again(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    look(asking, observer)
    airflow.errors = {("one", "a.py"): 0.0}
    make_survey_due(asking)
    survey(asking)
    look_twice(asking, observer, airflow)

    assert [job["bad"] for job in run_rollback(asking)] == [2]


def test_a_survey_costs_three_calls_however_many_releases_are_live_and_converged(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    look(asking, observer)
    airflow.strange.calls.clear()
    make_survey_due(asking)

    assert survey(asking) == 1
    assert survey(asking) == 0  # not due again
    assert [path for path, _ in airflow.strange.calls] == [
        "/windlass/airflow",
        "/api/v2/monitor/health",
        "/api/v2/importErrors",
    ]


def test_a_part_of_airflow_that_is_ill_is_told_until_it_is_well_again(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    look(asking, observer)
    told = []
    for ill in ({"dag_processor"}, set[str]()):
        airflow.ill = ill
        make_survey_due(asking)
        survey(asking)
        told.append((health_of(asking)[0], warnings_of(status_of(asking).facts)))

    words = "Airflow says that it is not well: dag_processor. What needs it waits; look at its log."
    assert told == [("healthy", (words,)), ("healthy", ())]


def test_an_airflow_that_fails_to_answer_three_times_makes_health_unknown(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    look(asking, observer)
    airflow.strange.answer = lambda path, query: 503
    for _ in range(2):
        make_survey_due(asking)
        survey(asking)
    assert health_of(asking)[0] == "healthy"

    make_survey_due(asking)
    survey(asking)

    state, reason = health_of(asking)
    assert (state, reason[:33]) == ("unknown", "Airflow does not say: AIR001 Airf")


@pytest.mark.parametrize(("answers", "up"), [(True, 1.0), (False, 0.0)])
def test_an_airflow_that_answers_is_up_in_the_metrics(
    asking: Context, strange: Strange, airflow: Airflow, answers: bool, up: float
) -> None:
    if not answers:
        strange.answer = lambda path, query: 503
    make_survey_due(asking)

    survey(asking)

    asking.measures.flush(asking.database)
    with asking.database.transaction() as connection:
        found = read_measures(connection)
    parts = {"scheduler": 1.0, "dag_processor": 1.0} if answers else {}
    assert found == {
        Series("windlass_airflow_up", ("default",)): up,
        **{Series("windlass_airflow_component_up", ("default", p)): v for p, v in parts.items()},
    }


def test_a_skew_of_airflows_clock_is_told_and_corrected(
    asking: Context, airflow: Airflow, observer: Observer, second: Repository
) -> None:
    airflow.strange.date = f"{datetime.now(UTC) + timedelta(minutes=10):%a, %d %b %Y %H:%M:%S GMT}"
    airflow.errors = {("one", "a.py"): 590.0}  # of before the flip, by that clock
    look(asking, observer)
    make_survey_due(asking)
    survey(asking)

    facts = status_of(asking).facts
    assert facts.survey.clock_ahead_s == pytest.approx(601, abs=4)
    assert facts.deployed is not None
    assert facts.deployed.state == "live"
