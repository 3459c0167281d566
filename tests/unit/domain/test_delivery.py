"""Whom a call concerns: the right branch, tag or pattern, and nobody else."""

from dataclasses import replace

import pytest

from windlass.domain.delivery import (
    Decision,
    DeliveryState,
    Ignored,
    News,
    Nudge,
    Ping,
    PullRequest,
    PullRequestAction,
    Push,
    RefDelete,
    TagPush,
    decide,
)
from windlass.domain.ref import CommitSha, Ref, RefKind

SHA = CommitSha("a" * 40)
MAIN = Ref(RefKind.BRANCH, "main")
TAG = Ref(RefKind.TAG, "v1.0.0")
PATTERN = Ref(RefKind.TAG_PATTERN, "v*")
RANGE = Ref(RefKind.TAG_PATTERN, "^1.2")
COMMIT = Ref(RefKind.COMMIT, "b" * 40)
PULL = PullRequest(
    7, PullRequestAction.OPENED, "refs/heads/x", "refs/heads/main", SHA, is_fork=True
)


@pytest.mark.parametrize(
    ("ref", "news", "revision"),
    [
        (MAIN, Push("refs/heads/main", SHA), SHA),
        (MAIN, RefDelete("refs/heads/main"), None),
        (MAIN, Nudge(SHA), SHA),
        (TAG, TagPush("refs/tags/v1.0.0", SHA), SHA),
        (TAG, RefDelete("refs/tags/v1.0.0"), None),
        (PATTERN, TagPush("refs/tags/v1.0.0", SHA), None),
        (PATTERN, RefDelete("refs/tags/v1.0.0"), None),
        (RANGE, TagPush("refs/tags/v1.9.0", SHA), None),
    ],
)
def test_what_concerns_a_ref_is_accepted(ref: Ref, news: News, revision: CommitSha | None) -> None:
    decided = decide(ref, [news])

    assert (decided.state, decided.revision) == (DeliveryState.ACCEPTED, revision)


@pytest.mark.parametrize(
    ("ref", "news"),
    [
        (MAIN, Push("refs/heads/mainly", SHA)),
        (MAIN, Push("refs/heads/team/main", SHA)),
        (MAIN, Push("main", SHA)),
        (MAIN, TagPush("refs/tags/main", SHA)),
        (TAG, TagPush("refs/tags/v1.0.1", SHA)),
        (TAG, Push("refs/heads/v1.0.0", SHA)),
        (PATTERN, TagPush("refs/tags/w1", SHA)),
        (PATTERN, TagPush("refs/tags/v2.0.0-rc.1", SHA)),
        (PATTERN, Push("refs/heads/v1", SHA)),
        (RANGE, TagPush("refs/tags/v2.0.0", SHA)),
        (COMMIT, Push("refs/heads/main", CommitSha("b" * 40))),
        (MAIN, replace(PULL, target="refs/heads/other")),
        (TAG, PULL),
    ],
)
def test_what_concerns_another_ref_is_ignored(ref: Ref, news: News) -> None:
    assert decide(ref, [news]).state is DeliveryState.IGNORED


def test_of_several_changes_the_one_that_concerns_the_ref_counts() -> None:
    news: list[News]
    news = [Push("refs/heads/topic", SHA), Push("refs/heads/main", SHA), RefDelete("refs/heads/x")]

    assert decide(MAIN, news) == Decision(
        DeliveryState.ACCEPTED, "push to main", "", "refs/heads/main", SHA
    )


@pytest.mark.parametrize(
    ("news", "words", "reason"),
    [
        ([Push("refs/heads/topic", SHA)], "push to topic", "the repository follows main"),
        ([Ignored("because")], "nothing", "because"),
        ([], "nothing", "it names no change of a ref"),
    ],
)
def test_what_is_ignored_says_why(news: list[News], words: str, reason: str) -> None:
    decided = decide(MAIN, news)

    assert (decided.words, decided.reason) == (words, reason)


def test_a_pull_request_to_the_branch_is_checked_and_not_deployed() -> None:
    assert decide(MAIN, [PULL]) == Decision(
        DeliveryState.DONE,
        "pull request 7 opened",
        "its head is checked; nothing is deployed from it",
        pull=PULL,
    )


def test_a_ping_is_done_at_once() -> None:
    assert decide(MAIN, [Ping()]) == Decision(DeliveryState.DONE, "ping", "it was answered")
