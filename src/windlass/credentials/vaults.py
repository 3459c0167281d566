"""Stores of other people's that hold secrets: which there are, and what was read of them lately.

A credential in such a store has its reference in the database, and its secret nowhere but in the
memory of the process that needs it. One module for each store; copy the smallest to add another.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from windlass.domain.errors import Invalid, Unavailable
from windlass.domain.nearest import suggest

KEPT_S = 60.0
"""How long a secret is not asked for again: polls come every few seconds."""
OUTAGE_S = 3600.0
"""How long the secret that was read last is used where its store is away."""


class Vault(Protocol):
    """A store of secrets. It does not say whether a secret is good for anything."""

    def read(self, reference: str) -> str:
        """The secret as text, whole. Raises Invalid CRED041 for a reference that is not one of this
        store, CRED042 where it holds nothing there, CRED043 where it refuses us, CRED044 where it
        cannot be spoken to because something is not installed; Unavailable CRED036 where it is
        away."""
        ...


@dataclass(slots=True)
class _Kept:
    secret: str = field(repr=False)
    at: float


class Vaults:
    """The stores by name, opened when they are first needed; any number of threads."""

    def __init__(
        self,
        stores: Mapping[str, Callable[[], Vault]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stores = dict(stores or {})
        self._clock = clock
        self._opened: dict[str, Vault] = {}
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._lock = threading.Lock()

    def read(self, store: str, reference: str, *, fresh: bool = False) -> str:
        """The secret, at most a minute old unless the store is away; with `fresh` as it is now.
        Raises Invalid CRED040 for a store that is not configured, and what `Vault.read` does."""
        name = (store, reference)
        with self._lock:
            kept = self._kept.get(name)
        if kept and not fresh and self._clock() < kept.at + KEPT_S:
            return kept.secret
        try:
            secret = self._vault(store).read(reference)
        except Unavailable:
            if kept is None or fresh or self._clock() > kept.at + OUTAGE_S:
                raise
            return kept.secret
        with self._lock:
            self._kept[name] = _Kept(secret, self._clock())
        return secret

    def _vault(self, store: str) -> Vault:
        with self._lock:
            opened = self._opened.get(store)
        if opened is not None:
            return opened
        if store not in self._stores:
            raise Invalid(
                "CRED040",
                f"no store of secrets is called {store!r}, or its settings are missing",
                suggest(store, self._stores, "There are")
                or "docs/credentials.md says which settings each one needs.",
            )
        opened = self._stores[store]()
        with self._lock:
            return self._opened.setdefault(store, opened)


def unreadable(reference: str, form: str) -> Invalid:
    """The error of a reference that the store does not understand."""
    return Invalid("CRED041", f"{reference[:200]!r} is no reference of this store", f"Give {form}.")


def missing(place: str, reference: str) -> Invalid:
    """The error of a store that holds nothing there."""
    return Invalid(
        "CRED042",
        f"{place} has no secret {reference[:200]!r}",
        "Look at its path, its field, and who may read it.",
    )


def refused(place: str, why: str) -> Invalid:
    """The error of a store that does not let us read."""
    return Invalid(
        "CRED043",
        f"{place} refuses to show the secret: {why}",
        "Is the login of Windlass there still good, and may it read this?",
    )


def not_installed(what: str, extra: str) -> Invalid:
    """The error of a store whose library is not there."""
    return Invalid(
        "CRED044",
        f"{what} needs a library that is not installed",
        f"Install it: pip install 'windlass[{extra}]'",
    )
