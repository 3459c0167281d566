"""The tables, as the newest migration leaves them; a test holds the two together.

Times are UTC. Procrastinate's own tables come by migration too and are not listed here.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA_VERSION = "0002"
"""The newest migration; a test holds it to that."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


release_number = Sequence("release_number", metadata=metadata)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _at(name: str, *, nullable: bool = True) -> Column[datetime]:
    default = None if nullable else func.now()
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=default)


environment = Table(
    "environment",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    # Written to store.json, so that a store is never served as another environment's.
    Column("uuid", Text, nullable=False, unique=True),
    _at("created_at", nullable=False),
)

credential = Table(
    "credential",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    _at("created_at", nullable=False),
    CheckConstraint("kind IN ('basic')", name="kind"),
)

repository = Table(
    "repository",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("namespace", Text, nullable=False),
    Column("environment_id", ForeignKey("environment.id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("credential_id", ForeignKey("credential.id"), index=True),
    Column("sync_interval_s", Integer, nullable=False),
    # Raised by every sync that starts; all writes of a sync are conditional on it.
    Column("lease_epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("noticed_revision", Text),
    _at("noticed_at"),
    _at("polled_at"),
    _at("next_poll_at", nullable=False),
    # What the last finished sync judged, and by which checks and policy. The poll loop asks for a
    # sync where either differs from what it would be now; a rollback clears both.
    Column("settled_revision", Text),
    Column("settled_inputs", Text),
    # Set where the settled revision's content is quarantined.
    Column("held_reason", Text),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_hint", Text),
    _at("error_at"),
    _at("created_at", nullable=False),
    # The poll loop asks which repositories are due.
    Index("ix_repository_next_poll_at", "next_poll_at"),
)

revision = Table(
    "revision",
    metadata,
    Column("repository_id", ForeignKey("repository.id"), primary_key=True),
    Column("sha", Text, primary_key=True),
    Column("author", Text, nullable=False),
    Column("subject", Text, nullable=False),
    _at("committed_at", nullable=False),
)

artifact = Table(
    "artifact",
    metadata,
    Column("digest", Text, primary_key=True),
    # Artifact.pack(): the manifest with outlines.
    Column("packed", LargeBinary, nullable=False),
    Column("file_count", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    _at("created_at", nullable=False),
)

verdict = Table(
    "verdict",
    metadata,
    _id(),
    Column("repository_id", ForeignKey("repository.id"), nullable=False),
    Column("revision", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("findings", JSONB, nullable=False),
    _at("decided_at", nullable=False),
    # `repo show` asks for the newest verdict of a repository.
    Index("ix_verdict_repository_id_id", "repository_id", "id"),
)

release = Table(
    "release",
    metadata,
    # Not an identity column: a sync reserves the number before it writes the tree.
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("repository_id", ForeignKey("repository.id"), nullable=False),
    Column("artifact_digest", ForeignKey("artifact.digest"), nullable=False, index=True),
    Column("revision", Text, nullable=False),
    Column("content_of", ForeignKey("release.id"), index=True),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _at("quarantined_at"),
    Column("quarantine_reason", Text),
    _at("created_at", nullable=False),
    Index("ix_release_repository_id_id", "repository_id", "id"),
)

bundle = Table(
    "bundle",
    metadata,
    _id(),
    Column("environment_id", ForeignKey("environment.id"), nullable=False),
    Column("name", Text, nullable=False),
    # NULL: unbound. The pointer on disk is a projection of this row.
    Column("repository_id", ForeignKey("repository.id"), unique=True),
    Column("release_id", ForeignKey("release.id"), index=True),
    UniqueConstraint("environment_id", "name"),
)

dag_claim = Table(
    "dag_claim",
    metadata,
    # One owner per environment and dag_id (docs/decisions/0010): Airflow itself gives an id that
    # two files use to whichever it parsed last.
    Column("environment_id", ForeignKey("environment.id"), primary_key=True),
    Column("dag_id", Text, primary_key=True),
    Column("repository_id", ForeignKey("repository.id"), nullable=False, index=True),
)

deployment = Table(
    "deployment",
    metadata,
    _id(),
    Column("repository_id", ForeignKey("repository.id"), nullable=False),
    Column("release_id", ForeignKey("release.id"), nullable=False, index=True),
    Column("replaces", ForeignKey("release.id"), index=True),
    Column("state", Text, nullable=False),
    # Import errors as Airflow reports them, where the state is `failed`.
    Column("import_errors", JSONB, nullable=False, server_default=text("'[]'")),
    # What the last look at Airflow still missed, in words.
    Column("missing", JSONB, nullable=False, server_default=text("'[]'")),
    _at("created_at", nullable=False),
    _at("published_at"),
    _at("live_at"),
    _at("next_observation_at", nullable=False),
    Index("ix_deployment_repository_id_id", "repository_id", "id"),
    # The observer asks which deployments Airflow was not yet seen with, or fails on.
    Index(
        "ix_deployment_open",
        "next_observation_at",
        postgresql_where=text("state IN ('published', 'failed')"),
    ),
)

event = Table(
    "event",
    metadata,
    _id(),
    _at("at", nullable=False),
    Column("tag", Text, nullable=False),
    Column("repository_id", ForeignKey("repository.id")),
    Column("revision", Text),
    Column("release_id", BigInteger),
    Column("facts", JSONB, nullable=False, server_default=text("'{}'")),
    Index("ix_event_repository_id_id", "repository_id", "id"),
)
