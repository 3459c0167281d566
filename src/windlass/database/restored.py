"""What a backup must know of a database, and what must change in one that was restored."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.release import ReleaseId


@dataclass(frozen=True, slots=True)
class Contents:
    """`schema` None: no Windlass was here. `newest_release` 0: none was made."""

    schema: str | None
    repositories: int
    newest_release: int


def look_at_contents(connection: Connection) -> Contents:
    """What the database holds, whatever its schema."""
    has_schema = sa.select(sa.func.to_regclass("alembic_version"))
    if connection.execute(has_schema).scalar_one() is None:
        return Contents(None, 0, 0)
    version = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
    schema = version.scalar_one_or_none()
    if sa.inspect(connection).has_table("repository"):
        repositories = connection.execute(sa.text("SELECT count(*) FROM repository")).scalar_one()
        newest = connection.execute(sa.text("SELECT max(id) FROM release")).scalar_one()
        return Contents(schema, repositories, newest or 0)
    return Contents(schema, 0, 0)


def count_other_sessions(connection: Connection) -> int:
    """How many connections Windlass processes have to this database beside this pool's."""
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND application_name LIKE 'windlass%'"
    )
    return int(connection.execute(query).scalar_one())


def empty_database(connection: Connection) -> None:
    """Drop every table, sequence, function and type of ours; the database is Windlass's own."""
    connection.execute(sa.text(_DROP_ALL))


def begin_after_restore(connection: Connection, newest_release: int) -> None:
    """Make what was restored fit to what happened since the backup was made.

    No release may get a number that was used since, or a pointer would have to go back. No lease
    that was taken since may be taken again. Jobs are forgotten, and every head is judged anew.
    """
    bound = sa.func.greatest(
        newest_release,
        sa.select(sa.func.coalesce(sa.func.max(t.release.c.id), 0)).scalar_subquery(),
        sa.select(sa.column("last_value"))
        .select_from(sa.table("release_number"))
        .scalar_subquery(),
    )
    connection.execute(sa.select(sa.func.setval("release_number", bound)))
    connection.execute(
        sa.update(t.repository).values(
            lease_epoch=t.repository.c.lease_epoch + _EPOCHS,
            settled_revision=None,
            settled_inputs=None,
            next_poll_at=sa.func.now(),
        )
    )
    connection.execute(sa.text("DELETE FROM procrastinate_jobs"))
    connection.execute(sa.text("DELETE FROM procrastinate_workers"))


def claim_nightly(connection: Connection, slot: float) -> bool:
    """Whether the backup of this night (seconds since 1970) is ours to make; of any that ask, one
    gets it. The first time of all there is nothing to make up for: False."""
    query = sa.text(
        "INSERT INTO measure (name, labels, part, value)"
        " VALUES ('windlass_backup_night', '[]', '', :slot)"
        " ON CONFLICT (name, labels, part) DO UPDATE SET value = :slot, changed_at = now()"
        " WHERE measure.value < :slot RETURNING xmax::text <> '0'"
    )
    return bool(connection.execute(query, {"slot": slot}).scalar_one_or_none())


def newest_release_id(connection: Connection) -> ReleaseId:
    """The highest number of a release; 0 before the first."""
    found = connection.execute(sa.select(sa.func.max(t.release.c.id))).scalar_one()
    return ReleaseId(found or 0)


_EPOCHS = 1_000_000
# In the order in which nothing is left that another needs; extensions' own things stay.
_DROP_ALL = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    LOOP EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', found.name); END LOOP;
    FOR found IN SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
    LOOP EXECUTE format('DROP SEQUENCE IF EXISTS %s CASCADE', found.name); END LOOP;
    FOR found IN SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS
            (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', found.name); END LOOP;
    FOR found IN SELECT t.oid::regtype AS name FROM pg_type t
        WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'c', 'd')
    LOOP EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', found.name); END LOOP;
END $$
"""
