"""From a raw call to a verified one. Nobody else can make a `VerifiedDelivery`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from windlass.domain.alias import alias_of
from windlass.domain.delivery import ForgeKind, News, Proof
from windlass.domain.errors import Invalid
from windlass.forges import (
    azure_devops,
    bitbucket,
    bitbucket_server,
    generic,
    gitea,
    github,
    gitlab,
    gogs,
)
from windlass.forges.forge import Forge
from windlass.forges.payload import Payload, read_body

FORGES: Mapping[ForgeKind, Forge] = cast(
    "Mapping[ForgeKind, Forge]",
    {
        ForgeKind.GITHUB: github,
        ForgeKind.GITLAB: gitlab,
        ForgeKind.BITBUCKET: bitbucket,
        ForgeKind.BITBUCKET_SERVER: bitbucket_server,
        ForgeKind.GITEA: gitea,
        ForgeKind.GOGS: gogs,
        ForgeKind.AZURE_DEVOPS: azure_devops,
        ForgeKind.GENERIC: generic,
    },
)
_VERIFIED = object()


@dataclass(frozen=True, slots=True)
class RawCall:
    """What came in, of which nothing is known yet. `headers` by names in lower case; `is_form` as
    its content type says."""

    kind: ForgeKind
    headers: Mapping[str, str]
    body: bytes
    is_form: bool = False


class VerifiedDelivery:
    """A call that showed that it knows a secret of a webhook. Made by `verify` alone."""

    __slots__ = ("call", "proof")

    def __init__(self, call: RawCall, proof: Proof, *, made_by: object) -> None:
        if made_by is not _VERIFIED:
            raise TypeError("a VerifiedDelivery is made by forges.verify.verify alone")
        self.call = call
        self.proof = proof


@dataclass(frozen=True, slots=True)
class Told:
    """What a verified call says: the host's own words for event and call, and what they mean.
    `aliases` are of the repository that it is about, empty where it names none."""

    event: str
    delivery_id: str | None
    news: tuple[News, ...]
    aliases: frozenset[str]


def verify(call: RawCall, secrets: Iterable[str]) -> VerifiedDelivery | None:
    """The call, where it knows one of the secrets; all of them are tried, always. None where it
    knows none: nothing of it may be believed then."""
    forge = FORGES[call.kind]
    proofs = [forge.proof(call.headers, call.body, secret.encode()) for secret in secrets if secret]
    found = next((proof for proof in proofs if proof is not None), None)
    return None if found is None else VerifiedDelivery(call, found, made_by=_VERIFIED)


def aliases_in(call: RawCall) -> frozenset[str]:
    """The repository that an unverified call says it is about; nothing else of it is looked at.
    Raises Invalid HOOK005 as `read_body`."""
    return _aliases(call.kind, read_body(call.body, is_form=call.is_form))


def read(delivery: VerifiedDelivery) -> Told:
    """What the call says. Raises Invalid HOOK005 and HOOK006 where it cannot be read, HOOK007 where
    it names no event."""
    call = delivery.call
    forge, payload = FORGES[call.kind], read_body(call.body, is_form=call.is_form)
    event = forge.event(call.headers, payload)
    if not event:
        raise Invalid(
            "HOOK007",
            f"the call names no event, as {call.kind} does",
            "Is the address that of this kind of Git host?",
        )
    news: Sequence[News] = forge.read(event, payload)
    name = forge.delivery_id(call.headers, payload)
    return Told(event[:100], name and name[:200], tuple(news), _aliases(call.kind, payload))


def event_named(call: RawCall) -> str:
    """The event that the headers of a call name; "" where only its body does."""
    return FORGES[call.kind].event(call.headers, Payload({}))[:100]


def read_again(kind: ForgeKind, event: str, body: bytes, *, is_form: bool) -> tuple[News, ...]:
    """What a call said that was verified and stored; `event` as it was read then, "" for a body
    that tells it itself. Raises as `read`."""
    payload = read_body(body, is_form=is_form)
    return tuple(FORGES[kind].read(event or FORGES[kind].event({}, payload), payload))


def _aliases(kind: ForgeKind, payload: Payload) -> frozenset[str]:
    found = [alias_of(url, kind) for url in FORGES[kind].remotes(payload)]
    return frozenset(alias for alias in found if alias)
