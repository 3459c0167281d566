"""Text from elsewhere, made safe for a terminal."""

import re

# Controls (C0 without tab and newline, DEL, C1), marks that turn text, halves of surrogate pairs.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def plain(text: str, *, block: bool = False) -> str:
    """`text` without what steers terminals or forges lines; a `block` keeps tabs and newlines.

    >>> plain("a\\x1b[2Jb\\n")
    'a\ufffd[2Jb\ufffd'
    """
    held = _STEERING.sub("\ufffd", text)
    return held if block else re.sub(r"[\t\n]", "\ufffd", held)


def plain_json(text: str) -> str:
    """JSON text with the same value, all that steers terminals written as escapes."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
