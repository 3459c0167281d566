"""Release policies and waivers; the code before it reads neither."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("owner", sa.Text(), server_default=sa.text("'api'"), nullable=False),
        _at("changed_at", nullable=False),
        sa.CheckConstraint("owner IN ('api', 'file')", name=op.f("ck_policy_owner")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_policy")),
    )
    op.create_table(
        "waiver",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text()),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        _at("created_at", nullable=False),
        _at("ended_at"),
        sa.Column("ended_by", sa.Text()),
        sa.Column("end_reason", sa.Text()),
        _at("told_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiver")),
    )
    op.create_index(
        "ix_waiver_open",
        "waiver",
        ["until"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _at(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    default = None if nullable else sa.text("now()")
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)
