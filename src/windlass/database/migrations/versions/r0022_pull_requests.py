"""Pull requests and what was found in their heads; the code before it ignores them."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pull_request",
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("is_fork", sa.Boolean(), nullable=False),
        sa.Column("is_static", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("revision", sa.Text()),
        sa.Column("allowed", sa.Boolean()),
        sa.Column("validated", sa.Boolean(), nullable=False, server_default=sa.text("true")),
        sa.Column("findings", JSONB(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("approved_revision", sa.Text()),
        sa.Column("approved_by", sa.Text()),
        sa.Column("problem", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        _at("next_check_at"),
        _at("changed_at", nullable=False),
        _at("checked_at"),
        _at("closed_at"),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_pull_request_repository_id")
        ),
        sa.PrimaryKeyConstraint("repository_id", "number", name=op.f("pk_pull_request")),
        sa.CheckConstraint(
            "state IN ('open', 'merged', 'closed')", name=op.f("ck_pull_request_state")
        ),
    )
    op.create_index(
        "ix_pull_request_due",
        "pull_request",
        ["next_check_at"],
        postgresql_where=sa.text("next_check_at IS NOT NULL"),
    )


def _at(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    default = None if nullable else sa.func.now()
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)
