"""Reads ssh private keys, and takes their passphrase off.

A key is kept without its passphrase, encrypted by the keyring like every secret: a passphrase kept
beside the key, under the same lock, would protect nothing.
"""

import base64
import hashlib
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from windlass.domain.errors import Invalid

MAX_KEY_BYTES = 32_768
_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"


class OpenedKey(NamedTuple):
    """A private key without passphrase in OpenSSH's form, and what may be shown of it: its public
    half as authorized_keys has it, and its fingerprint as `ssh-keygen -l` prints it."""

    private: str
    public: str
    fingerprint: str


def new_private_key() -> OpenedKey:
    """An Ed25519 key that was made just now."""
    form = Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    return open_private_key(Ed25519PrivateKey.generate().private_bytes(*form).decode(), None)


def open_private_key(text: str, passphrase: str | None) -> OpenedKey:
    """Read a private key in OpenSSH's or a PEM form; Invalid CRED004 says why it cannot be used."""
    if "PuTTY-User-Key-File" in text:
        raise _refused("it is in PuTTY's form", "Convert it: puttygen KEY -O private-openssh")
    if "PRIVATE KEY-----" not in text or len(text) > MAX_KEY_BYTES:
        raise _refused("it is no private key", "Give the file without .pub, such as id_ed25519.")
    load = load_ssh_private_key if text.lstrip().startswith(_OPENSSH) else load_pem_private_key
    body = (text.strip() + "\n").encode()
    try:
        try:
            key = load(body, passphrase.encode() if passphrase else None)
        except TypeError:
            if passphrase is None:
                raise
            key = load(body, None)  # it has no passphrase; the one given is not needed
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except TypeError:
        raise _refused(
            "it has a passphrase, and none was given", "Give it with --passphrase-stdin."
        ) from None
    except UnsupportedAlgorithm:
        raise _refused(
            "it is of a kind that cannot be used here", "Make one: ssh-keygen -t ed25519"
        ) from None
    except ValueError:
        wrong = "the passphrase does not open it" if passphrase else "it is damaged"
        raise _refused(wrong, "Try it: ssh-keygen -y -f KEY") from None
    digest = hashlib.sha256(base64.b64decode(public.split(b" ")[1])).digest()
    fingerprint = "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
    return OpenedKey(private.decode(), public.decode(), fingerprint)


def _refused(why: str, hint: str) -> Invalid:
    return Invalid("CRED004", f"the private key cannot be used: {why}", hint)
