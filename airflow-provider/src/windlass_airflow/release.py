"""What Windlass vouches for: reads and verifies the signed statement of a release.

Verified once for each release and process; a process that is forked later inherits it.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass_airflow.manifest import Manifest, ManifestError
from windlass_airflow.store import MAX_DOCUMENT_BYTES, BundleError, Store, bundle_error

FORMAT = 1
PURPOSE = b"windlass.release"
"""What a signature must be made for: another one by the same key is none of a release."""

MAX_ROOT_BYTES = 64 << 20
"""More than any root that Windlass writes: 50,000 files in format 1 take 4 MB."""

_KEY_KIND = "ed25519:"
_KEPT = 512
_verified: dict[tuple[Any, ...], "Release"] = {}


@dataclass(frozen=True, slots=True)
class Statement:
    """The part of a statement that is used in Airflow; docs/contract/store.md has all of it."""

    release: str
    environment: str
    environment_id: str
    bundle: str | None
    namespace: str
    repository: str
    manifest: str
    new_dags: str
    tags: tuple[str, ...]
    dag_id_prefix: str | None
    dag_id_prefixes: tuple[str, ...]
    pool: str | None


@dataclass(frozen=True, slots=True)
class Release:
    """A release that may be served. `statement` None: it was made before there were signatures."""

    statement: Statement | None
    manifest: Manifest | None


def read_keys(given: object) -> tuple[str, ...]:
    """The keys of a `public_key` kwarg: one, several, or none. Raises BUNDLE015 for what is no
    key: a pin that is mistyped must not become no pin."""
    keys = [given] if isinstance(given, str) else given
    if keys is None:
        return ()
    if not isinstance(keys, list | tuple) or not keys or not all(_public(key) for key in keys):
        raise bundle_error(
            "BUNDLE015",
            where="public_key",
            wrong=f"{str(given)[:80]!r} is no public key of Windlass",
            expected="ed25519: and 32 bytes in base64, or a list of such",
            remedy="Copy it from `windlass airflow config`.",
        )
    return tuple(keys)


def verified(store: Store, release: str, bundle: str, pinned: Sequence[str]) -> Release:
    """The release, if it may be served by this bundle of this store.

    `pinned` are the keys that it must be signed with. Where it is empty, those that the store
    itself names are used, and a release without a signature is served too. Raises BUNDLE011 to 014,
    and what `Store.describe` raises.
    """
    key = (str(store.root), store.environment, release, bundle, tuple(pinned))
    known = _verified.get(key)
    if known is None:
        known = _verify(store, release, bundle, pinned)
        while len(_verified) >= _KEPT:
            _verified.pop(next(iter(_verified)))
        _verified[key] = known
    return known


def _verify(store: Store, release: str, bundle: str, pinned: Sequence[str]) -> Release:
    folder = store.folder(release)
    described = store.describe()
    content, signatures = _read(folder / "release.json"), _read(folder / "release.sig")
    if content is None or signatures is None:
        if pinned:
            raise not_vouched("BUNDLE011", folder, "the release is not signed")
        return Release(None, _find_manifest(folder))
    statement = open_statement(folder, content, signatures, pinned or described.keys)
    wanted = (release, store.environment, described.environment_id)
    said = (statement.release, statement.environment, statement.environment_id)
    if said != wanted or statement.bundle not in (None, bundle):
        raise not_vouched(
            "BUNDLE013",
            folder / "release.json",
            f"what was signed is release {statement.release} for the bundle {statement.bundle} of "
            f"environment {statement.environment} ({statement.environment_id}), and not for the "
            f"bundle {bundle} of {store.environment} ({described.environment_id})",
        )
    root = _read(folder / "manifest.json.gz", MAX_ROOT_BYTES) or b""
    return Release(statement, open_manifest(folder, root, statement))


def named_bundle(store: Store, release: str) -> str | None:
    """The bundle that a statement names, before anybody looked who signed it."""
    try:
        named = json.loads(_read(store.folder(release) / "release.json") or b"")["bundle"]
    except (ValueError, KeyError, TypeError):
        return None
    return named if isinstance(named, str) else None


def open_statement(
    folder: Path, content: bytes, signatures: bytes, keys: Sequence[str]
) -> Statement:
    """The statement, if one of these keys signed it; `folder` is only named in what is raised:
    BUNDLE012."""
    if not any(_is_signed(content, one, keys) for one in _signatures(signatures)):
        names = ", ".join(_key_id(public) for key in keys if (public := _public(key))) or "none"
        raise not_vouched(
            "BUNDLE012", folder, f"the release is not signed with a key that is trusted ({names})"
        )
    try:
        said = json.loads(content)
        known = {FORMAT: said}[said["format"]]
        return Statement(
            release=known["release"],
            environment=known["environment"],
            environment_id=known["environment_id"],
            bundle=known["bundle"],
            namespace=known["namespace"],
            repository=known["repository"],
            manifest=known["manifest"],
            new_dags=known["new_dags"],
            tags=tuple(known["tags"]),
            dag_id_prefix=known["dag_id_prefix"],
            dag_id_prefixes=tuple(known.get("dag_id_prefixes", ())),  # as `pool`
            pool=known.get("pool"),  # not said before this option was there
        )
    except (ValueError, KeyError, TypeError):
        raise bundle_error(
            "BUNDLE002",
            where=folder / "release.json",
            wrong="this is no statement of a format that this provider knows",
            expected=f"format {FORMAT}",
            remedy="Upgrade airflow-provider-windlass.",
        ) from None


def open_manifest(folder: Path, root: bytes, statement: Statement) -> Manifest:
    """The manifest of these bytes, if they are what the statement names; BUNDLE014."""
    if hashlib.sha256(root).hexdigest() != statement.manifest:
        raise not_vouched("BUNDLE014", folder, "manifest.json.gz is not what was signed")
    try:
        return Manifest(folder, root)
    except ManifestError as error:
        raise not_vouched("BUNDLE014", folder, str(error)) from None


def _find_manifest(folder: Path) -> Manifest | None:
    """The manifest of a release that nobody vouches for, or None where it has none to be read."""
    try:
        return Manifest(folder, _read(folder / "manifest.json.gz", MAX_ROOT_BYTES) or b"")
    except ManifestError:
        return None


def _read(path: Path, limit: int = MAX_DOCUMENT_BYTES) -> bytes | None:
    try:
        with path.open("rb", buffering=0) as file:
            content = file.read(limit + 1)
    except OSError:
        return None
    return content if len(content) <= limit else None


def _signatures(content: bytes) -> list[bytes]:
    try:
        rows = json.loads(content)["signatures"]
        return [base64.b64decode(row["signature"], validate=True) for row in rows][:16]
    except (ValueError, KeyError, TypeError):
        return []


def _is_signed(content: bytes, signature: bytes, keys: Sequence[str]) -> bool:
    # Here and not above: most processes that import this verify nothing.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    signed = b"DSSEv1 %d %b %d %b" % (len(PURPOSE), PURPOSE, len(content), content)
    for public in filter(None, map(_public, keys)):
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


def _public(key: object) -> bytes | None:
    """The 32 bytes of a key as text, or None where it is none."""
    if not isinstance(key, str) or not key.startswith(_KEY_KIND):
        return None
    try:
        public = base64.b64decode(key.removeprefix(_KEY_KIND), validate=True)
    except ValueError:
        return None
    return public if len(public) == 32 else None


def _key_id(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]


def not_vouched(code: str, where: Path, wrong: str) -> BundleError:
    """The error for a release that must not be served."""
    return bundle_error(
        code,
        where=where,
        wrong=wrong,
        expected="a release that Windlass signed for this bundle",
        remedy="Find out who wrote to it. If Windlass has a new key, give Airflow the "
        "`public_key` that `windlass airflow config` prints; else deploy the revision again.",
    )
