"""The keys that encrypt secrets in the database: Fernet, in a file that only we can read."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from windlass.credentials.keyfile import make_once
from windlass.domain.errors import Conflict, Invalid


class Keyring:
    """Encrypts with the first key of the file, decrypts with any; one key to a line.

    The file is read at each use, so that every process follows a rotation at once. Where keys are
    `given` the file is not looked at: they hold for as long as the process runs.
    """

    def __init__(self, path: Path, given: Sequence[str] = ()) -> None:
        self._path = path
        self._given = list(given)

    def encrypt(self, secret: str) -> bytes:
        return self._ring(create=True).encrypt(secret.encode())

    def encryptor(self) -> Callable[[str], bytes]:
        """What encrypts many secrets that are stored together: the file is read once for them."""
        ring = self._ring(create=True)
        return lambda secret: ring.encrypt(secret.encode())

    def decrypt(self, ciphertext: bytes) -> str:
        """The secret; Invalid CRED001 where no key of the file opens it."""
        try:
            return self._ring(create=False).decrypt(ciphertext).decode()
        except InvalidToken:
            raise Invalid(
                "CRED001",
                f"no key in {self._named} opens this credential",
                "Restore the one that was in use when the credential was stored.",
            ) from None

    def add_key(self) -> None:
        """Put a new key before the others: from now on it encrypts. Conflict CRED025 where the file
        cannot be written, because somebody else keeps it."""
        keys = self.keys()
        self._write([Fernet.generate_key().decode(), *keys])

    def keep(self, newest: int) -> int:
        """Forget all keys but the newest so many; how many went. Those that were given stay. Raises
        as `add_key`."""
        if self._given:
            return 0
        keys = self.keys()
        if len(keys) > newest:
            self._write(keys[:newest])
        return max(0, len(keys) - newest)

    def keys(self) -> list[str]:
        """The keys, newest first; never show them. None where no secret was ever stored."""
        return self._read(create=False) if self._given or self._path.exists() else []

    @property
    def _named(self) -> str:
        return "WINDLASS_SECRET_KEYS" if self._given else str(self._path)

    def _write(self, keys: list[str]) -> None:
        if self._given:
            raise Conflict(
                "CRED025",
                "the keys are those of WINDLASS_SECRET_KEYS, which Windlass cannot change",
                "Put a new key (32 random bytes in URL-safe base64) before the others there, and "
                "start every process again; then: windlass key rotate --no-new-key",
            )
        try:
            place = self._path.parent
            with tempfile.NamedTemporaryFile(dir=place, prefix=".keys.", delete=False) as file:
                file.write("".join(f"{key}\n" for key in keys).encode())
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(self._path)
        except OSError as error:
            raise Conflict(
                "CRED025",
                f"the key file {self._path} cannot be written: {error.strerror}",
                "Where something else keeps it, put a new key (32 random bytes in URL-safe base64) "
                "into a line before the others there; once all hosts have it: "
                "windlass key rotate --no-new-key",
            ) from error

    def _ring(self, *, create: bool) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in self._read(create=create)])

    def _read(self, *, create: bool) -> list[str]:
        try:
            if create and not self._given and not self._path.exists():
                make_once(self._path, Fernet.generate_key() + b"\n")
            keys = self._given or self._path.read_text("ascii").split()
            MultiFernet([Fernet(key) for key in keys])
        except (OSError, ValueError) as error:
            raise Invalid(
                "CRED002",
                f"the keys of {self._named} cannot be used: {type(error).__name__}",
                "Restore them, or set WINDLASS_SECRET_KEY_FILE to where they are.",
            ) from error
        return keys
