"""/metrics over a real database: what Prometheus reads is what happened."""

import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.serving import api_over, client_of
from windlass.database.connection import Database
from windlass.database.history import list_events
from windlass.database.measures import read_measures
from windlass.domain.errors import Unavailable
from windlass.domain.events import Event
from windlass.domain.measures import AIRFLOW_UP, MEASURES, POLLS, PUSH_TO_LIVE, Series
from windlass.engine.context import Context
from windlass.engine.measures import Measures
from windlass.engine.notice import Poller
from windlass.engine.register import Registration
from windlass.engine.sizes import disk_usage
from windlass.entrypoints.web.api import create_api

DOCS = Path(__file__).parents[2] / "docs"


def scrape(context: Context) -> dict[str, float]:
    """Sample with its labels, as Prometheus would read it → value."""
    context.measures.flush(context.database)
    with client_of(api_over(context)) as client:
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        sample.name + "".join(f",{name}={text}" for name, text in sorted(sample.labels.items())): (
            sample.value
        )
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def synced(context: Context, registration: Registration, origin: Origin) -> Context:
    """A repository with one release and one denied head."""
    origin.push("first", {"a.py": "DAG('a')\n"})
    repository = register(context, registration)
    run_sync(context, repository)
    origin.push("broken", {"a.py": "def\n"})
    run_sync(context, repository)
    return context


@pytest.mark.parametrize(("shown", "status"), [("no", 401), ("a-token", 401), ("for-metrics", 200)])
def test_with_a_token_of_its_own_it_answers_to_that_alone(
    context: Context, shown: str, status: int
) -> None:
    api = create_api(
        context,
        token="a-token",
        environment="default",
        sync_interval="60s",
        metrics_token="for-metrics",
    )
    with client_of(api) as client:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {shown}"})

    assert (answer.status_code, "windlass_build_info" in answer.text) == (status, status == 200)


def test_phases_outcomes_and_verdicts_are_counted(synced: Context) -> None:
    found = scrape(synced)

    phases = {
        p: found[f"windlass_sync_phase_seconds_count,phase={p}"]
        for p in ("fetch", "build", "judge", "publish")
    }
    assert phases == {"fetch": 2, "build": 2, "judge": 2, "publish": 1}
    assert found["windlass_syncs_total,job=sync,outcome=released"] == 1
    assert found["windlass_syncs_total,job=sync,outcome=settled"] == 1
    assert found["windlass_verdicts_total,verdict=allowed"] == 1
    assert found["windlass_verdicts_total,verdict=denied"] == 1


def test_repositories_queue_and_slots_are_told(synced: Context) -> None:
    found = scrape(synced)

    assert {
        name: value for name, value in found.items() if name.startswith("windlass_repos") and value
    } == {
        "windlass_repositories,sync=denied": 1,
        "windlass_repositories_health,health=unknown": 1,
    }
    assert found["windlass_jobs_waiting"] == 1  # adding it asked for a sync
    assert found["windlass_jobs_oldest_seconds"] > 0
    assert found["windlass_workers"] == 0
    assert found["windlass_slots_used,environment=default,team="] == 1
    assert found["windlass_slots,environment=default,team="] == 2
    assert found["windlass_newest_timestamp_seconds,what=release"] > 1.7e9


def test_metrics_name_no_repository_and_need_no_token(synced: Context) -> None:
    with client_of(api_over(synced)) as client:
        text = client.get("/metrics").text

    repository = status_of(synced).repository
    assert repository.name not in text
    assert repository.url not in text


def test_an_openmetrics_scraper_gets_openmetrics(context: Context) -> None:
    with client_of(api_over(context)) as client:
        kinds = "application/openmetrics-text; version=1.0.0"
        answer = client.get("/metrics", headers={"Accept": kinds})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_polls_are_counted_by_what_they_found(
    context: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"a.py": ""})
    register(context, registration)
    poller = Poller(context)
    poller.poll_due()
    poller.wait()
    poller.close()

    assert scrape(context)["windlass_polls_total,result=news"] == 1


def test_how_long_a_push_waited_to_be_noticed_counts_from_the_poll_before(
    context: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"a.py": ""})
    register(context, registration)
    with context.database.transaction() as connection:
        asked = "UPDATE repository SET polled_at = now() - interval '40 s', next_poll_at = now()"
        connection.execute(sa.text(asked))
    origin.push("second", {"a.py": "x = 1\n"})
    poller = Poller(context)
    poller.poll_due()
    poller.wait()
    poller.close()

    told = {k: v for k, v in scrape(context).items() if k.startswith("windlass_push_unnoticed")}
    assert told["windlass_push_unnoticed_seconds_bucket,le=30.0"] == 0
    assert told["windlass_push_unnoticed_seconds_bucket,le=60.0"] == 1


def test_the_history_tells_the_phases_of_each_sync_under_its_name(synced: Context) -> None:
    repository = status_of(synced).repository
    with synced.database.transaction() as connection:
        events = list_events(connection, repository.id, 50)

    ended = [event for event in events if event.tag == Event.SYNC_ENDED]
    assert [(e.facts["outcome"], e.facts["sync"]) for e in ended] == [
        ("released", f"{repository.id}.1"),
        ("settled", f"{repository.id}.2"),
    ]
    assert [list(e.facts["milliseconds"]) for e in ended] == [
        ["build", "fetch", "judge", "import", "publish"],
        ["build", "fetch", "judge", "import"],
    ]
    published = next(event for event in events if event.tag == Event.RELEASE_PUBLISHED)
    assert published.facts["sync"] == f"{repository.id}.1"


def test_workers_add_to_each_other(database: Database) -> None:
    workers = [Measures() for _ in range(4)]

    def work(measures: Measures) -> None:
        for number in range(10):
            measures.count(POLLS, "same")
            measures.observe(PUSH_TO_LIVE, 0.5 + number, "default")
            measures.set(AIRFLOW_UP, 1, "default")
            measures.flush(database)

    threads = [threading.Thread(target=work, args=(one,)) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.transaction() as connection:
        found = read_measures(connection)
    assert found[Series("windlass_polls", ("same",))] == 40
    assert found[Series("windlass_airflow_up", ("default",))] == 1
    assert found[Series("windlass_push_to_live_seconds", ("default",), "sum")] == 200.0
    assert found[Series("windlass_push_to_live_seconds", ("default",), "0.5")] == 4


def test_what_cannot_be_stored_is_kept_for_the_next_time(database: Database) -> None:
    measures, away = Measures(), Database("postgresql://windlass@127.0.0.1:1/windlass")
    measures.count(POLLS, "same")
    measures.set(AIRFLOW_UP, 0, "default")

    with pytest.raises(Unavailable):
        measures.flush(away)
    measures.count(POLLS, "same")
    measures.flush(database)

    with database.transaction() as connection:
        assert read_measures(connection) == {
            Series("windlass_polls", ("same",)): 2.0,
            Series("windlass_airflow_up", ("default",)): 0.0,
        }


def test_a_file_with_two_names_counts_once(room: Path) -> None:
    (room / "a" / "b").mkdir(parents=True)
    before = disk_usage(room)
    (room / "a" / "file").write_bytes(b"x" * 10_000)
    (room / "a" / "b" / "link").hardlink_to(room / "a" / "file")

    taken = (room / "a" / "file").stat().st_blocks * 512
    assert disk_usage(room) - before == taken
    assert disk_usage(room / "nothing") == 0


def test_every_measure_has_its_line_in_the_docs() -> None:
    page = (DOCS / "metrics.md").read_text()

    suffix = {measure: "_total" if measure.kind == "counter" else "" for measure in MEASURES}
    assert [m.name for m in MEASURES if f"`{m.name}{suffix[m]}`" not in page] == []


def test_everything_scraped_has_its_line_in_the_docs(synced: Context) -> None:
    page = (DOCS / "metrics.md").read_text()
    names = {name.partition(",")[0] for name in scrape(synced)}

    histograms = {m.name for m in MEASURES if m.kind == "histogram"}
    parts = {f"{name}{part}" for name in histograms for part in ("_bucket", "_sum", "_count")}
    assert [name for name in sorted(names - parts) if f"`{name}`" not in page] == []


def test_the_alert_rules_use_names_that_exist() -> None:
    rules = (DOCS / "prometheus-alerts.yml").read_text()
    page = (DOCS / "metrics.md").read_text()

    import re

    used = {name.removesuffix("_bucket") for name in re.findall(r"windlass_\w+", rules)}
    assert [name for name in sorted(used) if f"`{name}`" not in page] == []
    assert rules.count("- alert: ") == 6


@pytest.mark.further
def test_promtool_accepts_rules_and_metrics(synced: Context, room: Path) -> None:
    assert shutil.which("promtool"), "promtool is not installed"
    rules = ["promtool", "check", "rules", str(DOCS / "prometheus-alerts.yml")]
    with client_of(api_over(synced)) as client:
        text = client.get("/metrics").text
    metrics = ["promtool", "check", "metrics"]

    assert subprocess.run(rules, check=False).returncode == 0
    assert subprocess.run(metrics, check=False, input=text, text=True).returncode == 0
