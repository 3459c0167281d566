"""Bitbucket Server and Data Center (confluence.atlassian.com/bitbucketserver/event-payload)."""

from collections.abc import Sequence

from windlass.domain.delivery import (
    Ignored,
    News,
    Ping,
    Proof,
    PullRequest,
    PullRequestAction,
    Push,
    RefDelete,
    TagPush,
)
from windlass.forges import bitbucket
from windlass.forges.forge import Headers, Setup
from windlass.forges.payload import Payload, lacks

SETUP = Setup(Proof.SIGNATURE, "Secret", "Repository: Push; pull requests with it")
proof = bitbucket.proof
_ACTIONS = {
    "pr:opened": PullRequestAction.OPENED,
    "pr:from_ref_updated": PullRequestAction.UPDATED,
    "pr:merged": PullRequestAction.MERGED,
    "pr:declined": PullRequestAction.CLOSED,
    "pr:deleted": PullRequestAction.CLOSED,
}


def event(headers: Headers, payload: Payload) -> str:
    """What `X-Event-Key` says, else the body."""
    return headers.get("x-event-key") or payload.text("eventKey") or ""


def delivery_id(headers: Headers, payload: Payload) -> str | None:  # noqa: ARG001
    """What `X-Request-Id` says."""
    return headers.get("x-request-id")


def remotes(payload: Payload) -> Sequence[str]:
    """The repository's path on a host that is not told: older versions tell no URL."""
    found = payload.at("repository")
    if not found.has("slug"):
        found = payload.at("pullRequest", "toRef", "repository")
    project, slug = found.text("project", "key"), found.text("slug")
    return [f"ssh://host/{project}/{slug}"] if project and slug else []


def read(event: str, payload: Payload) -> Sequence[News]:
    """`pr:modified` is another title, or another target."""
    if event == "diagnostics:ping":
        return [Ping()]
    if event == "repo:refs_changed":
        return [_change(one) for one in payload.items("changes")]
    about = payload.at("pullRequest")
    if event in _ACTIONS:
        return [_pull_request(_ACTIONS[event], about)]
    if event == "pr:modified":
        if payload.text("previousTarget", "id") != about.text("toRef", "id"):
            return [_pull_request(PullRequestAction.UPDATED, about)]
        return [Ignored("only the words of a pull request changed")]
    return [Ignored(f"nothing follows from the event {event[:50]}")]


def _change(change: Payload) -> News:
    ref = change.text("ref", "id") or change.need("refId")
    if change.text("type") == "DELETE" or change.is_zeros("toHash"):
        return RefDelete(ref)
    if ref.startswith("refs/tags/"):
        return TagPush(ref, None)  # `toHash` may name a tag object
    return Push(ref, change.commit("toHash"))


def _pull_request(action: PullRequestAction, about: Payload) -> News:
    number = about.number("id")
    if number is None:
        raise lacks("pullRequest.id")
    source, target = (about.number(side, "repository", "id") for side in ("fromRef", "toRef"))
    return PullRequest(
        number,
        action,
        source=about.need("fromRef", "id"),
        target=about.need("toRef", "id"),
        revision=about.commit("fromRef", "latestCommit"),
        is_fork=source is None or source != target,
    )
