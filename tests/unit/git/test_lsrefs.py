"""pkt-lines and the answers to ls-refs: any bytes are refs or Unexpected, and nothing else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from windlass.domain.ref import RemoteRef
from windlass.git.http import Unexpected
from windlass.git.lsrefs import can_list_refs, ls_refs_request, parse_refs
from windlass.git.pktline import FLUSH, line, pkt_lines

A, B = "a" * 40, "b" * 40


def answer(*rows: str) -> bytes:
    return b"".join(line(f"{row}\n".encode()) for row in rows) + FLUSH


def test_the_request_asks_for_one_prefix_with_tags_peeled() -> None:
    assert ls_refs_request("refs/heads/main") == (
        b"0014command=ls-refs\n0013agent=windlass\n0001"
        b"0009peel\n001fref-prefix refs/heads/main\n0000"
    )


def test_refs_are_read_with_what_their_tags_lead_to() -> None:
    body = answer(
        f"{A} refs/heads/main",
        f"{A} refs/tags/v1 peeled:{B}",
        f"{A} HEAD symref-target:refs/heads/main",
        "unborn HEAD symref-target:refs/heads/main",
    )

    assert parse_refs(body) == [
        RemoteRef("refs/heads/main", A),
        RemoteRef("refs/tags/v1", A, B),
        RemoteRef("HEAD", A),
    ]
    assert parse_refs(FLUSH) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        answer(f"{A} refs/heads/main")[:-4],
        answer(f"{A} refs/heads/main")[:-7],
        answer(f"{A} refs/heads/main") + b"0000",
        answer(f"{A}"),
        answer("x refs/heads/main"),
        answer(f"{A} refs/tags/v1 peeled:x"),
        b"0003",
        b"0001",
        b"0004",
        b"fff1" + b"x" * 65_533 + FLUSH,
        b"zzzz",
        b"+00a12345",
        b" 00a12345",
        line(b"ERR access denied") + FLUSH,
        b"<html>",
    ],
)
def test_an_answer_that_is_not_whole_and_right_is_unexpected(body: bytes) -> None:
    with pytest.raises(Unexpected):
        parse_refs(body)


@pytest.mark.parametrize(
    ("rows", "can"),
    [
        (["# service=git-upload-pack", "", "version 2", "agent=git", "ls-refs=unborn"], True),
        (["version 2", "ls-refs", "object-format=sha1"], True),
        (["version 2", "ls-refs", "object-format=sha256"], False),
        (["version 2", "fetch=shallow"], False),
        ([f"{A} HEAD\0multi_ack", f"{A} refs/heads/main"], False),
    ],
)
def test_only_protocol_two_with_ls_refs_will_do(rows: list[str], can: bool) -> None:
    body = b"".join(line(f"{row}\n".encode()) if row else FLUSH for row in rows) + FLUSH

    assert can_list_refs(body) is can


PIECES = st.sampled_from([FLUSH, b"0001", b"0005", b"000a", line(b"x"), answer(f"{A} refs/x")])
BODIES = st.binary(max_size=60) | st.lists(PIECES | st.binary(max_size=6)).map(b"".join)


@given(BODIES)
@example(b"0000" * 5)
def test_any_bytes_are_refs_or_unexpected(body: bytes) -> None:
    assert can_list_refs(body) in (True, False)
    try:
        refs = parse_refs(body)
    except Unexpected:
        return

    assert all(len(ref.oid) == 40 and ref.name for ref in refs)


@given(st.lists(st.binary(min_size=1, max_size=30) | st.none(), max_size=5))
def test_lines_read_back_as_they_were_written(texts: list[bytes | None]) -> None:
    body = b"".join(FLUSH if text is None else line(text) for text in texts)

    assert list(pkt_lines(body)) == texts
