"""Which Airflow an environment is: why what answers at its address may be refused."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("environment", sa.Column("airflow_refused", postgresql.JSONB(), nullable=True))
