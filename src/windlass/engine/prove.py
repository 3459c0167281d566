"""One call, one webhook: whether it is believed, what it tells, and what is stored of it."""

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from windlass.database.deliveries import NewDelivery
from windlass.database.webhooks import Addressee
from windlass.domain.delivery import (
    Decision,
    DeliveryState,
    ForgeKind,
    Proof,
    PullRequest,
    decide,
)
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import Invalid
from windlass.domain.events import Event
from windlass.domain.ref import RefKind, check_ref
from windlass.engine.context import log
from windlass.forges.verify import RawCall, Told, event_named, read, verify

MAX_PULL = 2**53
"""Above the number of every pull request; what JSON tells exactly (RFC 8259, 6)."""
Seal = Callable[[str], bytes]
"""Encrypts a text."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call as it came in: to the address of one webhook, or to the shared one of a kind."""

    headers: Mapping[str, str]
    body: bytes
    is_form: bool
    address: str | None = None
    kind: ForgeKind | None = None

    def call(self, kind: ForgeKind) -> RawCall:
        """It, as a host of that kind means it."""
        return RawCall(kind, self.headers, self.body, self.is_form)


@dataclass(frozen=True, slots=True)
class Believed:
    """A call that a webhook believes; `unreadable` says why nothing could be made of it."""

    delivery: NewDelivery
    unreadable: Invalid | None = None
    pull: PullRequest | None = None


def believe(
    seal: Seal, arrival: Arrival, addressee: Addressee, secrets: Sequence[str]
) -> Believed | None:
    """What the webhook makes of the call; None where it shows none of its secrets."""
    call = arrival.call(addressee.kind)
    verified = verify(call, secrets)
    if verified is None:
        return None
    told = Told(event_named(call), None, (), frozenset())
    unreadable = None
    try:
        told = read(verified)
        decided = _decided(addressee, told)
    except Invalid as refused:
        unreadable = refused
        decided = _not_decided(DeliveryState.REFUSED, f"{refused.code} {refused.message}")
    except Exception as bug:  # noqa: BLE001  # kept, so that a later version can read it
        # No traceback: an error may quote the body.
        told_of = {"repository": addressee.repository, "error": type(bug).__name__}
        log.error(Event.DELIVERY_DEAD, **told_of)
        words = f"Windlass failed with {type(bug).__name__} over it, which is a bug"
        decided = _not_decided(DeliveryState.DEAD, words)
    proof = verified.proof
    made = _delivery(arrival, addressee, decided, proof=proof, told=told, seal=seal)
    return Believed(made, unreadable, decided.pull)


def not_believed(arrival: Arrival, addressee: Addressee) -> NewDelivery:
    """What is kept of a call that showed no secret of the webhook: that it came."""
    reason = "the signature or token is not that of a secret of this webhook"
    decided = _not_decided(DeliveryState.REFUSED, reason)
    return _delivery(arrival, addressee, decided)


def pack(arrival: Arrival) -> str:
    """A body as text, much shorter; `unpack` is the inverse."""
    kind = "f" if arrival.is_form else "j"
    return kind + base64.b64encode(zlib.compress(arrival.body, 1)).decode()


def unpack(packed: str) -> tuple[bytes, bool]:
    """The body, and whether it is a form."""
    return zlib.decompress(base64.b64decode(packed[1:])), packed[0] == "f"


def _decided(addressee: Addressee, told: Told) -> Decision:
    """What follows for the repository. A call to its own address may be about another one, as those
    of a whole organisation are, or name a URL that only the host believes in: then the remote is
    asked, and no commit is expected of it."""
    decided = decide(addressee.ref, told.news)
    if decided.pull is not None:
        return _of_pull(addressee, told, decided)
    if decided.state is not DeliveryState.ACCEPTED:
        return decided
    if addressee.is_suspended:
        reason = "the repository is suspended"
        return Decision(DeliveryState.IGNORED, decided.words, reason, decided.ref)
    if told.aliases and addressee.remote not in told.aliases:
        reason = "the call names the repository by another URL"
        return Decision(decided.state, decided.words, reason, decided.ref)
    return decided


def _of_pull(addressee: Addressee, told: Told, decided: Decision) -> Decision:
    """A pull request, unless it is of another repository, or nobody wants it checked."""
    why = ""
    if told.aliases and addressee.remote not in told.aliases:
        why = "the call names another repository"
    elif addressee.is_suspended:
        why = "the repository is suspended"
    elif not _is_sound(decided.pull):
        why = "its number, or the name of its branch, is none that can be"
    elif not addressee.checks_pulls:
        why = "the option pull_requests is off"
    return Decision(DeliveryState.IGNORED, decided.words, why) if why else decided


def _is_sound(pull: PullRequest | None) -> bool:
    """Whether its number and branch can be kept, and given to git."""
    if pull is None or not 0 < pull.number < MAX_PULL:
        return False
    try:
        source = check_ref(RefKind.BRANCH, pull.source.removeprefix("refs/heads/"))
    except Invalid:
        return False
    return pull.source in (source.name, source.full_name)


def _not_decided(state: DeliveryState, reason: str) -> Decision:
    return Decision(state, "", reason)


def _delivery(
    arrival: Arrival,
    addressee: Addressee,
    decided: Decision,
    *,
    proof: Proof | None = None,
    told: Told | None = None,
    seal: Seal | None = None,
) -> NewDelivery:
    keeps = decided.state in (DeliveryState.ACCEPTED, DeliveryState.DEAD)
    return NewDelivery(
        webhook_id=addressee.webhook_id,
        repository_id=addressee.repository_id,
        kind=addressee.kind,
        proof=proof,
        event=told.event if told else "",
        host_id=told.delivery_id if told else None,
        digest=digest_bytes(arrival.body),
        size_bytes=len(arrival.body),
        state=decided.state,
        words=decided.words,
        reason=decided.reason,
        ref=decided.ref,
        revision=decided.revision,
        body=seal(pack(arrival)) if seal and keeps else None,
    )
