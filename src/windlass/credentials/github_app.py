"""Installation tokens of GitHub Apps: asked for with the app's private key, kept in memory, renewed
before they end. docs.github.com, "Generating an installation access token for a GitHub App".
"""

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from windlass.credentials.asking import Asker
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import Invalid, Unavailable

RENEW_BEFORE_S = 300.0
"""A token is renewed while it is good for so long, or for a quarter of its life if that is less."""
_JWT_LIFE_S = 540  # GitHub takes ten minutes at most
_HEAD = {"alg": f"RS{SHA256.digest_size * 8}", "typ": "JWT"}
_SKEW_S = 60  # as GitHub's page advises, for clocks that are ahead of its own


@dataclass(frozen=True, slots=True)
class App:
    """A GitHub App at one host: `api_url` such as https://api.github.com, without a last slash."""

    app_id: str
    api_url: str
    private_key: str = field(repr=False)


def api_of(scheme: str, host: str, port: int) -> str:
    """Where the REST API of a GitHub is, by where its repositories are.

    >>> api_of("https", "github.com", 443), api_of("https", "github.example", 8443)
    ('https://api.github.com', 'https://github.example:8443/api/v3')
    """
    if host == "github.com":
        return "https://api.github.com"
    place = host if port in (80, 443) else f"{host}:{port}"
    return f"{scheme}://{place}/api/v3"


class Installations:
    """The tokens of this process; any number of threads. One asks for each token, others wait.

    Every call raises Invalid CRED030 where the app or its key is refused, CRED031 where it is not
    installed there, and what `Asker.ask` does.
    """

    def __init__(
        self, asker: Asker | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._asker = asker or Asker()
        self._clock = clock
        self._held: dict[tuple[str, str, str, str], _Held] = {}
        self._lock = threading.Lock()

    def token(self, app: App, installation: str, *, refused: str | None = None) -> str:
        """A token of the installation that is good for some minutes; another than `refused`."""
        name = (app.api_url, app.app_id, installation, digest_bytes(app.private_key.encode()))
        with self._lock:
            held = self._held.setdefault(name, _Held())
        with held.lock:
            if not held.token or self._clock() >= held.renew_at or held.token == refused:
                held.token, good_s = self._ask_token(app, installation)
                held.renew_at = self._clock() + good_s - min(RENEW_BEFORE_S, good_s / 4)
            return held.token

    def installation_of(self, app: App, path: str) -> str:
        """The id of the installation that reads a repository, given as owner/name."""
        owner, _, name = path.strip("/").removesuffix(".git").partition("/")
        place = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}/installation"
        return str(self._asked(app, "GET", place, f"for {owner}/{name}")["id"])

    def _ask_token(self, app: App, installation: str) -> tuple[str, float]:
        place = f"/app/installations/{quote(installation, safe='')}/access_tokens"
        asked_at = datetime.now(UTC)
        told = self._asked(app, "POST", place, f"as {installation}")
        ends_at = datetime.fromisoformat(told["expires_at"])
        return str(told["token"]), (ends_at - told.get("date", asked_at)).total_seconds()

    def _asked(self, app: App, method: str, place: str, where: str) -> dict[str, Any]:
        headers = {
            "Authorization": f"Bearer {signed_claims(app, int(time.time()))}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "windlass",
        }
        answer = self._asker.ask(method, app.api_url + place, headers=headers)
        if answer.is_success:
            return _read(app, answer)
        if answer.status_code == 401:
            raise Invalid(
                "CRED030",
                f"{app.api_url} does not take the private key for the GitHub App {app.app_id}",
                "Is the key one of this app, not deleted there? Is this machine's clock right?",
            )
        raise Invalid(
            "CRED031",
            f"the GitHub App {app.app_id} is not installed {where}, or suspended there: "
            f"{app.api_url} answers {answer.status_code}",
            "Install it for the repository, with the permission Contents: read-only.",
        )


@dataclass(slots=True)
class _Held:
    token: str = field(default="", repr=False)
    renew_at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


def _read(app: App, answer: httpx.Response) -> dict[str, Any]:
    """The answer, with its own date: GitHub's clock says when a token ends, whatever ours says."""
    try:
        told = dict(answer.json())
        if "expires_at" in told and "date" in answer.headers:
            told["date"] = parsedate_to_datetime(answer.headers["date"])
    except (ValueError, TypeError):
        raise Unavailable("CRED036", f"{app.api_url} gives no answer of GitHub's") from None
    return told


def signed_claims(app: App, now_s: int) -> str:
    """Who the app is, signed by its key (RFC 7519, RS256); Invalid CRED004 for no RSA key."""
    try:
        key = load_pem_private_key(app.private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise Invalid(
            "CRED004",
            "the private key cannot be used: a GitHub App has one of RSA in PEM, and no passphrase",
            "Give the file that GitHub let you download, which ends in .private-key.pem.",
        )
    claims = {"iat": now_s - _SKEW_S, "exp": now_s + _JWT_LIFE_S, "iss": app.app_id}
    parts = [_word(json.dumps(one).encode()) for one in (_HEAD, claims)]
    signature = key.sign(".".join(parts).encode(), PKCS1v15(), SHA256())
    return ".".join([*parts, _word(signature)])


def _word(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
