"""Which Git hosts answer: a circuit breaker for each, so that one that is down is asked by one
repository at a time, and one that is slow does not keep the others waiting."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

FAILING = 3
"""As many repositories of a host must fail, without one that does not, before it counts as down."""
AT_A_TIME = 6
"""Polls of one host that run together; more wait for their turn."""
FIRST_S = 2.0
CAP_S = 60.0
TURN_S = 1.0


@dataclass
class _Host:
    running: int = 0
    failed: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)
    tries: int = 0
    next_try: float = 0.0

    @property
    def is_down(self) -> bool:
        return len(self.failed) >= FAILING


class Hosts:
    """The state of each host; safe for threads. `clock` counts seconds, `spread` gives 0 to 1."""

    def __init__(
        self, clock: Callable[[], float], spread: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._spread = spread
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def wait_s(self, host: str, caller: int) -> float:
        """0 where the host may be asked now, by a caller who must then call `done`; else the
        seconds after which to try again, or sooner if `done` names the caller."""
        with self._lock:
            known = self._hosts.setdefault(host, _Host())
            left_s = known.next_try - self._clock()
            if known.is_down and (known.running or left_s > 0):
                known.waiting.add(caller)
                return max(left_s, FIRST_S) * (1 + self._spread())
            if known.running >= AT_A_TIME:
                return TURN_S * (0.5 + self._spread())
            known.running += 1
            return 0

    def done(self, host: str, caller: int, *, answered: bool) -> frozenset[int]:
        """Note how a question ended. A host that refuses has answered. The callers who waited for
        a host that is back."""
        with self._lock:
            known = self._hosts[host]
            known.running -= 1
            if answered:
                self._hosts[host] = _Host(running=known.running)
                return frozenset(known.waiting - {caller})
            known.failed.add(caller)
            # Those that asked before it counted as down say nothing of how long it is down.
            if known.is_down and self._clock() >= known.next_try:
                wait_s = min(CAP_S, FIRST_S * 2**known.tries)
                known.tries += 1
                known.next_try = self._clock() + wait_s * (0.8 + 0.4 * self._spread())
            return frozenset()

    def is_down(self, host: str) -> bool:
        """Whether the host counts as down."""
        with self._lock:
            known = self._hosts.get(host)
            return known is not None and known.is_down
