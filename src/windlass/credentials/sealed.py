"""Secrets in a file that leaves the machine: encrypted with a passphrase."""

import base64
import json
import os

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from windlass.domain.errors import Invalid

_COST = 2**15
"""32 MB and about 0.1 s for each guess (RFC 7914, section 2)."""


def seal(passphrase: str, files: dict[str, bytes]) -> bytes:
    """Names and contents, readable only with the passphrase."""
    salt = os.urandom(16)
    told = {name: base64.b64encode(content).decode() for name, content in files.items()}
    token = _cipher(passphrase, salt, _COST).encrypt(json.dumps(told).encode())
    return json.dumps(
        {"kdf": "scrypt", "n": _COST, "r": 8, "p": 1, "salt": salt.hex(), "token": token.decode()}
    ).encode()


def unseal(passphrase: str, sealed: bytes) -> dict[str, bytes]:
    """What was sealed; Invalid CRED011 where the passphrase is another."""
    try:
        found = json.loads(sealed)
        cipher = _cipher(passphrase, bytes.fromhex(found["salt"]), min(int(found["n"]), 2**20))
        told = json.loads(cipher.decrypt(found["token"].encode()))
        return {name: base64.b64decode(content) for name, content in told.items()}
    except (InvalidToken, ValueError, KeyError, TypeError) as error:
        raise Invalid(
            "CRED011",
            "the keys in this backup do not open with this passphrase",
            "Give the file with the passphrase that was in use when the backup was made.",
        ) from error


def _cipher(passphrase: str, salt: bytes, cost: int) -> Fernet:
    key = Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(passphrase.encode())
    return Fernet(base64.urlsafe_b64encode(key))
