"""History that is old and that nothing refers to any more, removed a batch at a time.

What stays, whatever its age: the audit; a release with a tree in the store, current, quarantined,
under way, under review, or rejected on what is current, and the one that it replaces; what such a
release, the newest verdict of a repository or an open hold names. So what `explain` and a rollback
need of what is live is there.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.database.artifacts import may_forget_artifacts
from windlass.domain.approval import ApprovalState
from windlass.domain.delivery import DeliveryState
from windlass.domain.release import DeploymentState

DELIVERY_AGE = timedelta(days=30)
"""Those that are dead hold their bodies. A call that comes again after this is new, and harmless.
"""

Forget = Callable[[Connection, timedelta, int], int]
_r, _v, _b, _d = t.release.c, t.verdict.c, t.bundle.c, t.deployment.c
_a, _h, _p = t.approval.c, t.hold.c, t.plan.c


def forget_events(connection: Connection, age: timedelta, limit: int) -> int:
    """Events but those of releases in the store, of their revisions, and of open holds."""
    e = t.event.c
    in_store = _r.cleaned_up_at.is_(None)
    is_referred = sa.or_(
        sa.exists().where(_r.id == e.release_id, in_store),
        sa.exists().where(_r.repository_id == e.repository_id, _r.revision == e.revision, in_store),
        _is_held(e.repository_id, e.revision),
    )
    return _remove(connection, t.event, e.id, [_is_old(e.at, age), ~is_referred], limit)


def forget_releases(connection: Connection, age: timedelta, limit: int) -> int:
    """Releases that left the store, with their deployments, approvals and plans."""
    copy = t.release.alias("copy")
    is_copied = sa.exists().where(copy.c.content_of == _r.id)
    query = (
        sa.select(_r.id)
        .where(
            _r.cleaned_up_at.is_not(None),
            _is_old(_r.created_at, age),
            _r.quarantined_at.is_(None),
            _r.id.not_in(_needed_releases()),
            ~is_copied,
        )
        .order_by(_r.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=t.release)
    )
    ids = list(connection.execute(query).scalars())
    for table, column in ((t.approval, "base_release_id"), (t.deployment, "replaces")):
        query_of = sa.update(table).where(table.c[column].in_(ids))
        connection.execute(query_of.values({column: None}))
    for column_of in (_p.release_id, _a.release_id, _d.release_id, _r.id):
        connection.execute(sa.delete(column_of.table).where(column_of.in_(ids)))
    return len(ids)


def forget_verdicts(connection: Connection, age: timedelta, limit: int) -> int:
    """Verdicts that allowed no release that is known, but the newest of each repository and the
    newest on what is current."""
    newest = sa.select(sa.func.max(_v.id)).group_by(_v.repository_id)
    judged, current = t.verdict.alias("judged"), t.release.alias("current")
    on_current = (
        sa.select(sa.func.max(judged.c.id))
        .join(
            current,
            sa.and_(
                current.c.repository_id == judged.c.repository_id,
                current.c.artifact_digest == judged.c.artifact_digest,
            ),
        )
        .join(t.bundle, _b.release_id == current.c.id)
        .where(judged.c.allowed)
        .group_by(current.c.id)
    )
    conditions = [
        _is_old(_v.decided_at, age),
        ~sa.exists().where(_r.verdict_id == _v.id),
        _v.id.not_in(newest),
        _v.id.not_in(on_current),
        ~_is_held(_v.repository_id, _v.revision),
    ]
    return _remove(connection, t.verdict, _v.id, conditions, limit)


def forget_revisions(connection: Connection, age: timedelta, limit: int) -> int:
    """Revisions that no release, verdict, hold or repository names."""
    c, mine = t.revision.c, t.repository.c
    named = (mine.noticed_revision, mine.fetched_revision, mine.settled_revision)
    gone = (
        sa.select(c.repository_id, c.sha)
        .where(
            _is_old(c.committed_at, age),
            ~sa.exists().where(_r.repository_id == c.repository_id, _r.revision == c.sha),
            ~sa.exists().where(_v.repository_id == c.repository_id, _v.revision == c.sha),
            ~sa.exists().where(mine.id == c.repository_id, sa.or_(*(n == c.sha for n in named))),
            ~_is_held(c.repository_id, c.sha),
        )
        .limit(limit)
    )
    query = sa.delete(t.revision).where(sa.tuple_(c.repository_id, c.sha).in_(gone))
    return connection.execute(query).rowcount


def forget_holds(connection: Connection, age: timedelta, limit: int) -> int:
    """Holds that ended."""
    return _remove(connection, t.hold, _h.id, [_is_old(_h.ended_at, age)], limit)


def forget_sightings(connection: Connection, age: timedelta, limit: int) -> int:
    """Where Airflow was seen to have a DAG that is gone."""
    o = t.observed_dag.c
    keys = sa.select(o.environment_id, o.dag_id).where(_is_old(o.gone_at, age)).limit(limit)
    query = sa.delete(t.observed_dag).where(sa.tuple_(o.environment_id, o.dag_id).in_(keys))
    return connection.execute(query).rowcount


def forget_artifacts(connection: Connection, age: timedelta, limit: int) -> int:  # noqa: ARG001
    """Artifacts of no release that is known, and the chunks that no other one has. None while a
    sync stores one: it counts on the chunks that it finds."""
    a, c = t.artifact.c, t.artifact_chunk.c
    if not may_forget_artifacts(connection):
        return 0
    gone = sa.select(a.digest).where(~sa.exists().where(_r.artifact_digest == a.digest))
    query = sa.delete(t.artifact).where(a.digest.in_(gone.limit(limit))).returning(a.chunks)
    removed = list(connection.execute(query).scalars())
    keys = {key for chunks in removed for key in chunks or ()}
    used = sa.select(sa.func.unnest(a.chunks))
    connection.execute(sa.delete(t.artifact_chunk).where(c.key.in_(keys), c.key.not_in(used)))
    return len(removed)


def forget_imports(connection: Connection, age: timedelta, limit: int) -> int:
    """Results of imports that no worker asked for."""
    i = t.imported_file.c
    return _remove(connection, t.imported_file, i.key, [_is_old(i.used_at, age)], limit)


def forget_waivers(connection: Connection, age: timedelta, limit: int) -> int:
    """Waivers that were ended or have expired; the audit keeps who gave them, and why."""
    w = t.waiver.c
    ended = sa.func.coalesce(w.ended_at, sa.cast(w.until, sa.DateTime(timezone=True)))
    return _remove(connection, t.waiver, w.id, [_is_old(ended, age)], limit)


def forget_deliveries(connection: Connection, age: timedelta, limit: int) -> int:
    """What Git hosts delivered, but what a sync still has to answer."""
    c = t.delivery.c
    old = _is_old(c.received_at, min(age, DELIVERY_AGE))
    return _remove(connection, t.delivery, c.id, [old, c.state != DeliveryState.ACCEPTED], limit)


def forget_reports(connection: Connection, age: timedelta, limit: int) -> int:
    """What Git hosts were told, or were not in the end."""
    c = t.forge_report.c
    old = _is_old(c.changed_at, min(age, DELIVERY_AGE))
    return _remove(connection, t.forge_report, c.id, [old, c.next_at.is_(None)], limit)


def forget_pulls(connection: Connection, age: timedelta, limit: int) -> int:
    """Pull requests that ended."""
    c = t.pull_request.c
    keys = sa.select(c.repository_id, c.number).where(_is_old(c.closed_at, age)).limit(limit)
    query = sa.delete(t.pull_request).where(sa.tuple_(c.repository_id, c.number).in_(keys))
    return connection.execute(query).rowcount


FORGOTTEN: dict[str, Forget] = {
    "release": forget_releases,
    "event": forget_events,
    "verdict": forget_verdicts,
    "hold": forget_holds,
    "revision": forget_revisions,
    "observed_dag": forget_sightings,
    "artifact": forget_artifacts,
    "imported_file": forget_imports,
    "waiver": forget_waivers,
    "delivery": forget_deliveries,
    "forge_report": forget_reports,
    "pull_request": forget_pulls,
}
"""Table → removes at most so many of its rows that are older than an age; how many. In the order
in which what refers goes before what it refers to."""


def count_history(connection: Connection) -> dict[str, int]:
    """Table → how many rows it has, of those that only grow."""
    return {
        table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for table in (t.event, t.verdict, t.release)
    }


def _needed_releases() -> sa.CompoundSelect[Any]:
    """Releases that stay whatever their age, beside those with a tree."""
    open_states = [state for state in DeploymentState if state.is_open]
    current = sa.select(_b.release_id).where(_b.release_id.is_not(None))
    is_live = sa.or_(_d.state.in_(open_states), _d.release_id.in_(current))
    is_waiting = _a.state.in_((ApprovalState.WAITING, ApprovalState.APPROVED))
    is_refused = sa.and_(
        _a.state.in_((ApprovalState.REJECTED, ApprovalState.EXPIRED)),
        _a.base_release_id.in_(current),
    )
    newest = sa.select(sa.func.max(_v.id)).group_by(_v.repository_id)
    of_current = sa.select(_r.verdict_id).where(_r.id.in_(current))
    served = sa.or_(_v.id.in_(newest), _v.id.in_(of_current))
    named = [
        sa.select(sa.cast(path.c.value, sa.BigInteger))
        .select_from(t.verdict.join(path, sa.true()))
        .where(served, path.c.value.is_not(None))
        for path in (_each(_v.kept), _each(_v.omitted))
    ]
    return sa.union_all(
        current,
        sa.select(_d.release_id).where(is_live),
        sa.select(_d.replaces).where(is_live, _d.replaces.is_not(None)),
        sa.select(_a.release_id).where(sa.or_(is_waiting, is_refused)),
        *named,
    )


def _each(column: Any) -> Any:
    """path → release, of one of a verdict's columns, as rows."""
    pairs = sa.func.jsonb_each_text(column).table_valued("key", "value")
    return pairs.render_derived().lateral()


def _is_held(repository_id: Any, revision: Any) -> sa.ColumnElement[bool]:
    """Whether an open hold of the repository is about the revision."""
    about = sa.or_(_h.head == revision, _h.facts["revision"].astext == revision)
    return sa.exists().where(_h.repository_id == repository_id, _h.ended_at.is_(None), about)


def _is_old(at: Any, age: timedelta) -> sa.ColumnElement[bool]:
    old: sa.ColumnElement[bool] = at < sa.func.now() - age
    return old


def _remove(
    connection: Connection, table: sa.Table, key: Any, conditions: list[Any], limit: int
) -> int:
    gone = sa.select(key).where(*conditions).order_by(key).limit(limit)
    return connection.execute(sa.delete(table).where(key.in_(gone))).rowcount
