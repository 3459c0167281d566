"""The schema that all migrations make, on a real PostgreSQL."""

import importlib.metadata
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import procrastinate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from windlass.database import connection as connections
from windlass.database import tables
from windlass.database.connection import LOCK_LIMIT_MS, STATEMENT_LIMIT_MS, Database
from windlass.database.embedded import EmbeddedPostgres
from windlass.domain.errors import Unavailable

MIGRATIONS = Path(connections.__file__).parent / "migrations"
MIGRATE = (
    "import sys; from windlass.database.connection import Database; Database(sys.argv[1]).migrate()"
)
# What r0001 was written for. With another version, its migrations since then become a revision.
PROCRASTINATE = ("3.10.0", "03.04.00_50_post_add_retry_failed_job_procedure.sql")


@pytest.fixture(scope="module")
def server(session_folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(session_folder / "postgres-migration", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def empty(server: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database without any table."""
    url = server.url()
    name = f"empty_{abs(hash(request.node.name))}"
    with connect(url) as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    database = Database(url.replace("/windlass?", f"/{name}?"))
    yield database
    database.close()
    with connect(url) as connection:
        connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))


def connect(url: str) -> sa.Connection:
    engine = sa.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool
    )
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def versions(database: Database) -> list[str]:
    with database.transaction() as connection:
        rows = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
        return list(rows.scalars())


def is_ours(_: object, name: str | None, kind: str, *__: object) -> bool:
    foreign = name == "alembic_version" or str(name).startswith("procrastinate_")
    return not (kind == "table" and foreign)


def checks_of(table: sa.Table) -> list[sa.CheckConstraint]:
    return [one for one in table.constraints if isinstance(one, sa.CheckConstraint)]


def test_the_tables_in_code_are_what_all_migrations_make(empty: Database) -> None:
    empty.migrate()

    with empty.transaction() as connection:
        options = {
            "include_object": is_ours,
            "compare_type": True,
            "compare_server_default": True,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []


def test_what_alembic_does_not_compare_is_made_too(empty: Database) -> None:
    empty.migrate()

    with empty.transaction() as connection:
        found = sa.inspect(connection)
        checks = {name: found.get_check_constraints(name) for name in tables.metadata.tables}
        sequences = found.get_sequence_names()
    in_code = {name: len(checks_of(table)) for name, table in tables.metadata.tables.items()}
    assert {name: len(rows) for name, rows in checks.items()} == in_code
    assert "release_number" in sequences


def test_schema_version_is_the_newest_migration(empty: Database) -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))

    empty.migrate()

    assert scripts.get_heads() == [tables.SCHEMA_VERSION]
    assert versions(empty) == [tables.SCHEMA_VERSION]


def test_migrations_form_one_line(empty: Database) -> None:
    walked = ScriptDirectory(str(MIGRATIONS)).walk_revisions()

    line = [(script.revision, script.down_revision) for script in walked]
    names = [revision for revision, _ in line]  # branches number theirs apart: gaps are fine
    assert line == list(zip(names, [*names[1:], None], strict=True))
    assert names[-1] == "0001"


def test_migrating_twice_changes_nothing(empty: Database) -> None:
    empty.migrate()
    with empty.transaction() as connection:
        connection.execute(sa.insert(tables.environment).values(name="prod", uuid="1"))

    empty.migrate()

    with empty.transaction() as connection:
        assert connection.execute(sa.select(tables.environment.c.name)).scalars().all() == ["prod"]


def test_two_processes_may_migrate_at_once(empty: Database) -> None:
    both = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, empty.url], stderr=subprocess.PIPE)
        for _ in range(2)
    ]

    ends = [(one.communicate(timeout=60)[1].decode(), one.returncode) for one in both]

    assert ends == [("", 0), ("", 0)]
    assert versions(empty) == [tables.SCHEMA_VERSION]


def test_two_threads_may_migrate_at_once(empty: Database) -> None:
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            empty.migrate()
        except BaseException as error:  # noqa: BLE001  # told below
            failures.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert versions(empty) == [tables.SCHEMA_VERSION]


def test_the_installed_procrastinate_is_the_one_the_migration_was_written_for() -> None:
    migrations = Path(procrastinate.__file__).parent / "sql" / "migrations"
    newest = max(path.name for path in migrations.glob("*.sql"))

    assert (importlib.metadata.version("procrastinate"), newest) == PROCRASTINATE


def test_migrations_run_under_the_limits_of_every_connection(empty: Database) -> None:
    query = (
        "SELECT name, setting FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout')"
    )
    empty.migrate()

    with empty.transaction() as connection:
        limits = {name: int(value) for name, value in connection.execute(sa.text(query))}

    assert limits == {"lock_timeout": LOCK_LIMIT_MS, "statement_timeout": STATEMENT_LIMIT_MS}
    assert [path.name for path in MIGRATIONS.rglob("*.py") if "_timeout" in path.read_text()] == []


def test_a_migration_that_gets_no_lock_gives_up_and_leaves_nothing_behind(empty: Database) -> None:
    other = Database(empty.url)
    with other.transaction() as holding:
        holding.execute(
            sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": connections._LOCK_KEY}
        )

        with pytest.raises(Unavailable) as refused:
            empty.migrate()

    other.close()
    assert (refused.value.code, "lock timeout" in refused.value.message) == ("DB001", True)
    with empty.transaction() as connection:
        assert sa.inspect(connection).get_table_names() == []
