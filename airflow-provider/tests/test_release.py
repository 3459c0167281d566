"""A release is served only if Windlass signed it, for this bundle, with a key that is trusted."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from published import Publisher, SignedPublisher, key_text

from windlass_airflow import release
from windlass_airflow.manifest import Manifest, ManifestError
from windlass_airflow.store import BundleError

Make = Callable[..., Any]


@pytest.fixture
def store(tmp_path: Path) -> SignedPublisher:
    """A store of signed releases, in place of the one without signatures."""
    publisher = SignedPublisher(tmp_path / "store")
    publisher.publish("orders", "42")
    return publisher


@pytest.fixture(autouse=True)
def fresh() -> None:
    """A process that has verified nothing yet."""
    release._verified.clear()


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(BundleError) as caught:
        act()
    return str(caught.value).split(" ", 1)[0]


def version_of(bundle: Any) -> str | None:
    found = bundle.get_current_version()
    version: str | None = getattr(found, "version", found)
    return version


@pytest.mark.parametrize("pins", ["none", "the key", "both"])
def test_a_signed_release_is_served(make_bundle: Make, store: SignedPublisher, pins: str) -> None:
    older = key_text(Ed25519PrivateKey.generate())
    pinned: dict[str, object] = {"the key": store.public_key, "both": [older, store.public_key]}
    kwargs = {"public_key": pinned.get(pins)}

    assert version_of(make_bundle(**kwargs)) == "42"
    assert version_of(make_bundle(**kwargs, version="42")) == "42"


def test_a_release_signed_with_another_key_is_refused_and_the_old_one_stays(
    make_bundle: Make, store: SignedPublisher
) -> None:
    bundle = make_bundle(public_key=store.public_key)
    store.key = Ed25519PrivateKey.generate()
    store.publish("orders", "43")

    assert refusal(bundle.refresh) == "BUNDLE012"
    assert (version_of(bundle), (bundle.path / "release.txt").read_text()) == ("42", "42")


def test_a_store_cannot_bring_its_own_key_where_one_is_pinned(
    make_bundle: Make, store: SignedPublisher, tmp_path: Path
) -> None:
    forged = SignedPublisher(tmp_path / "forged")
    forged.publish("orders", "42")
    bundle = make_bundle(store=str(forged.root), public_key=store.public_key, ready=False)

    assert refusal(bundle.initialize) == "BUNDLE012"
    assert version_of(make_bundle(store=str(forged.root))) == "42"  # trust on what it says


def test_an_unsigned_release_is_served_only_where_no_key_is_pinned(
    make_bundle: Make, store: SignedPublisher
) -> None:
    Publisher.release(store, "43")
    store.bind("orders", "43")

    assert refusal(make_bundle(public_key=store.public_key, ready=False).initialize) == "BUNDLE011"
    assert version_of(make_bundle()) == "43"


@pytest.mark.parametrize(
    "said",
    [
        {"release": "41"},
        {"environment": "prod"},
        {"environment_id": "another"},
        {"bundle": "free"},
    ],
)
def test_what_was_signed_for_another_place_is_refused(
    make_bundle: Make, store: SignedPublisher, said: dict[str, str]
) -> None:
    folder = store.root / "releases/42"
    store.state(folder, {"release": "42", "manifest": "x", **said})

    assert refusal(make_bundle(ready=False).initialize) == "BUNDLE013"
    assert refusal(make_bundle(version="42", ready=False).initialize) == "BUNDLE013"


def test_a_manifest_that_was_not_signed_is_refused(
    make_bundle: Make, store: SignedPublisher
) -> None:
    (store.root / "releases/42/manifest.json.gz").write_bytes(gzip.compress(b'{"format": 2}'))

    assert refusal(make_bundle(ready=False).initialize) == "BUNDLE014"


@pytest.mark.parametrize("change", [b" ", b"\n"])
def test_a_statement_of_which_one_byte_changed_is_refused(
    make_bundle: Make, store: SignedPublisher, change: bytes
) -> None:
    path = store.root / "releases/42/release.json"
    path.write_bytes(path.read_bytes() + change)

    assert refusal(make_bundle(ready=False).initialize) == "BUNDLE012"


@pytest.mark.parametrize("text", ["", "{}", '{"signatures": 1}', '{"signatures": [{}]}', "\xff"])
def test_a_signature_file_that_is_none_is_refused(
    make_bundle: Make, store: SignedPublisher, text: str
) -> None:
    (store.root / "releases/42/release.sig").write_bytes(text.encode("latin-1"))

    assert refusal(make_bundle(ready=False).initialize) == "BUNDLE012"


@pytest.mark.parametrize("key", ["", "ed25519:", "X6ah", [], ["ed25519:AAAA"], 7])
def test_a_pin_that_is_mistyped_is_no_missing_pin(
    make_bundle: Make, store: SignedPublisher, key: object
) -> None:
    assert refusal(make_bundle(public_key=key, ready=False).initialize) == "BUNDLE015"


def test_a_release_is_verified_once_in_a_process(make_bundle: Make, store: SignedPublisher) -> None:
    make_bundle(public_key=store.public_key)
    (store.root / "releases/42/release.sig").unlink()

    assert version_of(make_bundle(public_key=store.public_key, version="42")) == "42"


def test_a_path_is_found_in_the_chunk_that_can_hold_it(store: SignedPublisher) -> None:
    files = {f"{name}.txt": name for name in "abcdefg"}
    store.release("43", files)
    folder = store.root / "releases/43"
    manifest = Manifest(folder, (folder / "manifest.json.gz").read_bytes())

    assert [path for path in (*files, "0", "cc.txt", "z") if manifest.find(path)] == [*files]
    assert sorted(manifest.files()) == sorted([*files, "release.txt"])


def test_a_chunk_that_is_not_the_one_named_is_refused(store: SignedPublisher) -> None:
    folder = store.root / "releases/42"
    manifest = Manifest(folder, (folder / "manifest.json.gz").read_bytes())
    [chunk] = (folder / "chunks").iterdir()
    chunk.write_bytes(gzip.compress(b'{"files": []}'))

    with pytest.raises(ManifestError, match="is not what the manifest names"):
        manifest.find("release.txt")


@pytest.mark.parametrize(
    "document",
    [
        {"format": 3},
        {"format": 2},
        {"format": 2, "chunks": [{"first": "a", "digest": "../../etc/passwd"}]},
        {"format": 1, "files": [{"path": "a"}]},
        [],
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, document: object) -> None:
    with pytest.raises(ManifestError):
        Manifest(tmp_path, gzip.compress(json.dumps(document).encode()))


def test_a_manifest_of_format_1_holds_the_files_itself(tmp_path: Path) -> None:
    row = {"path": "a.py", "mode": "0555", "digest": "d", "size_bytes": 1, "dag_ids": ["a"]}
    root = gzip.compress(json.dumps({"format": 1, "files": [row]}).encode())
    entry = Manifest(tmp_path, root).find("a.py")

    assert entry is not None
    assert (entry.is_executable, entry.dag_ids, entry.builds_ids) == (True, ("a",), True)
