"""HashiCorp Vault, and OpenBao: key/value secrets engine, version 2.

developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 ("Read secret version"), auth/approle ("Login
with AppRole"). Two calls, so they are made by our own judged client instead of hvac (0026).
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from windlass.credentials.asking import Asker
from windlass.credentials.files import secret_of
from windlass.credentials.vaults import missing, refused, unreadable
from windlass.domain.errors import Unavailable

_FORM = "MOUNT/PATH#FIELD, such as secret/team/git#token"


class HashicorpVault:
    """Reads `MOUNT/PATH#FIELD`, as a token or as an AppRole. Files are read at each use, so that
    whoever renews them need not tell us."""

    def __init__(
        self,
        asker: Asker,
        url: str,
        *,
        token_file: Path | None = None,
        role_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asker = asker
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._role_file = role_file
        self._clock = clock
        self._token, self._until = "", 0.0
        self._lock = threading.Lock()

    def read(self, reference: str) -> str:
        path, hash_mark, name = reference.partition("#")
        mount, _, rest = path.strip("/").partition("/")
        if not (mount and rest and hash_mark and name):
            raise unreadable(reference, _FORM)
        place = f"{self._url}/v1/{quote(mount)}/data/{quote(rest)}"
        answer = self._asker.ask("GET", place, headers={"X-Vault-Token": self._login()})
        if answer.status_code == 403:
            self._until = 0.0  # a role's token may have been revoked
            raise refused(self._url, "it answers 403")
        if not answer.is_success:
            raise missing(self._url, reference)
        try:
            return str(answer.json()["data"]["data"][name])
        except (ValueError, KeyError, TypeError):
            raise missing(self._url, reference) from None

    def _login(self) -> str:
        if self._role_file is None:
            return secret_of(self._token_file, "WINDLASS_VAULT_TOKEN_FILE")
        with self._lock:
            if self._clock() >= self._until:
                self._token, life_s = self._as_role(self._role_file)
                self._until = self._clock() + life_s * 0.75
            return self._token

    def _as_role(self, file: Path) -> tuple[str, float]:
        role, _, secret = secret_of(file, "WINDLASS_VAULT_ROLE_FILE").partition(":")
        place = f"{self._url}/v1/auth/approle/login"
        body = {"role_id": role, "secret_id": secret}
        answer = self._asker.ask("POST", place, headers={}, body=body)
        if not answer.is_success:
            raise refused(self._url, f"it does not take the role ({answer.status_code})")
        try:
            told = answer.json()["auth"]
            return str(told["client_token"]), float(told["lease_duration"])
        except (ValueError, KeyError, TypeError):
            raise Unavailable("CRED036", f"{self._url} gives no answer of Vault's") from None
