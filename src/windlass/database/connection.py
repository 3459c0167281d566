"""Connections: one pool per process, transactions, and the migrations."""

import contextlib
import threading
from collections.abc import Callable, Iterator
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
UNUSED_LIMIT_MS = 30_000
"""A connection that nobody used for this long is closed by the server, whose process for it takes
3 MB; the pool gives out the one used last, so those that only bursts need come to this age."""


_LIMITS = {
    "lock_timeout": str(LOCK_LIMIT_MS),
    "statement_timeout": str(STATEMENT_LIMIT_MS),
    "idle_in_transaction_session_timeout": str(IDLE_LIMIT_MS),
    "timezone": "UTC",
}
_SET_LIMITS = sa.select(
    *(sa.func.set_config(name, value, sa.true()) for name, value in _LIMITS.items())
)
"""The same for one transaction: behind a pooler the next one may be another server process."""


class Database:
    """A pool of connections to one PostgreSQL, for threads. Open from construction to `close`.

    `url` is a libpq URL, `postgresql://…`; it holds the password and never shows in a repr.
    `direct_url` is given where `url` leads to a pooler, such as PgBouncer in transaction mode, and
    leads to the server itself: what lasts longer than a transaction goes there. `wait_s` is how
    long a transaction waits where all `pool_size` connections are in use.
    """

    def __init__(
        self, url: str, *, direct_url: str | None = None, pool_size: int = 10, wait_s: float = 30
    ) -> None:
        self.url = url
        self.direct_url = direct_url or url
        self.is_pooled = direct_url is not None
        self._engine: Engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=wait_s,
            pool_pre_ping=True,
            pool_use_lifo=True,
            hide_parameters=True,  # they may be secrets, and errors are logged
        )

    def _connect(self) -> Any:
        import psycopg

        limits = _LIMITS | {"idle_session_timeout": str(UNUSED_LIMIT_MS)}
        options = " ".join(f"-c {name}={value}" for name, value in limits.items())
        # A pooler in transaction mode keeps no prepared statements (hence None), and no settings of
        # a session: PgBouncer refuses to be given any at the start.
        given: dict[str, Any] = {} if self.is_pooled else {"options": options}
        return psycopg.connect(
            self.url,
            prepare_threshold=None,
            connect_timeout=5,
            application_name="windlass",
            **given,
        )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back where anything is raised.

        Raises Unavailable DB001 where the database cannot be reached or went away meanwhile, DB002
        where no connection came free, DB003 where its disk is full.
        """
        try:
            with self._engine.begin() as connection:
                connection.info.pop(_AT_COMMIT, None)  # it is the pool's, and outlives a failure
                if self.is_pooled:
                    connection.execute(_SET_LIMITS)
                yield connection
                for step in connection.info.pop(_AT_COMMIT, ()):
                    step()
        except sa.exc.DBAPIError as error:
            # A session that the server ended is more than one kind of error to psycopg: who was
            # stopped inside a transaction (25P03) gets an InternalError.
            if not (isinstance(error, sa.exc.OperationalError) or error.connection_invalidated):
                raise
            raise _unavailable(error) from error
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
        if self.schema_version() == SCHEMA_VERSION:
            return  # without importing Alembic, which costs 0.2 s and 15 MB
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self.transaction() as connection, _MIGRATING:
            config.attributes["connection"] = connection
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            command.upgrade(config, "head")

    def schema_version(self) -> str | None:
        """The version that the schema has; None where there is none yet."""
        with self.transaction() as connection:
            found = connection.execute(sa.text("SELECT to_regclass('alembic_version')"))
            if found.scalar_one() is None:
                return None
            version = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
            return version.scalar_one_or_none()


def at_commit(connection: Connection, step: Callable[[], None]) -> None:
    """Run `step` as the last thing before the transaction of `Database.transaction` is committed.

    Steps run in the order they were given; what one raises ends the transaction.
    """
    connection.info.setdefault(_AT_COMMIT, []).append(step)


_DISK_FULL = "53100"  # PostgreSQL, appendix A
_AT_COMMIT = "windlass:at_commit"
_MIGRATING = threading.Lock()  # alembic keeps its context in module globals
_LOCK_KEY = 0x57494E44  # "WIND"


def _unavailable(error: sa.exc.DBAPIError) -> Unavailable:
    """What is said of a database that cannot be used now."""
    words = _first_line(error)
    if getattr(error.orig, "sqlstate", None) == _DISK_FULL:
        return Unavailable(
            "DB003",
            f"the disk of the database is full: {words}",
            "Free space where its data lies: WINDLASS_HOME/postgres, or on the server of "
            "WINDLASS_DATABASE_URL.",
            retry_after_s=2,
        )
    if "unsupported startup parameter" in words:
        return Unavailable(
            "DB004",
            f"WINDLASS_DATABASE_URL leads to a pooler, such as PgBouncer: {words}",
            "Set WINDLASS_DATABASE_DIRECT_URL as well, to the server behind it.",
            retry_after_s=2,
        )
    return Unavailable(
        "DB001",
        f"the database does not answer: {words}",
        "Is `windlass up` running, or the server of WINDLASS_DATABASE_URL?",
        retry_after_s=2,
    )


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig or error).strip().splitlines()[0]
