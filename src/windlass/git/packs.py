"""Protocol v2's `fetch` as bytes: the request for what one commit has more than another, and the
pack in its answer. Git alone looks into packs.

gitprotocol-v2(5), gitprotocol-pack(5).
"""

from windlass.domain.ref import CommitSha
from windlass.git.http import Unexpected
from windlass.git.pktline import DELIMITER, FLUSH, line, pkt_lines

_PACK, _PROGRESS = 1, 2


def fetch_request(want: CommitSha, have: CommitSha) -> bytes:
    """The body that asks for a thin pack; there is no more to agree upon, so it ends with `done`.

    >>> fetch_request(CommitSha("a" * 40), CommitSha("b" * 40))[:18]
    b'0012command=fetch\\n'
    """
    head = line(b"command=fetch\n") + line(b"agent=windlass\n")
    wishes = ("thin-pack", "ofs-delta", "no-progress", f"want {want}", f"have {have}", "done")
    return head + DELIMITER + b"".join(line(f"{wish}\n".encode()) for wish in wishes) + FLUSH


def read_pack(body: bytes) -> bytes:
    """The pack of an answer; Unexpected for any other bytes, such as the host's refusal."""
    lines = pkt_lines(body)
    if next(lines, None) != b"packfile\n":
        raise Unexpected("no pack")
    pack = bytearray()
    for each in lines:
        if each is None:
            if next(lines, b"") == b"":
                return bytes(pack)
            break
        if each[0] == _PACK:
            pack += each[1:]
        elif each[0] != _PROGRESS:
            raise Unexpected("the host gave up")
    raise Unexpected("the answer was cut, or goes on after its end")
