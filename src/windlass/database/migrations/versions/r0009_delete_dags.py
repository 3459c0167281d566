"""Whether removing a repository deletes its DAGs in Airflow, and how many that were."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "repository",
        sa.Column("delete_dags", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("repository", sa.Column("deleted_dags", sa.Integer(), nullable=True))
