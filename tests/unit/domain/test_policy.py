"""Findings and the verdict on them."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.finding import Finding, FindingType, Severity, by_severity
from windlass.domain.policy import Allowed, Denied, Policy, decide

FINDINGS = st.builds(
    Finding,
    code=st.just("SYN001"),
    severity=st.sampled_from(Severity),
    type=st.sampled_from(FindingType),
    path=st.sampled_from(["", "a.py", "b.py"]),
    message=st.text(max_size=5),
    hint=st.text(max_size=5),
    line=st.none() | st.integers(1, 9),
    column=st.none() | st.integers(1, 9),
)


def finding(severity: Severity, path: str = "a.py", line: int | None = None) -> Finding:
    return Finding("TEST001", severity, FindingType.LINT, path, "broken", line=line)


@pytest.mark.parametrize("deny_at", Severity)
@pytest.mark.parametrize("severity", Severity)
def test_a_finding_denies_from_the_policys_severity_on(
    severity: Severity, deny_at: Severity
) -> None:
    order = ["critical", "high", "medium", "low", "info"]
    found = (finding(severity),)

    denies = order.index(severity) <= order.index(deny_at)

    expected = Denied(found, found) if denies else Allowed(found)
    assert decide(found, Policy(deny_at)) == expected


@pytest.mark.parametrize("kind", [FindingType.INTAKE, FindingType.SYNTAX, FindingType.STRUCTURE])
def test_what_was_not_read_or_cannot_run_is_denied_by_any_policy(kind: FindingType) -> None:
    high, low = (replace(finding(s), type=kind) for s in (Severity.HIGH, Severity.MEDIUM))

    assert decide((high, low), Policy(Severity.CRITICAL)) == Denied((high, low), (high,))


def test_without_findings_everything_is_allowed() -> None:
    assert decide((), Policy(Severity.INFO)) == Allowed(())


def test_a_policy_denies_from_high_on_unless_told_otherwise() -> None:
    assert Policy() == Policy(Severity.HIGH)


def test_a_denial_shows_all_findings_and_names_those_that_denied() -> None:
    low, high = finding(Severity.LOW), finding(Severity.HIGH)
    critical = finding(Severity.CRITICAL)

    assert decide((low, high, critical), Policy()) == Denied(
        findings=(critical, high, low), reasons=(critical, high)
    )


@given(st.lists(FINDINGS, max_size=6).map(tuple), st.sampled_from(Severity))
def test_a_verdict_loses_and_invents_no_finding(
    findings: tuple[Finding, ...], deny_at: Severity
) -> None:
    verdict = decide(findings, Policy(deny_at))

    assert sorted(map(repr, verdict.findings)) == sorted(map(repr, findings))


def test_findings_come_worst_first_then_by_place() -> None:
    expected = (
        finding(Severity.HIGH, "a.py"),
        finding(Severity.HIGH, "a.py", line=2),
        finding(Severity.HIGH, "a.py", line=10),
        finding(Severity.HIGH, "b.py", line=1),
        finding(Severity.LOW, "", None),
    )

    assert by_severity(expected[::-1]) == expected


def test_severities_compare_by_rank() -> None:
    assert [severity.rank for severity in Severity] == [4, 3, 2, 1, 0]


@given(FINDINGS)
def test_a_finding_survives_json(original: Finding) -> None:
    assert Finding.from_json(json.loads(json.dumps(original.to_json()))) == original


@pytest.mark.parametrize(
    ("path", "line", "column", "place"),
    [
        ("a.py", 3, 7, "a.py:3:7"),
        ("a.py", 3, None, "a.py:3"),
        ("a.py", None, None, "a.py"),
        ("", None, None, "(tree)"),
    ],
)
def test_a_place_is_told_as_far_as_it_is_known(
    path: str, line: int | None, column: int | None, place: str
) -> None:
    found = Finding("X", Severity.LOW, FindingType.INTAKE, path, "", line=line, column=column)

    assert found.place == place


def test_every_policy_has_a_digest_of_its_own() -> None:
    assert len({Policy(severity).digest for severity in Severity}) == len(Severity)
    assert Policy().digest == Policy(Severity.HIGH).digest
