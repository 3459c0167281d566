"""Backups: one file with everything that cannot be made again, and a manifest that says what.

The file is a tar: `manifest.json` first, then the members that it names with their digests. It
holds no secret in plain text: passwords in the database are encrypted, and the keys are in it only
where a passphrase was given, encrypted with that.
"""

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from windlass import __version__
from windlass.credentials.sealed import seal
from windlass.credentials.signing import SigningKey
from windlass.database.connection import Database
from windlass.database.embedded.dumps import dump_database, server_major
from windlass.database.restored import look_at_contents
from windlass.domain.backup import DUMP, FORMAT, KEYS, MANIFEST, STORE, Manifest, Member
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import Conflict, Invalid, Unavailable
from windlass.engine.audit import sign_head

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Installation:
    """What a backup is made of. `keys` are files by the name that a restore puts back, some of
    which may not exist; `settings` are shown and hold no secret."""

    home: Path
    database_url: str = field(repr=False)
    store_file: Path
    keys: Mapping[str, Path]
    settings: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """Where backups go if nothing else is said."""
        return self.home / "backups"


@dataclass(frozen=True, slots=True)
class Nightly:
    """When a backup is made by itself (an hour of the day, UTC) and how many of them stay."""

    installation: Installation
    hour: int
    keep: int
    passphrase: str | None = field(default=None, repr=False)


def backup_name(at: datetime, prefix: str = "windlass") -> str:
    """The file name of a backup: names sort by time.

    >>> backup_name(datetime(2026, 11, 21, 2, 0, 0))
    'windlass-20261121T020000Z.tar'
    """
    return f"{prefix}-{at:%Y%m%dT%H%M%SZ}.tar"


def make_backup(of: Installation, target: Path, *, passphrase: str | None) -> Manifest:
    """Write a backup while everything runs; a file of that name is never replaced.

    It is written aside, brought to the disk and renamed, mode 0600. Raises Conflict BAK001 where
    the file is there, Invalid BAK010 where its folder is not, Unavailable BAK002 where the disk
    refuses, and what `dump_database` raises. The folder of backups is made.
    """
    try:
        if target.parent == of.folder.absolute():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not target.parent.is_dir():
            raise Invalid(
                "BAK010",
                f"there is no folder {str(target.parent)!r}",
                f"Make it, or leave the name out: then it goes to {of.folder}.",
            )
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup.") as aside:
            dump, whole = Path(aside, DUMP), Path(aside, "whole.tar")
            dump_database(of.database_url, dump)
            manifest, texts = _describe(of, dump, passphrase)
            _write_tar(whole, manifest, dump, texts)
            os.link(whole, target)  # not a rename: a file of that name stays
        _sync_folder(target.parent)
    except FileExistsError as error:
        taken = f"there is a file {str(target)!r} already"
        raise Conflict("BAK001", taken, "Name another.") from error
    except OSError as error:
        raise Unavailable(
            "BAK002",
            f"the backup {str(target)!r} cannot be written: {error.strerror}",
            "Free some space there, or name another place.",
        ) from error
    return manifest


def keep_newest(folder: Path, keep: int) -> list[Path]:
    """Remove all nightly backups but the newest `keep`, and no other files; which went."""
    found = sorted(folder.glob("nightly-*.tar"), reverse=True)
    for old in found[keep:]:
        old.unlink(missing_ok=True)
    return found[keep:]


def _describe(
    of: Installation, dump: Path, passphrase: str | None
) -> tuple[Manifest, dict[str, bytes]]:
    database = Database(of.database_url, pool_size=1)
    try:
        with database.transaction() as connection:
            contents = look_at_contents(connection)
        head = sign_head(database, SigningKey(of.keys["audit-key"]))
    finally:
        database.close()
    texts = {STORE: of.store_file.read_bytes()} if of.store_file.exists() else {}
    if passphrase is not None:
        files = {name: path.read_bytes() for name, path in of.keys.items() if path.exists()}
        texts[KEYS] = seal(passphrase, files)
    members = {name: Member(digest_bytes(text), len(text)) for name, text in texts.items()}
    members[DUMP] = Member(_digest_file(dump), dump.stat().st_size)
    manifest = Manifest(
        format=FORMAT,
        windlass=__version__,
        schema=contents.schema or "",
        postgres=server_major(of.database_url),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        newest_release=contents.newest_release,
        repositories=contents.repositories,
        audit_head=head,
        settings=dict(of.settings),
        members=members,
    )
    return manifest, texts


def _write_tar(target: Path, manifest: Manifest, dump: Path, texts: Mapping[str, bytes]) -> None:
    with target.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            described = json.dumps(manifest.to_json(), indent=1, sort_keys=True).encode()
            for name, text in {MANIFEST: described, **texts}.items():
                tar.addfile(_entry(name, len(text)), io.BytesIO(text))
            with dump.open("rb") as content:
                tar.addfile(_entry(DUMP, dump.stat().st_size), content)
        file.flush()
        os.fsync(file.fileno())


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(datetime.now(UTC).timestamp())
    return entry


def _digest_file(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
