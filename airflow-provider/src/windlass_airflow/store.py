"""Reads the store that Windlass publishes: `store.json`, the pointers and the release trees.

Everything that can be wrong with a store is a `BundleError`; nothing here writes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowException

FORMAT = 1
"""The only layout this provider reads: of `store.json` and of the pointers."""

MAX_DOCUMENT_BYTES = 1 << 20
"""A larger `store.json` or pointer is refused unread; a real one has a few hundred bytes."""

_RELEASE = re.compile(r"[1-9][0-9]{0,18}")
"""A release id as Windlass writes it: a positive BIGINT, without leading zeros."""

_POINTER_SHAPE = '{"format": 1, "release": "<id>"} or {"format": 1, "release": null}'

_UPGRADE = "If Windlass is newer than this provider, upgrade airflow-provider-windlass; else "


class BundleError(AirflowException):
    """A bundle cannot be served now; Airflow keeps what it has and asks again.

    It has to be an `AirflowException`: from `initialize()`, Airflow 3.1 and 3.2 catch nothing
    else, and any other exception there ends the DAG processor. Airflow logs each one with its
    traceback, for every bundle and every few seconds; so those below say in their text what the
    file system said, and hide the OSError, which would treble the log.
    """


def bundle_error(
    code: str, *, where: object, wrong: str, expected: str, remedy: str
) -> BundleError:
    """The error with its five-part message; `code` is stable and may be searched for."""
    return BundleError(f"{code} {where}: {wrong}. Expected {expected}. {remedy}")


def is_release(text: str) -> bool:
    """Whether this is a release id as Windlass writes it."""
    return _RELEASE.fullmatch(text) is not None


def is_folder(path: Path) -> bool:
    """Whether there is a folder, or a link to one; False too where the mount itself is broken.

    `Path.is_dir()` raises ESTALE, EIO and ENOTCONN, which is what a lost mount may answer.
    """
    try:
        return path.is_dir()
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Description:
    """What `store.json` says of one environment: its id, and the keys that sign its releases."""

    environment_id: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Store:
    """One environment of a mounted store. The constructor touches no file."""

    root: Path
    environment: str

    @classmethod
    def of(cls, kwargs: Mapping[str, Any]) -> "Store":
        """The store of a bundle with these kwargs: what is mounted, or what an origin is kept
        in."""
        root = kwargs.get("cache") if kwargs.get("url") else kwargs.get("store")
        return cls(Path(str(root or "")), str(kwargs.get("environment", "default")))

    def folder(self, release: str) -> Path:
        return self.root / "releases" / release

    def tree(self, release: str) -> Path:
        return self.folder(release) / "tree"

    def pointer(self, bundle: str) -> Path:
        return self.root / "environments" / self.environment / "bundles" / bundle

    def describe(self) -> Description:
        """What the store says of itself. Raises BUNDLE001 without a readable one, 002 for a format
        not ours, 003 for an environment that it does not have.
        """
        where = self.root / "store.json"
        if not self.root.is_absolute():
            raise _no_store(where, f'the path "{self.root}" is relative')
        try:
            content = _read_document(where)
        except OSError as error:
            raise _no_store(where, f"it cannot be read ({error.strerror})") from None
        document = _parse_object(content)
        environments = document.get("environments")
        if not _is_ours(document) or not isinstance(environments, dict):
            raise bundle_error(
                "BUNDLE002",
                where=where,
                wrong=f"this is not a store description of format {FORMAT}: {_excerpt(content)}",
                expected=f'{{"format": {FORMAT}, "environments": {{"<name>": "<id>"}}}}',
                remedy=_UPGRADE + "let Windlass write it again.",
            )
        if self.environment not in environments:
            raise bundle_error(
                "BUNDLE003",
                where=where,
                wrong=f'the store has no environment "{self.environment}"',
                expected="one of " + ", ".join(f'"{name}"' for name in sorted(environments)[:5]),
                remedy='Correct "environment" in the kwargs of this bundle.',
            )
        keys = document.get("keys")  # not there: a Windlass before signatures
        known = tuple(key for key in keys if isinstance(key, str)) if isinstance(keys, list) else ()
        return Description(str(environments[self.environment]), known)

    def read_pointer(self, bundle: str) -> bytes:
        """The pointer as it is on disk; one open, one read.

        It is read and not only stat()ed: a file replaced by rename may get its predecessor's
        inode, size and, within one tick of the file system's clock, its mtime; and over NFS an
        open asks the server, where a stat may be answered from a cache that is seconds old.

        Raises BUNDLE001 to 003 where the store as a whole is at fault, else BUNDLE004.
        """
        where = self.pointer(bundle)
        try:
            return _read_document(where)
        except OSError as error:
            self.describe()
            raise bundle_error(
                "BUNDLE004",
                where=where,
                wrong=f"the pointer of this bundle cannot be read ({error.strerror})",
                expected="a file that Windlass writes for each bundle of the environment",
                remedy=f'Check that Windlass knows a bundle named "{bundle}" in environment '
                f'"{self.environment}", and that the whole store is mounted.',
            ) from None

    def parse_pointer(self, bundle: str, content: bytes) -> str | None:
        """The release id; None means unbound, said in so many words. Raises BUNDLE005."""
        document = _parse_object(content)
        release = document.get("release", "")
        if _is_ours(document):
            if release is None:
                return None
            if isinstance(release, str) and is_release(release):
                return release
        raise bundle_error(
            "BUNDLE005",
            where=self.pointer(bundle),
            wrong=f"this is not a pointer of format {FORMAT}: {_excerpt(content)}",
            expected=_POINTER_SHAPE,
            remedy=_UPGRADE + "let Windlass write it again.",
        )

    def check_tree(self, release: str) -> None:
        """Raise BUNDLE001 to 003, or BUNDLE006 if only this release has no tree."""
        if not is_folder(self.tree(release)):
            self.describe()
            raise bundle_error(
                "BUNDLE006",
                where=self.tree(release),
                wrong=f"release {release} has no tree",
                expected="the folder with the files of the release",
                remedy="Check that the whole store is mounted. If the release was removed, clear "
                "the run with the latest bundle version.",
            )


def _no_store(where: Path, wrong: str) -> BundleError:
    return bundle_error(
        "BUNDLE001",
        where=where,
        wrong=f"there is no store: {wrong}",
        expected='the absolute path of a mounted Windlass store in "store"',
        remedy="Mount the store again, or correct the kwargs of this bundle; until then Airflow "
        "keeps the DAGs it knows.",
    )


def _read_document(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        return file.read(MAX_DOCUMENT_BYTES + 1)


def _parse_object(content: bytes) -> dict[str, object]:
    """The JSON object; empty for anything else, so that callers refuse it as malformed."""
    if len(content) > MAX_DOCUMENT_BYTES:
        return {}
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_ours(document: dict[str, object]) -> bool:
    found = document.get("format")
    return type(found) is int and found == FORMAT  # in Python `True == 1`


def _excerpt(content: bytes) -> str:
    return ascii(content[:80].decode(errors="replace"))
