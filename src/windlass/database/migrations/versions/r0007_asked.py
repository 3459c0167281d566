"""Why a repository follows its ref, and a commit that somebody says the remote has."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "repository",
        sa.Column("ref_choice", sa.Text(), server_default=sa.text("'given'"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_repository_ref_choice"), "repository", "ref_choice IN ('given', 'main', 'head')"
    )
    op.add_column("repository", sa.Column("expected_revision", sa.Text(), nullable=True))
    op.add_column(
        "repository",
        sa.Column("expected_tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
