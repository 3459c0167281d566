"""Who is believed: the right secret over just these bytes, and nobody else."""

import base64
import hashlib
import hmac
import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calls import SECRET, call, proof_headers
from windlass.domain.delivery import ForgeKind, Proof
from windlass.forges import proof
from windlass.forges.verify import FORGES, RawCall, VerifiedDelivery, verify

BODY = b'{"ref": "refs/heads/main"}'
SIGNING = [kind for kind in ForgeKind if FORGES[kind].SETUP.proof is Proof.SIGNATURE]
TOKENS = [kind for kind in ForgeKind if FORGES[kind].SETUP.proof is Proof.TOKEN]


@pytest.mark.parametrize("kind", ForgeKind)
def test_who_knows_the_secret_is_believed_and_it_is_said_how(kind: ForgeKind) -> None:
    verified = verify(call(kind, BODY), [SECRET])

    assert verified is not None
    assert verified.proof is FORGES[kind].SETUP.proof


@pytest.mark.parametrize("kind", ForgeKind)
def test_who_knows_another_secret_or_none_is_not_believed(kind: ForgeKind) -> None:
    other = call(kind, BODY, secret="of another repository")
    silent = RawCall(kind, {}, BODY)

    assert [verify(one, [SECRET]) for one in (other, silent)] == [None, None]
    assert verify(call(kind, BODY, secret=""), [""]) is None


@pytest.mark.parametrize("kind", ForgeKind)
def test_several_secrets_are_valid_at_a_time(kind: ForgeKind) -> None:
    assert verify(call(kind, BODY), ["the new one, after rotation", SECRET]) is not None


@pytest.mark.parametrize("kind", SIGNING)
@settings(max_examples=25, deadline=None)
@given(place=st.integers(0, len(BODY) - 1), byte=st.integers(1, 255))
def test_an_altered_byte_is_not_believed(kind: ForgeKind, place: int, byte: int) -> None:
    altered = bytearray(BODY)
    altered[place] ^= byte
    raw = RawCall(kind, proof_headers(kind, BODY), bytes(altered))

    assert verify(raw, [SECRET]) is None


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        (ForgeKind.GITHUB, {"x-hub-signature": "sha1={sha1}"}),
        (ForgeKind.GITHUB, {"x-hub-signature-256": "sha1={sha1}"}),
        (ForgeKind.GITHUB, {"x-hub-signature-256": "{sha256}"}),
        (ForgeKind.BITBUCKET, {"x-hub-signature": "sha1={sha1}"}),
        (ForgeKind.GITEA, {"x-gitea-signature": "sha256={sha256}"}),
        (ForgeKind.GITEA, {"x-hub-signature": "sha1={sha1}"}),
        (ForgeKind.GENERIC, {"x-windlass-signature": "{sha256}"}),
        (ForgeKind.AZURE_DEVOPS, {"authorization": "Bearer " + SECRET}),
        (ForgeKind.AZURE_DEVOPS, {"authorization": "Basic !!!"}),
        (ForgeKind.GITLAB, {"x-gitlab-token": SECRET + " "}),
        (ForgeKind.GITLAB, {"x-gitlab-token": "\u20ac"}),
    ],
)
def test_another_algorithm_or_form_is_not_believed(
    kind: ForgeKind, headers: dict[str, str]
) -> None:
    digests = {
        name: hmac.new(SECRET.encode(), BODY, name).hexdigest() for name in ("sha1", "sha256")
    }
    shown = {name: value.format(**digests) for name, value in headers.items()}

    assert verify(RawCall(kind, shown, BODY), [SECRET]) is None


@pytest.mark.parametrize("kind", [ForgeKind.AZURE_DEVOPS, ForgeKind.GENERIC])
def test_a_header_of_ones_own_may_hold_the_secret(kind: ForgeKind) -> None:
    verified = verify(RawCall(kind, {"x-windlass-token": SECRET}, BODY), [SECRET])

    assert verified is not None
    assert verified.proof is Proof.TOKEN


@pytest.mark.parametrize("key", [b"an ordinary secret", b"\x00binary\xff"])
def test_the_signing_token_of_newer_gitlabs_signs(key: bytes) -> None:
    signed = b"id-1.1789000000." + BODY
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    headers = {
        "webhook-id": "id-1",
        "webhook-timestamp": "1789000000",
        "webhook-signature": f"v1,AAAA v1,{digest}",
    }
    secret = "whsec_" + base64.b64encode(key).decode()
    verified = verify(RawCall(ForgeKind.GITLAB, headers, BODY), [secret])

    assert verified is not None
    assert verified.proof is Proof.SIGNATURE
    altered = {**headers, "webhook-timestamp": "1789000001"}
    assert verify(RawCall(ForgeKind.GITLAB, altered, BODY), [secret]) is None


@settings(max_examples=50, deadline=None)
@given(
    kind=st.sampled_from(list(ForgeKind)),
    shown=st.text(alphabet=st.characters(max_codepoint=0xFF)),
    name=st.sampled_from(
        ["authorization", "x-hub-signature", "x-hub-signature-256", "x-gitlab-token",
         "x-gitea-signature", "x-gogs-signature", "x-windlass-token", "webhook-signature"]
    ),
)  # fmt: skip
def test_no_header_is_believed_by_chance_or_raises(kind: ForgeKind, shown: str, name: str) -> None:
    headers = {name: shown, "webhook-id": shown, "webhook-timestamp": shown}

    assert verify(RawCall(kind, headers, BODY), [SECRET]) is None


def test_a_verified_delivery_is_made_by_verification_alone() -> None:
    with pytest.raises(TypeError, match=r"made by forges\.verify\.verify alone"):
        VerifiedDelivery(call(ForgeKind.GITHUB, BODY), Proof.SIGNATURE, made_by=None)


def test_secrets_are_compared_in_constant_time() -> None:
    source = inspect.getsource(proof)

    assert "compare_digest" in source
    assert "==" not in source
