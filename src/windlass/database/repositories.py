"""Repositories: registration, polling, leases and what syncs found."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.domain.errors import AppError, Conflict, LeaseLost, NotFound
from windlass.domain.repository import CommitSha, Lease, Repository, RepositoryId, Revision

_RETRY_CAP_S = 600


@dataclass(frozen=True, slots=True)
class NewRepository:
    """A registration that was checked and not yet stored."""

    name: str
    namespace: str
    environment: str
    url: str
    branch: str
    path: str
    credential: str | None
    sync_interval_s: int


@dataclass(frozen=True, slots=True)
class DueRepository:
    """A repository whose head should be asked for now, and what its last sync settled on."""

    repository: Repository
    settled_revision: str | None
    settled_inputs: str | None


def add_repository(connection: Connection, new: NewRepository) -> Repository:
    """Store a registration, due for its first poll at once. Conflict REPO010 if the name is taken,
    NotFound ENV001 if there is no such environment."""
    environment_id = sa.select(t.environment.c.id).where(t.environment.c.name == new.environment)
    credential_id = sa.select(t.credential.c.id).where(t.credential.c.name == new.credential)
    if connection.execute(environment_id).scalar_one_or_none() is None:
        raise NotFound("ENV001", f"there is no environment {new.environment!r}")
    query = sa.insert(t.repository).values(
        name=new.name,
        namespace=new.namespace,
        environment_id=environment_id.scalar_subquery(),
        url=new.url,
        branch=new.branch,
        path=new.path,
        credential_id=credential_id.scalar_subquery(),
        sync_interval_s=new.sync_interval_s,
    )
    try:
        with connection.begin_nested():
            connection.execute(query)
    except sa.exc.IntegrityError as error:
        raise Conflict(
            "REPO010",
            f"there is a repository {new.name!r} already",
            "Give another name with --name, or look at it: windlass repo show " + new.name,
        ) from error
    return get_repository(connection, new.name)


def get_repository(connection: Connection, name: str) -> Repository:
    """The repository of that name; NotFound REPO011 names the ones there are."""
    row = connection.execute(_select().where(t.repository.c.name == name)).one_or_none()
    if row is not None:
        return _repository(row)
    names = connection.execute(sa.select(t.repository.c.name).order_by("name").limit(5)).scalars()
    known = ", ".join(names)
    raise NotFound(
        "REPO011",
        f"there is no repository {name!r}",
        f"There are: {known}." if known else "Add one: windlass repo add URL",
    )


def get_repository_by_id(connection: Connection, repository_id: RepositoryId) -> Repository:
    """The repository of that id; NotFound REPO011 where it is gone."""
    row = connection.execute(_select().where(t.repository.c.id == repository_id)).one_or_none()
    if row is None:
        raise NotFound("REPO011", f"there is no repository with the id {repository_id}")
    return _repository(row)


def list_repository_names(connection: Connection) -> list[str]:
    """All names, in order."""
    query = sa.select(t.repository.c.name).order_by(t.repository.c.name)
    return list(connection.execute(query).scalars())


def claim_due(connection: Connection, limit: int) -> list[DueRepository]:
    """Take up to `limit` repositories whose poll is due; no other worker gets them meanwhile.

    Their next poll is an interval away, give or take a tenth, so that polls do not bunch.
    """
    columns = t.repository.c
    due = (
        sa.select(columns.id)
        .where(columns.next_poll_at <= sa.func.now())
        .order_by(columns.next_poll_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    jittered_s = columns.sync_interval_s * (0.9 + 0.2 * sa.func.random())
    claim = (
        sa.update(t.repository)
        .where(columns.id.in_(due))
        .values(next_poll_at=_in_seconds(jittered_s))
        .returning(columns.id)
    )
    claimed = list(connection.execute(claim).scalars())
    if not claimed:
        return []
    rows = connection.execute(_select().where(columns.id.in_(claimed)).order_by(columns.id))
    return [
        DueRepository(_repository(row), row.settled_revision, row.settled_inputs) for row in rows
    ]


def record_poll(connection: Connection, repository_id: RepositoryId, head: CommitSha) -> bool:
    """Note the head that a poll saw; True if it is news."""
    columns = t.repository.c
    news = sa.update(t.repository).where(
        columns.id == repository_id, columns.noticed_revision.is_distinct_from(head)
    )
    is_news = connection.execute(
        news.values(noticed_revision=head, noticed_at=sa.func.clock_timestamp())
    ).rowcount
    connection.execute(
        sa.update(t.repository)
        .where(columns.id == repository_id)
        .values(polled_at=sa.func.clock_timestamp())
    )
    return bool(is_news)


def record_failure(connection: Connection, repository_id: RepositoryId, error: AppError) -> None:
    """Note why a poll or a sync failed, and put the next poll off: the interval, doubled with each
    failure in a row, at most ten minutes."""
    columns = t.repository.c
    wait_s = sa.func.least(
        columns.sync_interval_s * sa.func.power(2, sa.func.least(columns.failures, 10)),
        sa.func.greatest(columns.sync_interval_s, _RETRY_CAP_S),
    )
    connection.execute(
        sa.update(t.repository)
        .where(columns.id == repository_id)
        .values(
            failures=columns.failures + 1,
            error_code=error.code,
            error_message=error.message,
            error_hint=error.hint,
            error_at=sa.func.clock_timestamp(),
            next_poll_at=_in_seconds(wait_s),
        )
    )


def clear_failure(connection: Connection, repository_id: RepositoryId) -> None:
    """Forget the failures: the repository was reached again."""
    connection.execute(
        sa.update(t.repository)
        .where(t.repository.c.id == repository_id, t.repository.c.failures > 0)
        .values(failures=0, error_code=None, error_message=None, error_hint=None, error_at=None)
    )


def poll_soon(connection: Connection, repository_id: RepositoryId) -> None:
    """Make the next poll due now."""
    query = sa.update(t.repository).where(t.repository.c.id == repository_id)
    connection.execute(query.values(next_poll_at=sa.func.now()))


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


def unsettle(connection: Connection, lease: Lease) -> None:
    """Make the next poll judge the head again, whatever it is."""
    connection.execute(
        sa.update(t.repository)
        .where(t.repository.c.id == lease.repository.id)
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
        "subject": found.subject.replace("\0", ""),
        "committed_at": found.committed_at,
    }
    connection.execute(insert(t.revision).values(**values).on_conflict_do_nothing())
    return record_poll(connection, repository_id, found.sha)


def _in_seconds(seconds: sa.ColumnElement[float]) -> sa.ColumnElement[datetime]:
    return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


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
        branch=row.branch,
        path=row.path,
        credential=row.credential,
        sync_interval_s=row.sync_interval_s,
    )
