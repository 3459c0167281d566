"""What a Git host tells with a webhook, as values: read from a body, and whom it concerns.

Nothing here says what to deploy. A delivery asks a repository to look at its ref, and no more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from windlass.domain.ref import CommitSha, Ref, RefKind, newest_tag, tag_of

DeliveryId = NewType("DeliveryId", int)


class ForgeKind(StrEnum):
    """Who calls, and so how a call is proven and read; the last part of the shared address."""

    GITHUB = "github"
    GITLAB = "gitlab"
    BITBUCKET = "bitbucket"  # Bitbucket Cloud
    BITBUCKET_SERVER = "bitbucket-server"  # and Data Center
    GITEA = "gitea"  # and Forgejo
    GOGS = "gogs"
    AZURE_DEVOPS = "azure-devops"
    GENERIC = "generic"  # anything that can sign, such as a CI job


class Proof(StrEnum):
    """What a call showed."""

    SIGNATURE = "signature"  # over the body, by the webhook's secret
    TOKEN = "token"  # noqa: S105  # the secret itself: authenticated, not signed


@dataclass(frozen=True, slots=True)
class Push:
    """A branch names another commit; `ref` is its full name. `revision` None: it was not told."""

    ref: str
    revision: CommitSha | None


@dataclass(frozen=True, slots=True)
class TagPush:
    """A tag was made or moved. `revision` is the commit, None where only a tag object was told."""

    ref: str
    revision: CommitSha | None


@dataclass(frozen=True, slots=True)
class RefDelete:
    """A branch or tag is gone."""

    ref: str


class PullRequestAction(StrEnum):
    """What happened to a pull request, also called merge request."""

    OPENED = "opened"  # or opened again
    UPDATED = "updated"  # another commit, or another target
    MERGED = "merged"
    CLOSED = "closed"  # without a merge


@dataclass(frozen=True, slots=True)
class PullRequest:
    """Something happened to a pull request.

    `source` and `target` are full names of branches. `revision` is the newest commit of the source,
    as told, which may be an abbreviation. `is_fork`: the source is in another repository.
    """

    number: int
    action: PullRequestAction
    source: str
    target: str
    revision: str | None
    is_fork: bool


@dataclass(frozen=True, slots=True)
class Nudge:
    """Somebody asks to look now, whatever the ref."""

    revision: CommitSha | None


@dataclass(frozen=True, slots=True)
class Ping:
    """The host tries whether anybody is there."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing follows from it, for a reason."""

    reason: str


News = Push | TagPush | RefDelete | PullRequest | Nudge | Ping | Ignored


class DeliveryState(StrEnum):
    """How far a delivery came."""

    ACCEPTED = "accepted"  # stored, and a sync is asked for
    IGNORED = "ignored"  # understood; nothing follows from it
    REFUSED = "refused"  # not proven to come from the host, or not readable
    DONE = "done"  # a sync that began after it has ended well
    DEAD = "dead"  # given up: nobody tries it again unless it is replayed


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a delivery for one repository. `words` say what it told, for people;
    `revision` is the commit that the remote must show, where that is known. `pull` is a pull
    request to the branch that is followed, whose head is to be checked."""

    state: DeliveryState
    words: str
    reason: str = ""
    ref: str | None = None
    revision: CommitSha | None = None
    pull: PullRequest | None = None


def decide(ref: Ref, news: Iterable[News]) -> Decision:
    """What a repository that follows `ref` makes of what was told: the last of the news that
    concerns it counts, since it looks at the ref's head anyway.

    >>> decide(Ref(RefKind.BRANCH, "main"), [Push("refs/heads/topic", None)]).reason
    'the repository follows main'
    """
    told = list(news)
    mine = [one for one in told if _concerns(ref, one)]
    if mine:
        return _accepted(ref, mine[-1])
    if not told:
        return Decision(DeliveryState.IGNORED, "nothing", "it names no change of a ref")
    return _ignored(ref, told[-1])


def _concerns(ref: Ref, news: News) -> bool:
    match news:
        case Nudge():
            return True
        case Push(ref=name):
            return ref.kind is RefKind.BRANCH and name == ref.full_name
        case TagPush(ref=name):
            return _is_tag_of(ref, name)
        case RefDelete(ref=name):
            is_branch = ref.kind is RefKind.BRANCH and name == ref.full_name
            return is_branch or _is_tag_of(ref, name)
    return False


def _is_tag_of(ref: Ref, name: str) -> bool:
    tag = tag_of(name)
    if ref.kind is RefKind.TAG_PATTERN and tag is not None:
        return newest_tag([tag], ref.name) is not None
    return ref.kind is RefKind.TAG and name == ref.full_name


def _accepted(ref: Ref, news: News) -> Decision:
    revision = getattr(news, "revision", None)
    if ref.kind is RefKind.TAG_PATTERN:
        revision = None  # the newest tag of the pattern may be another one
    name = getattr(news, "ref", None)
    return Decision(DeliveryState.ACCEPTED, words_of(news), "", name, revision)


def _ignored(ref: Ref, news: News) -> Decision:
    name = getattr(news, "ref", None)
    match news:
        case Ping():
            return Decision(DeliveryState.DONE, "ping", "it was answered")
        case Ignored(reason=reason):
            return Decision(DeliveryState.IGNORED, "nothing", reason)
        case PullRequest():
            return _of_pull(ref, news)
    return Decision(
        DeliveryState.IGNORED, words_of(news), f"the repository follows {ref}", name, None
    )


def _of_pull(ref: Ref, news: PullRequest) -> Decision:
    """Nothing is deployed from a pull request; one to the branch that is followed is checked."""
    if ref.kind is RefKind.BRANCH and news.target == ref.full_name:
        reason = "its head is checked; nothing is deployed from it"
        return Decision(DeliveryState.DONE, words_of(news), reason, pull=news)
    return Decision(
        DeliveryState.IGNORED, words_of(news), f"the repository follows {ref}", news.target
    )


def words_of(news: News) -> str:
    """What was told, in few words for people.

    >>> words_of(Push("refs/heads/main", CommitSha("3f9c2d1" + "0" * 33)))
    'push to main'
    """
    match news:
        case Push(ref=name):
            return f"push to {short_name(name)}"
        case TagPush(ref=name):
            return f"tag {short_name(name)}"
        case RefDelete(ref=name):
            return f"{short_name(name)} deleted"
        case PullRequest(number=number, action=action):
            return f"pull request {number} {action}"
        case Nudge():
            return "request to look"
        case Ping():
            return "ping"
        case Ignored():
            return "nothing"


def short_name(full_name: str) -> str:
    """A ref without `refs/heads/` or `refs/tags/` before it."""
    return full_name.removeprefix("refs/heads/").removeprefix("refs/tags/")
