"""Webhooks with their secrets, and what was delivered to them; the code before it reads none."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook",
        _id(),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("remote", sa.Text()),
        sa.Column("created_by", sa.Text(), nullable=False),
        _at("created_at", nullable=False),
        _at("heard_at"),
        _at("missed_at"),
        _at("silent_at"),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_webhook_repository_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sa.UniqueConstraint("address", name=op.f("uq_webhook_address")),
        sa.UniqueConstraint("repository_id", "kind", name=op.f("uq_webhook_repository_id_kind")),
    )
    op.create_index("ix_webhook_kind_remote", "webhook", ["kind", "remote"])
    op.create_table(
        "webhook_secret",
        _id(),
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        _at("created_at", nullable=False),
        _at("expires_at"),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhook.id"],
            name=op.f("fk_webhook_secret_webhook_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_secret")),
    )
    op.create_index(op.f("ix_webhook_secret_webhook_id"), "webhook_secret", ["webhook_id"])
    _make_deliveries()


def _make_deliveries() -> None:
    op.create_table(
        "delivery",
        _id(),
        sa.Column("webhook_id", sa.BigInteger()),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text()),
        _text("event"),
        sa.Column("host_id", sa.Text()),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        _text("words"),
        _text("reason"),
        sa.Column("ref", sa.Text()),
        sa.Column("revision", sa.Text()),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("times", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _at("received_at", nullable=False),
        _at("ended_at"),
        sa.CheckConstraint(
            "state IN ('accepted', 'ignored', 'refused', 'done', 'dead')",
            name=op.f("ck_delivery_state"),
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhook.id"],
            name=op.f("fk_delivery_webhook_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_delivery_repository_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index("ix_delivery_repository_id_id", "delivery", ["repository_id", "id"])
    op.create_index(
        "uq_delivery_same",
        "delivery",
        ["webhook_id", "digest"],
        unique=True,
        postgresql_where=sa.text("proof IS NOT NULL"),
    )
    op.create_index(
        "ix_delivery_accepted",
        "delivery",
        ["repository_id", "id"],
        postgresql_where=sa.text("state = 'accepted'"),
    )


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)


def _at(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    default = None if nullable else sa.text("now()")
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)
