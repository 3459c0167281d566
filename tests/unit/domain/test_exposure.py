"""A secret is found in every form, wherever it stands."""

import base64
import json
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.exposure import Exposure, Secret, found_in, needles

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=8)
KEY = "-----BEGIN X-----\n" + "a" * 64 + "\n" + "b" * 64 + "\n" + "c" * 20 + "\n-----END X-----\n"


def forms(secret: str, content: bytes) -> set[str]:
    return {one.form for one in found_in(content, needles(Secret("s", secret)), "here")}


@given(SECRETS, st.binary(), st.binary())
def test_base64_of_a_longer_text_is_found_wherever_it_begins(
    secret: str, before: bytes, after: bytes
) -> None:
    whole = before + secret.encode() + after

    assert "base64" in forms(secret, base64.b64encode(whole))
    assert "base64" in forms(secret, base64.urlsafe_b64encode(whole))


@given(SECRETS, st.binary(), st.binary())
def test_other_forms_are_found_within_others(secret: str, before: bytes, after: bytes) -> None:
    written = [secret.encode(), quote(secret, safe="").encode(), quote_plus(secret).encode()]
    written += [json.dumps(secret)[1:-1].encode(), secret.encode().hex().encode()]

    assert all(forms(secret, before + one + after) for one in written)


def test_a_part_of_a_key_is_found_and_what_all_keys_begin_with_is_not() -> None:
    assert forms(KEY, b"..." + b"b" * 64 + b"...") == {"plain", "base64"} - {"base64"}
    assert forms(KEY, b"a" * 64) == set()


def test_a_short_secret_is_not_looked_for() -> None:
    assert needles(Secret("s", "short")) == []
    assert needles(Secret("s", "")) == []


def test_nothing_that_is_found_shows_the_secret() -> None:
    (found,) = found_in(b"x correct horse", needles(Secret("s", "correct horse")), "here")

    assert found == Exposure("here", "s", "plain")
    assert "correct horse" not in repr([needles(Secret("s", "correct horse")), found])
