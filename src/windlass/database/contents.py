"""Every row of every table as bytes, for whoever looks for something that must not be there."""

from collections.abc import Iterator
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_TABLES = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1
"""


def list_tables(connection: Connection) -> list[str]:
    """Every table that is ours, the job engine's too, quoted for SQL."""
    return list(connection.execute(sa.text(_TABLES)).scalars())


def read_table(connection: Connection, table: str) -> Iterator[bytes]:
    """The rows of a table of `list_tables`, in pieces of any size. Texts and bytes are as they are,
    JSON is text (COPY's binary format), and what was compressed is not."""
    driver = cast("Any", connection.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)") as rows:
        for row in rows:
            yield bytes(row)
