"""Keeps a cache that follows an origin: a store of this host, with the layout of a mounted one.

A thread asks for the index while bundles are refreshed, and downloads what they will show. The
bundle itself only reads the cache: it never waits for Windlass, but where a run needs a release
that is not here, and once at the very first start.
"""

import fcntl
import importlib
import json
import logging
import os
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from windlass_airflow.kept import clean_up_at_times, mark_used
from windlass_airflow.origin import Index, OriginClient
from windlass_airflow.release import named_bundle, read_keys
from windlass_airflow.store import (
    FORMAT,
    BundleError,
    Store,
    bundle_error,
    is_folder,
    is_release,
)
from windlass_airflow.unpack import Source, unpack

POLL_S = 1.0
IDLE_S = 30.0
"""The thread ends when no bundle was refreshed for so long; the next refresh starts another."""
FIRST_S = 20.0
"""How long the first start on a host waits for what its bundles show."""
FETCH_S = 120.0
"""How long a download may take that a task waits for, and any other."""
_NEAREST = 50  # how many of the newest are looked at
_FIRST_PAUSE_S, _LAST_PAUSE_S = 1.0, 60.0

log = logging.getLogger(__name__)
_mirrors: dict[tuple[str, ...], "Mirror"] = {}
_making = threading.Lock()


def mirror_of(kwargs: Mapping[str, Any]) -> "Mirror":
    """The mirror of an origin in this process; every bundle of one environment has the same."""
    if not Store.of(kwargs).root.is_absolute():
        raise bundle_error(
            "BUNDLE023",
            where="cache",
            wrong=f'"{kwargs.get("cache")}" is no absolute path',
            expected="a folder of this host that is kept over restarts",
            remedy="Correct the kwargs of this bundle.",
        )
    named = tuple(str(kwargs.get(n)) for n in ("url", "token_file", "cache", "environment"))
    key = (str(os.getpid()), *named, str(kwargs.get("public_key")))
    with _making:
        if key not in _mirrors:
            _mirrors[key] = Mirror(kwargs)
        return _mirrors[key]


class Mirror:
    """One environment of one origin, kept in one folder. Safe for threads and processes."""

    def __init__(self, kwargs: Mapping[str, Any]) -> None:
        self._store = Store.of(kwargs)
        self._url = str(kwargs["url"])
        self._token_file = Path(str(kwargs.get("token_file")))
        self._public_key = kwargs.get("public_key")
        self._refused: dict[str, BundleError] = {}
        self._pauses: dict[str, tuple[float, float, Exception]] = {}
        self._failure = ""
        self._asked_at = 0.0
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._looked = threading.Condition()

    def follow(self, bundle: str) -> None:
        """Go on following the origin. Raises what the newest release of this bundle was refused
        for, if it was."""
        self._asked_at = time.monotonic()
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                # Imported here and not by the thread: a fork in the middle of an import would leave
                # the child with a lock that nobody gives back.
                importlib.import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
                importlib.import_module("encodings.idna")
                self._thread = threading.Thread(target=self._run, name="windlass", daemon=True)
                self._thread.start()
        refused = self._refused.get(bundle)
        if refused is not None:
            raise refused

    def wait_first(self, bundle: str) -> None:
        """Wait until the cache has a pointer for this bundle, FIRST_S at the most."""
        deadline = time.monotonic() + FIRST_S
        while not self._store.pointer(bundle).exists():
            self.follow(bundle)
            with self._looked:
                has_looked = self._looked.wait(deadline - time.monotonic())
            if not has_looked or self._failure:
                return

    def fetch(self, bundle: str, release: str) -> None:
        """Make sure that the cache has a release of this bundle. Raises BUNDLE020 where Windlass is
        away."""
        mark_used(self._store, release)
        if is_folder(self._store.tree(release)):
            return
        client = OriginClient(self._url, self._token_file)
        try:
            described = self._find_description()
            if described is None:  # a host that never saw an index: a worker's first task
                index = client.find_index(self._store.environment)
                assert index is not None
                self._describe(index)
                described = (index.environment_id, index.keys)
            self._download(client, release, self._nearest(bundle, release), *described)
            clean_up_at_times(self._store)
        except OSError as error:
            raise _disk_failure(self._store, error) from None
        finally:
            client.close()

    def _run(self) -> None:
        client = OriginClient(self._url, self._token_file)
        index: Index | None = None
        try:
            while time.monotonic() - self._asked_at < IDLE_S:
                index = self._look(client, index)
                time.sleep(POLL_S)
        finally:
            client.close()

    def _look(self, client: OriginClient, index: Index | None) -> Index | None:
        """Ask once, and follow what is said; the index that holds now."""
        failure = ""
        try:
            index = client.find_index(self._store.environment) or index
            if index is not None:
                self._apply(client, index)
                clean_up_at_times(self._store)
        except BundleError as error:
            failure = str(error)
        except OSError as error:
            failure = str(_disk_failure(self._store, error))
        except Exception as error:  # noqa: BLE001  # the thread must go on asking
            failure = f"{type(error).__name__}: {error}"
        if failure != self._failure:  # told when it begins and when it ends, not every second
            log.warning("%s", failure or "Windlass answers again")
        with self._looked:
            self._failure = failure
            self._looked.notify_all()
        return index

    def _apply(self, client: OriginClient, index: Index) -> None:
        """Download what bundles will show, then let their pointers name it."""
        self._describe(index)
        failed: Exception | None = None
        for bundle, release in index.bundles.items():
            try:
                if release is not None and not is_folder(self._store.tree(release)):
                    if (put_off := self._find_put_off(release)) is not None:
                        failed = put_off
                        continue
                    base = self._shown(bundle)
                    self._download(client, release, base, index.environment_id, index.keys)
                self._point(bundle, release)
                self._refused.pop(bundle, None)
                self._pauses.pop(release or "", None)
            except (BundleError, OSError) as error:
                failed = error
                self._put_off(release or "", error)
                if isinstance(error, BundleError) and "BUNDLE020" not in str(error):
                    self._refused[bundle] = error
        if failed is not None:
            raise failed

    def _download(
        self,
        client: OriginClient,
        release: str,
        base: str | None,
        environment_id: str,
        keys: Sequence[str],
    ) -> None:
        """Fetch a release into the cache, unless another process just did."""
        with self._locked(release):
            if is_folder(self._store.tree(release)):
                return
            source = Source.find(self._store, base)
            trusted = read_keys(self._public_key) or keys
            with client.open_release(release, base if source else None, FETCH_S) as stream:
                unpack(
                    stream,
                    self._store,
                    release,
                    source,
                    keys=trusted,
                    environment_id=environment_id,
                )
            mark_used(self._store, release)

    def _describe(self, index: Index) -> None:
        """Write what the cache is the store of. Raises BUNDLE021 where it is another's."""
        known = self._find_description()
        if known is not None and known[0] != index.environment_id:
            raise bundle_error(
                "BUNDLE021",
                where=self._store.root,
                wrong=f"the cache is of environment {known[0]}, and the origin serves "
                f"{index.environment_id} under that name",
                expected="the Windlass that the cache was made from",
                remedy="If it was made anew on purpose, remove the cache on this host.",
            )
        if known != (index.environment_id, index.keys):
            document = {
                "format": FORMAT,
                "environments": {self._store.environment: index.environment_id},
                "keys": index.keys,
            }
            self._store.root.mkdir(parents=True, exist_ok=True)
            _replace(self._store.root / "store.json", document)

    def _find_description(self) -> tuple[str, tuple[str, ...]] | None:
        try:
            described = self._store.describe()
        except BundleError:
            return None
        return described.environment_id, described.keys

    def _point(self, bundle: str, release: str | None) -> None:
        """Let the pointer of the cache name a release that is complete."""
        path = self._store.pointer(bundle)
        if path.exists() and self._shown(bundle) == release:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, {"format": FORMAT, "release": release})

    def _shown(self, bundle: str) -> str | None:
        try:
            return self._store.parse_pointer(bundle, self._store.read_pointer(bundle))
        except BundleError:
            return None

    def _nearest(self, bundle: str, release: str) -> str | None:
        """A release of the bundle that the cache has, to ask only for what has changed since."""
        shown = self._shown(bundle)
        if shown is not None:
            return shown
        with suppress(OSError):
            names = (path.name for path in (self._store.root / "releases").iterdir())
            known = sorted((n for n in names if is_release(n) and n != release), key=int)
            for name in reversed(known[-_NEAREST:]):
                if named_bundle(self._store, name) == bundle:
                    return name
        return None

    def _find_put_off(self, release: str) -> Exception | None:
        """Why a release is not asked for just now; None where it may be."""
        due, _, error = self._pauses.get(release, (0.0, 0.0, None))
        return error if time.monotonic() < due else None

    def _put_off(self, release: str, error: Exception) -> None:
        """Ask for a release again later, and later each time."""
        last_s = self._pauses[release][1] if release in self._pauses else _FIRST_PAUSE_S / 2
        pause_s = min(last_s * 2, _LAST_PAUSE_S)
        due = time.monotonic() + pause_s * random.uniform(0.75, 1.25)  # noqa: S311
        self._pauses[release] = (due, pause_s, error)

    @contextmanager
    def _locked(self, release: str) -> Iterator[None]:
        """One process at a time downloads a release."""
        folder = self._store.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / release).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _replace(path: Path, document: object) -> None:
    """Write aside and rename: a reader sees the old content or the new."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with aside.open("w") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    aside.chmod(0o644)
    aside.replace(path)


def _disk_failure(store: Store, error: OSError) -> BundleError:
    return bundle_error(
        "BUNDLE024",
        where=error.filename or store.root,
        wrong=f"the cache cannot be written ({error.strerror or error})",
        expected=f"to write below {store.root}",
        remedy="Check its owner and free space; what is in it is served meanwhile.",
    )


def _after_fork() -> None:
    """A child has none of the threads, and locks may be held by those it does not have."""
    global _making  # noqa: PLW0603
    _making = threading.Lock()
    _mirrors.clear()


with suppress(AttributeError):
    os.register_at_fork(after_in_child=_after_fork)
