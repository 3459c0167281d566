"""Waiting for what other processes and threads do, on a machine of any speed."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(look: Callable[[], T], what: str, limit_s: float = 180) -> T:
    """What `look` saw when it was true. Its limit is no promise: it only ends what would hang."""
    deadline = time.monotonic() + limit_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.02)
    return seen
