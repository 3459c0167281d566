"""How far another machine's clock is ahead of ours, from what it says in its answers."""

import threading
from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple, Self

RESOLUTION = timedelta(seconds=2.1)
"""A `Date` header has whole seconds (RFC 9110 §5.6.7), and uvicorn renews it once a second: what it
says is up to two seconds old, and a little more on a busy machine."""
MAX_AHEAD = timedelta(hours=1)
"""More is no skew but nonsense: corrections stop there."""
SLOW = timedelta(seconds=5)
WARN = timedelta(seconds=2)
"""From here on a skew is worth a person's time."""
_SAMPLES = 32


class Ahead(NamedTuple):
    """Bounds of how far one clock is ahead of ours."""

    least: timedelta = timedelta()
    most: timedelta = timedelta()

    @classmethod
    def from_answer(cls, said: datetime, *, asked_at: datetime, answered_at: datetime) -> Self:
        """Of a clock that said this at some moment between two of ours."""
        return cls(said - answered_at, said - asked_at)


SAME = Ahead()


class RemoteClock:
    """Bounds for the skew of one clock. Each answer gives a lower and an upper one; those of the
    last answers hold together, the older ones go where they do not. Safe for threads.
    """

    def __init__(self) -> None:
        self._bounds: deque[Ahead] = deque(maxlen=_SAMPLES)
        self._lock = threading.Lock()

    def note(self, said: datetime, *, asked_at: datetime, answered_at: datetime) -> None:
        """Take in what the other clock said between two moments of ours."""
        if timedelta() <= answered_at - asked_at <= SLOW:
            told = Ahead.from_answer(said, asked_at=asked_at, answered_at=answered_at)
            with self._lock:
                self._bounds.append(told._replace(most=told.most + RESOLUTION))
                while max(low for low, _ in self._bounds) > min(high for _, high in self._bounds):
                    self._bounds.popleft()

    @property
    def is_known(self) -> bool:
        """Whether any answer told the time."""
        with self._lock:
            return bool(self._bounds)

    def ahead(self, of: Ahead = SAME) -> timedelta:
        """How far the other clock is ahead of one that is itself `of` ahead of ours.

        Zero where the two may agree. Else the upper bound: a moment of ours is then never taken
        for an earlier one of the other clock than it is, so an early parse never counts.

        >>> clock = RemoteClock()
        >>> noon = datetime(2026, 1, 1, 12)
        >>> clock.note(noon, asked_at=noon, answered_at=noon)
        >>> clock.ahead()
        datetime.timedelta(0)
        >>> clock.ahead(of=Ahead(timedelta(seconds=-10), timedelta(seconds=-9))).total_seconds()
        12.1
        """
        with self._lock:
            if not self._bounds:
                return timedelta()
            low = max(low for low, _ in self._bounds) - of.most
            high = min(high for _, high in self._bounds) - of.least
        if low <= timedelta() <= high:
            return timedelta()
        return max(-MAX_AHEAD, min(MAX_AHEAD, high))
