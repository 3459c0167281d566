"""Bodies of calls: JSON from strangers, read within bounds, and looked at without surprises."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from windlass.domain.errors import Invalid
from windlass.domain.ref import CommitSha
from windlass.domain.text import plain

MAX_BODY_BYTES = 5_000_000
"""GitHub sends up to 25 MB, for pushes of thousands of commits. Polling finds those."""
MAX_DEPTH = 32
MAX_PARTS = 200_000  # objects and arrays
MAX_TEXT = 1000
MAX_ITEMS = 1000

# Linear whatever the text: it never gives a character back, and a text without an end is one too.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_SHA = re.compile(r"[0-9a-f]{40}")
_ZEROS = re.compile(r"0{40,64}")
_MISSING = object()


class Payload:
    """A value of the body. Looking for what is not there, or is of another kind, gives None."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def at(self, *path: str) -> "Payload":
        """What lies below these names."""
        value = self._value
        for name in path:
            value = value.get(name, _MISSING) if isinstance(value, dict) else _MISSING
        return Payload(value)

    def has(self, *path: str) -> bool:
        """Whether there is something there, and not null."""
        found = self.at(*path)._value  # noqa: SLF001  # another of the same class
        return found is not _MISSING and found is not None

    def text(self, *path: str) -> str | None:
        """A text of one line, at most MAX_TEXT long and safe for terminals and databases."""
        value = self.at(*path)._value  # noqa: SLF001
        if isinstance(value, str) and len(value) <= MAX_TEXT and plain(value) == value:
            return value
        return None

    def number(self, *path: str) -> int | None:
        """A whole number that a BIGINT can hold, from 0."""
        value = self.at(*path)._value  # noqa: SLF001
        return value if type(value) is int and 0 <= value < 2**63 else None

    def is_true(self, *path: str) -> bool:
        """Whether it says `true`."""
        return self.at(*path)._value is True  # noqa: SLF001

    def commit(self, *path: str) -> CommitSha | None:
        """The full name of a commit; None for all zeros, and for anything else."""
        text = (self.text(*path) or "").lower()
        return CommitSha(text) if _SHA.fullmatch(text) and not _ZEROS.fullmatch(text) else None

    def is_zeros(self, *path: str) -> bool:
        """Whether it is git's name of no commit: the ref was not, or is not, there."""
        return bool(_ZEROS.fullmatch(self.text(*path) or ""))

    def items(self, *path: str) -> Iterator["Payload"]:
        """The first MAX_ITEMS of a list."""
        value = self.at(*path)._value  # noqa: SLF001
        if isinstance(value, list):
            yield from map(Payload, value[:MAX_ITEMS])

    def need(self, *path: str) -> str:
        """The text there, which is not empty; Invalid HOOK006 where there is none."""
        found = self.text(*path)
        if not found:
            raise lacks(".".join(path))
        return found


def lacks(what: str) -> Invalid:
    """What is said of a call that does not tell what its event needs."""
    return Invalid(
        "HOOK006",
        f"the call does not say {what} as its event does",
        "Is the address that of this kind of Git host?",
    )


def read_body(body: bytes, *, is_form: bool = False) -> Payload:
    """The JSON of a body, or that of the field `payload` of a form, as GitHub and Gitea send it on
    request. Invalid HOOK005 says why it cannot be read; it quotes nothing."""
    text = _form_field(body) if is_form else body
    _check_shape(text)
    try:
        decoded = text.decode("utf-8-sig")
        value = json.loads(decoded, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise _unreadable("it is not UTF-8") from None
    except (ValueError, RecursionError):  # a number of thousands of digits is a ValueError too
        raise _unreadable("it is not JSON") from None
    if not isinstance(value, dict):
        raise _unreadable("it is not a JSON object")
    return Payload(value)


def _form_field(body: bytes) -> bytes:
    try:
        fields = parse_qsl(body.decode("ascii"), max_num_fields=10, strict_parsing=True)
    except (ValueError, UnicodeDecodeError):
        raise _unreadable("it is no form") from None
    found = [value for name, value in fields if name == "payload"]
    if len(found) != 1:
        raise _unreadable("the form has no field payload, or several")
    return found[0].encode("utf-8", "replace")


def _check_shape(text: bytes) -> None:
    """Refuse what is too deep or has too many parts, before it is parsed."""
    if len(text) > MAX_BODY_BYTES:
        raise _unreadable(f"it is longer than {MAX_BODY_BYTES:,} bytes")
    brackets = _STRINGS.sub(b"", text).translate(None, _ALL_BUT_BRACKETS)
    if len(brackets) > 2 * MAX_PARTS:
        raise _unreadable(f"it has more than {MAX_PARTS:,} objects and arrays")
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise _unreadable(f"it is nested deeper than {MAX_DEPTH}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):  # who reads the first, and who the last, would read two bodies
        raise ValueError
    return found


def _refuse_constant(_: str) -> Any:
    raise ValueError  # NaN and Infinity are no JSON


def _unreadable(why: str) -> Invalid:
    return Invalid(
        "HOOK005",
        f"the body of the call cannot be read: {why}",
        "Send JSON, as the Git host does by itself.",
    )
