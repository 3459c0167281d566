"""Stores of secrets to test against: moto for AWS, and for the others servers that answer as their
public documentation says (each class names the page)."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import SSLContext
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from windlass.credentials.asking import Asker
from windlass.credentials.aws import AwsSecrets
from windlass.credentials.azure import AzureKeyVault
from windlass.credentials.hashicorp import HashicorpVault
from windlass.credentials.onepassword import OnePassword
from windlass.credentials.vaults import Vault, missing, refused, unreadable
from windlass.domain.errors import Unavailable
from windlass.entrypoints.demo.certificates import LocalAuthority
from windlass.network.authorities import read_authorities
from windlass.network.proxies import Network

LOOPBACK = Asker(allowed=("127.0.0.1",))


@dataclass
class Ground:
    """A store with a way to fill it. `reference` says what it calls a secret that `put` was given,
    `bad` is no reference of it; `lock` makes it refuse us, `stop` makes it be away."""

    vault: Vault
    put: Callable[[str, str], None]
    reference: Callable[[str], str]
    bad: str
    lock: Callable[[], None]
    stop: Callable[[], None]


@dataclass
class Fake:
    """A store in memory."""

    secrets: dict[str, str] = field(default_factory=dict)
    state: str = "open"

    def read(self, reference: str) -> str:
        if self.state == "away":
            raise Unavailable("CRED036", "it is away")
        if self.state == "locked":
            raise refused("fake", "it is locked")
        if not reference:
            raise unreadable(reference, "a name")
        if reference not in self.secrets:
            raise missing("fake", reference)
        return self.secrets[reference]


@contextmanager
def fake(room: Path) -> Iterator[Ground]:
    store = Fake()
    yield Ground(
        store,
        store.secrets.__setitem__,
        lambda name: name,
        "",
        lambda: setattr(store, "state", "locked"),
        lambda: setattr(store, "state", "away"),
    )


class _Handler(BaseHTTPRequestHandler):
    secrets: ClassVar[dict[str, str]]
    locked: ClassVar[bool] = False

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, told, headers = self.answer(json.loads(body) if body else None)
        content = json.dumps(told).encode()
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(content)

    def answer(self, body: Any) -> tuple[int, Any, dict[str, str]]:
        raise NotImplementedError

    def log_message(self, *_: object) -> None:
        pass


class _Hashicorp(_Handler):
    """developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2, "Read secret version": the answer has
    `data.data` and `data.metadata`; 404 for nothing there, 403 for a token that may not. And
    api-docs/auth/approle, "Login with AppRole"."""

    def answer(self, body: Any) -> tuple[int, Any, dict[str, str]]:
        if self.path == "/v1/auth/approle/login":
            if body != {"role_id": "role", "secret_id": "s3cret-id"}:
                return 400, {"errors": ["invalid role or secret ID"]}, {}
            auth = {"client_token": "hvs.good", "lease_duration": 3600, "renewable": True}
            return 200, {"auth": auth}, {}
        if self.locked or self.headers["X-Vault-Token"] != "hvs.good":
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}, {}
        name = unquote(self.path).removeprefix("/v1/secret/data/team/")
        if name not in self.secrets:
            return 404, {"errors": []}, {}
        metadata = {"version": 1, "destroyed": False, "deletion_time": ""}
        data = {"data": {"token": self.secrets[name]}, "metadata": metadata}
        return 200, {"data": data, "lease_id": "", "renewable": False}, {}


class _Connect(_Handler):
    """developer.1password.com/docs/connect/api-reference: lists are arrays of objects with `id` and
    `name` or `title`, an item has `fields` with `id`, `label`, `purpose` and `value`; errors have
    `status` and `message`."""

    vault = "abcdefghijklmnopqrstuvwxy0"

    def answer(self, body: Any) -> tuple[int, Any, dict[str, str]]:
        if self.locked or self.headers["Authorization"] != "Bearer eyJ-connect":
            return 401, {"status": 401, "message": "Invalid token signature"}, {}
        parts = urlsplit(self.path)
        wanted = parse_qs(parts.query).get("filter", [""])[0].partition(" eq ")[2].strip('"')
        titles = sorted(self.secrets)
        ids = {title: f"{number:0>26}" for number, title in enumerate(titles, 1)}
        if parts.path == "/v1/vaults":
            return 200, [{"id": self.vault, "name": "Deploy"}][: wanted == "Deploy"], {}
        items = f"/v1/vaults/{self.vault}/items"
        if parts.path == items:
            return 200, [{"id": ids[t], "title": t} for t in titles if t == wanted], {}
        for title, item in ids.items():
            if parts.path == f"{items}/{item}":
                fields = [
                    {"id": "username", "label": "username", "purpose": "USERNAME", "value": "ci"},
                    {
                        "id": "password",
                        "label": "password",
                        "purpose": "PASSWORD",
                        "value": self.secrets[title],
                    },
                ]
                return 200, {"id": item, "title": title, "fields": fields}, {}
        return 404, {"status": 404, "message": "Item not found"}, {}


class _KeyVault(_Handler):
    """learn.microsoft.com/rest/api/keyvault/secrets/get-secret, and "Authentication, requests and
    responses": a request without a token is answered with a challenge."""

    def answer(self, body: Any) -> tuple[int, Any, dict[str, str]]:
        url = f"https://{self.headers['Host']}"
        if self.headers["Authorization"] != "Bearer good":
            challenge = f'Bearer authorization="{url}/tenant", resource="https://vault.azure.net"'
            error = {"code": "Unauthorized", "message": "AKV10000: no bearer token"}
            return 401, {"error": error}, {"WWW-Authenticate": challenge}
        if self.locked:
            return 403, {"error": {"code": "Forbidden", "message": "no permission"}}, {}
        name = urlsplit(self.path).path.removeprefix("/secrets/").strip("/").partition("/")[0]
        if name not in self.secrets:
            return 404, {"error": {"code": "SecretNotFound", "message": "no such secret"}}, {}
        told = {"value": self.secrets[name], "id": f"{url}/secrets/{name}/0", "attributes": {}}
        return 200, told, {}


class _Identity:
    def get_token(self, *_: Any, **__: Any) -> Any:
        from azure.core.credentials import AccessToken

        return AccessToken("good", 2**31)


@contextmanager
def served(
    kind: type[_Handler], tls: SSLContext | None = None
) -> Iterator[tuple[str, Any, Callable[[], None]]]:
    own: Any = type("Own", (kind,), {"secrets": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), own)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    scheme = "https" if tls else "http"
    yield f"{scheme}://127.0.0.1:{server.server_port}", own, stop
    stop()
    thread.join()


def file_with(room: Path, text: str) -> Path:
    file = room / "login"
    file.write_text(text + "\n")
    return file


@contextmanager
def hashicorp(room: Path) -> Iterator[Ground]:
    with served(_Hashicorp) as (url, own, stop):
        token = file_with(room, "hvs.good")
        yield Ground(
            HashicorpVault(LOOPBACK, url, token_file=token),
            own.secrets.__setitem__,
            lambda name: f"secret/team/{name}#token",
            "secret/team/git",
            lambda: setattr(own, "locked", True),
            stop,
        )


@contextmanager
def approle(room: Path) -> Iterator[Ground]:
    with hashicorp(room) as ground:
        vault: Any = ground.vault
        role = file_with(room, "role:s3cret-id")
        ground.vault = HashicorpVault(LOOPBACK, vault._url, role_file=role)
        yield ground


@contextmanager
def onepassword(room: Path) -> Iterator[Ground]:
    with served(_Connect) as (url, own, stop):
        token = file_with(room, "eyJ-connect")
        yield Ground(
            OnePassword(LOOPBACK, url, token),
            own.secrets.__setitem__,
            lambda name: f"op://Deploy/{name}/password",
            "git",
            lambda: setattr(own, "locked", True),
            stop,
        )


@contextmanager
def azure(room: Path) -> Iterator[Ground]:
    authority = LocalAuthority(room / "authority")
    network = Network(authorities=read_authorities(authority.file))
    with served(_KeyVault, authority.server_context()) as (url, own, stop):
        options = {"verify_challenge_resource": False, "retry_total": 0}
        yield Ground(
            AzureKeyVault(network, url, _Identity(), **options),
            own.secrets.__setitem__,
            lambda name: name,
            "no_name",
            lambda: setattr(own, "locked", True),
            stop,
        )


@contextmanager
def aws(room: Path) -> Iterator[Ground]:
    import boto3  # type: ignore[import-untyped]
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url, region = f"http://{host}:{port}", "eu-central-1"
    httpx.post(f"{url}/moto-api/reset", trust_env=False)  # it remembers for the whole process
    client = boto3.client("secretsmanager", region_name=region, endpoint_url=url)
    vault = AwsSecrets(Network(), region, url)

    def lock() -> None:
        """moto judges no policies by itself; it says this where AWS would."""
        from botocore.exceptions import ClientError  # type: ignore[import-untyped]

        def denied(**_: Any) -> Any:
            error = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
            raise ClientError(error, "GetSecretValue")

        vault._client.get_secret_value = denied

    def put(name: str, secret: str) -> None:
        client.create_secret(Name=name, SecretString=json.dumps({"token": secret}))

    yield Ground(vault, put, lambda name: f"{name}#token", "#token", lock, server.stop)
    server.stop()
