"""Gogs (gogs.io/docs/features/webhook)."""

from windlass.domain.delivery import Proof
from windlass.forges import githublike
from windlass.forges.forge import Headers, Setup
from windlass.forges.payload import Payload
from windlass.forges.proof import is_signed

SETUP = Setup(Proof.SIGNATURE, "Secret", "Push, Create and Delete")
remotes, read = githublike.remotes, githublike.read


def proof(headers: Headers, body: bytes, secret: bytes) -> Proof | None:
    """A bare hex digest."""
    given = headers.get("x-gogs-signature")
    return Proof.SIGNATURE if is_signed(body, secret, given) else None


def event(headers: Headers, payload: Payload) -> str:  # noqa: ARG001
    """What `X-Gogs-Event` says."""
    return headers.get("x-gogs-event", "")


def delivery_id(headers: Headers, payload: Payload) -> str | None:  # noqa: ARG001
    """What `X-Gogs-Delivery` says."""
    return headers.get("x-gogs-delivery")
