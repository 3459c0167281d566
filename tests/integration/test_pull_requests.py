"""Pull requests: told by a call, fetched with real git, judged as pushes are, and published by
nobody."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.calls import SECRET, proof_headers
from tests.contract.forges import Forge, GitHub, serving
from tests.integration.conftest import Origin, deployed_files, run_sync
from tests.integration.reporting import Reported, report_to
from tests.integration.serving import api_over, client_of, command_line
from windlass.database import tables as t
from windlass.database.audit import list_audit
from windlass.database.pull_requests import get_pull
from windlass.domain.delivery import ForgeKind
from windlass.domain.errors import Conflict, NotFound
from windlass.domain.pull_request import PullRequestStatus, PullState, head_ref
from windlass.engine import webhooks
from windlass.engine.context import Context
from windlass.engine.lifecycle import Change, change
from windlass.engine.pull_requests import IDLE_S, Checking, approve
from windlass.engine.register import Registration
from windlass.engine.reporter import Reporter
from windlass.entrypoints.reports.stored import WORDING
from windlass.sandbox.checker import Checker

GOOD: dict[str, str | None] = {"orders.py": "from airflow.sdk import DAG\ndag = DAG('orders')\n"}
BAD: dict[str, str | None] = {"orders.py": "def broken(:\n"}
MARK = "[//]: # (windlass dags)"


@pytest.fixture
def forge() -> Iterator[Forge]:
    with serving(GitHub()) as forge:
        yield forge


@pytest.fixture
def reported(
    context: Context, registration: Registration, origin: Origin, forge: Forge
) -> Reported:
    """A repository with its head deployed, and a webhook of GitHub's kind."""
    origin.push("first", GOOD)
    reported = report_to(context, registration, origin, forge)
    webhooks.add(reported.context, "dags", "github", secret=SECRET, actor="alice")
    run_sync(reported.context, reported.repository)
    return reported


@pytest.fixture
def checking(reported: Reported) -> Checking:
    return Checking(reported.context)


def open_pull(reported: Reported, files: dict[str, str | None], number: int = 7) -> str:
    """Push a head as GitHub keeps it; the commit."""
    git = reported.origin.git
    git("checkout", "--quiet", "-B", f"topic-{number}")
    for path, text in files.items():
        (reported.origin.clone / path).write_text(text or "")
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "-m", "a change")
    git("push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{number}/head")
    sha = git("rev-parse", "HEAD")
    git("checkout", "--quiet", "main") if git("branch", "--list", "main") else None
    return sha


def body_of(
    reported: Reported, action: str, *, number: int = 7, fork: bool = False, merged: bool = False
) -> bytes:
    base = {"id": 1, "full_name": "team/dags", "clone_url": reported.repository.url}
    head = {"id": 2, "full_name": "stranger/dags"} if fork else base
    told: dict[str, Any] = {
        "action": action,
        "number": number,
        "pull_request": {
            "number": number,
            "merged": merged,
            "head": {"ref": "topic", "sha": "0" * 39 + "1", "repo": head},
            "base": {"ref": "main", "repo": base},
        },
        "repository": base,
    }
    return json.dumps(told).encode()


def call(reported: Reported, body: bytes) -> tuple[int, str]:
    headers = proof_headers(ForgeKind.GITHUB, body) | {
        "X-GitHub-Event": "pull_request",
        "Content-Type": "application/json",
    }
    with client_of(api_over(reported.context)) as client:
        answer = client.post("/webhooks/github", content=body, headers=headers)
    return answer.status_code, answer.json()["outcome"]


def pull_of(reported: Reported, number: int = 7) -> PullRequestStatus:
    with reported.context.database.transaction() as connection:
        return get_pull(connection, reported.repository, number)


def report(reported: Reported) -> None:
    reporter = Reporter(reported.context, WORDING)
    while reporter.look() == 0:
        pass
    reporter.close()


def codes(pull: PullRequestStatus) -> list[str]:
    return [issue.finding.code for issue in pull.report.issues] if pull.report else []


def test_a_pull_request_is_judged_and_nothing_of_it_is_deployed(
    reported: Reported, checking: Checking
) -> None:
    before = deployed_files(reported.context)
    sha = open_pull(reported, BAD)

    answered = call(reported, body_of(reported, "opened"))
    checking.look()
    report(reported)

    pull = pull_of(reported)
    assert answered == (200, "done")
    assert (pull.state, pull.revision, pull.verdict, codes(pull)) == (
        PullState.OPEN,
        sha,
        "denied",
        ["SYN001"],
    )
    assert [s["state"] for s in reported.forge.statuses if s["sha"] == sha] == ["failure"]
    assert deployed_files(reported.context) == before
    assert checking.look() == IDLE_S


def test_one_comment_is_kept_up_to_date(reported: Reported, checking: Checking) -> None:
    reported.forge.put(reported.forge.comments, {"body": "looks good to me"})
    for action, files in (("opened", BAD), ("synchronize", GOOD)):
        open_pull(reported, files)
        call(reported, body_of(reported, action))
        checking.look()
        report(reported)

    (ours,) = [c["body"] for c in reported.forge.comments.values() if c["body"].startswith(MARK)]
    assert (len(reported.forge.comments), "Allowed: everything would be deployed" in ours) == (
        2,
        True,
    )


def test_a_comment_that_somebody_removed_is_made_anew(
    reported: Reported, checking: Checking
) -> None:
    open_pull(reported, BAD)
    call(reported, body_of(reported, "opened"))
    checking.look()
    report(reported)
    reported.forge.comments.clear()
    open_pull(reported, GOOD)
    call(reported, body_of(reported, "synchronize"))
    checking.look()
    report(reported)

    assert [c["body"].startswith(MARK) for c in reported.forge.comments.values()] == [True]


def test_a_forks_files_are_read_alone_until_a_person_approves_that_commit(
    reported: Reported, checking: Checking
) -> None:
    sha = open_pull(reported, GOOD)
    call(reported, body_of(reported, "opened", fork=True))
    checking.look()
    report(reported)
    read_alone = pull_of(reported)
    (comment,) = [c["body"] for c in reported.forge.comments.values()]

    approve(reported.context, "dags", 7, sha, actor="alice")
    checking.look()
    approved = pull_of(reported)
    open_pull(reported, {"orders.py": "from airflow.sdk import DAG\nDAG('other')\n"})
    call(reported, body_of(reported, "synchronize", fork=True))
    checking.look()

    with reported.context.database.transaction() as connection:
        done = [(row.action, row.actor) for row in list_audit(connection, limit=50)]
    assert (read_alone.is_static, read_alone.is_fork) == (True, True)
    assert "neither imported nor run" in comment
    assert (approved.is_static, approved.approved_by) == (False, "alice")
    assert pull_of(reported).is_static is True
    assert ("pull_request:approved", "alice") in done


def test_a_commit_that_nobody_saw_is_not_approved(reported: Reported, checking: Checking) -> None:
    open_pull(reported, GOOD)
    call(reported, body_of(reported, "opened", fork=True))
    checking.look()

    with pytest.raises(Conflict) as moved:
        approve(reported.context, "dags", 7, "1" * 40, actor="alice")

    assert moved.value.code == "PULL003"


@pytest.mark.parametrize(("merged", "state"), [(True, "merged"), (False, "closed")])
def test_one_that_ended_is_not_checked_any_more(
    reported: Reported, checking: Checking, merged: bool, state: str
) -> None:
    open_pull(reported, GOOD)
    call(reported, body_of(reported, "opened"))
    call(reported, body_of(reported, "closed", merged=merged))

    assert (pull_of(reported).state, checking.look()) == (state, IDLE_S)


def test_a_call_that_is_played_again_opens_nothing(reported: Reported, checking: Checking) -> None:
    open_pull(reported, GOOD)
    opened = body_of(reported, "opened")
    call(reported, opened)
    call(reported, body_of(reported, "closed", merged=True))
    again = call(reported, opened)

    assert (again, pull_of(reported).state) == ((200, "duplicate"), PullState.MERGED)


def test_those_to_another_branch_and_of_others_are_ignored(reported: Reported) -> None:
    other = json.loads(body_of(reported, "opened"))
    other["pull_request"]["base"]["ref"] = "develop"
    answered = [call(reported, json.dumps(other).encode())]
    change(reported.context, "dags", Change(options={"pull_requests": False}), actor="alice")
    answered.append(call(reported, body_of(reported, "opened")))

    with reported.context.database.transaction() as connection:
        rows = connection.execute(
            sa.select(sa.func.count()).select_from(t.pull_request)
        ).scalar_one()
    assert (answered, rows) == ([(200, "ignored")] * 2, 0)


@pytest.mark.parametrize(
    ("number", "branch"),
    [(2**60, "topic"), (7, "a:b"), (7, "-x"), (7, "*"), (7, "a b"), (7, "..")],
)
def test_a_number_or_branch_that_cannot_be_is_passed_over(
    reported: Reported, number: int, branch: str
) -> None:
    told = json.loads(body_of(reported, "opened", number=number))
    told["pull_request"]["head"]["ref"] = branch

    answered = call(reported, json.dumps(told).encode())

    with reported.context.database.transaction() as connection:
        rows = connection.execute(sa.select(t.pull_request)).all()
    assert (answered, rows) == ((200, "ignored"), [])


def test_a_head_that_is_not_there_is_told(reported: Reported, checking: Checking) -> None:
    call(reported, body_of(reported, "opened", number=9))
    checking.look()

    assert pull_of(reported, 9).problem.startswith("GIT004 ")


def test_a_host_that_shows_no_head_of_a_fork_is_told(
    reported: Reported, checking: Checking
) -> None:
    call(reported, body_of(reported, "opened", fork=True))
    with reported.context.database.transaction() as connection:
        connection.execute(sa.update(t.pull_request).values(kind="bitbucket"))
    checking.look()

    assert pull_of(reported).problem.startswith("PULL002 ")


@pytest.mark.parametrize(
    ("kind", "is_fork", "ref"),
    [
        (ForgeKind.GITHUB, True, "refs/pull/7/head"),
        (ForgeKind.GITEA, False, "refs/pull/7/head"),
        (ForgeKind.GITLAB, True, "refs/merge-requests/7/head"),
        (ForgeKind.BITBUCKET_SERVER, True, "refs/pull-requests/7/from"),
        (ForgeKind.BITBUCKET, False, "refs/heads/topic"),
        (ForgeKind.AZURE_DEVOPS, True, None),
    ],
)
def test_every_host_has_heads_where_it_says(
    kind: ForgeKind, is_fork: bool, ref: str | None
) -> None:
    assert head_ref(kind, 7, "refs/heads/topic", is_fork=is_fork) == ref


def test_the_commands_show_them(reported: Reported, checking: Checking, room: Path) -> None:
    sha = open_pull(reported, BAD)
    call(reported, body_of(reported, "opened", fork=True))
    checking.look()
    with command_line(reported.context, room) as shell:
        listed = shell.say("pr", "list", "--repository", "dags")
        shown = shell.run("pr", "show", "dags", "7")
        asked = shell.say("pr", "check", "dags", "7")
        approved = shell.say("pr", "approve", "dags", "7", "--revision", sha)
        missing = shell.run("pr", "show", "dags", "8")

    assert "denied" in listed[1]
    assert shown.exit_code == 1
    assert shown.stdout.splitlines()[:2] == [
        "dags pull request 7, open: topic into main, of a fork",
        f"Head     {sha[:12]}: denied",
    ]
    assert asked[-1] == "Pull request 7 of dags is checked again: windlass pr show dags 7"
    assert approved[-1] == f"{sha[:7]} of pull request 7 is imported and tested now."
    assert isinstance(missing.exception, NotFound)
    assert missing.exception.code == "PULL001"


DAILY: dict[str, str | None] = {
    "orders.py": "from airflow.sdk import DAG\ndag = DAG('orders', schedule='@daily')\n"
}


def only_comment(reported: Reported) -> str:
    (comment,) = [str(one["body"]) for one in reported.forge.comments.values()]
    return comment


def test_the_comment_says_what_the_merge_would_do_from_where_the_branches_parted(
    reported: Reported, checking: Checking, room: Path
) -> None:
    sha = open_pull(reported, DAILY)
    fork_point = reported.origin.git("rev-parse", f"{sha}^")
    reported.origin.git("checkout", "--quiet", "-B", "elsewhere", fork_point)
    reported.origin.push("meanwhile", {"later.py": GOOD["orders.py"]})
    call(reported, body_of(reported, "opened"))
    checking.look()
    report(reported)
    with command_line(reported.context, room) as shell:
        shown = shell.say("pr", "show", "dags", "7")

    plan = pull_of(reported).plan.content
    assert plan is not None
    assert plan["about"]["base"]["revision"] == fork_point
    assert [(one["dag_id"], one["what"], one["fields"]) for one in plan["dags"]] == [
        ("orders", "changed", [{"name": "schedule", "new": "@daily"}])
    ]
    told = only_comment(reported)
    assert f"### ◆ dags  {fork_point[:7]} → {sha[:7]}" in told
    assert "Plan: 1 to change; 0 stay as they are." in told
    assert "Plan: 1 to change; 0 stay as they are." in shown


def test_of_a_forks_plan_nothing_is_posted_but_what_reading_alone_tells(
    reported: Reported, checking: Checking
) -> None:
    sha = open_pull(reported, DAILY)
    call(reported, body_of(reported, "opened", fork=True))
    checking.look()
    report(reported)
    before = pull_of(reported).plan
    comment = only_comment(reported)
    approve(reported.context, "dags", 7, sha, actor="alice")
    checking.look()
    after = pull_of(reported).plan

    assert before.content is not None
    assert (before.posted, before.content["circumstances"]["environment_has"]) == (None, None)
    assert "nothing was imported (of a fork, what reading alone tells is shown" in comment
    assert "'@daily'" in comment or "@daily" in comment
    assert after.content is not None
    assert after.posted == before.content
    assert "of a fork" not in str(after.content["not_looked_into"])


def test_a_plan_that_cannot_be_made_holds_up_neither_verdict_nor_comment(
    reported: Reported, checking: Checking
) -> None:
    git = reported.origin.git
    git("checkout", "--quiet", "--orphan", "stranger")
    git("commit", "--quiet", "-m", "no history in common")
    git("push", "--quiet", "origin", "HEAD:refs/pull/7/head")
    call(reported, body_of(reported, "opened"))
    checking.look()
    report(reported)

    pull = pull_of(reported)
    assert (pull.verdict, pull.plan.content) == ("allowed", None)
    assert pull.plan.problem == (
        "PLAN011 refs/heads/topic has no commit in common with refs/heads/main"
    )
    assert "There is no plan of it: PLAN011" in only_comment(reported)


def test_of_a_head_that_is_denied_unread_there_is_no_plan(reported: Reported) -> None:
    open_pull(reported, GOOD)
    call(reported, body_of(reported, "opened"))
    Checking(replace(reported.context, checker=Checker(Path("/nowhere/python")))).look()

    pull = pull_of(reported)
    assert (pull.verdict, pull.plan.problem) == (
        "denied",
        "PLAN012 nothing of the head is read: SYN004",
    )


def test_what_strangers_push_is_in_a_mirror_of_its_own(
    reported: Reported, checking: Checking
) -> None:
    sha = open_pull(reported, GOOD)
    call(reported, body_of(reported, "opened", fork=True))
    checking.look()

    mirrors = reported.context.mirrors
    theirs = replace(reported.context, mirrors=mirrors / "pulls").mirror_of(reported.repository)
    assert theirs.describe("refs/windlass/pulls/7").sha == sha
    assert reported.context.mirror_of(reported.repository).has(sha) is False  # type: ignore[arg-type]
