"""The spine: refs, options, holds, approvals, audit; what environments and credentials may hold."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make_tables()
    _extend_environments()
    _extend_repositories()
    _keep_observations()
    _make_declaration()
    _extend_bundles()
    _share_chunks()
    _keep_wishes()


def _make_tables() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.UniqueConstraint("digest", name=op.f("uq_audit_digest")),
    )
    op.create_index("ix_audit_subject_id", "audit", ["subject", "id"], unique=False)
    op.execute(
        """
        CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the audit is append-only: % is refused', TG_OP;
        END $$;
        CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
            FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
        """
    )
    op.create_table(
        "measure",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("name", "labels", "part", name=op.f("pk_measure")),
    )
    op.create_table(
        "hold",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=True),
        sa.Column("until_new_head", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('manual', 'rewrite', 'deleted_ref', 'moved_files')", name=op.f("ck_hold_kind")
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_hold_repository_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    op.create_index(
        "ix_hold_open",
        "hold",
        ["repository_id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("release_id", sa.BigInteger(), nullable=False),
        sa.Column("base_release_id", sa.BigInteger(), nullable=True),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'approved', 'rejected', 'superseded')",
            name=op.f("ck_approval_state"),
        ),
        sa.ForeignKeyConstraint(
            ["base_release_id"], ["release.id"], name=op.f("fk_approval_base_release_id")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.id"], name=op.f("fk_approval_release_id")
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_approval_repository_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
        sa.UniqueConstraint("release_id", name=op.f("uq_approval_release_id")),
    )
    op.create_index(
        op.f("ix_approval_base_release_id"), "approval", ["base_release_id"], unique=False
    )
    op.create_index(op.f("ix_approval_repository_id"), "approval", ["repository_id"], unique=False)


def _extend_environments() -> None:
    op.drop_constraint(op.f("ck_credential_kind"), "credential")
    op.add_column("bundle", sa.Column("team", sa.Text(), nullable=True))
    op.add_column("bundle", sa.Column("draining_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "credential",
        sa.Column("options", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "deployment", sa.Column("converged_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "environment",
        sa.Column("owner", sa.Text(), server_default=sa.text("'api'"), nullable=False),
    )
    op.add_column(
        "environment",
        sa.Column("target", sa.Text(), server_default=sa.text("'bundle'"), nullable=False),
    )
    op.add_column("environment", sa.Column("airflow_url", sa.Text(), nullable=True))
    op.add_column("environment", sa.Column("airflow_username", sa.Text(), nullable=True))
    op.add_column("environment", sa.Column("credential_id", sa.BigInteger(), nullable=True))
    op.add_column("environment", sa.Column("interpreter", sa.Text(), nullable=True))
    op.add_column("environment", sa.Column("airflow_id", sa.Text(), nullable=True))
    op.add_column(
        "environment",
        sa.Column("options", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.create_index(
        op.f("ix_environment_credential_id"), "environment", ["credential_id"], unique=False
    )
    op.create_unique_constraint(op.f("uq_environment_airflow_id"), "environment", ["airflow_id"])
    op.create_foreign_key(
        op.f("fk_environment_credential_id"), "environment", "credential", ["credential_id"], ["id"]
    )


def _extend_repositories() -> None:
    op.add_column(
        "revision",
        sa.Column("author_email", sa.Text(), server_default=sa.text("''"), nullable=False),
    )
    op.add_column("release", sa.Column("verdict_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "release",
        sa.Column("validated", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    for column in ("cleaned_up_at", "next_cleanup_at"):
        op.add_column("release", sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_release_verdict_id"), "release", ["verdict_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_release_verdict_id"), "release", "verdict", ["verdict_id"], ["id"]
    )
    op.add_column(
        "repository",
        sa.Column("ref_kind", sa.Text(), server_default=sa.text("'branch'"), nullable=False),
    )
    op.add_column(
        "repository",
        sa.Column("options", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "repository", sa.Column("owner", sa.Text(), server_default=sa.text("'api'"), nullable=False)
    )
    op.add_column(
        "repository", sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("repository", sa.Column("suspended_by", sa.Text(), nullable=True))
    op.add_column("repository", sa.Column("suspend_reason", sa.Text(), nullable=True))
    op.add_column("repository", sa.Column("removing_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("repository", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("repository", sa.Column("removed_by", sa.Text(), nullable=True))
    op.add_column("repository", sa.Column("fetched_revision", sa.Text(), nullable=True))
    op.add_column("repository", sa.Column("fetched_ref", sa.Text(), nullable=True))
    op.execute(
        "UPDATE repository SET fetched_revision = settled_revision, "
        "fetched_ref = 'refs/heads/' || branch WHERE settled_revision IS NOT NULL"
    )
    op.add_column("repository", sa.Column("remove_reason", sa.Text(), nullable=True))
    op.add_column("repository", sa.Column("drain_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("repository", sa.Column("removal_waits_for", sa.Text(), nullable=True))
    op.drop_constraint(op.f("uq_repository_name"), "repository", type_="unique")
    op.create_index(
        "uq_repository_name_there",
        "repository",
        ["name"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.add_column("verdict", sa.Column("policy_digest", sa.Text(), nullable=True))
    op.add_column(
        "verdict",
        sa.Column("kept", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "verdict",
        sa.Column("omitted", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "verdict",
        sa.Column("validated", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column("verdict", sa.Column("checks", sa.Text(), nullable=True))
    op.add_column("verdict", sa.Column("artifact_digest", sa.Text(), nullable=True))

    # Until now the settings alone described environments.
    op.execute("UPDATE environment SET owner = 'settings'")
    for table, name, condition in (
        ("credential", "kind", "kind IN ('basic', 'token', 'ssh_key')"),
        ("environment", "owner", "owner IN ('api', 'file', 'settings')"),
        ("environment", "target", "target IN ('bundle', 'folder')"),
        ("repository", "owner", "owner IN ('api', 'file')"),
        ("repository", "ref_kind", "ref_kind IN ('branch', 'tag', 'tag_pattern', 'commit')"),
    ):
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def _make_declaration() -> None:
    op.create_table(
        "declaration",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("places", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_digest", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("findings", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("removals_allowed", sa.Text(), nullable=True),
        sa.Column("adopted", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_declaration_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration")),
    )


def _keep_observations() -> None:
    op.create_table(
        "observed_dag",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name=op.f("fk_observed_dag_environment_id")
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_observed_dag_repository_id")
        ),
        sa.PrimaryKeyConstraint("environment_id", "dag_id", name=op.f("pk_observed_dag")),
    )
    op.create_index(
        op.f("ix_observed_dag_repository_id"), "observed_dag", ["repository_id"], unique=False
    )
    op.add_column(
        "environment",
        sa.Column(
            "next_look_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    for table, name, default in (
        ("environment", "observation", "'{}'"),
        ("hold", "facts", "'{}'"),
        ("verdict", "dag_ids", "'{}'"),
        ("deployment", "not_made", "'[]'"),
    ):
        op.add_column(
            table,
            sa.Column(name, postgresql.JSONB(), server_default=sa.text(default), nullable=False),
        )
    op.add_column("deployment", sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deployment", sa.Column("failure_answer", sa.Text(), nullable=True))
    op.add_column("deployment", sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=True))


def _extend_bundles() -> None:
    op.add_column("bundle", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "bundle",
        sa.Column("drift", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
    )


def _share_chunks() -> None:
    op.create_table(
        "artifact_chunk",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_artifact_chunk")),
    )
    op.add_column("artifact", sa.Column("chunks", postgresql.ARRAY(sa.Text()), nullable=True))
    op.alter_column("artifact", "packed", nullable=True)


def _keep_wishes() -> None:
    op.create_table(
        "dag_wish",
        sa.Column("environment_id", sa.BigInteger(), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name=op.f("fk_dag_wish_environment_id")
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_dag_wish_repository_id")
        ),
        sa.PrimaryKeyConstraint(
            "environment_id", "dag_id", "repository_id", name=op.f("pk_dag_wish")
        ),
    )
    op.create_index("ix_dag_wish_repository_id", "dag_wish", ["repository_id"], unique=False)
