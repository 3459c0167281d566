"""Gitea and Forgejo (docs.gitea.com/usage/webhooks).

They send GitHub's and Gogs' headers too, for older receivers; their own come first here.
"""

from windlass.domain.delivery import Proof
from windlass.forges import githublike
from windlass.forges.forge import Headers, Setup
from windlass.forges.payload import Payload
from windlass.forges.proof import is_signed

SETUP = Setup(Proof.SIGNATURE, "Secret", "Push, Create and Delete; pull requests with them")
remotes, read = githublike.remotes, githublike.read


def proof(headers: Headers, body: bytes, secret: bytes) -> Proof | None:
    """A bare hex digest."""
    given = headers.get("x-gitea-signature") or headers.get("x-forgejo-signature")
    return Proof.SIGNATURE if is_signed(body, secret, given) else None


def event(headers: Headers, payload: Payload) -> str:  # noqa: ARG001
    """What `X-Gitea-Event` or `X-Forgejo-Event` says."""
    return headers.get("x-gitea-event") or headers.get("x-forgejo-event", "")


def delivery_id(headers: Headers, payload: Payload) -> str | None:  # noqa: ARG001
    """What `X-Gitea-Delivery` or `X-Forgejo-Delivery` says."""
    return headers.get("x-gitea-delivery") or headers.get("x-forgejo-delivery")
