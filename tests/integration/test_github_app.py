"""GitHub Apps: tokens asked for by the app's key, kept, and renewed before they end. What answers
follows docs.github.com, "REST API endpoints for GitHub Apps" (installation, access_tokens)."""

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.integration.conftest import Origin, register, run_sync, status_of
from windlass.credentials.asking import Asker
from windlass.credentials.github_app import App, Installations
from windlass.domain.errors import Invalid, Unavailable
from windlass.domain.login import AppLogin
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.entrypoints.demo.gitserver import GitHttpServer

KEY = generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
LOOPBACK = Asker(allowed=("127.0.0.1",))


class _GitHub(BaseHTTPRequestHandler):
    """One app, `7`, with one installation, `42`, for `team/dags`."""

    asked: ClassVar[list[str]] = []
    life: ClassVar[timedelta] = timedelta(hours=1)
    on_token: ClassVar[Any] = staticmethod(lambda token: None)
    away: ClassVar[bool] = False

    def do_GET(self) -> None:
        self._answer({"/api/v3/repos/team/dags/installation": {"id": 42}})

    def do_POST(self) -> None:
        self._answer({"/api/v3/app/installations/42/access_tokens": {}})

    def _answer(self, known: dict[str, dict[str, Any]]) -> None:
        if self.away:
            self._send(HTTPStatus.BAD_GATEWAY, {})
        elif not _is_from_app(self.headers["Authorization"]):
            self._send(
                HTTPStatus.UNAUTHORIZED, {"message": "A JSON web token could not be decoded"}
            )
        elif self.path not in known:
            self._send(HTTPStatus.NOT_FOUND, {"message": "Not Found"})
        else:
            self.asked.append(self.path)
            told = known[self.path] or self._token()
            self._send(HTTPStatus.CREATED, told)

    def _token(self) -> dict[str, Any]:
        token = f"ghs_{len(self.asked)}"
        self.on_token(token)
        ends = datetime.now(UTC) + self.life
        return {"token": token, "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _send(self, status: HTTPStatus, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response_only(status)
        self.send_header("Date", format_datetime(datetime.now(UTC), usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _is_from_app(authorization: str) -> bool:
    head, claims, signature = authorization.removeprefix("Bearer ").split(".")
    try:
        KEY.public_key().verify(
            _bytes(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256()
        )
    except InvalidSignature:
        return False
    told = json.loads(_bytes(claims))
    now = datetime.now(UTC).timestamp()
    return bool(told["iss"] == "7" and told["iat"] < now < told["exp"] <= told["iat"] + 600)


def _bytes(word: str) -> bytes:
    return base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))


@pytest.fixture
def github() -> Iterator[Any]:
    kind: Any = type("_Own", (_GitHub,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        kind.url = f"http://127.0.0.1:{server.server_port}/api/v3"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield kind
        server.shutdown()
        thread.join()


def app_at(github: Any, **changes: str) -> App:
    return App(**{"app_id": "7", "api_url": github.url, "private_key": PEM, **changes})


def test_a_token_is_asked_for_once_and_renewed_before_it_ends(github: Any) -> None:
    now = iter([0, 0, 3200, 3400, 3400])
    apps = Installations(LOOPBACK, clock=lambda: next(now))

    tokens = [apps.token(app_at(github), "42") for _ in range(4)]

    assert tokens == ["ghs_1", "ghs_1", "ghs_1", "ghs_2"]


def test_a_token_that_was_refused_is_asked_for_anew(github: Any) -> None:
    apps = Installations(LOOPBACK)
    first = apps.token(app_at(github), "42")

    assert apps.token(app_at(github), "42", refused=first) == "ghs_2"
    assert apps.token(app_at(github), "42") == "ghs_2"


def test_threads_that_want_a_token_ask_for_it_once(github: Any) -> None:
    apps = Installations(LOOPBACK)
    threads = [threading.Thread(target=apps.token, args=(app_at(github), "42")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(github.asked) == 1


def test_what_is_wrong_with_an_app_is_told_apart(github: Any) -> None:
    apps = Installations(LOOPBACK)
    other = generate_private_key(65537, 2048)
    stranger = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def code(call: Any) -> str:
        with pytest.raises((Invalid, Unavailable)) as refused:
            call()
        return refused.value.code

    codes = [
        code(lambda: apps.token(app_at(github, private_key=stranger), "42")),
        code(lambda: apps.token(app_at(github, private_key="no key"), "42")),
        code(lambda: apps.token(app_at(github), "43")),
        code(lambda: apps.installation_of(app_at(github), "/team/other.git")),
        code(lambda: Installations().token(app_at(github), "42")),
    ]
    github.away = True
    codes.append(code(lambda: apps.token(app_at(github), "42")))

    assert codes == ["CRED030", "CRED004", "CRED031", "CRED031", "CRED034", "CRED036"]


def test_a_repository_is_read_as_an_app_and_a_revoked_token_replaced(
    context: Context, github: Any, git_server: GitHttpServer, origin: Origin
) -> None:
    github.on_token = staticmethod(lambda token: git_server.set_login("x-access-token", token))
    object.__setattr__(context, "apps", Installations(LOOPBACK))
    sha = origin.push("first", {"a.py": "x = 1\n"})
    login = AppLogin("7", PEM, api_url=github.url)
    given = Registration(origin.url, "default", "60s", login=login)
    repository = register(context, given)
    git_server.set_login("x-access-token", "ghs_2", HTTPStatus.UNAUTHORIZED)

    run_sync(context, repository)

    deployed = status_of(context).facts.deployed
    assert deployed is not None
    assert deployed.revision == sha
    assert github.asked[0].endswith("/repos/team/dags/installation")
