"""Restore: a backup becomes the installation's state again, whole or not at all."""

import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from windlass.artifacts.store import Store
from windlass.credentials.sealed import unseal
from windlass.database.connection import Database
from windlass.database.embedded.dumps import restore_database
from windlass.database.restored import (
    Contents,
    begin_after_restore,
    count_other_sessions,
    empty_database,
    look_at_contents,
)
from windlass.database.tables import SCHEMA_VERSION
from windlass.domain.audit import Action
from windlass.domain.backup import DUMP, KEYS, MANIFEST, Manifest
from windlass.domain.errors import AppError, Conflict, Invalid, Unavailable
from windlass.engine.audit import audited
from windlass.engine.backup import Installation, backup_name, make_backup

_BLOCK = 1 << 20


@contextmanager
def opened(source: Path) -> Iterator[tuple[Manifest, tarfile.TarFile]]:
    """A backup that was checked: every member is there, has its digest, and no other is.

    Raises Invalid BAK003 where it is none, BAK004 where it is damaged or was changed, BAK005 where
    a newer Windlass made it.
    """
    with _explained(source), tarfile.open(source, mode="r:") as tar:
        manifest = _manifest(source, tar)
        if manifest.schema > SCHEMA_VERSION:
            raise Invalid(
                "BAK005",
                f"{source} was made by Windlass {manifest.windlass}, whose database is newer"
                f" ({manifest.schema}) than this one's ({SCHEMA_VERSION})",
                f"Install Windlass {manifest.windlass} or a newer one, then restore.",
            )
        names = [MANIFEST, *manifest.members]
        if sorted(tar.getnames()) != sorted(names):
            raise _damaged(source, f"it has the members {sorted(tar.getnames())}")
        for name, member in manifest.members.items():
            digest = hashlib.file_digest(_content(tar, name), "sha256").hexdigest()  # type: ignore[arg-type]  # it has readinto
            if digest != member.digest:
                raise _damaged(source, f"{name} has another digest than its manifest says")
        yield manifest, tar


def restore(
    source: Path, to: Installation, store: Store, *, actor: str, force: bool, passphrase: str | None
) -> Manifest:
    """Put database and keys back. Nothing of Windlass may run; the caller made sure of `up`.

    What was there is saved to a backup first and put back if anything fails. Afterwards release
    numbers go on above all that were ever used, and workers release again what the store shows
    otherwise. Raises what `opened` raises, Conflict BAK006 where the database is in use, BAK007
    where it is not empty without `force`, BAK008 where other keys are here, CRED011.
    """
    with opened(source) as (manifest, tar):
        keys = _keys(manifest, tar, to, passphrase=passphrase, force=force)
        before = _look(to)
        if before.repositories and not force:
            raise Conflict(
                "BAK007",
                f"the database has {before.repositories} repositories already",
                "With --force they are replaced; a backup of them is made first.",
            )
        with tempfile.TemporaryDirectory(dir=to.home, prefix=".restore.") as aside:
            dump = Path(aside, DUMP)
            with dump.open("xb") as file:
                os.fchmod(file.fileno(), 0o600)
                _copy(_content(tar, DUMP), file)
            newest = max(manifest.newest_release, before.newest_release, _newest_in(store))
            _replace(to, dump, before, manifest, actor=actor, newest_release=newest)
        for name, content in keys.items():
            _put_key(to.keys[name], content)
    return manifest


def _replace(
    to: Installation,
    dump: Path,
    before: Contents,
    manifest: Manifest,
    *,
    actor: str,
    newest_release: int,
) -> None:
    saved: Path | None = None
    if before.schema is not None:
        saved = to.folder / backup_name(datetime.now(UTC), "before-restore")
        make_backup(to, saved, passphrase=None)
    database = Database(to.database_url, pool_size=1)
    try:
        _load(database, dump)
        database.migrate()
        with database.transaction() as connection:
            begin_after_restore(connection, newest_release)
            audited(
                connection,
                actor,
                Action.DATABASE_RESTORED,
                "database/windlass",
                made_at=manifest.made_at,
                made_by=manifest.windlass,
                audit_head=manifest.audit_head,
                replaced=str(saved) if saved else None,
            )
    except AppError:
        if saved is not None:
            with opened(saved) as (_, tar), dump.open("wb") as file:
                _copy(_content(tar, DUMP), file)
            _load(database, dump)
        raise
    finally:
        database.close()


def _load(database: Database, dump: Path) -> None:
    with database.transaction() as connection:
        empty_database(connection)
    restore_database(database.url, dump)


def _look(to: Installation) -> Contents:
    database = Database(to.database_url, pool_size=1)
    try:
        with database.transaction() as connection:
            others = count_other_sessions(connection)
            if others:
                raise Conflict(
                    "BAK006",
                    f"Windlass processes have {others} connections to the database",
                    "Stop every `windlass up`, api and worker of this installation first.",
                )
            return look_at_contents(connection)
    finally:
        database.close()


def _newest_in(store: Store) -> int:
    """The highest release number that the store has, as a tree or in a pointer."""
    trees = [int(path.name) for path in store.releases.glob("*") if path.name.isdecimal()]
    pointers = [
        store.read_pointer(path.parent.parent.name, path.name) or 0
        for path in store.root.glob("environments/*/bundles/*")
    ]
    return max([*trees, *pointers], default=0)


def _keys(
    manifest: Manifest,
    tar: tarfile.TarFile,
    to: Installation,
    *,
    passphrase: str | None,
    force: bool,
) -> dict[str, bytes]:
    """The keys to put back: those of the backup that are not here, or with `force` are others."""
    if passphrase is None or not manifest.has_keys:
        return {}
    held = unseal(passphrase, _content(tar, KEYS).read())
    found = {name: content for name, content in held.items() if name in to.keys}
    others = [
        name
        for name, content in found.items()
        if to.keys[name].exists() and to.keys[name].read_bytes() != content
    ]
    if others and not force:
        raise Conflict(
            "BAK008",
            f"other keys are here than in the backup: {', '.join(sorted(others))}",
            "With --force the backup's take their place. What only yours open is lost then.",
        )
    return found


def _put_key(path: Path, content: bytes) -> None:
    """Mode 0600, aside and renamed."""
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).rename(path)


def _manifest(source: Path, tar: tarfile.TarFile) -> Manifest:
    try:
        return Manifest.from_json(json.loads(_content(tar, MANIFEST).read(_BLOCK)))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Invalid(
            "BAK003",
            f"{source} is no backup of Windlass: {error}",
            "Give a file of `windlass backup`.",
        ) from error


def _content(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    found = tar.extractfile(name)
    if found is None:
        raise KeyError(f"{name} is no file")
    return found


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while block := source.read(_BLOCK):
        target.write(block)


def _damaged(source: Path, why: str) -> Invalid:
    return Invalid(
        "BAK004", f"{source} is damaged, or somebody changed it: {why}", "Take another backup."
    )


@contextmanager
def _explained(source: Path) -> Iterator[None]:
    try:
        yield
    except tarfile.TarError as error:
        raise _damaged(source, f"as a tar file, {error}") from error
    except FileNotFoundError as error:
        if error.filename != str(source):
            raise
        raise Invalid(
            "BAK003",
            f"there is no file {str(source)!r}",
            "`windlass backup` names the file that it wrote; the nightly ones are in HOME/backups.",
        ) from error
    except OSError as error:
        raise Unavailable(
            "BAK009", f"{error.filename or source} cannot be used: {error.strerror}"
        ) from error
