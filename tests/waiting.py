"""Waiting for what other processes and threads do, on a machine of any speed."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(look: Callable[[], T], what: str, limit_s: float = 180) -> T:
    """What `look` saw when it was true. Its limit is no promise: it only ends what would hang."""
    deadline, pause = time.monotonic() + limit_s, 0.02
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(pause)
        pause = min(pause * 1.1, 0.25)  # looking takes time from what is waited for
    return seen
