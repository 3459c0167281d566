"""SHA-256 over bytes and over canonical JSON."""

import hashlib
import json
from typing import Any


def digest_bytes(content: bytes) -> str:
    """The SHA-256 of `content` as 64 lower-case hex digits."""
    return hashlib.sha256(content).hexdigest()


def digest_json(value: Any) -> str:
    """The SHA-256 of `value` as JSON with sorted keys and no spaces: equal values, equal digests.

    >>> digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
    True
    """
    return digest_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
