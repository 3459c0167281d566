"""An origin over HTTP for a store on disk, as docs/contract/origin.md says Windlass serves one."""

import gzip
import io
import json
import tarfile
import threading
from collections.abc import Callable
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from published import SignedPublisher

Members = list[tuple[str, bytes]]


class Origin:
    """Serves one store. `asked` has every path that was asked for; `twist` may change members."""

    def __init__(self, store: SignedPublisher, token: str) -> None:
        self.store = store
        self.token = token
        self.asked: list[str] = []
        self.twist: Callable[[Members], Members] = lambda members: members
        self.pack: Callable[[Members], bytes] = packed
        self.status = 200
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                origin.asked.append(self.path)
                status, headers, content = origin.answer(self.path, dict(self.headers))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 403, {}, b"{}"
        if self.status != 200:
            return self.status, {}, b"{}"
        parts = urlsplit(path)
        name = parts.path.removeprefix("/origin/v1/")
        if not name.startswith("releases/"):
            content = json.dumps(self.index()).encode()
            tag = f'"{sha256(content).hexdigest()}"'
            same = headers.get("If-None-Match") == tag
            return (304 if same else 200), {"ETag": tag}, b"" if same else content
        folder = self.store.root / name.removesuffix(".tar.gz")
        base = parse_qs(parts.query).get("base")
        known = self.store.root / "releases" / base[0] if base else None
        return 200, {}, self.pack(self.twist(members(folder, known)))

    def index(self) -> dict[str, Any]:
        described = json.loads((self.store.root / "store.json").read_text())
        return {
            "format": 1,
            "environment": "default",
            "environment_id": described["environments"]["default"],
            "keys": described["keys"],
            "bundles": {
                path.name: json.loads(path.read_text())["release"]
                for path in self.store.bundles.iterdir()
                if not path.name.startswith(".")
            },
        }


def members(folder: Path, base: Path | None) -> Members:
    names = ["release.json", "release.sig", "manifest.json.gz"]
    names += sorted(f"chunks/{path.name}" for path in (folder / "chunks").iterdir())
    found = [(name, (folder / name).read_bytes()) for name in names]
    known = contents(base) if base else {}
    again = [
        path
        for path, content in contents(folder).items()
        if base
        and known.get(path) == content
        and (folder / "tree" / path).stat().st_mtime_ns != (base / "tree" / path).stat().st_mtime_ns
    ]
    found.append(("fresh.json", json.dumps(again).encode()))
    has = {sha256(content).hexdigest() for content in known.values()}
    for content in contents(folder).values():
        digest = sha256(content).hexdigest()
        if digest not in has:
            has.add(digest)
            found.append((f"files/{digest}", content))
    return found


def contents(folder: Path) -> dict[str, bytes]:
    tree = folder / "tree"
    return {
        str(path.relative_to(tree)): path.read_bytes()
        for path in sorted(tree.rglob("*"))
        if path.is_file()
    }


def packed(found: Members) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in found:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(raw.getvalue())
