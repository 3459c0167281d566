"""The one sentence about a DAG, for each thing that can keep it from view."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from windlass.domain.airflowignore import IgnoredBy
from windlass.domain.explanation import InAirflow, Known, Visibility, ago, explain
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.status import Deployed, Facts, Failure, Head, UnderReview

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OLD, NEW = "a" * 40, "b" * 40
DEPLOYED = Deployed(ReleaseId(42), OLD, None, DeploymentState.LIVE, NOW, NOW)
HEAD = Head(OLD, "Mira", "first", NOW, NOW)
FACTS = Facts(HEAD, OLD, None, None, DEPLOYED, OLD, True, ())
SHOWN = InAirflow(
    "one", "42", False, False, NOW - timedelta(seconds=12), datetime(2026, 1, 2, 4, tzinfo=UTC)
)
LIVE = Known("orders", NOW, "dags", "one", FACTS, path="a.py", airflow=SHOWN)
NEWER = replace(FACTS, head=replace(HEAD, sha=NEW), settled_revision=NEW, judged=NEW)
COMING = Known("orders", NOW, "dags", "one", NEWER, unreleased="a.py")
FINDING = Finding(
    "SYN001", Severity.HIGH, FindingType.SYNTAX, "a.py", "cannot be read", "Mend it.", 3
)
PUBLISHED = replace(DEPLOYED, state=DeploymentState.PUBLISHED, missing=("orders at release #42",))
BROKEN = replace(DEPLOYED, import_errors=(("a.py", "Traceback …\nKeyError: 'x'\n"),))


def with_deployed(deployed: Deployed, **changes: object) -> Known:
    return replace(LIVE, facts=replace(FACTS, deployed=deployed), **changes)  # type: ignore[arg-type]


def coming(**changes: object) -> Known:
    return replace(COMING, facts=replace(NEWER, **changes))  # type: ignore[arg-type]


CASES = [
    (
        LIVE,
        Visibility.VISIBLE,
        "orders is live and visible: last parsed 12 s ago, next run 2026-01-02 04:00 UTC.",
    ),
    (
        replace(LIVE, airflow=replace(SHOWN, is_paused=True)),
        Visibility.PAUSED,
        "orders is live, but paused in Airflow.",
    ),
    (
        Known("ordrs", NOW, near=("orders",)),
        Visibility.NOT_FOUND,
        "ordrs is in no repository that Windlass knows. Near: orders.",
    ),
    (
        Known("orders", NOW, airflow=replace(SHOWN, bundle="dags-folder")),
        Visibility.NOT_MANAGED,
        "orders is in Airflow, from the bundle 'dags-folder', and in no repository's current "
        "release.",
    ),
    (
        Known("orders", NOW, "dags", "one", FACTS, gone_from="a.py"),
        Visibility.REMOVED,
        "orders was removed from dags: it was in a.py.",
    ),
    (
        replace(LIVE, airflow=None, ignored=IgnoredBy(".airflowignore", 3, "old/")),
        Visibility.IGNORED,
        "orders is ignored by .airflowignore line 3: 'old/'.",
    ),
    (
        replace(LIVE, airflow=None, is_candidate=False),
        Visibility.NOT_A_DAG_FILE,
        "orders is in a.py of dags, which Airflow does not take for a DAG file.",
    ),
    (
        coming(allowed=False, findings=(FINDING,)),
        Visibility.DENIED,
        "orders is not deployed: its revision is denied by SYN001 at a.py:3.",
    ),
    (
        replace(coming(allowed=False, findings=(FINDING,)), owner="finance"),
        Visibility.OWNED,
        "orders is not deployed from dags: the id is owned by finance.",
    ),
    (
        coming(held_reason="held by alice: incident 221"),
        Visibility.HELD,
        "orders is held: bbbbbbb is not deployed: held by alice: incident 221.",
    ),
    (
        coming(waiting=(UnderReview(ReleaseId(43), NEW, NOW),)),
        Visibility.WAITING_APPROVAL,
        "orders waits for approval: release #43 waits for approval.",
    ),
    (
        replace(COMING, suspended="since 2026-01-01 10:00 UTC"),
        Visibility.SUSPENDED,
        "orders is not deployed: dags is suspended since 2026-01-01 10:00 UTC.",
    ),
    (
        coming(failure=Failure("GIT001", "the host is away", "", NOW)),
        Visibility.BEHIND,
        "orders is not deployed, since the last sync failed: GIT001 the host is away.",
    ),
    (
        coming(settled_revision=OLD, judged=OLD),
        Visibility.SYNCING,
        "orders is on its way: bbbbbbb is being fetched and checked.",
    ),
    (
        with_deployed(PUBLISHED, airflow=None),
        Visibility.PUBLISHED,
        "orders is published and was not seen in Airflow yet: missing orders at release #42.",
    ),
    (
        with_deployed(BROKEN),
        Visibility.IMPORT_ERROR,
        "orders has an import error in Airflow: KeyError: 'x'",
    ),
    (
        with_deployed(replace(DEPLOYED, not_made=("orders",)), airflow=None),
        Visibility.NOT_MADE,
        "orders is written in a.py, and running that file does not make it.",
    ),
    (
        replace(LIVE, airflow=replace(SHOWN, bundle="two")),
        Visibility.OWNED,
        "orders is shown from the bundle 'two', which has a DAG of the same id.",
    ),
    (
        replace(LIVE, airflow=replace(SHOWN, is_stale=True)),
        Visibility.STALE,
        "orders is stale: Airflow had it and does not find it any more.",
    ),
    (
        replace(LIVE, airflow=None, airflow_error="AIR001 it is away"),
        Visibility.UNKNOWN,
        "orders is deployed, and Airflow does not say whether it shows it: AIR001 it is away.",
    ),
]


@pytest.mark.parametrize(("known", "state", "sentence"), CASES)
def test_every_cause_has_its_sentence(known: Known, state: Visibility, sentence: str) -> None:
    answer = explain(known)

    assert (answer.state, answer.sentence) == (state, sentence)


def test_no_cause_is_without_its_sentence() -> None:
    assert {state for _, state, _ in CASES} == set(Visibility)


@pytest.mark.parametrize("known", [known for known, state, _ in CASES if state != "visible"])
def test_who_does_not_see_a_dag_is_told_what_to_do(known: Known) -> None:
    assert explain(known).next_step != ""


def test_a_visible_dag_tells_of_a_newer_revision_that_is_not_deployed() -> None:
    denied = replace(NEWER, allowed=False, findings=(FINDING,))

    assert explain(replace(LIVE, facts=denied)).evidence == (
        "a.py of dags, bundle one",
        "Airflow shows it at release #42",
        "the newest revision is not deployed: bbbbbbb has 1 high finding",
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (7300, "2 h ago"), (9e5, "10 d ago")],
)
def test_ages_have_one_unit(seconds: float, words: str) -> None:
    assert ago(timedelta(seconds=seconds)) == words
