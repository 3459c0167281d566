"""Bodies of strangers: what is read, and what is refused before it can do harm."""

import contextlib
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.domain.errors import Invalid
from windlass.forges.payload import MAX_BODY_BYTES, MAX_DEPTH, Payload, read_body


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b'"text"', "it is not a JSON object"),
        (b'{"a": NaN}', "it is not JSON"),
        (b'{"a": 1, "a": 2}', "it is not JSON"),
        (b'{"a": %b}' % (b"9" * 5000), "it is not JSON"),
        (b'{"a": "\xff"}', "it is not UTF-8"),
        (nested(MAX_DEPTH + 1), "it is nested deeper than 32"),
        (b"[" * 1_000_000, "it has more than 200,000 objects and arrays"),
        (b" " * (MAX_BODY_BYTES + 1), "it is longer than 5,000,000 bytes"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_without_quoting_it(body: bytes, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_body(body)

    message = f"the body of the call cannot be read: {why}"
    assert (refused.value.code, refused.value.message) == ("HOOK005", message)


def test_brackets_within_texts_are_not_counted() -> None:
    text = '[[{{"\\' * 100

    assert read_body(json.dumps({"a": text}).encode()).text("a") is not None
    assert read_body(nested(MAX_DEPTH)).has("a", "a")


@pytest.mark.parametrize("unit", [b'"', b'"\\', b'\\"', b'"a', b"[]", b'{"":'])
def test_reading_takes_time_in_proportion_to_the_length(unit: bytes) -> None:
    body = unit * (1_000_000 // len(unit))

    with pytest.raises(Invalid):  # quadratic, it would take minutes
        read_body(body)


@pytest.mark.parametrize(
    "body",
    [b"payload", b"other=1", b"payload=%7B%7D&payload=%7B%7D", b"payload=%FF%FE", b"\xff=1"],
)
def test_a_form_without_one_payload_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid, match="HOOK005"):
        read_body(body, is_form=True)


def test_a_form_holds_the_same_json() -> None:
    body = urlencode({"payload": '{"ref": "refs/heads/ä"}'}).encode()

    assert read_body(body, is_form=True).text("ref") == "refs/heads/ä"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(alphabet='{}[]":,\\a1 ', max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for is_form in (False, True):
        with contextlib.suppress(Invalid):
            assert isinstance(read_body(body, is_form=is_form), Payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=5), st.lists(st.text(), max_size=3))
def test_looking_anywhere_gives_a_value_of_its_kind_or_none(
    value: dict[str, Any], path: list[str]
) -> None:
    body = json.dumps(value).encode()
    found = read_body(body)

    text, number = found.text(*path), found.number(*path)
    assert text is None or (len(text) <= 1000 and "\x00" not in text)
    assert number is None or 0 <= number < 2**63
    assert found.commit(*path) is None or found.has(*path)
    assert all(isinstance(one, Payload) for one in found.items(*path))
