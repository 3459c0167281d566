"""GitHub, github.com and Enterprise Server (docs.github.com/webhooks)."""

from windlass.domain.delivery import Proof
from windlass.forges import githublike
from windlass.forges.forge import Headers, Setup
from windlass.forges.payload import Payload
from windlass.forges.proof import is_signed

SETUP = Setup(Proof.SIGNATURE, "Secret", "Just the push event, or pull requests with it")
remotes, read = githublike.remotes, githublike.read


def proof(headers: Headers, body: bytes, secret: bytes) -> Proof | None:
    """SHA-256 alone: the older `X-Hub-Signature` is SHA-1."""
    given = headers.get("x-hub-signature-256")
    return Proof.SIGNATURE if is_signed(body, secret, given, prefix="sha256=") else None


def event(headers: Headers, payload: Payload) -> str:  # noqa: ARG001
    """What `X-GitHub-Event` says."""
    return headers.get("x-github-event", "")


def delivery_id(headers: Headers, payload: Payload) -> str | None:  # noqa: ARG001
    """What `X-GitHub-Delivery` says."""
    return headers.get("x-github-delivery")
