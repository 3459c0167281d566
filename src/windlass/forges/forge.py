"""What a module of a Git host offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from windlass.domain.delivery import News, Proof
from windlass.forges.payload import Payload

Headers = Mapping[str, str]
"""Names in lower case."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the host's form for a webhook asks for: how secrets are sent, and which events."""

    proof: Proof
    secret_field: str
    events: str


class Forge(Protocol):
    """A Git host, as a module. Nothing here raises but `read`."""

    @property
    def SETUP(self) -> Setup: ...  # noqa: N802  # a constant of a module

    def proof(self, headers: Headers, body: bytes, secret: bytes) -> Proof | None:
        """What the call shows of the secret, compared in constant time; None: nothing."""

    def event(self, headers: Headers, payload: Payload) -> str:
        """The host's own name for what it tells; empty where it gives none."""

    def delivery_id(self, headers: Headers, payload: Payload) -> str | None:
        """The host's own name for this call."""

    def remotes(self, payload: Payload) -> Sequence[str]:
        """URLs of the repository that the call is about."""

    def read(self, event: str, payload: Payload) -> Sequence[News]:
        """What is told. Invalid HOOK006 where something is missing that the event needs."""
