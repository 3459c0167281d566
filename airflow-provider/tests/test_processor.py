"""A real `airflow dag-processor` on SQLite, followed through the loss of its store.

One processor and one story, told in the order of the tests: each goes on where the one before
it ended. The clocks that make a DAG stale are set so short that Airflow would notice within the
seconds for which the store is away.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from published import STORAGE, Publisher

SOURCE = Path(__file__).parents[1] / "src"
AIRFLOW = Path(sys.executable).with_name("airflow")
START_S = 60
SEEN_S = 30
AWAY_S = 3
"""Longer than every clock below together, so that a DAG which could go stale would."""

ORDERS = """
from airflow.sdk import DAG
from prices import TAG

dag = DAG("orders", schedule=None, tags=[TAG])
"""


def environment(home: Path, store: Path) -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("AIRFLOW", "_AIRFLOW", "PYTHON"))
    }
    bundles = [
        {
            "name": name,
            "classpath": "windlass_airflow.bundle.WindlassBundle",
            "kwargs": {"store": str(store), "refresh_interval": 0},
        }
        for name in ("orders", "free")
    ]
    return kept | {
        "PYTHONPATH": str(SOURCE),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        STORAGE: str(home / "bundles"),
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "0",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "1",
        "AIRFLOW__DAG_PROCESSOR__STALE_BUNDLE_CLEANUP_INTERVAL": "0",
        "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "0",
    }


class Processor:
    """The DAG processor, in a process group of its own that never outlives the tests."""

    def __init__(self, home: Path, store: Publisher) -> None:
        self.home, self.store = home, store
        self.environ = environment(home, store.root)
        self.log = home / "processor.log"
        self.running: subprocess.Popen[bytes] | None = None

    def migrate(self) -> None:
        with self.log.open("ab") as log:
            subprocess.run(
                [AIRFLOW, "db", "migrate"], env=self.environ, stdout=log, stderr=log, check=True
            )

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                [AIRFLOW, "dag-processor"],
                env=self.environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End it and all its children, if it runs."""
        if self.running is None:
            return
        with suppress(ProcessLookupError):  # not SIGTERM: Airflow may take 10 s and more over it
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait(10)
        self.running = None

    def awaits(self, condition: Callable[[], Any], within_s: float = SEEN_S) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            self.assert_alive()
            assert time.monotonic() < deadline, f"it did not happen within {within_s} s"
            time.sleep(0.1)

    def keeps(self, condition: Callable[[], Any], for_s: float = AWAY_S) -> None:
        end = time.monotonic() + for_s
        while time.monotonic() < end:
            self.assert_alive()
            assert condition()
            time.sleep(0.2)

    def assert_alive(self) -> None:
        assert self.running is not None
        assert self.running.poll() is None, self.log.read_text(errors="replace")[-4000:]

    def dag(self, dag_id: str = "orders") -> tuple[str, bool, list[str]] | None:
        """(bundle version, is stale, tags) of a DAG as the database has it."""
        with closing(sqlite3.connect(self.home / "airflow.db", timeout=10)) as database:
            row = database.execute(
                "SELECT bundle_version, is_stale FROM dag WHERE dag_id = ?", [dag_id]
            ).fetchone()
            tags = database.execute("SELECT name FROM dag_tag WHERE dag_id = ?", [dag_id])
            return row and (row[0], bool(row[1]), [tag for (tag,) in tags])

    def parsed_at(self) -> str:
        with closing(sqlite3.connect(self.home / "airflow.db", timeout=10)) as database:
            found = database.execute("SELECT last_parsed_time FROM dag WHERE dag_id = 'orders'")
            return str(found.fetchone()[0])

    def refusals(self) -> int:
        return self.log.read_text(errors="replace").count("BUNDLE001 ")

    def publish(self, release: str, tag: str) -> None:
        self.store.publish("orders", release, {"orders.py": ORDERS, "prices.py": f'TAG = "{tag}"'})


@pytest.fixture(scope="module")
def processor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processor]:
    home = tmp_path_factory.mktemp("airflow")
    store = Publisher(home / "store")
    store.bind("free", None)
    processor = Processor(home, store)
    processor.publish("42", "first")
    processor.migrate()
    try:
        processor.start()
        yield processor
    finally:
        processor.stop()


def test_a_bound_release_is_seen_with_its_helper_module(processor: Processor) -> None:
    processor.awaits(processor.dag, START_S)

    assert processor.dag() == ("42", False, ["first"])


def test_a_new_release_is_seen(processor: Processor) -> None:
    processor.publish("43", "second")

    processor.awaits(lambda: processor.dag() == ("43", False, ["second"]))


def test_no_dag_goes_stale_while_the_store_is_away(processor: Processor) -> None:
    processor.store.root.rename(processor.home / "away")
    before = processor.refusals()

    processor.keeps(lambda: processor.dag() == ("43", False, ["second"]))
    assert processor.refusals() > before


def test_no_dag_goes_stale_when_the_processor_starts_while_the_store_is_away(
    processor: Processor,
) -> None:
    processor.stop()
    before = processor.refusals()
    processor.start()
    processor.awaits(lambda: processor.refusals() > before + 2, START_S)  # again and again

    processor.keeps(lambda: processor.dag() == ("43", False, ["second"]))


def test_everything_goes_on_by_itself_when_the_store_is_back(processor: Processor) -> None:
    before = processor.parsed_at()
    (processor.home / "away").rename(processor.store.root)
    processor.awaits(lambda: processor.parsed_at() > before)
    processor.publish("44", "third")

    processor.awaits(lambda: processor.dag() == ("44", False, ["third"]))


def test_a_repository_bound_to_a_free_bundle_is_seen_without_a_restart(
    processor: Processor,
) -> None:
    files = {"orders.py": ORDERS.replace('"orders"', '"prices"'), "prices.py": 'TAG = "other"'}
    processor.store.publish("free", "45", files)

    processor.awaits(lambda: processor.dag("prices") == ("45", False, ["other"]))


def test_the_dags_of_a_bundle_that_is_unbound_go_stale(processor: Processor) -> None:
    processor.store.bind("free", None)

    processor.awaits(lambda: processor.dag("prices") == ("45", True, ["other"]))
    assert processor.dag() == ("44", False, ["third"])


def test_nothing_was_written_into_the_trees(processor: Processor) -> None:
    assert list(processor.store.root.rglob("__pycache__")) == []
