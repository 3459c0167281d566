"""What Git hosts are to be told of commits; the code before it tells them nothing."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forge_report",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("wanted", JSONB(), nullable=False),
        sa.Column("posted", JSONB()),
        sa.Column("host_id", sa.Text()),
        sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("next_at", sa.DateTime(timezone=True)),
        sa.Column("problem", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("posted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_forge_report_repository_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forge_report")),
        sa.UniqueConstraint(
            "repository_id",
            "kind",
            "subject",
            name=op.f("uq_forge_report_repository_id_kind_subject"),
        ),
    )
    op.create_index(
        "ix_forge_report_due",
        "forge_report",
        ["next_at"],
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
