"""What benchmarks say where they cannot be made."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integration.sham import make_sham_airflow
from windlass.domain.errors import Invalid, Unavailable
from windlass.entrypoints.bench import rounds
from windlass.entrypoints.bench.corpus import Corpus
from windlass.entrypoints.bench.rounds import Rounds
from windlass.entrypoints.bench.scanners import AirflowPeer
from windlass.sandbox.importer import Importer, Limits

# What `airflow db migrate` leaves, and `dags reserialize` does not fill.
EMPTY = """\
import os, sqlite3
with sqlite3.connect(os.environ["AIRFLOW_HOME"] + "/airflow.db") as database:
    database.execute("create table if not exists serialized_dag (id int)")
"""


@pytest.fixture(scope="module")
def python(session_folder: Path) -> Path:
    session_folder.chmod(0o755)
    python = make_sham_airflow(session_folder / "bench-sham")
    site = next((python.parents[1] / "lib").glob("python*/site-packages"))
    (site / "airflow" / "__main__.py").write_text(EMPTY)
    return python


def test_an_interpreter_without_examples_has_no_corpus(python: Path) -> None:
    importer = Importer(python, limits=Limits(least="limits"))

    with pytest.raises(Invalid) as refused:
        Corpus(importer, 3)
    importer.close()

    assert (refused.value.code, refused.value.message) == (
        "BENCH003",
        f"{python} has no example DAGs of Airflow",
    )


def test_a_sync_of_which_the_log_tells_nothing_has_no_phases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "_LINE_S", 0.05)
    (tmp_path / "worker.log").write_text('{"event": "sync:ended", "milliseconds": {"build": 3}}\n')
    ground: Any = SimpleNamespace(folder=tmp_path)
    told = Rounds(ground, SimpleNamespace(url="x"), "dags")  # type: ignore[arg-type]

    with pytest.raises(Unavailable) as failed:
        told.phases(2)

    assert told.phases(1) == {"build": 3}
    assert str(failed.value) == "BENCH004 the worker did not log the end of sync 2"


def test_an_airflow_that_stores_no_dag_is_no_peer(python: Path, tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    peer = AirflowPeer(python, tmp_path / "home", tmp_path / "dags")

    with pytest.raises(Unavailable) as failed:
        peer.reserialize_s()

    assert str(failed.value) == "BENCH005 `airflow dags reserialize` stored no DAG"
