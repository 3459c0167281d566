"""What imports of DAG files gave, and what a verdict says of the imports behind it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imported_file",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=False),
        sa.Column("dags", sa.LargeBinary(), nullable=False),
        sa.Column(
            "used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_imported_file")),
    )
    op.create_index("ix_imported_file_used_at", "imported_file", ["used_at"], unique=False)
    op.add_column("verdict", sa.Column("imports", postgresql.JSONB(), nullable=True))
