"""A database behind a pooler in transaction mode, and the way past it."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, deployed_files, register
from tests.integration.test_worker import StartWorker, start_worker
from tests.waiting import wait_until
from windlass.database.connection import LOCK_LIMIT_MS, Database
from windlass.domain.checkup import Condition
from windlass.domain.errors import Invalid, Unavailable
from windlass.engine.context import Context
from windlass.engine.doctor import _direct
from windlass.engine.register import Registration
from windlass.entrypoints.processes import free_port
from windlass.home import check_database
from windlass.settings import Settings

__all__ = ["start_worker"]  # a fixture

DAG = "from airflow.sdk import DAG\ndag = DAG('orders')\n"


@pytest.fixture
def pooled(context: Context) -> Iterator[Database]:
    """A database as it is used behind a pooler; here there is none between."""
    url = context.database.url
    with closing(Database(url, direct_url=f"{url}&application_name=straight")) as database:
        yield database


def listening(context: Context) -> set[str]:
    """The names of those who wait for notifications."""
    query = "SELECT application_name FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    with context.database.transaction() as connection:
        return set(connection.execute(sa.text(query)).scalars())


def test_limits_hold_for_each_transaction_and_are_not_left_in_the_session(
    pooled: Database,
) -> None:
    with pooled.transaction() as connection:
        inside = connection.execute(sa.text("SHOW lock_timeout")).scalar_one()
        raw: Any = connection.connection.driver_connection
    after = raw.execute("SHOW lock_timeout").fetchone()[0]

    assert (inside, after) == (f"{LOCK_LIMIT_MS // 1000}s", "0")


def test_nothing_is_prepared_where_the_next_transaction_has_another_server(
    pooled: Database,
) -> None:
    count = sa.text("SELECT count(*) FROM pg_prepared_statements")
    for _ in range(12):  # psycopg prepares what it meets for the sixth time
        with pooled.transaction() as connection:
            prepared = connection.execute(count).scalar_one()

    assert prepared == 0


def test_the_queue_listens_past_the_pooler(
    context: Context, pooled: Database, start_worker: StartWorker
) -> None:
    start_worker(WINDLASS_DATABASE_DIRECT_URL=pooled.direct_url)

    wait_until(lambda: listening(context), "somebody listens")

    assert listening(context) == {"straight"}


def test_doctor_tells_two_databases_apart(context: Context, pooled: Database) -> None:
    same = replace(context, database=pooled)
    url = context.database.url
    elsewhere = url.replace(url.split("/")[3].split("?")[0], "template")
    with closing(Database(url, direct_url=elsewhere)) as database:
        other = replace(context, database=database)

        found = [_direct(one).condition for one in (same, other)]

    assert found == [Condition.OK, Condition.FAILED]


def test_one_address_of_two_is_refused(room: Path) -> None:
    settings = Settings(home=room, database_direct_url="postgresql://a@b/c")

    with pytest.raises(Invalid, match="CFG026"):
        check_database(settings)


# ------------------------------------------------------------------------------- a real PgBouncer


@pytest.fixture
def bouncer(context: Context) -> Iterator[str]:
    """The URL of a PgBouncer in transaction mode before the test's database."""
    program = os.environ.get("WINDLASS_TEST_PGBOUNCER") or shutil.which("pgbouncer")
    assert program, "no pgbouncer is here: WINDLASS_TEST_PGBOUNCER names one"
    to = psycopg.conninfo.conninfo_to_dict(context.database.url)
    with tempfile.TemporaryDirectory(prefix="bouncer-") as folder:
        port = free_port()
        Path(folder).chmod(0o755)
        (Path(folder) / "users").write_text(f'"{to["user"]}" "{to["password"]}"\n')
        target = " ".join(f"{key}={to[key]}" for key in ("host", "port", "dbname"))
        (Path(folder) / "ini").write_text(
            f"[databases]\n{to['dbname']} = {target} user={to['user']} password={to['password']}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = plain\nauth_file = {folder}/users\npool_mode = transaction\n"
            "default_pool_size = 3\n"
        )
        command = [program, "--quiet", *(["-u", "nobody"] if os.getuid() == 0 else [])]
        with subprocess.Popen([*command, f"{folder}/ini"], stderr=subprocess.DEVNULL) as process:
            wait_until(lambda: answers(port), "PgBouncer answers")
            yield f"postgresql://{to['user']}:{to['password']}@127.0.0.1:{port}/{to['dbname']}"
            process.terminate()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.further
def test_behind_a_pgbouncer_a_worker_syncs_what_is_pushed(
    context: Context,
    origin: Origin,
    registration: Registration,
    start_worker: StartWorker,
    bouncer: str,
) -> None:
    origin.push("first", {"orders.py": DAG})
    with closing(Database(bouncer, direct_url=context.database.url)) as database:
        there = replace(context, database=database)
        start_worker(
            WINDLASS_DATABASE_URL=bouncer, WINDLASS_DATABASE_DIRECT_URL=context.database.url
        )
        wait_until(lambda: listening(context), "the worker listens")

        register(there, registration)
        wait_until(lambda: deployed_files(there) == {"orders.py": DAG}, "it is deployed")


@pytest.mark.further
def test_a_pgbouncer_without_a_way_past_it_is_told(bouncer: str) -> None:
    with closing(Database(bouncer)) as database, pytest.raises(Unavailable) as told:
        database.schema_version()

    assert told.value.code == "DB004"


# ---------------------------------------------------------------------------- in a container


def mounts(room: Path, kind: str) -> Path:
    """What Linux tells of the mounts where the room lies on that kind of file system."""
    device = room.stat().st_dev
    told = room / "mountinfo"
    told.write_text(
        "22 27 0:21 / /proc rw - proc proc rw\n"
        f"27 1 {os.major(device)}:{os.minor(device)} / / rw,relatime - {kind} {kind} rw\n"
    )
    return told


@pytest.mark.parametrize("kind", ["overlay", "fuse.fuse-overlayfs"])
def test_a_database_that_goes_with_its_container_is_refused(room: Path, kind: str) -> None:
    with pytest.raises(Invalid, match="CFG025"):
        check_database(Settings(home=room), mounts(room, kind))


def test_a_volume_or_a_word_or_another_server_will_do(room: Path) -> None:
    check_database(Settings(home=room), mounts(room, "ext4"))
    layer = mounts(room, "overlay")
    check_database(Settings(home=room, embedded_db=True), layer)
    check_database(Settings(home=room, database_url="postgresql://a@b/c"), layer)
    check_database(Settings(home=room), room / "none")
