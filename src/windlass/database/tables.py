"""The tables, as the newest migration leaves them; a test holds the two together.

Times are UTC. Procrastinate's own tables come by migration too and are not listed here.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

SCHEMA_VERSION = "0024"
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
    Column("owner", Text, nullable=False, server_default=text("'api'")),
    Column("target", Text, nullable=False, server_default=text("'bundle'")),
    Column("airflow_url", Text),
    Column("airflow_username", Text),
    Column("credential_id", ForeignKey("credential.id"), index=True),
    Column("interpreter", Text),
    # The id that the provider of this Airflow reports: one live environment per Airflow.
    Column("airflow_id", Text, unique=True),
    # Why nothing is asked of what answers at its address: code, message, hint.
    Column("airflow_refused", JSONB),
    Column("options", JSONB, nullable=False, server_default=text("'{}'")),
    # The slow look at all that is live there: when the next is due, and what the last one saw.
    _at("next_look_at", nullable=False),
    Column("observation", JSONB, nullable=False, server_default=text("'{}'")),
    _at("created_at", nullable=False),
    CheckConstraint("owner IN ('api', 'file', 'settings')", name="owner"),
    CheckConstraint("target IN ('bundle', 'folder')", name="target"),
)

# What Airflow said of its connections, variables and pools: names, never values.
listing = Table(
    "listing",
    metadata,
    Column("environment_id", ForeignKey("environment.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("names", JSONB),  # NULL: it could not be read so far
    _at("seen_at"),
    _at("asked_at", nullable=False),
    Column("problem", Text, nullable=False, server_default=text("''")),
    CheckConstraint("kind IN ('connection', 'variable', 'pool')", name="kind"),
)

stranger = Table(
    "stranger",
    metadata,
    # A path below the store, in a folder of ours, that is nobody's: told once, never removed.
    Column("path", Text, primary_key=True),
    _at("seen_at", nullable=False),
)

credential = Table(
    "credential",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    # What is no secret: the public half of a key, known hosts.
    Column("options", JSONB, nullable=False, server_default=text("'{}'")),
    # The secret before the last rotation, which may be tried until then.
    Column("previous_ciphertext", LargeBinary),
    _at("previous_until"),
    # When somebody said that the secret ends.
    Column("expires_on", Date),
    _at("created_at", nullable=False),
    _at("changed_at", nullable=False),
    CheckConstraint(
        "kind IN ('basic', 'token', 'deploy_token', 'github_app', 'ssh_key')", name="kind"
    ),
)

repository = Table(
    "repository",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("environment_id", ForeignKey("environment.id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    # The column got its name when there were only branches.
    Column("branch", Text, key="ref", nullable=False),
    Column("ref_kind", Text, nullable=False, server_default=text("'branch'")),
    # domain.ref.RefChoice: somebody gave the ref, or why it is this one.
    Column("ref_choice", Text, nullable=False, server_default=text("'given'")),
    Column("path", Text, nullable=False),
    Column("credential_id", ForeignKey("credential.id"), index=True),
    Column("sync_interval_s", Integer, nullable=False),
    # domain.options.Options, what differs from the defaults.
    Column("options", JSONB, nullable=False, server_default=text("'{}'")),
    Column("owner", Text, nullable=False, server_default=text("'api'")),
    _at("suspended_at"),
    Column("suspended_by", Text),
    Column("suspend_reason", Text),
    # From `removing_at` its bundle is on the way to be free; from `removed_at` it is history.
    _at("removing_at"),
    _at("removed_at"),
    Column("removed_by", Text),
    Column("remove_reason", Text),
    # Runs may end until then before its bundle is unbound; NULL: nobody waits for them.
    _at("drain_until"),
    # What its removal, or the freeing of its bundle after it, waits for, in words.
    Column("removal_waits_for", Text),
    # Whether Airflow is to forget its DAGs before it is history; how many that are, once they are
    # known and before the first is deleted.
    Column("delete_dags", Boolean, nullable=False, server_default=text("false")),
    Column("deleted_dags", Integer),
    # Raised by every sync that starts; all writes of a sync are conditional on it.
    Column("lease_epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("noticed_revision", Text),
    _at("noticed_at"),
    _at("polled_at"),
    _at("next_poll_at", nullable=False),
    # The last head that was fetched, and the full name of its ref: what a rewrite is judged by.
    Column("fetched_revision", Text),
    Column("fetched_ref", Text),
    # A commit that somebody says the remote has, until it shows it or was asked often enough.
    Column("expected_revision", Text),
    Column("expected_tries", Integer, nullable=False, server_default=text("0")),
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
    CheckConstraint("ref_kind IN ('branch', 'tag', 'tag_pattern', 'commit')", name="ref_kind"),
    CheckConstraint("ref_choice IN ('given', 'main', 'head')", name="ref_choice"),
    CheckConstraint("owner IN ('api', 'file')", name="owner"),
    Index(
        "uq_repository_name_there", "name", unique=True, postgresql_where=text("removed_at IS NULL")
    ),
    # The poll loop asks which repositories are due.
    Index("ix_repository_next_poll_at", "next_poll_at"),
)

revision = Table(
    "revision",
    metadata,
    Column("repository_id", ForeignKey("repository.id"), primary_key=True),
    Column("sha", Text, primary_key=True),
    Column("author", Text, nullable=False),
    Column("author_email", Text, nullable=False, server_default=text("''")),
    Column("subject", Text, nullable=False),
    _at("committed_at", nullable=False),
)

artifact = Table(
    "artifact",
    metadata,
    Column("digest", Text, primary_key=True),
    # The keys of its chunks, in order. Before 0003 there was one, held here: `packed`.
    Column("chunks", ARRAY(Text)),
    Column("packed", LargeBinary),
    Column("file_count", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    _at("created_at", nullable=False),
)

artifact_chunk = Table(
    "artifact_chunk",
    metadata,
    # domain.artifact.Chunk.key and .pack(): shared by all artifacts that hold just these files.
    Column("key", Text, primary_key=True),
    Column("packed", LargeBinary, nullable=False),
)

imported_file = Table(
    "imported_file",
    metadata,
    # engine.imports: path, content, interpreter and values; a result names the surroundings that it
    # holds for. engine.testing: what running the tests of a tree gave. Losing a row costs one
    # import, or one run.
    Column("key", Text, primary_key=True),
    Column("result", LargeBinary, nullable=False),
    # Its DAGs as Airflow serialises them, compressed.
    Column("dags", LargeBinary, nullable=False),
    _at("used_at", nullable=False),
    # Clean-up asks for those that nobody used for long.
    Index("ix_imported_file_used_at", "used_at"),
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
    Column("policy_digest", Text),
    # Mode per_file: path → the release whose version of the file is deployed in the place of the
    # head's; and path → the release that has its last good version, null for none, of what is not
    # deployed at all.
    Column("kept", JSONB, nullable=False, server_default=text("'{}'")),
    Column("omitted", JSONB, nullable=False, server_default=text("'{}'")),
    # False: only the obligatory families of checks looked at it.
    Column("validated", Boolean, nullable=False, server_default=text("true")),
    # The digest of what judges a file by itself: a newer policy need not read it again.
    Column("checks", Text),
    # domain.imported.ImportNote; NULL: from before there were imports.
    Column("imports", JSONB),
    # What would be deployed, or is: of that content, the newest verdict counts.
    Column("artifact_digest", Text),
    # Of a denied revision: dag_id → file. Those of an allowed one are in its artifact.
    Column("dag_ids", JSONB, nullable=False, server_default=text("'{}'")),
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
    Column("verdict_id", ForeignKey("verdict.id"), index=True),
    # False: only intake, syntax and dag_id ownership were checked.
    Column("validated", Boolean, nullable=False, server_default=text("true")),
    _at("quarantined_at"),
    Column("quarantine_reason", Text),
    # From `cleaned_up_at` on it has no tree in the store; Airflow is asked about it again at
    # `next_cleanup_at`.
    _at("cleaned_up_at"),
    _at("next_cleanup_at"),
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
    Column("team", Text),
    # Unbound, and not yet to be used again: runs or DAG rows may refer to its releases.
    _at("draining_at"),
    # When the tree was last held against its release, and how it differed then, in words.
    _at("verified_at"),
    Column("drift", JSONB, nullable=False, server_default=text("'[]'")),
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

dag_prefix_claim = Table(
    "dag_prefix_claim",
    metadata,
    # Every id that begins so is the repository's, whether it is known or not. No prefix of one
    # repository begins with that of another, which the lock on claims sees to.
    Column("environment_id", ForeignKey("environment.id"), primary_key=True),
    Column("prefix", Text, primary_key=True),
    Column("repository_id", ForeignKey("repository.id"), nullable=False, index=True),
)

dag_wish = Table(
    "dag_wish",
    metadata,
    # What an allowed revision wants and nobody owns yet, with the file that makes it.
    Column("environment_id", ForeignKey("environment.id"), primary_key=True),
    Column("dag_id", Text, primary_key=True),
    Column("repository_id", ForeignKey("repository.id"), primary_key=True),
    Column("path", Text, nullable=False),
    Index("ix_dag_wish_repository_id", "repository_id"),
)

observed_dag = Table(
    "observed_dag",
    metadata,
    # Where Airflow was last seen to have a dag_id; those that files make at run time are known
    # only from here. Each is claimed too, where nobody else owns it.
    Column("environment_id", ForeignKey("environment.id"), primary_key=True),
    Column("dag_id", Text, primary_key=True),
    Column("repository_id", ForeignKey("repository.id"), nullable=False, index=True),
    Column("path", Text, nullable=False),
    _at("seen_at", nullable=False),
    _at("gone_at"),
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
    # From `failed_at` on they are confirmed; the answer says what Windlass did about them, or why
    # it did nothing.
    _at("failed_at"),
    Column("failure_answer", Text),
    # Ids that a plain reading expects and Airflow never shows, such as one in a false `if`.
    Column("not_made", JSONB, nullable=False, server_default=text("'[]'")),
    # When the head that it deploys was noticed; NULL where the same revision was deployed before.
    _at("noticed_at"),
    # What the last look at Airflow still missed, in words.
    Column("missing", JSONB, nullable=False, server_default=text("'[]'")),
    _at("created_at", nullable=False),
    _at("published_at"),
    _at("live_at"),
    _at("converged_at"),
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

hold = Table(
    "hold",
    metadata,
    _id(),
    Column("repository_id", ForeignKey("repository.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    # The head when the hold began; another one ends the hold where `until_new_head` says so.
    Column("head", Text),
    Column("until_new_head", Boolean, nullable=False, server_default=text("false")),
    _at("expires_at"),  # only notifies; `told_at` is when
    _at("told_at"),
    _at("created_at", nullable=False),
    _at("ended_at"),
    Column("ended_by", Text),
    Column("end_reason", Text),
    # moved_files: `dag_ids` whose runs are waited for, and the `revision` that moved them.
    Column("facts", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint("kind IN ('manual', 'rewrite', 'deleted_ref', 'moved_files')", name="kind"),
    # Every sync asks for the open holds of its repository.
    Index("ix_hold_open", "repository_id", postgresql_where=text("ended_at IS NULL")),
)

approval = Table(
    "approval",
    metadata,
    _id(),
    Column("repository_id", ForeignKey("repository.id"), nullable=False, index=True),
    Column("release_id", ForeignKey("release.id"), nullable=False, unique=True),
    # What it binds (docs/decisions/0012): where either differs later, it is superseded.
    Column("base_release_id", ForeignKey("release.id"), index=True),
    Column("policy_digest", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    _at("created_at", nullable=False),
    _at("decided_at"),
    Column("decided_by", Text),
    Column("reason", Text),
    # When it was told that it waits for long.
    _at("told_at"),
    CheckConstraint(
        "state IN ('waiting', 'approved', 'rejected', 'expired', 'superseded')", name="state"
    ),
)

plan = Table(
    "plan",
    metadata,
    # What a release that waits for approval would change when it was proposed: one for each.
    _id(),
    Column("repository_id", ForeignKey("repository.id"), nullable=False, index=True),
    Column("release_id", ForeignKey("release.id"), nullable=False, unique=True),
    # domain.plan.Plan: its digest, which people quote, and the rest as compressed JSON.
    Column("digest", Text, nullable=False, index=True),
    Column("content", LargeBinary, nullable=False),
    _at("created_at", nullable=False),
)

measure = Table(
    "measure",
    metadata,
    # domain.measures.Series: what workers counted since this installation began.
    Column("name", Text, primary_key=True),
    Column("labels", JSONB, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("value", Double, nullable=False),
    _at("changed_at", nullable=False),
)

audit = Table(
    "audit",
    metadata,
    # The place in the chain, from 1 without gaps. A trigger refuses to change or remove a row.
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _at("at", nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    # The digest of the row before, and of this one with it: a chain.
    Column("previous", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    # People ask what was done to one thing.
    Index("ix_audit_subject_id", "subject", "id"),
)

declaration = Table(
    "declaration",
    metadata,
    # One row: what the declarative file said when it was last good, and what is wrong with it now.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("path", Text, nullable=False),
    # The last good text, its digest, and repository name → its place in the file. NULL: none yet.
    Column("text", Text),
    Column("digest", Text),
    Column("places", JSONB, nullable=False, server_default=text("'{}'")),
    _at("applied_at"),
    # The newest text that was looked at; where it differs from `digest`, `findings` say why.
    Column("seen_digest", Text),
    _at("seen_at"),
    Column("findings", JSONB, nullable=False, server_default=text("'[]'")),
    # The digest of the text whose many removals a person allowed.
    Column("removals_allowed", Text),
    # Names of repositories that a person handed from the API to the file.
    Column("adopted", JSONB, nullable=False, server_default=text("'[]'")),
    CheckConstraint("id = 1", name="id"),
)

policy = Table(
    "policy",
    metadata,
    Column("name", Text, primary_key=True),
    # domain.policy.Policy, what differs from the built-in one, and whom it is for.
    Column("document", JSONB, nullable=False),
    Column("owner", Text, nullable=False, server_default=text("'api'")),
    _at("changed_at", nullable=False),
    CheckConstraint("owner IN ('api', 'file')", name="owner"),
)

waiver = Table(
    "waiver",
    metadata,
    _id(),
    Column("rule", Text, nullable=False),
    # A glob below the DAG root, in one repository or, NULL, in all. By name: it may be given again.
    Column("path", Text, nullable=False),
    Column("repository", Text),
    # NULL: every finding of the rule there.
    Column("fingerprint", Text),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    # The last day on which it holds, in UTC.
    Column("until", Date, nullable=False),
    _at("created_at", nullable=False),
    _at("ended_at"),
    Column("ended_by", Text),
    Column("end_reason", Text),
    # When it was told that it expires soon, or has.
    _at("told_at"),
    # Every look at the policies asks for those that hold.
    Index("ix_waiver_open", "until", postgresql_where=text("ended_at IS NULL")),
)

webhook = Table(
    "webhook",
    metadata,
    _id(),
    Column("repository_id", ForeignKey("repository.id"), nullable=False),
    # domain.delivery.ForgeKind: who calls.
    Column("kind", Text, nullable=False),
    # The last part of its own address: nobody guesses it, and it is no secret.
    Column("address", Text, nullable=False, unique=True),
    # domain.alias of the repository's URL, by which calls to the shared address find it.
    Column("remote", Text),
    Column("created_by", Text, nullable=False),
    _at("created_at", nullable=False),
    # When a call was last believed. A poll that finds a push of which no call told notes it in
    # `missed_at`, until one comes; `silent_at` is when that was told.
    _at("heard_at"),
    _at("missed_at"),
    _at("silent_at"),
    UniqueConstraint("repository_id", "kind"),
    # A call to the shared address asks for those it may be about.
    Index("ix_webhook_kind_remote", "kind", "remote"),
)

webhook_secret = Table(
    "webhook_secret",
    metadata,
    _id(),
    Column("webhook_id", ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("ciphertext", LargeBinary, nullable=False),
    _at("created_at", nullable=False),
    # Set by a rotation: it is believed until then beside its successor.
    _at("expires_at"),
)

delivery = Table(
    "delivery",
    metadata,
    _id(),
    # NULL: the webhook was removed.
    Column("webhook_id", ForeignKey("webhook.id", ondelete="SET NULL")),
    Column("repository_id", ForeignKey("repository.id"), nullable=False),
    Column("kind", Text, nullable=False),
    # domain.delivery.Proof; NULL: it showed nothing, and nothing but its length is kept of it.
    Column("proof", Text),
    # The host's own words for the event, and its name for the call.
    Column("event", Text, nullable=False, server_default=text("''")),
    Column("host_id", Text),
    # The SHA-256 of the body: the same again is the same delivery.
    Column("digest", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    # domain.delivery.DeliveryState; `words` is what it told, `reason` why nothing follows, or what
    # went wrong.
    Column("state", Text, nullable=False),
    Column("words", Text, nullable=False, server_default=text("''")),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("ref", Text),
    Column("revision", Text),
    # Encrypted, until it is done.
    Column("body", LargeBinary),
    Column("times", Integer, nullable=False, server_default=text("1")),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    _at("received_at", nullable=False),
    _at("ended_at"),
    CheckConstraint(
        "state IN ('accepted', 'ignored', 'refused', 'done', 'dead')",
        name="state",
    ),
    Index("ix_delivery_repository_id_id", "repository_id", "id"),
    Index(
        "uq_delivery_same",
        "webhook_id",
        "digest",
        unique=True,
        postgresql_where=text("proof IS NOT NULL"),
    ),
    # Every sync asks what it answers.
    Index(
        "ix_delivery_accepted", "repository_id", "id", postgresql_where=text("state = 'accepted'")
    ),
)

forge_report = Table(
    "forge_report",
    metadata,
    _id(),
    Column("repository_id", ForeignKey("repository.id"), nullable=False),
    # domain.options.Report, and what it is about: a commit.
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # What the Git host should show, and what it was told last; its name for that.
    Column("wanted", JSONB, nullable=False),
    Column("posted", JSONB),
    Column("host_id", Text),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    # When the host is told next; NULL: it was, or it was given up.
    _at("next_at"),
    # Why it could not be told so far, in words.
    Column("problem", Text, nullable=False, server_default=text("''")),
    _at("changed_at", nullable=False),
    _at("posted_at"),
    UniqueConstraint("repository_id", "kind", "subject"),
    # The reporter asks for those that are due.
    Index("ix_forge_report_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
)

pull_request = Table(
    "pull_request",
    metadata,
    Column("repository_id", ForeignKey("repository.id"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    # domain.delivery.ForgeKind: who told, and so where its head is.
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("is_fork", Boolean, nullable=False),
    # The head that was checked last, and what was found in it; `is_static`: read alone.
    Column("is_static", Boolean, nullable=False, server_default=text("false")),
    Column("revision", Text),
    Column("allowed", Boolean),
    Column("validated", Boolean, nullable=False, server_default=text("true")),
    Column("findings", JSONB, nullable=False, server_default=text("'[]'")),
    # What merging it would do, as domain.plan.Plan, compressed; `plan_posted` is what its host may
    # show of it, NULL where that is the same. `plan_problem`: why there is none.
    Column("plan", LargeBinary),
    Column("plan_posted", LargeBinary),
    Column("plan_problem", Text, nullable=False, server_default=text("''")),
    # A commit of a fork's that a person lets be imported.
    Column("approved_revision", Text),
    Column("approved_by", Text),
    Column("problem", Text, nullable=False, server_default=text("''")),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    # When its head is looked at next; NULL: when its host tells of it again.
    _at("next_check_at"),
    _at("changed_at", nullable=False),
    _at("checked_at"),
    _at("closed_at"),
    CheckConstraint("state IN ('open', 'merged', 'closed')", name="state"),
    # The loop of checks asks for those that are due.
    Index(
        "ix_pull_request_due", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")
    ),
)
