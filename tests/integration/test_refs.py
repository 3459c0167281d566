"""Following tags, patterns and commits; history that is rewritten under us; refs that go."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from tests.integration.test_notice import make_due, noticed, poll_due
from windlass.database.history import list_events
from windlass.database.holds import list_holds
from windlass.domain.errors import AppError, Forbidden
from windlass.domain.options import OnRewrite, Options
from windlass.domain.ref import Ref, RefChoice, RefKind
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.git.lsrefs import HeadFinder

ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"
HOLD = Options(on_rewrite=OnRewrite.HOLD)


def released(context: Context) -> str | None:
    """The revision that is served."""
    deployed = status_of(context).facts.deployed
    return deployed.revision if deployed else None


def events(context: Context, repository: Repository, *tags: str) -> list[dict[str, Any]]:
    with context.database.transaction() as connection:
        found = list_events(connection, repository.id, 100)
    return [{"revision": e.revision, **e.facts} for e in found if e.tag in tags]


def holds(context: Context, repository: Repository) -> list[tuple[str, str]]:
    with context.database.transaction() as connection:
        return [(one.kind.value, one.reason) for one in list_holds(connection, repository.id)]


def tag(origin: Origin, name: str, text: str, *, annotated: bool = False) -> str:
    """A commit with that text, tagged and pushed, on no branch."""
    sha = origin.push(name, {"orders.py": ORDERS + f"# {text}\n"})
    origin.git("tag", "--force", *(["-a", "-m", name] if annotated else []), name)
    origin.git("push", "--quiet", "--force", "origin", f"refs/tags/{name}")
    return sha


def drop(origin: Origin, ref: str) -> None:
    bare = origin.clone.parent / "git/team/dags.git"
    Origin(origin.url, bare).git("update-ref", "-d", ref)


def synced(context: Context, registration: Registration, **changes: Any) -> Repository:
    repository = register(context, registration, **changes)
    run_sync(context, repository)
    return repository


@pytest.mark.parametrize("annotated", [False, True])
def test_a_tag_is_deployed_as_the_commit_it_leads_to_and_stays_when_the_branch_goes_on(
    context: Context, origin: Origin, registration: Registration, annotated: bool
) -> None:
    sha = tag(origin, "v1.0", "one", annotated=annotated)
    origin.push("later", {"orders.py": ORDERS + "# later\n"})

    repository = synced(context, registration, tag="v1.0")

    assert released(context) == sha
    make_due(context)
    poll_due(context)
    assert noticed(context, repository) == [(sha, "fetch")]


def test_the_newest_tag_of_a_pattern_is_followed(
    context: Context, origin: Origin, registration: Registration
) -> None:
    tag(origin, "v1.9.0", "one", annotated=True)
    tag(origin, "v2.0.0-rc.1", "early")
    repository = synced(context, registration, tag_pattern="v*")
    newest = tag(origin, "v1.10.0", "two", annotated=True)
    make_due(context)

    poll_due(context)
    run_sync(context, repository)

    assert released(context) == newest
    [*_, told] = events(context, repository, "revision:noticed")
    assert told == {"revision": newest, "by": "poll", "tag_name": "v1.10.0"}
    assert events(context, repository, "tag:moved", "ref:deleted", "revision:rewritten") == []


def test_the_newest_version_in_a_range_is_followed_and_shown(
    context: Context, origin: Origin, registration: Registration
) -> None:
    tag(origin, "v1.2.0", "one")
    tag(origin, "v2.0.0", "too new")
    repository = synced(context, registration, tag_pattern="^1.2")
    newest = tag(origin, "v1.10.0", "two", annotated=True)
    tag(origin, "v2.0.1", "too new as well")
    make_due(context)

    poll_due(context)
    run_sync(context, repository)

    assert released(context) == newest
    head = status_of(context).facts.head
    assert head is not None
    assert (head.sha, head.tag) == (newest, "v1.10.0")


def test_a_commit_is_deployed_and_never_asked_for_again(
    context: Context, origin: Origin, registration: Registration, git_server: GitHttpServer
) -> None:
    sha = origin.push("first", {"orders.py": ORDERS})
    origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    repository = synced(context, registration, commit=sha)
    before = git_server.requests.total()
    make_due(context)

    poll_due(context)
    run_sync(context, repository)

    assert (released(context), git_server.requests.total()) == (sha, before)


def test_a_commit_that_is_not_there_is_refused_when_it_is_added(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})

    refused = failure(lambda: register(context, registration, commit="1" * 40))

    assert refused.code == "GIT015"


def failure(call: Callable[[], object]) -> AppError:
    with pytest.raises(AppError) as failed:
        call()
    return failed.value


def point_head_at(origin: Origin, branch: str) -> None:
    origin.git("push", "--quiet", "origin", f"HEAD:{branch}")
    bare = Origin(origin.url, origin.clone.parent / "git/team/dags.git")
    bare.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")


def test_without_a_ref_main_is_followed_whatever_the_remotes_head_names(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    point_head_at(origin, "develop")

    found = register(context, registration)

    assert (found.ref, found.ref_choice) == (Ref(RefKind.BRANCH, "main"), RefChoice.MAIN)


def test_without_a_ref_and_without_main_what_the_remotes_head_names_is_followed(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    point_head_at(origin, "develop")
    drop(origin, "refs/heads/main")

    found = register(context, registration)

    assert (found.ref, found.ref_choice) == (Ref(RefKind.BRANCH, "develop"), RefChoice.HEAD)


def test_a_branch_that_was_followed_by_default_and_goes_is_not_replaced(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    repository = synced(context, registration)
    point_head_at(origin, "develop")
    drop(origin, "refs/heads/main")
    make_due(context)

    poll_due(context)
    run_sync(context, repository)

    assert status_of(context).repository.ref.name == "main"
    assert len(events(context, repository, "ref:deleted")) == 1


def test_a_remote_without_any_branch_says_what_is_missing(
    context: Context, registration: Registration
) -> None:
    assert failure(lambda: register(context, registration)).message.endswith("no branch 'main'")


@pytest.mark.parametrize("options", [Options(), HOLD])
def test_a_forced_push_is_told_and_held_where_that_is_wanted(
    context: Context, origin: Origin, registration: Registration, options: Options
) -> None:
    first = origin.push("first", {"orders.py": ORDERS})
    repository = synced(context, registration, options=options.to_json())
    second = origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    run_sync(context, repository)
    origin.git("reset", "--quiet", "--hard", first)
    origin.git("push", "--quiet", "--force", "origin", "HEAD:main")
    other = origin.push("other", {"orders.py": ORDERS + "# other\n"})

    run_sync(context, repository)

    words = f"branch main was rewritten: it does not contain {second[:7]} any more"
    assert events(context, repository, "revision:rewritten") == [
        {"revision": other, "before": second, "reason": words, "sync": ANY}
    ]
    assert holds(context, repository) == ([("rewrite", words)] if options is HOLD else [])
    assert released(context) == (second if options is HOLD else other)
    assert deployed_files(context)["orders.py"].endswith(
        "# 2\n" if options is HOLD else "# other\n"
    )


@pytest.mark.parametrize("followed", [{"tag": "v1"}, {"tag_pattern": "v*"}])
def test_a_moved_tag_is_told_and_held(
    context: Context, origin: Origin, registration: Registration, followed: dict[str, str]
) -> None:
    before = tag(origin, "v1", "one")
    repository = synced(context, registration, options=HOLD.to_json(), **followed)
    now = tag(origin, "v1", "two")

    run_sync(context, repository)

    words = f"tag v1 was moved from {before[:7]} to {now[:7]}"
    assert [told["reason"] for told in events(context, repository, "tag:moved")] == [words]
    assert (holds(context, repository), released(context)) == ([("rewrite", words)], before)


@pytest.mark.parametrize("noticed_by", ["poll", "sync"])
def test_a_deleted_branch_is_told_once_and_what_is_live_stays(
    context: Context, origin: Origin, registration: Registration, noticed_by: str
) -> None:
    sha = origin.push("first", {"orders.py": ORDERS})
    origin.git("push", "--quiet", "origin", "HEAD:other")
    repository = synced(context, registration, branch="main", options=HOLD.to_json())
    drop(origin, "refs/heads/main")

    for _ in range(2):
        make_due(context)
        poll_due(context) if noticed_by == "poll" else run_sync(context, repository)

    words = "main is gone from the remote"
    assert [told["reason"] for told in events(context, repository, "ref:deleted")] == [words]
    assert (holds(context, repository), released(context)) == ([("deleted_ref", words)], sha)


def test_the_newest_tag_of_a_pattern_that_is_deleted_is_told(
    context: Context, origin: Origin, registration: Registration
) -> None:
    tag(origin, "v1.0", "one")
    second = tag(origin, "v1.1", "two")
    repository = synced(context, registration, tag_pattern="v*", options=HOLD.to_json())
    drop(origin, "refs/tags/v1.1")

    run_sync(context, repository)

    words = "tag v1.1 is gone, and v1.0 is the newest of v* now"
    assert (holds(context, repository), released(context)) == ([("deleted_ref", words)], second)


def test_a_folder_is_read_only_where_a_setting_allows_it(
    context: Context, origin: Origin, registration: Registration, room: Path
) -> None:
    from dataclasses import replace

    sha = origin.push("first", {"orders.py": ORDERS})
    url = f"file://{room}/git/team/dags.git"
    (room / "elsewhere").mkdir()
    (room / "elsewhere/dags.git").symlink_to(room / "git/team/dags.git")
    below = replace(context, allowed_folders=[room / "git"])
    outside = replace(context, allowed_folders=[room / "elsewhere"])

    refused = [
        failure(lambda: register(context, registration, url=url, login=None)),
        failure(lambda: register(outside, registration, url=url, login=None)),
        failure(
            lambda: register(
                outside, registration, url=f"file://{room}/elsewhere/dags.git", login=None
            )
        ),
    ]
    synced(below, registration, url=url, login=None)

    assert [(type(one), one.code) for one in refused] == [(Forbidden, "GIT017")] * 3
    assert released(context) == sha


def test_a_poll_without_news_is_one_small_request_and_no_process(
    context: Context,
    origin: Origin,
    registration: Registration,
    git_server: GitHttpServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    with context.database.transaction() as connection:
        remote = context.remote_of(connection, repository)
    finder = HeadFinder()
    finder.find_head(remote)
    before = git_server.requests.copy()
    monkeypatch.setattr("windlass.git.lsrefs.find_head", None)

    finder.find_head(remote)

    finder.close()
    assert git_server.requests - before == {"ls-refs": 1}
