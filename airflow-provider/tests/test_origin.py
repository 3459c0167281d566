"""Releases over HTTP: what reaches the cache, what never does, what stays when Windlass goes."""

import fcntl
import gzip
import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from published import Publisher, SignedPublisher
from serving import Members, Origin, packed

from windlass_airflow import mirror, release
from windlass_airflow.kept import clean_up, mark_used
from windlass_airflow.store import BundleError, Store

Make = Callable[..., Any]
FILES = {"a.py": "a = 1\n", "b.py": "b = 1\n"}
DEADLINE_S = 20


@pytest.fixture
def store(tmp_path: Path) -> SignedPublisher:
    publisher = SignedPublisher(tmp_path / "store")
    publisher.publish("orders", "42", FILES)
    publisher.bind("free", None)
    return publisher


@pytest.fixture
def origin(store: SignedPublisher) -> Iterator[Origin]:
    origin = Origin(store, "s3cret")
    yield origin
    origin.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A mirror that asks often; it ends with the test."""
    monkeypatch.setattr(mirror, "POLL_S", 0.02)
    monkeypatch.setattr(mirror, "_FIRST_PAUSE_S", 0.02)
    release._verified.clear()
    yield
    monkeypatch.setattr(mirror, "IDLE_S", 0.0)
    for one in mirror._mirrors.values():
        if one._thread is not None:
            one._thread.join(DEADLINE_S)
    mirror._mirrors.clear()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def make(make_bundle: Make, origin: Origin, cache: Path, tmp_path: Path) -> Make:
    (tmp_path / "token").write_text("s3cret\n")

    def make(name: str = "orders", **kwargs: Any) -> Any:
        given = {
            "store": None,
            "url": origin.url,
            "token_file": str(tmp_path / "token"),
            "cache": str(cache),
            "public_key": origin.store.public_key,
        }
        return make_bundle(name, **{**given, **kwargs})

    return make


def version_of(bundle: Any) -> str | None:
    found = bundle.get_current_version()
    version: str | None = getattr(found, "version", found)
    return version


def await_version(bundle: Any, version: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while version_of(bundle) != version:
        assert time.monotonic() < deadline, f"{bundle.name} does not show {version}"
        time.sleep(0.01)
        bundle.refresh()


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(BundleError) as caught:
        act()
    return str(caught.value).split(" ", 1)[0]


def await_refusal(bundle: Any) -> str:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            bundle.refresh()
        except BundleError as error:
            return str(error).split(" ", 1)[0]
        time.sleep(0.01)
    raise AssertionError("it was not refused")


def test_the_first_start_waits_for_what_the_bundle_shows(make: Make, cache: Path) -> None:
    bundle = make()

    assert (version_of(bundle), (bundle.path / "a.py").read_text()) == ("42", "a = 1\n")
    assert bundle.path.readlink() == cache / "releases/42/tree"
    assert version_of(make("free")) == "unbound"


def test_the_cache_has_the_modes_of_a_store(make: Make, cache: Path, store: Publisher) -> None:
    store.release("43", {"run.sh": "x"})
    (store.tree("43") / "run.sh").chmod(0o555)
    make()

    found = {p.name: f"{p.stat().st_mode & 0o7777:04o}" for p in (cache / "releases").rglob("*")}
    assert (found["tree"], found["a.py"], found["release.json"]) == ("0755", "0444", "0444")


def test_a_new_release_is_seen_and_only_what_changed_is_sent_and_new(
    make: Make, store: SignedPublisher, origin: Origin
) -> None:
    bundle = make()
    before = (bundle.path / "b.py").stat()
    names: list[str] = []
    origin.twist = lambda found: names.extend(n for n, _ in found) or found  # type: ignore[func-returns-value]
    store.publish("orders", "43", {**FILES, "a.py": "a = 2\n"})
    share(store, "42", "43", "b.py")
    await_version(bundle, "43")

    assert (bundle.path / "a.py").read_text() == "a = 2\n"
    after = (bundle.path / "b.py").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (bundle.path / "a.py").stat().st_mtime_ns > before.st_mtime_ns
    assert len([name for name in names if name.startswith("files/")]) == 2  # and release.txt


def share(store: SignedPublisher, old: str, new: str, path: str) -> None:
    """As Windlass does with a file that need not be parsed again."""
    target = store.tree(new) / path
    target.unlink()
    target.hardlink_to(store.tree(old) / path)


def test_a_file_that_is_to_be_parsed_again_is_new_though_its_content_is_not(
    make: Make, store: SignedPublisher
) -> None:
    bundle = make()
    before = (bundle.path / "a.py").stat()
    store.publish("orders", "43", FILES)  # no file of it is shared
    await_version(bundle, "43")

    after = (bundle.path / "a.py").stat()
    assert after.st_ino != before.st_ino
    assert after.st_mtime_ns > before.st_mtime_ns


def test_a_release_that_is_here_is_served_while_windlass_is_away(
    make: Make, origin: Origin
) -> None:
    make()
    origin.stop()
    mirror._mirrors.clear()  # as a processor that is restarted
    late = make()

    assert (version_of(late), (late.path / "a.py").read_text()) == ("42", "a = 1\n")
    late.refresh()


def test_a_pinned_release_that_is_not_here_is_fetched(
    make: Make, store: SignedPublisher, origin: Origin
) -> None:
    store.release("41", {"a.py": "a = 0\n"})
    bundle = make(version="41")

    assert (bundle.path / "a.py").read_text() == "a = 0\n"
    origin.stop()
    assert (make(version="41").path / "a.py").read_text() == "a = 0\n"
    assert refusal(lambda: make(version="40")) == "BUNDLE020"


def test_the_index_is_asked_once_for_all_bundles_and_answered_shortly_if_unchanged(
    make: Make, origin: Origin
) -> None:
    orders, free = make(), make("free")
    before = len(origin.asked)
    for _ in range(5):
        orders.refresh()
        free.refresh()
    deadline = time.monotonic() + DEADLINE_S
    while len(origin.asked) < before + 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert set(origin.asked[1:]) == {"/origin/v1/default", "/origin/v1/releases/42.tar.gz"}
    assert len(mirror._mirrors) == 1


def named(members: Members, name: str, content: bytes) -> Members:
    return [(n, content if n == name else c) for n, c in members]


def raw_tar(kind: bytes) -> Callable[[Members], bytes]:
    """An archive whose last member is a link, a device or the like."""

    def pack(found: Members) -> bytes:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in found:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            evil = tarfile.TarInfo("files/link")
            evil.type, evil.linkname = kind, "/etc/passwd"
            archive.addfile(evil)
        return gzip.compress(raw.getvalue())

    return pack


TWISTS: dict[str, Callable[[Members], Members]] = {
    "a file has other content": lambda m: [*m[:-1], (m[-1][0], bytes(len(m[-1][1])))],
    "a file is longer": lambda m: [*m[:-1], (m[-1][0], m[-1][1] + b"x")],
    "a file is not sent": lambda m: m[:-1],
    "a file is sent twice": lambda m: [*m, m[-1]],
    "a file that nobody named": lambda m: [*m, ("files/" + "0" * 64, b"x")],
    "a path of its own": lambda m: [*m, ("../../evil", b"x")],
    "an absolute path": lambda m: [*m, ("/tmp/evil", b"x")],
    "documents in another order": lambda m: [m[1], m[0], *m[2:]],
    "a chunk that was not named": lambda m: named(m, m[3][0], gzip.compress(b'{"files": []}')),
    "fresh.json is no list": lambda m: named(m, "fresh.json", b"{}"),
}


@pytest.mark.parametrize("twist", TWISTS)
def test_an_archive_that_is_not_the_signed_release_never_reaches_the_cache(
    make: Make, store: SignedPublisher, origin: Origin, cache: Path, twist: str
) -> None:
    bundle = make()
    origin.twist = TWISTS[twist]
    store.publish("orders", "43", {"a.py": "a = 2\n", "c.py": "c = 1\n"})

    assert await_refusal(bundle) == "BUNDLE022"
    assert (version_of(bundle), [p.name for p in (cache / "releases").iterdir()]) == ("42", ["42"])
    origin.twist = lambda members: members
    mirror._mirrors.clear()
    await_version(bundle, "43")  # and all is well when what is sent is


@pytest.mark.parametrize(
    "pack",
    [
        raw_tar(tarfile.SYMTYPE),
        raw_tar(tarfile.LNKTYPE),
        raw_tar(tarfile.CHRTYPE),
        raw_tar(tarfile.DIRTYPE),
        raw_tar(tarfile.XHDTYPE),
        lambda members: packed(members)[:-40],
        lambda _: b"no gzip at all",
        lambda _: b"",
        lambda _: gzip.compress(b"no tar" * 1000),
    ],
)
def test_what_is_no_plain_archive_never_reaches_the_cache(
    make: Make, store: SignedPublisher, origin: Origin, pack: Callable[[Members], bytes]
) -> None:
    bundle = make()
    origin.pack = pack
    store.publish("orders", "43", FILES)

    assert await_refusal(bundle) == "BUNDLE022"
    assert version_of(bundle) == "42"


def test_a_release_that_another_key_signed_never_reaches_the_cache(
    make: Make, store: SignedPublisher, cache: Path
) -> None:
    bundle = make()
    store.key = Ed25519PrivateKey.generate()
    store.publish("orders", "43", FILES)

    assert await_refusal(bundle) == "BUNDLE012"
    assert (version_of(bundle), [p.name for p in (cache / "releases").iterdir()]) == ("42", ["42"])


def test_an_archive_of_another_release_is_refused(make: Make, store: SignedPublisher) -> None:
    bundle = make()
    store.release("43", FILES)
    store.state(store.root / "releases/43", {"release": "42", "manifest": "x"})
    store.bind("orders", "43")

    assert await_refusal(bundle) == "BUNDLE022"


@pytest.mark.parametrize(
    ("kwargs", "code"),
    [
        ({"url": "http://windlass.example"}, "BUNDLE023"),
        ({"url": "ftp://127.0.0.1"}, "BUNDLE023"),
        ({"token_file": "/nonexistent"}, "BUNDLE023"),
        ({"cache": "relative"}, "BUNDLE023"),
        ({"cache": None}, "BUNDLE023"),
    ],
)
def test_wrong_kwargs_are_said_at_the_first_use(
    make: Make, kwargs: dict[str, object], code: str
) -> None:
    assert refusal(lambda: make(version="42", **kwargs)) == code


def test_a_wrong_token_is_refused_and_not_repeated(make: Make, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("wr0ng")
    with pytest.raises(BundleError) as caught:
        make(version="42")

    assert "HTTP 403" in str(caught.value)
    assert "wr0ng" not in str(caught.value)


def test_a_cache_that_cannot_be_written_is_told(make: Make, cache: Path) -> None:
    cache.touch()
    with pytest.raises(BundleError) as caught:
        make(version="42")

    assert str(caught.value) == (
        f"BUNDLE024 {cache}: the cache cannot be written (File exists). Expected to write below "
        f"{cache}. Check its owner and free space; what is in it is served meanwhile."
    )


def test_a_cache_of_another_windlass_is_not_overwritten(
    make: Make, store: SignedPublisher, origin: Origin, cache: Path
) -> None:
    bundle = make()
    described = {"format": 1, "environments": {"default": "other"}, "keys": [store.public_key]}
    store.describe(described)
    store.bind("orders", "43")
    kept = Store(cache, "default")
    one = mirror.mirror_of(bundle._given)
    deadline = time.monotonic() + DEADLINE_S
    while "BUNDLE021" not in one._failure:
        assert time.monotonic() < deadline
        bundle.refresh()
        time.sleep(0.01)

    assert (version_of(bundle), kept.describe().environment_id) == ("42", "0b5e")


def test_clean_up_keeps_what_is_shown_used_lately_running_or_new(
    make: Make, store: SignedPublisher, cache: Path, tmp_path: Path
) -> None:
    make()
    for number in ("37", "38", "39", "40", "41"):
        store.release(number, FILES)
        make(version=number)
    kept = Store(cache, "default")
    for number in ("37", "38", "39", "40", "42"):
        os.utime(cache / "used" / number, (0, 0))
    running = tmp_path / "bundles/_tracking/orders/38"
    running.parent.mkdir(parents=True)
    mark_used(kept, "40")
    with running.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        first = clean_up(kept, keep_newest=2)
    second = clean_up(kept, keep_newest=2)

    assert (first, second) == (["37", "39"], ["38"])
    assert sorted(p.name for p in (cache / "releases").iterdir()) == ["40", "41", "42"]


def test_importing_the_bundle_imports_no_http(make_bundle: Make) -> None:
    import subprocess
    import sys

    code = "import sys, windlass_airflow.bundle; print('windlass_airflow.mirror' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip().endswith("False")
