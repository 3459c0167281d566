"""The signing key file: made once, its owner's alone, refused where it is no such key."""

from pathlib import Path

import pytest

from windlass.credentials.signing import SigningKey, is_signed, key_id
from windlass.domain.errors import Invalid


@pytest.fixture
def key(room: Path) -> SigningKey:
    return SigningKey(room / "release-key")


def test_a_signature_is_good_for_its_message_and_purpose_only(key: SigningKey) -> None:
    signature = key.sign("release", b"content")

    assert is_signed(key.public, "release", b"content", signature)
    assert not is_signed(key.public, "head", b"content", signature)
    assert not is_signed(key.public, "release", b"Content", signature)
    assert not is_signed(key.public, "release", b"content", signature[:-1] + b"\0")
    assert not is_signed(b"short", "release", b"content", signature)


def test_the_key_is_made_once_and_only_its_owner_reads_it(room: Path) -> None:
    first = SigningKey(room / "key").public

    assert SigningKey(room / "key").public == first
    assert (room / "key").stat().st_mode & 0o7777 == 0o600
    assert [path.name for path in room.iterdir()] == ["key"]


def test_two_keys_have_two_names(room: Path) -> None:
    one, two = SigningKey(room / "one").public, SigningKey(room / "two").public

    assert len({key_id(one), key_id(two)}) == 2
    assert len(key_id(one)) == 16


@pytest.mark.parametrize("content", [b"", b"not a key\n", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_file_that_holds_no_key_is_refused_and_kept(room: Path, content: bytes) -> None:
    (room / "key").write_bytes(content)

    with pytest.raises(Invalid) as refused:
        SigningKey(room / "key").sign("release", b"")

    assert refused.value.code == "CRED010"
    assert (room / "key").read_bytes() == content


def test_a_key_of_another_kind_is_refused(room: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    (room / "key").write_bytes(pem)

    with pytest.raises(Invalid) as refused:
        SigningKey(room / "key").public  # noqa: B018  # reading it is the test

    assert refused.value.message.endswith("it is no Ed25519 key")
