"""The audit in a real PostgreSQL: in the change's own transaction, in one chain, append-only."""

import contextlib
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from windlass.credentials.signing import SigningKey
from windlass.database.audit import find_audit_head, list_audit, list_newest_audit, walk_audit
from windlass.database.connection import Database
from windlass.domain.audit import Action, AuditRow, breaks
from windlass.domain.errors import Invalid
from windlass.engine.audit import audited, find_heads, read_head, sign_head
from windlass.engine.context import Context
from windlass.engine.register import Registration

from .conftest import PASSWORD, Origin, register


def write(database: Database, number: int = 1) -> None:
    with database.transaction() as connection:
        audited(connection, "alice", Action.HOLD_BEGUN, f"repository/r{number}", reason="été")


def rows_of(database: Database) -> list[AuditRow]:
    with database.transaction() as connection:
        return list(walk_audit(connection))


def test_rows_come_back_as_one_unbroken_chain(database: Database) -> None:
    for number in range(1, 4):
        write(database, number)

    rows = rows_of(database)

    assert [(row.id, row.actor, row.action, row.subject, row.facts) for row in rows] == [
        (n, "alice", "hold:begun", f"repository/r{n}", {"reason": "été"}) for n in (1, 2, 3)
    ]
    assert list(breaks(rows)) == []


def test_a_change_that_fails_tells_nothing(database: Database) -> None:
    with contextlib.suppress(ZeroDivisionError), database.transaction() as connection:
        audited(connection, "alice", Action.HOLD_BEGUN, "repository/r1")
        raise ZeroDivisionError

    write(database, 2)

    assert [row.subject for row in rows_of(database)] == ["repository/r2"]


def test_writers_at_once_make_one_chain_without_gaps(database: Database) -> None:
    threads = [threading.Thread(target=write, args=(database, n)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    rows = rows_of(database)

    assert [row.id for row in rows] == list(range(1, 25))
    assert list(breaks(rows)) == []


def test_a_long_transaction_that_was_audited_holds_nobody_up(database: Database) -> None:
    with database.transaction() as connection:
        audited(connection, "alice", Action.HOLD_BEGUN, "repository/slow")
        write(database, 1)

    assert [row.subject for row in rows_of(database)] == ["repository/r1", "repository/slow"]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'bob'", "DELETE FROM audit", "TRUNCATE audit"]
)
def test_rows_cannot_be_changed_or_removed(database: Database, statement: str) -> None:
    write(database)

    refused = pytest.raises(sa.exc.DBAPIError, match="the audit is append-only")
    with refused, database.transaction() as connection:
        connection.execute(sa.text(statement))

    assert len(rows_of(database)) == 1


def test_what_goes_round_the_trigger_is_found_by_a_signed_head(
    database: Database, room: Path
) -> None:
    for number in range(3):
        write(database, number)
    key = SigningKey(room / "audit-key")
    token = sign_head(database, key)
    with database.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER audit_is_append_only"))
        connection.execute(sa.text("DELETE FROM audit WHERE id = 3"))

    assert token is not None
    heads = [read_head(one, key.public) for one in find_heads(f'{{"head": "{token}"}}')]

    assert list(breaks(rows_of(database), heads)) == [
        "row 3 was signed and is not there: the chain ends at row 2"
    ]


def test_an_empty_audit_has_no_head(database: Database, room: Path) -> None:
    assert sign_head(database, SigningKey(room / "audit-key")) is None
    with database.transaction() as connection:
        assert find_audit_head(connection) is None


def test_a_head_of_another_key_is_refused(database: Database, room: Path) -> None:
    write(database)
    token = sign_head(database, SigningKey(room / "one"))
    assert token is not None

    with pytest.raises(Invalid) as refused:
        read_head(token, SigningKey(room / "two").public)

    assert refused.value.code == "AUD002"


@pytest.mark.parametrize("text", ["", "windlass-head.x.y", "windlass-head.e30=.AA==", "a.b"])
def test_what_is_no_head_is_refused(room: Path, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_head(text, SigningKey(room / "key").public)

    assert refused.value.code == "AUD001"


def test_pages_go_both_ways(database: Database) -> None:
    for number in range(5):
        write(database, number)

    with database.transaction() as connection:
        assert [row.id for row in list_audit(connection, limit=2)] == [1, 2]
        assert [row.id for row in list_audit(connection, after=2, limit=2)] == [3, 4]
        assert [row.id for row in list_newest_audit(connection, limit=2)] == [5, 4]
        assert [row.id for row in list_newest_audit(connection, before=4, limit=2)] == [3, 2]
        of_one = list_newest_audit(connection, subject="repository/r2", limit=9)
        assert [row.id for row in of_one] == [3]


def test_adding_a_repository_is_audited_without_its_password(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"a.py": ""})

    register(context, registration, name="dags")

    (row,) = rows_of(context.database)
    assert (row.actor, row.action, row.subject) == ("alice", "repository:added", "repository/dags")
    assert row.facts["after"]["url"] == origin.url
    assert PASSWORD not in str(row)
