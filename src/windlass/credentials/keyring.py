"""The keys that encrypt secrets in the database: Fernet, in a file that only we can read."""

import contextlib
import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from windlass.domain.errors import Invalid


class Keyring:
    """Encrypts with the first key of the file, decrypts with any; one key to a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def encrypt(self, secret: str) -> bytes:
        return self._ring(create=True).encrypt(secret.encode())

    def decrypt(self, ciphertext: bytes) -> str:
        """The secret; Invalid CRED001 where no key of the file opens it."""
        try:
            return self._ring(create=False).decrypt(ciphertext).decode()
        except InvalidToken:
            raise Invalid(
                "CRED001",
                f"no key in {self._path} opens this credential",
                "Restore the file that was in use when the credential was stored.",
            ) from None

    def _ring(self, *, create: bool) -> MultiFernet:
        try:
            if create and not self._path.exists():
                self._create()
            keys = self._path.read_text("ascii").split()
            return MultiFernet([Fernet(key) for key in keys])
        except (OSError, ValueError) as error:
            raise Invalid(
                "CRED002",
                f"the key file {self._path} cannot be used: {type(error).__name__}",
                "Restore it, or set WINDLASS_SECRET_KEY_FILE to where it is.",
            ) from error

    def _create(self) -> None:
        """Made aside, mode 0600, and linked into place: of any that race, one key wins."""
        with tempfile.NamedTemporaryFile(
            dir=self._path.parent, prefix=f".{self._path.name}."
        ) as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(file.name, self._path)
