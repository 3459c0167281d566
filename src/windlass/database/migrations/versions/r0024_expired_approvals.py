"""Approvals that expire; the code before it cannot read one that has."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_approval_state"), "approval")
    op.create_check_constraint(
        op.f("ck_approval_state"),
        "approval",
        "state IN ('waiting', 'approved', 'rejected', 'expired', 'superseded')",
    )
