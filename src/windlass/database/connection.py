"""Connections: one pool per process, transactions, and the migrations."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from windlass.database.tables import SCHEMA_VERSION
from windlass.domain.errors import Unavailable

IDLE_LIMIT_MS = 15_000
"""A process that is stopped inside a transaction loses it: the rows it locked are free again."""
LOCK_LIMIT_MS = 4_000
STATEMENT_LIMIT_MS = 30_000


class Database:
    """A pool of connections to one PostgreSQL, for threads. Open from construction to `close`.

    `url` is a libpq URL, `postgresql://…`; it holds the password and never shows in a repr.
    `wait_s` is how long a transaction waits where all `pool_size` connections are in use.
    """

    def __init__(self, url: str, *, pool_size: int = 10, wait_s: float = 30) -> None:
        self.url = url
        self._engine: Engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=wait_s,
            pool_pre_ping=True,
            hide_parameters=True,  # they may be secrets, and errors are logged
        )

    def _connect(self) -> Any:
        import psycopg

        # None: PgBouncer in transaction mode cannot keep prepared statements.
        return psycopg.connect(
            self.url,
            prepare_threshold=None,
            connect_timeout=5,
            application_name="windlass",
            options=f"-c lock_timeout={LOCK_LIMIT_MS} -c statement_timeout={STATEMENT_LIMIT_MS} "
            f"-c idle_in_transaction_session_timeout={IDLE_LIMIT_MS} -c timezone=UTC",
        )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back where anything is raised.

        Raises Unavailable DB001 where the database cannot be reached or went away meanwhile, DB002
        where no connection came free.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            raise Unavailable(
                "DB001",
                f"the database does not answer: {_first_line(error)}",
                "Is `windlass up` running, or the server of WINDLASS_DATABASE_URL?",
                retry_after_s=2,
            ) from error
        except sa.exc.TimeoutError as error:
            raise Unavailable(
                "DB002",
                "every connection of this process to the database is in use",
                "Try again in a few seconds.",
                retry_after_s=2,
            ) from error

    def close(self) -> None:
        """Close all idle connections."""
        self._engine.dispose()

    def migrate(self) -> None:
        """Bring the schema to this code's version; safe to call from several processes at once."""
        if self._is_migrated():
            return  # without importing Alembic, which costs 0.2 s and 15 MB
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self.transaction() as connection, _MIGRATING:
            config.attributes["connection"] = connection
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            command.upgrade(config, "head")

    def _is_migrated(self) -> bool:
        with self.transaction() as connection:
            found = connection.execute(sa.text("SELECT to_regclass('alembic_version')"))
            if found.scalar_one() is None:
                return False
            version = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
            return version.scalar_one_or_none() == SCHEMA_VERSION


_MIGRATING = threading.Lock()  # alembic keeps its context in module globals
_LOCK_KEY = 0x57494E44  # "WIND"


def _first_line(error: sa.exc.OperationalError) -> str:
    return str(error.orig or error).strip().splitlines()[0]
