"""Calls that are worded like GitHub's: its own, and those of Gitea, Forgejo and Gogs."""

from collections.abc import Sequence

from windlass.domain.delivery import (
    Ignored,
    News,
    Ping,
    PullRequest,
    PullRequestAction,
    Push,
    RefDelete,
    TagPush,
)
from windlass.forges.payload import Payload, lacks

_ACTIONS = {
    "opened": PullRequestAction.OPENED,
    "reopened": PullRequestAction.OPENED,
    "ready_for_review": PullRequestAction.OPENED,
    "synchronize": PullRequestAction.UPDATED,  # GitHub and Gogs
    "synchronized": PullRequestAction.UPDATED,  # Gitea
}


def remotes(payload: Payload) -> Sequence[str]:
    """URLs of the repository that the call is about."""
    names = ("clone_url", "ssh_url", "html_url")
    found = [payload.text("repository", name) for name in names]
    return [url for url in found if url]


def read(event: str, payload: Payload) -> Sequence[News]:
    """What is told; `read` of `forges.forge.Forge`."""
    match event:
        case "ping":
            return [Ping()]
        case "push":
            return [_push(payload)]
        case "create" | "delete":
            return [_made_or_deleted(payload, is_gone=event == "delete")]
        case "pull_request" | "pull_request_sync":
            return [_pull_request(payload)]
    return [Ignored(f"nothing follows from the event {event[:50]}")]


def _push(payload: Payload) -> News:
    ref = payload.need("ref")
    if payload.is_true("deleted") or payload.is_zeros("after"):
        return RefDelete(ref)
    if ref.startswith("refs/tags/"):
        # `after` names the tag object of an annotated tag.
        return TagPush(ref, payload.commit("head_commit", "id"))
    return Push(ref, payload.commit("after"))


def _made_or_deleted(payload: Payload, *, is_gone: bool) -> News:
    """A branch or tag by its short name; a push tells of most of these too, and both may come."""
    name, is_tag = payload.need("ref"), payload.text("ref_type") == "tag"
    ref = f"refs/tags/{name}" if is_tag else f"refs/heads/{name}"
    if is_gone:
        return RefDelete(ref)
    # Gitea's `sha` names the tag object of an annotated tag.
    return TagPush(ref, None) if is_tag else Push(ref, payload.commit("sha"))


def _pull_request(payload: Payload) -> News:
    action = payload.need("action")
    about = payload.at("pull_request")
    number = payload.number("number") or about.number("number")
    if number is None:
        raise lacks("number")
    if action == "closed":
        is_merged = about.is_true("merged")
        what = PullRequestAction.MERGED if is_merged else PullRequestAction.CLOSED
    elif action in _ACTIONS:
        what = _ACTIONS[action]
    elif action == "edited" and payload.has("changes", "base"):
        what = PullRequestAction.UPDATED  # it is to go elsewhere
    else:
        return Ignored(f"pull request {number} was {action[:50]}, which changes no commit")
    return PullRequest(
        number,
        what,
        source=f"refs/heads/{_branch(about, 'head')}",
        target=f"refs/heads/{_branch(about, 'base')}",
        revision=about.commit("head", "sha"),
        is_fork=_is_fork(about),
    )


def _branch(about: Payload, side: str) -> str:
    # Gogs names the branches beside the pull request.
    found = about.text(side, "ref") or about.text(f"{side}_branch")
    if not found:
        raise lacks(f"pull_request.{side}.ref")
    return found


def _is_fork(about: Payload) -> bool:
    """Whether it comes from another repository; one that is gone is another one."""
    sides = [
        about.number(side, "repo", "id") or about.number(f"{side}_repo", "id")
        for side in ("head", "base")
    ]
    return None in sides or sides[0] != sides[1]
