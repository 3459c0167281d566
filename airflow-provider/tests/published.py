"""A store on disk as Windlass writes it."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

STORAGE = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH"
"""The setting that says where Airflow keeps what is local to bundles, as a variable."""


class Publisher:
    """Writes what the contract says Windlass writes; the pointer by rename, trees 0444/0755."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bundles = root / "environments/default/bundles"
        self.bundles.mkdir(parents=True)
        self.describe({"format": 1, "environments": {"default": "0b5e"}})

    def describe(self, description: object) -> None:
        (self.root / "store.json").write_text(json.dumps(description))

    def tree(self, release: str) -> Path:
        return self.root / "releases" / release / "tree"

    def release(self, release: str, files: dict[str, str] | None = None) -> None:
        self.tree(release).mkdir(parents=True)
        for name, text in (files or {}).items() | {("release.txt", release)}:
            (self.tree(release) / name).write_text(text)
            (self.tree(release) / name).chmod(0o444)

    def bind(self, bundle: str, release: str | None) -> None:
        self.point(bundle, json.dumps({"format": 1, "release": release}))

    def point(self, bundle: str, text: str) -> None:
        aside = self.bundles / f".{bundle}"
        aside.write_text(text)
        aside.replace(self.bundles / bundle)

    def publish(self, bundle: str, release: str, files: dict[str, str] | None = None) -> None:
        self.release(release, files)
        self.bind(bundle, release)


class SignedPublisher(Publisher):
    """As Publisher, and every release has a manifest and a signed statement."""

    def __init__(self, root: Path, key: Ed25519PrivateKey | None = None) -> None:
        self.key = key or Ed25519PrivateKey.generate()
        self.said: dict[str, Any] = {}
        """What statements say beside what they say anyway."""
        super().__init__(root)
        self.describe(
            {"format": 1, "environments": {"default": "0b5e"}, "keys": [key_text(self.key)]}
        )

    @property
    def public_key(self) -> str:
        return key_text(self.key)

    def release(self, release: str, files: dict[str, str] | None = None) -> None:
        super().release(release, files)
        folder = self.root / "releases" / release
        root = write_manifest(folder)
        self.state(folder, {"release": release, "manifest": hashlib.sha256(root).hexdigest()})

    def state(self, folder: Path, said: dict[str, Any]) -> None:
        """Write the statement of a release and its signature."""
        statement = json.dumps({**STATEMENT, **self.said, **said}).encode()
        signature = self.key.sign(b"DSSEv1 16 windlass.release %d " % len(statement) + statement)
        row = {"key": "0", "signature": base64.b64encode(signature).decode()}
        (folder / "release.json").write_bytes(statement)
        (folder / "release.sig").write_text(json.dumps({"format": 1, "signatures": [row]}))


STATEMENT = {
    "format": 1,
    "environment": "default",
    "environment_id": "0b5e",
    "bundle": "orders",
    "namespace": "company",
    "repository": "dags",
    "revision": "3f9c2d1",
    "content_of": None,
    "artifact": "aa",
    "verdict": "cc",
    "validated": True,
    "new_dags": "keep",
    "tags": ["ns:company", "repo:dags"],
    "dag_id_prefix": None,
    "pool": None,
    "created_at": "2026-11-21T00:00:00+00:00",
}


def key_text(key: Ed25519PrivateKey) -> str:
    return "ed25519:" + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def write_manifest(folder: Path, per_chunk: int = 2) -> bytes:
    """Write the manifest of a tree, in chunks of so many files; the bytes of its root."""
    tree = folder / "tree"
    rows = [
        {
            "path": str(path.relative_to(tree)),
            "mode": f"{path.stat().st_mode & 0o777:04o}",
            "digest": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size_bytes": path.stat().st_size,
            "dag_ids": re.findall(r'DAG\("([^"]+)"', path.read_text()),
            "builds_ids": "builds ids" in path.read_text(),
        }
        for path in sorted(tree.rglob("*"), key=lambda p: str(p.relative_to(tree)))
        if path.is_file()
    ]
    chunks = []
    (folder / "chunks").mkdir()
    for at in range(0, len(rows), per_chunk):
        run = rows[at : at + per_chunk]
        content = gzip.compress(json.dumps({"files": run}).encode())
        digest = hashlib.sha256(content).hexdigest()
        (folder / f"chunks/{digest}.json.gz").write_bytes(content)
        chunks.append({"digest": digest, "first": run[0]["path"], "files": len(run)})
    sizes = sum(int(str(row["size_bytes"])) for row in rows)
    root = {"format": 2, "digest": "aa", "files": len(rows), "size_bytes": sizes, "chunks": chunks}
    packed = gzip.compress(json.dumps(root).encode())
    (folder / "manifest.json.gz").write_bytes(packed)
    return packed
