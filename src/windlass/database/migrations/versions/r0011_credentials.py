"""More kinds of credentials, and two secrets that are valid beside each other after a rotation."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("credential", sa.Column("previous_ciphertext", sa.LargeBinary()))
    op.add_column("credential", sa.Column("previous_until", sa.DateTime(timezone=True)))
    op.add_column("credential", sa.Column("expires_on", sa.Date()))
    op.add_column(
        "credential",
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.execute("UPDATE credential SET changed_at = created_at")
    op.drop_constraint(op.f("ck_credential_kind"), "credential")
    op.create_check_constraint(
        op.f("ck_credential_kind"),
        "credential",
        "kind IN ('basic', 'token', 'deploy_token', 'github_app', 'ssh_key')",
    )
