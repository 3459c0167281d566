"""What each recorded call means, and what no call can do to the readers."""

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calls import CASES, SECRET, call, github_push, kind_of
from windlass.domain.delivery import (
    ForgeKind,
    Ignored,
    News,
    Nudge,
    Ping,
    PullRequest,
    PullRequestAction,
    Push,
    RefDelete,
    TagPush,
)
from windlass.domain.errors import Invalid
from windlass.domain.ref import CommitSha
from windlass.forges.payload import Payload
from windlass.forges.verify import FORGES, RawCall, Told, read, verify

EXPECTED = json.loads((CASES / "expected.json").read_text())
RECORDED = sorted(f"{path.parent.name}/{path.stem}" for path in CASES.glob("*/*.json"))
SHA = CommitSha("3f9c2d1" + "0" * 33)


def told_by(raw: RawCall) -> Told:
    verified = verify(raw, [SECRET])
    assert verified is not None
    return read(verified)


def news_of(kind: ForgeKind, told: dict[str, Any], event: str = "") -> tuple[News, ...]:
    return told_by(call(kind, json.dumps(told).encode(), event)).news


def plainly(news: Iterable[News]) -> list[dict[str, Any]]:
    return [{type(one).__name__: asdict(one)} for one in news]


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_call_is_understood(name: str) -> None:
    expected, kind = EXPECTED[name], kind_of(name.split("/", maxsplit=1)[0])
    body = (CASES / f"{name}.json").read_bytes()

    told = told_by(call(kind, body, expected["event"]))

    assert plainly(told.news) == expected["news"]
    assert sorted(told.aliases) == expected["aliases"]


def test_every_expectation_has_its_recording() -> None:
    assert sorted(EXPECTED) == RECORDED


def test_a_pull_request_of_github_that_was_merged() -> None:
    told = json.loads((CASES / "github/goscm__pr_closed.json").read_bytes())
    told["pull_request"]["merged"] = True  # derived: no recording has it

    (news,) = news_of(ForgeKind.GITHUB, told, "pull_request")

    assert isinstance(news, PullRequest)
    assert news.action is PullRequestAction.MERGED


@pytest.mark.parametrize("repo", [None, {"id": 7}])
def test_a_pull_request_from_elsewhere_is_one_from_a_fork(repo: dict[str, int] | None) -> None:
    told = json.loads((CASES / "github/goscm__pr_opened.json").read_bytes())
    told["pull_request"]["head"]["repo"] = repo

    (news,) = news_of(ForgeKind.GITHUB, told, "pull_request")

    assert isinstance(news, PullRequest)
    assert news.is_fork


def test_a_ping_of_github_and_of_bitbucket_server() -> None:
    zen = {"zen": "Keep it logically awesome.", "hook_id": 1}
    assert news_of(ForgeKind.GITHUB, zen, "ping") == (Ping(),)
    assert news_of(ForgeKind.BITBUCKET_SERVER, {"test": True}, "diagnostics:ping") == (Ping(),)


def test_gogs_speaks_as_github() -> None:
    body = github_push("https://gogs.example/team/dags.git", "refs/heads/main", SHA)

    told = told_by(call(ForgeKind.GOGS, body, "push"))

    assert told.news == (Push("refs/heads/main", SHA),)
    assert told.aliases == {"gogs.example/team/dags"}


def test_a_push_of_several_refs_tells_of_each() -> None:
    changes = [
        {"old": None, "new": {"type": "branch", "name": "main", "target": {"hash": SHA}}},
        {"old": {"type": "branch", "name": "old"}, "new": None},
        {"old": None, "new": {"type": "named_branch", "name": "mercurial"}},
    ]

    news = news_of(ForgeKind.BITBUCKET, {"push": {"changes": changes}}, "repo:push")

    assert news == (Push("refs/heads/main", SHA), RefDelete("refs/heads/old"))


def test_a_merge_request_changes_only_where_a_commit_did() -> None:
    told = json.loads((CASES / "gitlab/goscm__pull_request_create.json").read_bytes())
    told["object_attributes"] |= {"action": "update"}
    (words,) = news_of(ForgeKind.GITLAB, told)
    told["object_attributes"] |= {"oldrev": SHA}
    (commit,) = news_of(ForgeKind.GITLAB, told)

    assert isinstance(words, Ignored)
    assert isinstance(commit, PullRequest)
    assert commit.action is PullRequestAction.UPDATED


@pytest.mark.parametrize(
    ("told", "news"),
    [
        ({}, Nudge(None)),
        ({"revision": SHA}, Nudge(SHA)),
        ({"ref": "main", "revision": SHA}, Push("refs/heads/main", SHA)),
        ({"ref": "refs/tags/v1"}, TagPush("refs/tags/v1", None)),
        ({"ref": "main", "event": "delete"}, RefDelete("refs/heads/main")),
        ({"ref": "main", "revision": "0" * 40}, RefDelete("refs/heads/main")),
        ({"event": "ping"}, Ping()),
        ({"event": "build"}, Ignored("nothing follows from the event build")),
    ],
)
def test_a_generic_call_says_as_much_as_it_likes(told: dict[str, Any], news: News) -> None:
    assert news_of(ForgeKind.GENERIC, told) == (news,)


@pytest.mark.parametrize(
    ("kind", "event", "told", "lacking"),
    [
        (ForgeKind.GITHUB, "push", {}, "ref"),
        (ForgeKind.GITHUB, "push", {"ref": "refs/heads/a\x00b"}, "ref"),
        (ForgeKind.GITHUB, "push", {"ref": "refs/heads/" + "a" * 1000}, "ref"),
        (ForgeKind.GITHUB, "push", {"ref": ["refs/heads/main"]}, "ref"),
        (ForgeKind.GITHUB, "pull_request", {"action": "opened"}, "number"),
        (ForgeKind.GITLAB, "", {"object_kind": "merge_request"}, "object_attributes.iid"),
        (ForgeKind.AZURE_DEVOPS, "", {"eventType": "git.pullrequest.created"}, "pullRequestId"),
    ],
)
def test_a_call_that_lacks_what_its_event_needs_is_refused(
    kind: ForgeKind, event: str, told: dict[str, Any], lacking: str
) -> None:
    with pytest.raises(Invalid, match=f"HOOK006 the call does not say .*{lacking}"):
        news_of(kind, told, event)


def test_a_call_without_an_event_is_refused() -> None:
    with pytest.raises(Invalid, match="HOOK007 the call names no event, as github does"):
        news_of(ForgeKind.GITHUB, {"ref": "refs/heads/main"})


EVENTS = [
    "push", "create", "delete", "pull_request", "ping", "repo:push", "pullrequest:created",
    "repo:refs_changed", "pr:opened", "pr:modified", "tag_push", "merge_request", "git.push",
    "git.pullrequest.merged",
]  # fmt: skip
NAMES = st.sampled_from(
    ["ref", "after", "deleted", "repository", "push", "changes", "new", "old", "name", "type",
     "target", "hash", "pull_request", "number", "action", "head", "base", "repo", "id", "project",
     "key", "slug", "toRef", "fromRef", "object_attributes", "iid", "resource", "refUpdates",
     "newObjectId", "clone_url", "remoteUrl", "pullRequestId", "pullRequest", "pullrequest"]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("0" * 40)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5)
)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(list(ForgeKind)),
    event=st.sampled_from(EVENTS) | st.text(),
    value=st.dictionaries(NAMES, VALUES, max_size=6),
)
def test_no_body_of_any_shape_surprises_a_reader(
    kind: ForgeKind, event: str, value: dict[str, Any]
) -> None:
    forge, payload = FORGES[kind], Payload(value)
    assert all(isinstance(url, str) for url in forge.remotes(payload))
    assert isinstance(forge.event({}, payload), str)
    with contextlib.suppress(Invalid):
        assert all(isinstance(one, News) for one in forge.read(event, payload))
