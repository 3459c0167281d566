"""Anything that can call: a CI job, a script, a Git host that is not listed (docs/webhooks.md)."""

from collections.abc import Sequence

from windlass.domain.delivery import Ignored, News, Nudge, Ping, Proof, Push, RefDelete, TagPush
from windlass.forges.forge import Headers, Setup
from windlass.forges.payload import Payload, lacks
from windlass.forges.proof import is_same, is_signed

SETUP = Setup(Proof.SIGNATURE, "the key of the HMAC", "whatever calls it")


def proof(headers: Headers, body: bytes, secret: bytes) -> Proof | None:
    """`X-Windlass-Signature: sha256=…`, else the secret in `X-Windlass-Token`."""
    if is_signed(body, secret, headers.get("x-windlass-signature"), prefix="sha256="):
        return Proof.SIGNATURE
    return Proof.TOKEN if is_same(secret, headers.get("x-windlass-token")) else None


def event(headers: Headers, payload: Payload) -> str:  # noqa: ARG001
    """What the body says; `push` where it says nothing."""
    return payload.text("event") or "push"


def delivery_id(headers: Headers, payload: Payload) -> str | None:  # noqa: ARG001
    """What the body says."""
    return payload.text("id")


def remotes(payload: Payload) -> Sequence[str]:
    """The URL that the body names."""
    url = payload.text("repository")
    return [url] if url else []


def read(event: str, payload: Payload) -> Sequence[News]:
    """Without a ref it asks to look at whatever is followed."""
    if event == "ping":
        return [Ping()]
    if event not in ("push", "delete"):
        return [Ignored(f"nothing follows from the event {event[:50]}")]
    ref, revision = payload.text("ref"), payload.commit("revision")
    if not ref:
        if event == "delete" or payload.has("ref"):
            raise lacks("ref")
        return [Nudge(revision)]
    if not ref.startswith("refs/"):
        ref = f"refs/heads/{ref}"
    if event == "delete" or payload.is_zeros("revision"):
        return [RefDelete(ref)]
    return [TagPush(ref, revision) if ref.startswith("refs/tags/") else Push(ref, revision)]
