"""The request for a pack and its answer: any bytes are a pack or Unexpected, and nothing else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.ref import CommitSha
from windlass.git.http import Unexpected
from windlass.git.packs import fetch_request, read_pack
from windlass.git.pktline import FLUSH, line

A, B = CommitSha("a" * 40), CommitSha("b" * 40)


def answer(*bands: bytes) -> bytes:
    return line(b"packfile\n") + b"".join(map(line, bands)) + FLUSH


def test_the_request_asks_for_what_one_commit_has_more_than_the_other() -> None:
    assert fetch_request(A, B) == (
        b"0012command=fetch\n0013agent=windlass\n0001"
        b"000ethin-pack\n000eofs-delta\n0010no-progress\n"
        b"0032want %s\n0032have %s\n0009done\n0000" % (A.encode(), B.encode())
    )


@given(st.lists(st.binary(min_size=1, max_size=300)))
def test_a_pack_is_what_came_in_its_parts(parts: list[bytes]) -> None:
    bands = [b"\x02counting", *(b"\x01" + part for part in parts), b"\x02done"]

    assert read_pack(answer(*bands)) == b"".join(parts)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        FLUSH,
        line(b"packfile\n"),
        line(b"ERR upload-pack: not our ref\n"),
        answer(b"\x01PACK")[:-4],
        answer(b"\x01PACK")[:-6],
        answer(b"\x01PACK") + FLUSH,
        answer(b"\x01PACK", b"\x03out of memory"),
        answer(b"\x04"),
        line(b"acknowledgments\n") + line(b"NAK\n") + FLUSH,
    ],
)
def test_an_answer_that_is_cut_or_is_none_is_not_understood(body: bytes) -> None:
    with pytest.raises(Unexpected):
        read_pack(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_pack_or_not_understood(body: bytes) -> None:
    with suppress(Unexpected):
        assert isinstance(read_pack(line(b"packfile\n") + body), bytes)
