"""Ed25519 keys that sign what Windlass vouches for: the heads of the audit, releases.

A key lies in a file of its own, outside the database. Who has only the database cannot sign.
"""

from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from windlass.credentials.keyfile import make_once
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import Invalid


class SigningKey:
    """The private key of a PEM file (PKCS #8), which is made, mode 0600, when it is first needed.

    Every use raises Invalid CRED010 where the file cannot be read, or holds no Ed25519 key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes (RFC 8032)."""
        return self._key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, purpose: str, message: bytes) -> bytes:
        """A signature, 64 bytes, of `message` for this purpose and no other."""
        return self._key().sign(_encoded(purpose, message))

    def _key(self) -> Ed25519PrivateKey:
        try:
            if not self._path.exists():
                make_once(self._path, _new_key())
            key = load_pem_private_key(self._path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise self._unusable(type(error).__name__) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise self._unusable("it is no Ed25519 key")
        return key

    def _unusable(self, why: str) -> Invalid:
        return Invalid(
            "CRED010",
            f"the signing key {self._path} cannot be used: {why}",
            "Restore it from a backup, or delete it: a new one is made, and what the old one "
            "signed can be verified with its public half only.",
        )


def is_signed(public: bytes, purpose: str, message: bytes, signature: bytes) -> bool:
    """Whether the owner of this public key signed `message` for this purpose."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _encoded(purpose, message))
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id(public: bytes) -> str:
    """A short name of a public key: 16 hex digits of its SHA-256."""
    return digest_bytes(public)[:16]


def _encoded(purpose: str, message: bytes) -> bytes:
    """What is signed: message and purpose, so that a signature is good for one purpose only.

    The pre-authentication encoding of DSSE 1.0 (github.com/secure-systems-lab/dsse, protocol.md).

    >>> _encoded("head", b"abc")
    b'DSSEv1 4 head 3 abc'
    """
    kind = purpose.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(message), message)


def _new_key() -> bytes:
    form = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    return Ed25519PrivateKey.generate().private_bytes(*form)
