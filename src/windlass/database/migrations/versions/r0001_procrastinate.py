"""Procrastinate's own schema, as its release 3.10 ships it.

Later releases bring migrations of their own (procrastinate/sql/migrations/); each becomes a
revision here. Kept out of the comparison of tables and migrations.
"""

from pathlib import Path

import procrastinate
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema = Path(procrastinate.__file__).parent / "sql" / "schema.sql"
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(schema.read_text(encoding="utf-8"))
