"""Bitbucket Cloud (support.atlassian.com/bitbucket-cloud/docs/event-payloads)."""

from collections.abc import Sequence

from windlass.domain.delivery import (
    Ignored,
    News,
    Proof,
    PullRequest,
    PullRequestAction,
    Push,
    RefDelete,
    TagPush,
)
from windlass.forges.forge import Headers, Setup
from windlass.forges.payload import Payload, lacks
from windlass.forges.proof import is_signed

SETUP = Setup(Proof.SIGNATURE, "Secret", "Repository: Push; pull requests with it")
_ACTIONS = {
    "pullrequest:created": PullRequestAction.OPENED,
    "pullrequest:updated": PullRequestAction.UPDATED,
    "pullrequest:fulfilled": PullRequestAction.MERGED,
    "pullrequest:rejected": PullRequestAction.CLOSED,
}


def proof(headers: Headers, body: bytes, secret: bytes) -> Proof | None:
    """`X-Hub-Signature` with sha256, which GitHub calls by another name."""
    given = headers.get("x-hub-signature")
    return Proof.SIGNATURE if is_signed(body, secret, given, prefix="sha256=") else None


def event(headers: Headers, payload: Payload) -> str:  # noqa: ARG001
    """What `X-Event-Key` says."""
    return headers.get("x-event-key", "")


def delivery_id(headers: Headers, payload: Payload) -> str | None:  # noqa: ARG001
    """What `X-Request-UUID` says."""
    return headers.get("x-request-uuid")


def remotes(payload: Payload) -> Sequence[str]:
    """The repository's page; no URL for git is told."""
    full_name = payload.text("repository", "full_name")
    named = f"https://bitbucket.org/{full_name}" if full_name else None
    return [url for url in (payload.text("repository", "links", "html", "href"), named) if url]


def read(event: str, payload: Payload) -> Sequence[News]:
    """A push tells of each ref that it changed."""
    if event == "repo:push":
        changes = [_change(one) for one in payload.items("push", "changes")]
        return [one for one in changes if one is not None]
    if event in _ACTIONS:
        return [_pull_request(_ACTIONS[event], payload.at("pullrequest"))]
    if event == "diagnostics:ping":
        return [Ignored("this is the ping of a Bitbucket Server: its kind is bitbucket-server")]
    return [Ignored(f"nothing follows from the event {event[:50]}")]


def _change(change: Payload) -> News | None:
    is_gone = not change.has("new")
    told = change.at("old" if is_gone else "new")
    folder = {"branch": "refs/heads/", "tag": "refs/tags/"}.get(told.text("type") or "")
    if folder is None:
        return None
    ref = folder + told.need("name")
    if is_gone:
        return RefDelete(ref)
    commit = told.commit("target", "hash")
    return TagPush(ref, commit) if folder == "refs/tags/" else Push(ref, commit)


def _pull_request(action: PullRequestAction, about: Payload) -> News:
    number = about.number("id")
    if number is None:
        raise lacks("pullrequest.id")
    source, target = (
        about.text(side, "repository", "full_name") for side in ("source", "destination")
    )
    return PullRequest(
        number,
        action,
        source=f"refs/heads/{about.need('source', 'branch', 'name')}",
        target=f"refs/heads/{about.need('destination', 'branch', 'name')}",
        revision=about.text("source", "commit", "hash"),
        is_fork=source is None or source != target,
    )
