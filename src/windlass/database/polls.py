"""What polls find: heads, failures, and when to ask again."""

import random
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.errors import AppError
from windlass.domain.ref import CommitSha, Head
from windlass.domain.repository import RepositoryId
from windlass.domain.retry import retry_wait_s

_NO_FAILURE = {
    "failures": 0,
    "error_code": None,
    "error_message": None,
    "error_hint": None,
    "error_at": None,
}


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


def date_notice(connection: Connection, repository_id: RepositoryId, at: datetime) -> None:
    """Note that the newest head was known of since then."""
    query = sa.update(t.repository).where(t.repository.c.id == repository_id)
    connection.execute(query.values(noticed_at=at))


def record_quiet_polls(connection: Connection, ids: Collection[RepositoryId]) -> None:
    """Note that these repositories were asked and had nothing new; their failures are over."""
    columns = t.repository.c
    asked = sa.update(t.repository).where(columns.id.in_(ids))
    connection.execute(asked.values(polled_at=sa.func.clock_timestamp()))
    connection.execute(asked.where(columns.failures > 0).values(_NO_FAILURE))


def put_off(
    connection: Connection, waits_s: Mapping[RepositoryId, float], error: AppError | None
) -> None:
    """Ask these repositories after so many seconds, without having asked them now. `error` says
    why; it is shown where nothing else is wrong with them."""
    columns = t.repository.c
    for repository_id, wait_s in waits_s.items():
        query = sa.update(t.repository).where(columns.id == repository_id)
        connection.execute(query.values(next_poll_at=in_seconds(sa.literal(wait_s))))
    if error is not None:
        query = sa.update(t.repository).where(columns.id.in_(waits_s), columns.failures == 0)
        connection.execute(query.values(failures=1, **_failure_values(error)))


def record_failure(
    connection: Connection, repository_id: RepositoryId, error: AppError
) -> str | None:
    """Note why a poll or a sync failed, and when to ask again (`domain.retry`); the code of the
    failure before it, None where all was well."""
    earlier = _put_off(connection, repository_id, error)
    query = sa.update(t.repository).where(t.repository.c.id == repository_id)
    connection.execute(query.values(_failure_values(error)))
    return earlier


def settle_for_now(
    connection: Connection, repository_id: RepositoryId, revision: CommitSha, error: AppError
) -> None:
    """Record the outcome for a revision, and have it judged again at a later poll whatever its
    inputs are: `error` was in the way of judging it. It is waited as after a failure, and none is
    shown. The caller holds the lease."""
    _put_off(connection, repository_id, error)
    query = sa.update(t.repository).where(t.repository.c.id == repository_id)
    shown = {name: None for name in _NO_FAILURE if name != "failures"}
    connection.execute(
        query.values(settled_revision=revision, settled_inputs="", held_reason=None, **shown)
    )


def _put_off(connection: Connection, repository_id: RepositoryId, error: AppError) -> str | None:
    columns = t.repository.c
    row = connection.execute(
        sa.select(columns.failures, columns.error_code, columns.sync_interval_s)
        .where(columns.id == repository_id)
        .with_for_update()
    ).one()
    wait_s = retry_wait_s(error, row.failures, row.sync_interval_s, random.random())  # noqa: S311
    later = in_seconds(sa.literal(wait_s))
    query = sa.update(t.repository).where(columns.id == repository_id)
    connection.execute(query.values(failures=row.failures + 1, next_poll_at=later))
    return None if row.error_code is None else str(row.error_code)


def clear_failure(connection: Connection, repository_id: RepositoryId) -> None:
    """Forget the failures: the repository was reached again."""
    connection.execute(
        sa.update(t.repository)
        .where(t.repository.c.id == repository_id, t.repository.c.failures > 0)
        .values(_NO_FAILURE)
    )


def poll_soon(connection: Connection, repository_id: RepositoryId, *, after_s: float = 0.0) -> None:
    """Make the next poll due now, or after so many seconds."""
    later = sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, after_s)
    query = sa.update(t.repository).where(t.repository.c.id == repository_id)
    connection.execute(query.values(next_poll_at=later))


def expect_revision(connection: Connection, repository_id: RepositoryId, sha: CommitSha) -> None:
    """Note that somebody says the remote has a commit, in place of one that was noted before."""
    query = sa.update(t.repository).where(t.repository.c.id == repository_id)
    connection.execute(query.values(expected_revision=sha, expected_tries=0))


def count_expected(
    connection: Connection, repository_id: RepositoryId, sha: CommitSha
) -> int | None:
    """Count one more answer without the commit; how many there are now. None where it is not
    expected any more."""
    columns = t.repository.c
    query = (
        sa.update(t.repository)
        .where(columns.id == repository_id, columns.expected_revision == sha)
        .values(expected_tries=columns.expected_tries + 1)
        .returning(columns.expected_tries)
    )
    return connection.execute(query).scalar_one_or_none()


def forget_expected(connection: Connection, repository_id: RepositoryId, sha: CommitSha) -> None:
    """Expect a commit no longer; another that is expected meanwhile stays."""
    columns = t.repository.c
    query = sa.update(t.repository).where(
        columns.id == repository_id, columns.expected_revision == sha
    )
    connection.execute(query.values(expected_revision=None))


def find_fetched(connection: Connection, repository_id: RepositoryId) -> Head | None:
    """The head that was fetched last; None before the first fetch."""
    columns = t.repository.c
    query = sa.select(columns.fetched_revision, columns.fetched_ref)
    row = connection.execute(query.where(columns.id == repository_id)).one()
    if row.fetched_revision is None or row.fetched_ref is None:
        return None
    return Head(CommitSha(row.fetched_revision), row.fetched_ref)


def record_fetched(connection: Connection, repository_id: RepositoryId, head: Head) -> None:
    """Note the head that was fetched."""
    query = sa.update(t.repository).where(t.repository.c.id == repository_id)
    connection.execute(query.values(fetched_revision=head.sha, fetched_ref=head.ref))


def _failure_values(error: AppError) -> dict[str, Any]:
    return {
        "error_code": error.code,
        "error_message": error.message,
        "error_hint": error.hint,
        "error_at": sa.func.clock_timestamp(),
    }


def in_seconds(seconds: sa.ColumnElement[float]) -> sa.ColumnElement[datetime]:
    """The time so many seconds after the transaction began."""
    return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
