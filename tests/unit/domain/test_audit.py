"""The chain: any row that was changed, removed, moved or cut off is found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.audit import (
    Action,
    AuditEntry,
    AuditRow,
    Head,
    breaks,
    difference,
    link,
)

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def chain(length: int, actor: str = "alice") -> list[AuditRow]:
    rows: list[AuditRow] = []
    for number in range(length):
        entry = AuditEntry(actor, Action.REPOSITORY_ADDED, f"repository/r{number}", {"n": number})
        head = Head(rows[-1].id, rows[-1].digest) if rows else None
        rows.append(link(head, entry, START + timedelta(seconds=number)))
    return rows


def head_of(row: AuditRow) -> Head:
    return Head(row.id, row.digest)


def test_a_chain_that_nobody_touched_holds_with_every_head_of_its_past() -> None:
    rows = chain(5)

    assert list(breaks(rows, map(head_of, rows))) == []


def test_an_empty_audit_holds() -> None:
    assert list(breaks([])) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": "bob"},
        {"action": "repository:removed"},
        {"subject": "repository/other"},
        {"facts": {"n": 9}},
        {"at": START},
    ],
)
def test_a_changed_row_is_named(changes: dict[str, Any]) -> None:
    rows = chain(3)
    rows[1] = replace(rows[1], **changes)

    assert list(breaks(rows)) == ["row 2 was changed after it was written"]


def test_a_changed_row_with_a_digest_made_anew_breaks_the_link_after_it() -> None:
    rows = chain(3)
    changed = replace(rows[1], actor="bob")
    rows[1] = replace(changed, digest=changed.digest_due)

    assert list(breaks(rows)) == ["row 3 does not follow row 2: one of them was replaced"]


def test_removed_rows_are_named() -> None:
    rows = chain(6)

    assert list(breaks([rows[0], *rows[3:]])) == ["rows 2 to 3 are missing"]
    assert list(breaks(rows[1:])) == ["rows 1 to 1 are missing"]


def test_rows_in_another_order_are_found() -> None:
    first, second, third = chain(3)

    assert list(breaks([first, third, second])) == [
        "rows 2 to 2 are missing",
        "row 2 comes after row 3",
    ]


def test_a_cut_tail_is_found_by_a_head_only() -> None:
    rows = chain(5)

    assert list(breaks(rows[:3])) == []
    assert list(breaks(rows[:3], [head_of(rows[4])])) == [
        "row 5 was signed and is not there: the chain ends at row 3"
    ]


def test_a_chain_made_anew_is_found_by_a_head_only() -> None:
    signed, forged = head_of(chain(5)[2]), chain(5, actor="mallory")

    assert list(breaks(forged)) == []
    assert list(breaks(forged, [signed])) == [
        "row 3 is not the one that was signed: the chain was made anew"
    ]


@given(length=st.integers(2, 8), data=st.data())
def test_no_row_can_be_taken_swapped_or_changed_unseen(length: int, data: st.DataObject) -> None:
    rows = chain(length)
    place = data.draw(st.integers(0, length - 2))
    what = data.draw(st.sampled_from(["take", "swap", "change"]))
    head = head_of(rows[-1])
    if what == "take":
        rows.pop(place)
    elif what == "swap":
        rows[place], rows[place + 1] = rows[place + 1], rows[place]
    else:
        rows[place] = replace(rows[place], actor=data.draw(st.text().filter("alice".__ne__)))

    assert list(breaks(rows, [head]))


def test_a_row_comes_back_from_json_as_it_was() -> None:
    row = chain(1)[0]

    assert AuditRow.from_json(row.to_json()) == row
    assert row.to_json()["at"] == "2026-11-20T12:00:00.000000+00:00"


def test_of_two_sides_only_what_differs_is_told() -> None:
    before, after = {"path": ".", "url": "a", "team": "x"}, {"path": ".", "url": "b", "ref": "main"}

    assert difference(before, after) == {
        "before": {"url": "a", "team": "x"},
        "after": {"url": "b", "ref": "main"},
    }
    assert difference(None, after) == {"after": after}
    assert difference(before, None) == {"before": before}
    assert difference(None, None) == {}


def test_facts_are_kept_as_postgresql_gives_them_back() -> None:
    facts = {"when": START, "ids": {3}, "text": "a\0b\x1b[2J", "share": 0.5, "none": None, "n": 1}

    row = link(None, AuditEntry("alice", Action.KEY_MADE, "key/audit", facts), START)

    assert row.facts == {
        "when": "2026-11-20 12:00:00+00:00",
        "ids": [3],
        "text": "a\ufffdb\ufffd[2J",
        "share": "0.5",
        "none": None,
        "n": 1,
    }
