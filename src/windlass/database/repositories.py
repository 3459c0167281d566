"""Repositories: registration, polling, leases and what syncs found."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.database.credentials import COLUMNS, StoredCredential, stored_of
from windlass.database.polls import clear_failure, in_seconds, record_poll
from windlass.database.webhooks import SOON_S, follow_url
from windlass.domain.errors import Conflict, LeaseLost, NotFound
from windlass.domain.nearest import suggest
from windlass.domain.options import DEFAULTS, Options
from windlass.domain.ref import Ref, RefChoice, RefKind
from windlass.domain.repository import (
    CommitSha,
    Lease,
    Owner,
    Repository,
    RepositoryId,
    Revision,
)

_CREDENTIAL_COLUMNS = [t.credential.c[name].label(f"credential_{name}") for name in COLUMNS]


@dataclass(frozen=True, slots=True)
class NewRepository:
    """A registration that was checked and not yet stored."""

    name: str
    namespace: str
    environment: str
    url: str
    ref: Ref
    path: str
    credential: str | None
    sync_interval_s: int
    options: Options = DEFAULTS
    owner: Owner = Owner.API
    ref_choice: RefChoice = RefChoice.GIVEN


@dataclass(frozen=True, slots=True)
class DueRepository:
    """A repository whose head should be asked for now, and what its last sync settled on.

    `unasked_s` is how long ago its remote was last asked, None where it never was.
    """

    repository: Repository
    noticed_revision: str | None
    settled_revision: str | None
    settled_inputs: str | None
    credential: StoredCredential | None
    unasked_s: float | None


def add_repository(connection: Connection, new: NewRepository) -> Repository:
    """Store a registration, due for its first poll at once. Conflict REPO010 if the name is taken,
    NotFound ENV002 if there is no such environment."""
    environment_id = sa.select(t.environment.c.id).where(t.environment.c.name == new.environment)
    credential_id = sa.select(t.credential.c.id).where(t.credential.c.name == new.credential)
    locked = environment_id.with_for_update(read=True, key_share=True)  # it may be removed just now
    if connection.execute(locked).scalar_one_or_none() is None:
        raise NotFound("ENV002", f"no environment is named {new.environment!r}")
    query = sa.insert(t.repository).values(
        name=new.name,
        namespace=new.namespace,
        environment_id=environment_id.scalar_subquery(),
        url=new.url,
        ref_kind=new.ref.kind,
        ref=new.ref.name,
        ref_choice=new.ref_choice,
        path=new.path,
        credential_id=credential_id.scalar_subquery(),
        sync_interval_s=new.sync_interval_s,
        options=new.options.to_json(),
        owner=new.owner,
    )
    try:
        with connection.begin_nested():
            connection.execute(query)
    except sa.exc.IntegrityError as error:
        raise _name_is_taken(new.name) from error
    return get_repository(connection, new.name)


def get_repository(connection: Connection, name: str) -> Repository:
    """The repository of that name; NotFound REPO011 names the ones there are."""
    named = _select().where(t.repository.c.name == name, _is_there())
    row = connection.execute(named).one_or_none()
    if row is not None:
        return _repository(row)
    hint = suggest(name, list_repository_names(connection), "There are")
    hint = hint or "Add one: windlass repo add URL"
    raise NotFound("REPO011", f"there is no repository {name!r}", hint)


def get_repository_by_id(connection: Connection, repository_id: RepositoryId) -> Repository:
    """The repository of that id; NotFound REPO011 where it is gone."""
    row = connection.execute(_select().where(t.repository.c.id == repository_id)).one_or_none()
    if row is None:
        raise NotFound("REPO011", f"there is no repository with the id {repository_id}")
    return _repository(row)


def list_repositories(connection: Connection) -> list[Repository]:
    """All repositories that are not removed, by name; those on the way to be removed too."""
    rows = connection.execute(_select().where(_is_there()).order_by(t.repository.c.name))
    return [_repository(row) for row in rows]


def list_repository_names(connection: Connection) -> list[str]:
    """All names, in order."""
    query = sa.select(t.repository.c.name).where(_is_there()).order_by(t.repository.c.name)
    return list(connection.execute(query).scalars())


def change_repository(
    connection: Connection, repository_id: RepositoryId, new: NewRepository
) -> Repository:
    """Make a registration what `new` says, but for its environment; judged anew at once.

    A job that works on it loses its lease. Another remote or ref has another head, so what was
    noticed and what failed is forgotten then. Conflict REPO010 where its new name is taken.
    """
    columns = t.repository.c
    elsewhere = sa.or_(
        columns.url != new.url, columns.ref != new.ref.name, columns.ref_kind != new.ref.kind
    )
    credential_id = sa.select(t.credential.c.id).where(t.credential.c.name == new.credential)
    query = (
        sa.update(t.repository)
        .where(t.repository.c.id == repository_id)
        .values(
            name=new.name,
            namespace=new.namespace,
            url=new.url,
            ref_kind=new.ref.kind,
            ref=new.ref.name,
            ref_choice=new.ref_choice,
            path=new.path,
            credential_id=credential_id.scalar_subquery(),
            sync_interval_s=new.sync_interval_s,
            options=new.options.to_json(),
            owner=new.owner,
            lease_epoch=columns.lease_epoch + 1,
            noticed_revision=sa.case((elsewhere, None), else_=columns.noticed_revision),
            settled_revision=None,
            settled_inputs=None,
            next_poll_at=sa.func.now(),
        )
    )
    clear_failure(connection, repository_id)
    try:
        with connection.begin_nested():
            connection.execute(query)
    except sa.exc.IntegrityError as error:
        raise _name_is_taken(new.name) from error
    follow_url(connection, repository_id, new.url)
    return get_repository_by_id(connection, repository_id)


def set_ref(connection: Connection, lease: Lease, ref: Ref, choice: RefChoice) -> Lease:
    """Follow another ref from now on; the lease, which stays. Raises LeaseLost."""
    hold_lease(connection, lease)
    query = sa.update(t.repository).where(t.repository.c.id == lease.repository.id)
    connection.execute(query.values(ref_kind=ref.kind, ref=ref.name, ref_choice=choice))
    return Lease(get_repository_by_id(connection, lease.repository.id), lease.epoch)


def set_suspended(
    connection: Connection, repository_id: RepositoryId, actor: str, reason: str
) -> bool:
    """Suspend a repository; False where it was already."""
    query = sa.update(t.repository).where(
        t.repository.c.id == repository_id, t.repository.c.suspended_at.is_(None)
    )
    values = {"suspended_by": actor, "suspend_reason": reason}
    return bool(connection.execute(query.values(suspended_at=sa.func.now(), **values)).rowcount)


def set_resumed(connection: Connection, repository_id: RepositoryId) -> bool:
    """End a suspension, so that its poll is due at once; False where there is none."""
    query = sa.update(t.repository).where(
        t.repository.c.id == repository_id, t.repository.c.suspended_at.is_not(None)
    )
    values = {"suspended_at": None, "suspended_by": None, "suspend_reason": None}
    return bool(connection.execute(query.values(next_poll_at=sa.func.now(), **values)).rowcount)


def set_owner(connection: Connection, repository_id: RepositoryId, owner: Owner) -> None:
    """Say who may change a registration from now on."""
    query = sa.update(t.repository).where(t.repository.c.id == repository_id)
    connection.execute(query.values(owner=owner))


def list_repository_ids(connection: Connection) -> list[RepositoryId]:
    """Every repository that is there."""
    return list(connection.execute(sa.select(t.repository.c.id).where(_is_there())).scalars())


def claim_due(
    connection: Connection, limit: int, *, hooked_s: int | None = None
) -> list[DueRepository]:
    """Take up to `limit` repositories whose poll is due; no other worker gets them meanwhile.

    Their next poll is an interval away, give or take a tenth, so that polls do not bunch: their
    own, at least `hooked_s` where their Git host calls, at most SOON_S where it fell silent.
    """
    columns = t.repository.c
    due = (
        sa.select(columns.id)
        .where(
            columns.next_poll_at <= sa.func.now(),
            columns.suspended_at.is_(None),
            columns.removing_at.is_(None),
        )
        .order_by(columns.next_poll_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    jittered_s = _interval_s(hooked_s) * (0.9 + 0.2 * sa.func.random())
    claim = (
        sa.update(t.repository)
        .where(columns.id.in_(due))
        .values(next_poll_at=in_seconds(jittered_s))
        .returning(columns.id)
    )
    claimed = list(connection.execute(claim).scalars())
    if not claimed:
        return []
    unasked = sa.func.extract("epoch", sa.func.clock_timestamp() - columns.polled_at)
    query = _select().add_columns(*_CREDENTIAL_COLUMNS, unasked.label("unasked_s"))
    rows = connection.execute(query.where(columns.id.in_(claimed)).order_by(columns.id))
    return [
        DueRepository(
            _repository(row),
            row.noticed_revision,
            row.settled_revision,
            row.settled_inputs,
            _credential(row),
            None if row.unasked_s is None else float(row.unasked_s),
        )
        for row in rows
    ]


def _interval_s(hooked_s: int | None) -> sa.ColumnElement[float]:
    own, mine = t.repository.c.sync_interval_s, t.webhook.c.repository_id == t.repository.c.id
    is_missed = sa.exists().where(mine, t.webhook.c.missed_at.is_not(None))
    soon = (is_missed, sa.func.least(own, SOON_S))
    if hooked_s is None:
        return sa.case(soon, else_=own)
    is_heard = sa.exists().where(mine, t.webhook.c.heard_at.is_not(None))
    return sa.case(soon, (is_heard, sa.func.greatest(own, hooked_s)), else_=own)


def take_lease(connection: Connection, repository_id: RepositoryId) -> Lease:
    """Become the only worker whose writes for this repository count."""
    query = (
        sa.update(t.repository)
        .where(t.repository.c.id == repository_id)
        .values(lease_epoch=t.repository.c.lease_epoch + 1)
        .returning(t.repository.c.lease_epoch)
    )
    epoch = connection.execute(query).scalar_one_or_none()
    return Lease(get_repository_by_id(connection, repository_id), epoch or 0)


def hold_lease(connection: Connection, lease: Lease) -> None:
    """Make sure, until the transaction ends, that the lease is still ours; LeaseLost if not."""
    query = (
        sa.select(t.repository.c.lease_epoch)
        .where(t.repository.c.id == lease.repository.id)
        .with_for_update()
    )
    if connection.execute(query).scalar_one_or_none() != lease.epoch:
        raise LeaseLost(lease.repository.name)


def lock_repository(connection: Connection, repository_id: RepositoryId) -> None:
    """Lock the repository's row until the transaction ends; a job that works on it goes on after,
    and finds what was written."""
    query = sa.select(t.repository.c.id).where(t.repository.c.id == repository_id)
    connection.execute(query.with_for_update())


def end_lease(connection: Connection, repository_id: RepositoryId) -> None:
    """Lock the repository's row until the transaction ends, and make every write of the job that
    works on it now fail: what it set out from has changed. The caller asks for a sync."""
    connection.execute(
        sa.update(t.repository)
        .where(t.repository.c.id == repository_id)
        .values(lease_epoch=t.repository.c.lease_epoch + 1)
    )


def settled_on(connection: Connection, repository_id: RepositoryId) -> tuple[str, str] | None:
    """Revision and inputs of the last finished sync; None before the first and after a rollback."""
    columns = t.repository.c
    query = sa.select(columns.settled_revision, columns.settled_inputs)
    row = connection.execute(query.where(columns.id == repository_id)).one()
    return None if row.settled_revision is None else (row.settled_revision, row.settled_inputs)


def settle(
    connection: Connection,
    lease: Lease,
    revision: CommitSha,
    inputs: str,
    held_reason: str | None = None,
) -> None:
    """Record that a sync came to an outcome for this revision by these inputs."""
    hold_lease(connection, lease)
    connection.execute(
        sa.update(t.repository)
        .where(t.repository.c.id == lease.repository.id)
        .values(settled_revision=revision, settled_inputs=inputs, held_reason=held_reason)
    )
    clear_failure(connection, lease.repository.id)


def unsettle(connection: Connection, repository_id: RepositoryId) -> None:
    """Make the next poll judge the head again, whatever it is."""
    connection.execute(
        sa.update(t.repository)
        .where(t.repository.c.id == repository_id)
        .values(settled_revision=None, settled_inputs=None, next_poll_at=sa.func.now())
    )


def record_revision(connection: Connection, repository_id: RepositoryId, found: Revision) -> bool:
    """Keep author, subject and time of a commit, and note it as the newest known head; True where
    no poll had seen it yet."""
    from sqlalchemy.dialects.postgresql import insert

    values = {
        "repository_id": repository_id,
        "sha": found.sha,
        "author": found.author.replace("\0", ""),
        "author_email": found.author_email.replace("\0", ""),
        "subject": found.subject.replace("\0", ""),
        "committed_at": found.committed_at,
    }
    connection.execute(insert(t.revision).values(**values).on_conflict_do_nothing())
    return record_poll(connection, repository_id, found.sha)


def _name_is_taken(name: str) -> Conflict:
    return Conflict(
        "REPO010",
        f"there is a repository {name!r} already",
        "Give another name with --name, or look at it: windlass repo show " + name,
    )


def find_revision(connection: Connection, repository_id: RepositoryId, sha: str) -> Revision | None:
    """What was kept of a commit; None where it was never fetched."""
    columns = t.revision.c
    query = sa.select(t.revision).where(columns.repository_id == repository_id, columns.sha == sha)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Revision(row.sha, row.author, row.subject, row.committed_at, row.author_email)


def get_past_repository(connection: Connection, name: str) -> Repository:
    """The repository of that name, else the one that had it and was removed last: its history
    stays. NotFound REPO011 as `get_repository`."""
    c = t.repository.c
    there_first = c.removed_at.is_(None).desc()
    query = _select().where(c.name == name).order_by(there_first, c.removed_at.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return get_repository(connection, name) if row is None else _repository(row)


def _is_there() -> sa.ColumnElement[bool]:
    """Removed repositories keep their rows, for their history."""
    return t.repository.c.removed_at.is_(None)


def _credential(row: Row[tuple[object, ...]]) -> StoredCredential | None:
    return None if row.credential_kind is None else stored_of(row, "credential_")


def _select() -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(
            t.repository,
            t.environment.c.name.label("environment"),
            t.credential.c.name.label("credential"),
        )
        .join(t.environment, t.environment.c.id == t.repository.c.environment_id)
        .outerjoin(t.credential, t.credential.c.id == t.repository.c.credential_id)
    )


def _repository(row: Row[tuple[object, ...]]) -> Repository:
    return Repository(
        id=row.id,
        name=row.name,
        namespace=row.namespace,
        environment=row.environment,
        url=row.url,
        ref=Ref(RefKind(row.ref_kind), row.ref),
        path=row.path,
        credential=row.credential,
        sync_interval_s=row.sync_interval_s,
        options=Options.from_json(row.options),
        owner=Owner(row.owner),
        suspended_at=row.suspended_at,
        removing_at=row.removing_at,
        ref_choice=RefChoice(row.ref_choice),
        expected_revision=row.expected_revision,
    )
