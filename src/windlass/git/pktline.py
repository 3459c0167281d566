"""Git's framing of what it says: pkt-lines, as in gitprotocol-common(5)."""

import re
from collections.abc import Iterator
from typing import Final

from windlass.git.http import Unexpected

FLUSH: Final = b"0000"
DELIMITER: Final = b"0001"
_LINE_BYTES = 65_520


def line(text: bytes) -> bytes:
    """The text as one pkt-line.

    >>> line(b"peel\\n")
    b'0009peel\\n'
    """
    return b"%04x" % (len(text) + 4) + text


def pkt_lines(body: bytes) -> Iterator[bytes | None]:
    """The payload of each pkt-line; None for a flush packet. Unexpected where there is none."""
    at = 0
    while at < len(body):
        digits = body[at : at + 4]
        if not re.fullmatch(rb"[0-9a-fA-F]{4}", digits):
            raise Unexpected("no pkt-line")
        size = int(digits, 16)
        if size == 0:
            yield None
            at += 4
            continue
        if size < 5 or size > _LINE_BYTES or at + size > len(body):
            raise Unexpected("a pkt-line of a wrong length")
        yield body[at + 4 : at + size]
        at += size
