"""The plan of each pull request; the code before it ignores them."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pull_request", sa.Column("plan", sa.LargeBinary()))
    op.add_column("pull_request", sa.Column("plan_posted", sa.LargeBinary()))
    words = sa.Column("plan_problem", sa.Text(), nullable=False, server_default=sa.text("''"))
    op.add_column("pull_request", words)
