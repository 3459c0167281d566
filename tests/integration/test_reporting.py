"""What Git hosts are told of verdicts: by real syncs, and a stub of GitHub's API."""

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contract.forges import TOKEN, Forge, GitHub, serving
from tests.integration.conftest import Origin, run_sync
from tests.integration.reporting import PUBLIC, Reported, report_to
from tests.integration.serving import command_line
from tests.integration.test_refs import events
from windlass.database import tables as t
from windlass.database.forge_reports import claim_due, list_reports
from windlass.database.retention import forget_reports
from windlass.engine import webhooks
from windlass.engine.context import Context
from windlass.engine.lifecycle import Change, change
from windlass.engine.register import Registration
from windlass.engine.reporter import IDLE_S, MAX_REFUSALS, Reporter
from windlass.entrypoints.reports.stored import WORDING

GOOD: dict[str, str | None] = {"orders.py": "from airflow.sdk import DAG\nDAG('orders')\n"}
BAD: dict[str, str | None] = {"orders.py": "def broken(:\n"}


@pytest.fixture
def forge() -> Iterator[Forge]:
    with serving(GitHub()) as forge:
        yield forge


@pytest.fixture
def reported(
    context: Context, registration: Registration, origin: Origin, forge: Forge
) -> Reported:
    """A repository whose first revision was pushed, and not synced yet."""
    origin.push("first", GOOD)
    reported = report_to(context, registration, origin, forge)
    webhooks.add(reported.context, "dags", "github", secret=None, actor="alice")
    return reported


@pytest.fixture
def reporter(reported: Reported) -> Iterator[Reporter]:
    reporter = Reporter(reported.context, WORDING)
    yield reporter
    reporter.close()


def told(reported: Reported) -> list[tuple[str, str, str]]:
    return [(one["sha"], one["state"], one["description"]) for one in reported.forge.statuses]


def problems(reported: Reported) -> list[str]:
    with reported.context.database.transaction() as connection:
        return [one.problem for one in list_reports(connection, reported.repository.id, 9)]


def make_due(reported: Reported) -> None:
    with reported.context.database.transaction() as connection:
        later = t.forge_report.c.next_at.is_not(None)
        connection.execute(sa.update(t.forge_report).where(later).values(next_at=sa.func.now()))


def look(reported: Reported, reporter: Reporter) -> None:
    make_due(reported)
    reporter.look()


def test_a_commit_is_marked_with_its_verdict(reported: Reported, reporter: Reporter) -> None:
    run_sync(reported.context, reported.repository)
    reporter.look()
    sha = reported.origin.push("second", BAD)
    run_sync(reported.context, reported.repository)
    reporter.look()

    last = reported.forge.statuses[-1]
    assert [(state, words) for _, state, words in told(reported)] == [
        ("success", "Allowed"),
        ("failure", "Denied: SYN001 orders.py:1:12"),
    ]
    assert (last["sha"], last["context"]) == (sha, "windlass/dags")
    assert last["target_url"] == (
        f"{PUBLIC}/api/v1/repositories/dags/report?format=html&revision={sha}"
    )
    assert reporter.look() == IDLE_S


def test_a_commit_is_pending_while_it_is_judged(reported: Reported, reporter: Reporter) -> None:
    run_sync(reported.context, reported.repository)
    with reported.context.database.transaction() as connection:
        connection.execute(
            sa.update(t.forge_report).values(
                wanted={"state": "pending", "text": "It is being judged.", "url": None}
            )
        )

    reporter.look()

    assert [one[1:] for one in told(reported)] == [("pending", "It is being judged.")]


def test_a_host_that_is_away_holds_up_no_deployment_and_is_told_later(
    reported: Reported, reporter: Reporter
) -> None:
    reported.forge.answers[:] = [(503, {"message": TOKEN})]
    run_sync(reported.context, reported.repository)
    reporter.look()
    met = problems(reported)
    look(reported, reporter)

    assert met == ["FORGE003 the API at 127.0.0.1 cannot be asked now: it answers 503"]
    assert ([one[1] for one in told(reported)], problems(reported)) == (["success"], [""])
    assert len(events(reported.context, reported.repository, "release:published")) == 1


def test_a_host_that_asks_for_rest_is_left_alone(reported: Reported, reporter: Reporter) -> None:
    reported.forge.answers[:] = [(429, {}, {"Retry-After": "3000"})]
    run_sync(reported.context, reported.repository)
    reporter.look()
    asked = len(reported.forge.calls)
    look(reported, reporter)

    assert (asked, len(reported.forge.calls)) == (1, 1)
    assert problems(reported) == [
        "FORGE017 127.0.0.1 asked us to wait, and is left alone for so long"
    ]


def test_what_the_token_may_not_do_is_told_once_and_given_up(
    reported: Reported, reporter: Reporter, room: Path
) -> None:
    run_sync(reported.context, reported.repository)
    for _ in range(MAX_REFUSALS + 2):
        reported.forge.answers[:] = [(403, {"message": f"bad token {TOKEN}"})]
        look(reported, reporter)
    with command_line(reported.context, room) as shell:
        shown = shell.say("repo", "show", "dags")

    failed = events(reported.context, reported.repository, "report:failed")
    assert len(reported.forge.calls) == MAX_REFUSALS
    assert [facts["code"] for facts in failed] == ["FORGE006"]
    assert [line.strip() for line in shown if "Git host" in line] == [
        "Its Git host is not told of verdicts: FORGE006 127.0.0.1 does not let the token do this: "
        "it answers 403"
    ]
    assert TOKEN not in f"{shown}{failed}"


def test_findings_go_to_code_scanning_where_that_is_wanted(
    reported: Reported, reporter: Reporter
) -> None:
    change(reported.context, "dags", Change(options={"report": ["sarif"]}), actor="alice")
    sha = reported.origin.push("second", BAD)
    run_sync(reported.context, reported.repository)
    reporter.look()

    sent = reported.forge.sarifs[0]
    run = json.loads(gzip.decompress(base64.b64decode(sent["sarif"])))["runs"][0]
    assert (sent["commit_sha"], sent["ref"]) == (sha, "refs/heads/main")
    assert [one["ruleId"] for one in run["results"]] == ["SYN001"]
    assert (reported.forge.statuses, problems(reported)) == ([], [""])


@pytest.mark.parametrize("options", [{"report": []}, {"api_credential": "nobody"}])
def test_nothing_is_told_where_nothing_is_wanted_or_can_be(
    reported: Reported, reporter: Reporter, options: dict[str, object]
) -> None:
    change(reported.context, "dags", Change(options=options), actor="alice")
    run_sync(reported.context, reported.repository)
    reporter.look()

    assert (reported.forge.calls, problems(reported)) == ([], [])


def test_a_report_that_was_switched_off_meanwhile_is_not_made(
    reported: Reported, reporter: Reporter
) -> None:
    run_sync(reported.context, reported.repository)
    change(reported.context, "dags", Change(options={"report": []}), actor="alice")
    reporter.look()

    assert (reported.forge.calls, problems(reported)) == ([], [""])


def test_two_processes_never_tell_the_same(reported: Reported) -> None:
    run_sync(reported.context, reported.repository)
    with (
        reported.context.database.transaction() as one,
        reported.context.database.transaction() as two,
    ):
        claimed = [len(claim_due(one, 9)), len(claim_due(two, 9))]

    assert claimed == [1, 0]


def test_what_is_told_is_forgotten_in_time(reported: Reported, reporter: Reporter) -> None:
    run_sync(reported.context, reported.repository)
    with reported.context.database.transaction() as connection:
        connection.execute(
            sa.update(t.forge_report).values(changed_at=sa.text("now() - interval '99 days'"))
        )
        early = forget_reports(connection, timedelta(days=365), 100)
    reporter.look()
    with reported.context.database.transaction() as connection:
        late = forget_reports(connection, timedelta(days=365), 100)

    assert (early, late) == (0, 1)


def test_a_host_of_another_kind_takes_no_sarif(reported: Reported) -> None:
    change(reported.context, "dags", Change(options={"report": ["sarif"]}), actor="alice")
    run_sync(reported.context, reported.repository)
    webhooks.remove(reported.context, "dags", "github", actor="alice")
    webhooks.add(reported.context, "dags", "gitea", secret=None, actor="alice")
    reporter = Reporter(replace(reported.context), WORDING)
    reporter.look()
    reporter.close()

    assert problems(reported)[0].startswith("FORGE016 ")
