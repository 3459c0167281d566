"""What lets findings pass, for how long, and what nothing lets pass."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.finding import Excuse, Finding, FindingType, Severity, fingerprinted
from windlass.domain.policy import Level, Policy
from windlass.domain.suppression import Suppression, suppressions_in
from windlass.domain.waiver import Excuses, Waiver, WaiverId, excuse

DAY = date(2026, 11, 27)
LATER = date(2027, 1, 31)
[RETRIES] = fingerprinted(
    [Finding("POL104", Severity.HIGH, FindingType.POLICY, "etl/a.py", "0 retries", line=4)]
)
BROKEN = Finding("SYN001", Severity.CRITICAL, FindingType.SYNTAX, "etl/a.py", "broken", line=4)
WAIVER = Waiver(
    id=WaiverId(3), rule="POL104", path="etl/**", reason="moves", actor="alice", until=LATER
)


def comment(text: str, line: int = 4) -> Excuses:
    return Excuses(comments={"etl/a.py": suppressions_in([(line, text)])}, day=DAY)


def told(found: Finding, excuses: Excuses, policy: Policy | None = None) -> list[str]:
    """The kind of its excuse, or none; then the codes of what is wrong with comments."""
    [made], wrong = excuse([found], policy or Policy(), excuses)
    return [made.excused.kind if made.excused else "-", *(one.code for one in wrong)]


WHOLE = '# windlass: ignore[POL104] reason="not idempotent" until=2027-01-31'


def test_a_comment_lets_a_finding_pass_for_a_reason_and_a_time() -> None:
    [made], wrong = excuse([RETRIES], Policy(), comment(WHOLE))

    assert made == replace(RETRIES, excused=Excuse("inline", "not idempotent", "", "2027-01-31"))
    assert (wrong, Policy().denies(made)) == ((), False)


@pytest.mark.parametrize(
    ("line", "kinds"),
    [(3, ["inline"]), (4, ["inline"]), (5, ["-", "SUP004"]), (2, ["-", "SUP004"])],
)
def test_a_comment_is_about_its_line_and_the_one_below(line: int, kinds: list[str]) -> None:
    assert told(RETRIES, comment(WHOLE, line)) == kinds


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("# windlass: ignore[POL104]", "SUP001"),
        ("# windlass: ignore[POL104] until=2027-01-31", "SUP001"),
        ('# windlass: ignore[POL104] reason="x" until=soon', "SUP001"),
        ('# windlass: ignore[] reason="x" until=2027-01-31', "SUP001"),
        ('# windlass: ignore[POL104,SYN001] reason="x" until=2027-01-31', "SUP002"),
        ('# windlass: ignore[POL1O4] reason="x" until=2027-01-31', "SUP002"),
        ('# windlass: ignore[POL104] reason="x" until=2026-11-26', "SUP003"),
    ],
)
def test_a_comment_that_is_not_right_lets_nothing_pass(text: str, code: str) -> None:
    assert told(RETRIES, comment(text)) == ["-", code]


def test_a_comment_holds_on_its_last_day() -> None:
    text = '# windlass: ignore[POL104] reason="x" until=2026-11-27'

    assert told(RETRIES, comment(text)) == ["inline"]


def test_a_waiver_lets_pass_what_it_is_about_until_its_day() -> None:
    by = Excuse("waiver", "moves", "alice", "2027-01-31")

    assert excuse([RETRIES], Policy(), Excuses((WAIVER,), day=LATER))[0][0].excused == by
    assert told(RETRIES, Excuses((WAIVER,), day=date(2027, 2, 1))) == ["-"]


@pytest.mark.parametrize(
    "other",
    [
        replace(WAIVER, rule="POL101"),
        replace(WAIVER, path="*.py"),
        replace(WAIVER, fingerprint="0" * 64),
    ],
)
def test_a_waiver_lets_nothing_else_pass(other: Waiver) -> None:
    assert told(RETRIES, Excuses((other,), day=DAY)) == ["-"]


def test_a_baseline_lets_pass_what_was_there() -> None:
    assert told(RETRIES, Excuses(baseline=frozenset({RETRIES.fingerprint}))) == ["baseline"]


@given(st.booleans(), st.booleans())
def test_nothing_lets_pass_what_cannot_run(waived: bool, known: bool) -> None:
    [found] = fingerprinted([BROKEN])
    waivers = (replace(WAIVER, rule="SYN001"),) if waived else ()
    baseline = frozenset({found.fingerprint}) if known else frozenset[str]()

    [made], _ = excuse([found], Policy(Severity.CRITICAL), Excuses(waivers, {}, baseline, DAY))
    assert Policy().denies(made)
    assert made.excused is None


def test_what_the_policy_always_denies_is_let_pass_by_nobody() -> None:
    strict = Policy(levels={"POL104": Level.ALWAYS})

    assert told(RETRIES, Excuses((WAIVER,), day=DAY), strict) == ["-"]
    assert told(RETRIES, comment(WHOLE), strict) == ["-"]  # and the comment is not called unused


def test_a_suppression_is_what_it_was_after_a_night_in_the_database() -> None:
    whole, other = Suppression(3, ("A",), "x", LATER), Suppression(4, (), "", None)

    assert [Suppression.from_json(one.to_json()) for one in (whole, other)] == [whole, other]


@given(st.text(max_size=60))
def test_any_comment_can_be_read(text: str) -> None:
    assert len(suppressions_in([(1, f"# windlass: ignore{text}")])) == 1
