"""`windlass audit` over a real API: what was changed, and the proof that the record is whole."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.integration.serving import CommandLine, command_line
from windlass.domain.audit import Action
from windlass.domain.errors import AppError
from windlass.engine.audit import audited
from windlass.engine.context import Context


@pytest.fixture
def windlass(context: Context, room: Path) -> Iterator[CommandLine]:
    for number in (1, 2, 3):
        actor = "=cmd()" if number == 1 else "alice"
        with context.database.transaction() as connection:
            audited(connection, actor, Action.HOLD_BEGUN, f"repository/r{number}", reason="=1+1")
    with command_line(context, room) as line:
        yield line


def tamper(context: Context, statement: str) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER audit_is_append_only"))
        connection.execute(sa.text(statement))


def refusal(windlass: CommandLine, *arguments: str) -> tuple[str, str]:
    error = windlass.run(*arguments).exception
    assert isinstance(error, AppError)
    return error.code, error.message


def test_the_newest_change_comes_first(windlass: CommandLine) -> None:
    lines = windlass.say("audit", "list", "--limit", "2")

    assert [line.split()[0] for line in lines] == ["ROW", "3", "2"]
    assert lines[1].split()[3:] == ["alice", "hold:begun", "repository/r3", "reason==1+1"]


def test_the_changes_of_one_subject(windlass: CommandLine) -> None:
    found = json.loads(
        "\n".join(windlass.say("audit", "list", "--subject", "repository/r2", "-o", "json"))
    )

    assert [(row["id"], row["facts"]) for row in found] == [(2, {"reason": "=1+1"})]


def test_what_was_verified_is_told_to_programs_too(windlass: CommandLine, context: Context) -> None:
    def told() -> tuple[int, dict[str, object]]:
        result = windlass.run("audit", "verify", "-o", "json")
        return result.exit_code, json.loads(result.output)

    assert told() == (0, {"whole": True, "rows": 3, "heads": 0, "problems": []})
    tamper(context, "DELETE FROM audit WHERE id = 2")
    code, found = told()
    assert (code, found["whole"], found["rows"]) == (1, False, 2)
    assert found["problems"] == ["rows 2 to 2 are missing"]


def test_an_untouched_audit_is_whole(windlass: CommandLine) -> None:
    (head,) = windlass.say("audit", "head")

    assert windlass.say("audit", "verify", "--head", head) == [
        "Nothing was changed. Rows in one chain: 3; signed heads among them: 1."
    ]


def test_a_changed_row_fails_the_verification(windlass: CommandLine, context: Context) -> None:
    tamper(context, "UPDATE audit SET actor = 'bob' WHERE id = 2")

    assert refusal(windlass, "audit", "verify") == (
        "AUD003",
        "the audit is not whole: row 2 was changed after it was written",
    )


def test_a_cut_tail_fails_with_a_head_from_the_log(
    windlass: CommandLine, context: Context, room: Path
) -> None:
    (head,) = windlass.say("audit", "head")
    (room / "worker.log").write_text(f'{{"event": "x"}}\n{{"head": "{head}"}}\n')
    tamper(context, "DELETE FROM audit WHERE id = 3")

    assert windlass.run("audit", "verify").exception is None
    assert refusal(windlass, "audit", "verify", "--head", str(room / "worker.log")) == (
        "AUD003",
        "the audit is not whole: row 3 was signed and is not there: the chain ends at row 2",
    )


def test_an_export_is_verified_without_the_database(windlass: CommandLine, room: Path) -> None:
    path = room / "audit.jsonl"
    windlass.say("audit", "export", str(path))

    assert windlass.say("audit", "verify", "--file", str(path))[0].startswith(
        "Nothing was changed. Rows in one chain: 3;"
    )

    path.write_text(path.read_text().replace("repository/r1", "repository/r9"))
    assert refusal(windlass, "audit", "verify", "--file", str(path))[0] == "AUD003"


def test_an_export_for_spreadsheets_computes_nothing(windlass: CommandLine, room: Path) -> None:
    windlass.say("audit", "export", str(room / "audit.csv"), "--format", "csv")

    rows = list(csv.DictReader((room / "audit.csv").read_text().splitlines()))
    assert (rows[0]["id"], rows[0]["facts"]) == ("1", '{"reason": "=1+1"}')
    assert rows[0]["actor"] == "'=cmd()"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--head", "nonsense"), "AUD006"),
        (("--file", "/nonexistent"), "AUD004"),
        (("--head", "windlass-head.eA==.eA==", "--public-key", "xyz"), "AUD005"),
        (("--head", "windlass-head.eA==.eA=="), "AUD001"),
    ],
)
def test_what_cannot_be_read_is_told(
    windlass: CommandLine, arguments: tuple[str, ...], code: str
) -> None:
    assert refusal(windlass, "audit", "verify", *arguments)[0] == code
