"""GitLab, gitlab.com and self-managed (docs.gitlab.com: "Webhook events")."""

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
from windlass.forges.proof import is_same, is_standard

SETUP = Setup(Proof.TOKEN, "Secret token", "Push events and Tag push events")
_ACTIONS = {
    "open": PullRequestAction.OPENED,
    "reopen": PullRequestAction.OPENED,
    "update": PullRequestAction.UPDATED,
    "merge": PullRequestAction.MERGED,
    "close": PullRequestAction.CLOSED,
}


def proof(headers: Headers, body: bytes, secret: bytes) -> Proof | None:
    """The secret itself; newer ones can sign with a *signing token* (gitlab-org/gitlab!230944)."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    if is_standard(body, secret, tuple(headers.get(name) for name in names)):
        return Proof.SIGNATURE
    return Proof.TOKEN if is_same(secret, headers.get("x-gitlab-token")) else None


def event(headers: Headers, payload: Payload) -> str:  # noqa: ARG001
    """What the body says; system hooks say it by another name."""
    return payload.text("object_kind") or payload.text("event_name") or ""


def delivery_id(headers: Headers, payload: Payload) -> str | None:  # noqa: ARG001
    """What `X-Gitlab-Event-UUID` says."""
    return headers.get("x-gitlab-event-uuid")


def remotes(payload: Payload) -> Sequence[str]:
    """URLs of the project; a merge request names the one that it goes to."""
    names = ("git_http_url", "git_ssh_url", "web_url")
    found = [payload.text("project", name) for name in names]
    return [url for url in (*found, payload.text("repository", "homepage")) if url]


def read(event: str, payload: Payload) -> Sequence[News]:
    """`update` means another commit only where `oldrev` says which was before."""
    match event:
        case "push" | "tag_push":
            return [_push(payload)]
        case "merge_request":
            return [_merge_request(payload.at("object_attributes"))]
    return [Ignored(f"nothing follows from the event {event[:50]}")]


def _push(payload: Payload) -> News:
    ref = payload.need("ref")
    if payload.is_zeros("after"):
        return RefDelete(ref)
    # `after` names the tag object of an annotated tag, `checkout_sha` the commit.
    if ref.startswith("refs/tags/"):
        return TagPush(ref, payload.commit("checkout_sha"))
    return Push(ref, payload.commit("after"))


def _merge_request(about: Payload) -> News:
    number, action = about.number("iid"), about.text("action") or ""
    if number is None:
        raise lacks("object_attributes.iid")
    if action not in _ACTIONS or (action == "update" and not about.has("oldrev")):
        return Ignored(f"merge request {number}: no commit changed by {action[:50] or 'it'}")
    source, target = about.number("source_project_id"), about.number("target_project_id")
    return PullRequest(
        number,
        _ACTIONS[action],
        source=f"refs/heads/{about.need('source_branch')}",
        target=f"refs/heads/{about.need('target_branch')}",
        revision=about.commit("last_commit", "id"),
        is_fork=source is None or source != target,
    )
