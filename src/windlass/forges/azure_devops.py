"""Azure Repos, in the cloud and on a server (learn.microsoft.com: "Service hooks events").

Azure signs nothing: a service hook sends basic authentication, or headers of one's own.
"""

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
from windlass.forges.proof import basic_password, is_same

SETUP = Setup(Proof.TOKEN, "Basic authentication password", "Code pushed")
_PREFIX = "git.pullrequest."


def proof(headers: Headers, body: bytes, secret: bytes) -> Proof | None:  # noqa: ARG001
    """The secret as the password of any user, or in the header `X-Windlass-Token`."""
    password = basic_password(headers.get("authorization"))
    shown = [is_same(secret, password), is_same(secret, headers.get("x-windlass-token"))]
    return Proof.TOKEN if any(shown) else None


def event(headers: Headers, payload: Payload) -> str:  # noqa: ARG001
    """What the body says."""
    return payload.text("eventType") or ""


def delivery_id(headers: Headers, payload: Payload) -> str | None:  # noqa: ARG001
    """What the body says."""
    return payload.text("id")


def remotes(payload: Payload) -> Sequence[str]:
    """URLs of the repository."""
    names = ("remoteUrl", "sshUrl", "webUrl")
    found = [payload.text("resource", "repository", name) for name in names]
    return [url for url in found if url]


def read(event: str, payload: Payload) -> Sequence[News]:
    """Of a pull request its status counts: `merged` only says that a merge was tried."""
    about = payload.at("resource")
    if event == "git.push":
        return [_update(one) for one in about.items("refUpdates")]
    if event in (f"{_PREFIX}{what}" for what in ("created", "updated", "merged")):
        return [_pull_request(event, about)]
    return [Ignored(f"nothing follows from the event {event[:50]}")]


def _update(update: Payload) -> News:
    ref = update.need("name")
    if update.is_zeros("newObjectId"):
        return RefDelete(ref)
    if ref.startswith("refs/tags/"):
        return TagPush(ref, None)  # it may name a tag object
    return Push(ref, update.commit("newObjectId"))


def _pull_request(event: str, about: Payload) -> News:
    number = about.number("pullRequestId")
    if number is None:
        raise lacks("resource.pullRequestId")
    opened = event == f"{_PREFIX}created"
    other = PullRequestAction.OPENED if opened else PullRequestAction.UPDATED
    ended = {"completed": PullRequestAction.MERGED, "abandoned": PullRequestAction.CLOSED}
    return PullRequest(
        number,
        ended.get(about.text("status") or "", other),
        source=about.need("sourceRefName"),
        target=about.need("targetRefName"),
        revision=about.commit("lastMergeSourceCommit", "commitId"),
        is_fork=about.has("forkSource"),
    )
