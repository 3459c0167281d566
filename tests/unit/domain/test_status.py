"""The two badges: every state, and the line that explains it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Health, SyncState
from windlass.domain.status import Deployed, Facts, Failure, Head, health, sync_state

AT = datetime(2026, 1, 2, tzinfo=UTC)
SHA = "abcdef0123" * 4
OLD = "0" * 40


def finding(severity: Severity) -> Finding:
    return Finding("SYN001", severity, FindingType.SYNTAX, "a.py", "broken")


def deployed(state: DeploymentState, *errors: str, missing: tuple[str, ...] = ()) -> Deployed:
    told = tuple((path, "boom") for path in errors)
    return Deployed(ReleaseId(7), SHA, None, state, AT, None, told, missing)


def facts(
    *,
    head: str | None = SHA,
    settled: str | None = SHA,
    held: str | None = None,
    failure: Failure | None = None,
    state: DeploymentState | None = DeploymentState.LIVE,
    judged: str | None = SHA,
    allowed: bool = True,
    findings: tuple[Finding, ...] = (),
) -> Facts:
    return Facts(
        head=Head(head, "Alice", "first", AT, AT) if head else None,
        settled_revision=settled,
        held_reason=held,
        failure=failure,
        deployed=deployed(state) if state else None,
        judged=judged,
        allowed=allowed,
        findings=findings,
    )


@pytest.mark.parametrize(
    ("known", "state", "reason"),
    [
        (
            facts(head=None, settled=None, state=None, judged=None),
            SyncState.NEW,
            "waiting for its first poll",
        ),
        (
            replace(facts(state=DeploymentState.PUBLISHED), watched=False),
            SyncState.PUBLISHED,
            "release #7; no Airflow is known that could be asked whether it is live",
        ),
        (
            facts(settled=None, state=None, judged=None),
            SyncState.SYNCING,
            "abcdef0 is being fetched and checked",
        ),
        (
            facts(settled=OLD, judged=OLD),
            SyncState.SYNCING,
            "abcdef0 is being fetched and checked",
        ),
        (
            facts(state=DeploymentState.PENDING),
            SyncState.SYNCING,
            "release #7 was not seen in Airflow yet",
        ),
        (
            facts(state=DeploymentState.PUBLISHED),
            SyncState.SYNCING,
            "release #7 was not seen in Airflow yet",
        ),
        (facts(), SyncState.LIVE, "release #7 was seen in Airflow"),
        (
            facts(state=DeploymentState.FAILED),
            SyncState.BEHIND,
            "Airflow cannot import files of release #7",
        ),
        (
            facts(held="its content is quarantined"),
            SyncState.HELD,
            "abcdef0 is not deployed: its content is quarantined",
        ),
        (
            facts(allowed=False, findings=(finding(Severity.CRITICAL),)),
            SyncState.DENIED,
            "abcdef0 has 1 critical finding",
        ),
        (
            facts(failure=Failure("GIT006", "the host is away", "", AT)),
            SyncState.BEHIND,
            "GIT006 the host is away",
        ),
    ],
)
def test_the_sync_badge_says_where_the_head_is(known: Facts, state: SyncState, reason: str) -> None:
    assert sync_state(known) == (state, reason)


def test_a_failure_is_told_before_anything_that_is_known_from_earlier() -> None:
    failure = Failure("GIT006", "the host is away", "", AT)
    worst = facts(failure=failure, held="quarantined", allowed=False)

    assert sync_state(worst)[0] is SyncState.BEHIND


def test_an_old_hold_or_verdict_says_nothing_about_a_newer_head() -> None:
    held = facts(settled=OLD, held="quarantined", judged=None)
    denied = facts(settled=OLD, judged=OLD, allowed=False)

    assert (sync_state(held)[0], sync_state(denied)[0]) == (SyncState.SYNCING, SyncState.SYNCING)


def test_a_denied_head_is_told_although_an_older_release_is_live() -> None:
    known = facts(settled=OLD, allowed=False, findings=(finding(Severity.HIGH),))

    assert sync_state(known)[0] is SyncState.DENIED


def test_findings_are_counted_by_severity() -> None:
    found = tuple(
        finding(severity) for severity in (Severity.CRITICAL, Severity.CRITICAL, Severity.LOW)
    )

    reason = sync_state(facts(allowed=False, findings=found))[1]

    assert reason == "abcdef0 has 2 critical, 1 low findings"


@pytest.mark.parametrize(
    ("release", "state", "reason"),
    [
        (None, Health.UNKNOWN, "nothing is deployed"),
        (deployed(DeploymentState.LIVE), Health.HEALTHY, "every changed DAG was seen"),
        (
            deployed(DeploymentState.PENDING),
            Health.UNKNOWN,
            "release #7 was not seen in Airflow yet",
        ),
        (
            deployed(DeploymentState.PUBLISHED),
            Health.UNKNOWN,
            "release #7 was not seen in Airflow yet",
        ),
        (
            deployed(DeploymentState.FAILED, "a.py", "b.py"),
            Health.DEGRADED,
            "Airflow reports import errors in a.py, b.py",
        ),
    ],
)
def test_the_health_badge_says_what_airflow_reports(
    release: Deployed | None, state: Health, reason: str
) -> None:
    assert health(release) == (state, reason)


def test_a_newer_deployment_supersedes_those_under_way() -> None:
    still_open = {state for state in DeploymentState if state.is_open}

    assert still_open == {DeploymentState.PENDING, DeploymentState.PUBLISHED}


def test_an_observation_can_change_published_and_failed_deployments() -> None:
    observed = {state for state in DeploymentState if state.is_observed}

    assert observed == {DeploymentState.PUBLISHED, DeploymentState.FAILED}


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        (("a", "b", "c"), "missing a, b, c"),
        (("a", "b", "c", "d", "e"), "missing a, b, c and 2 more"),
    ],
)
def test_what_airflow_does_not_show_yet_is_named(missing: tuple[str, ...], told: str) -> None:
    release = deployed(DeploymentState.PUBLISHED, missing=missing)

    assert health(release)[1] == f"release #7 was not seen in Airflow yet: {told}"


def test_a_badge_says_which_files_are_not_as_in_the_head_and_that_it_was_not_validated() -> None:
    known = replace(facts(), kept={"a.py": ReleaseId(3)}, omitted={"b.py": None}, validated=False)

    assert sync_state(known) == (
        SyncState.LIVE,
        "release #7 was seen in Airflow; 2 files not as in the head: a.py, b.py; not validated",
    )
