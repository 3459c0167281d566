"""Prefixes of dag_ids that a repository owns, for ids that its files build at run time."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dag_prefix_claim",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name=op.f("fk_dag_prefix_claim_environment_id")
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_dag_prefix_claim_repository_id")
        ),
        sa.PrimaryKeyConstraint("environment_id", "prefix", name=op.f("pk_dag_prefix_claim")),
    )
    op.create_index(
        op.f("ix_dag_prefix_claim_repository_id"), "dag_prefix_claim", ["repository_id"]
    )
