"""Backup and restore of a real database, and what the store shows afterwards."""

import json
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.integration.conftest import (
    PASSWORD,
    Origin,
    deployed_files,
    register,
    run_sync,
    status_of,
)
from windlass.database.audit import walk_audit
from windlass.database.connection import Database
from windlass.database.releases import find_current
from windlass.database.tables import SCHEMA_VERSION
from windlass.domain.audit import breaks
from windlass.domain.errors import AppError, Conflict, Invalid, Unavailable
from windlass.domain.repository import Repository
from windlass.engine.audit import read_head
from windlass.engine.backup import Installation, Nightly, keep_newest, make_backup
from windlass.engine.context import Context
from windlass.engine.nightly import back_up_at_night
from windlass.engine.register import Registration
from windlass.engine.restore import opened, restore
from windlass.engine.tick import repair_pointers

PHRASE = "horse battery"
NIGHT = datetime(2026, 11, 21, 2, 0, 30, tzinfo=UTC)


@pytest.fixture
def installation(context: Context, room: Path) -> Installation:
    return Installation(
        home=room,
        database_url=context.database.url,
        store_file=context.store.root / "store.json",
        keys={name: room / name for name in ("secret-keys", "audit-key", "release-key")},
        settings={"bundles": 2},
    )


@pytest.fixture
def repository(context: Context, registration: Registration, origin: Origin) -> Repository:
    origin.push("first", {"a.py": "DAG('a')\n", "b.py": "DAG('b')\n"})
    repository = register(context, registration)
    run_sync(context, repository)
    return repository


@pytest.fixture
def saved(installation: Installation, repository: Repository, room: Path) -> Path:
    """A backup with keys, of one repository at its first release."""
    make_backup(installation, room / "saved.tar", passphrase=PHRASE)
    return room / "saved.tar"


def test_a_folder_that_is_not_there_is_not_made_silently(
    installation: Installation, room: Path
) -> None:
    with pytest.raises(Invalid, match="BAK010 there is no folder"):
        make_backup(installation, room / "mistyped" / "saved.tar", passphrase=None)

    assert not (room / "mistyped").exists()
    make_backup(installation, installation.folder.absolute() / "saved.tar", passphrase=None)
    assert installation.folder.stat().st_mode & 0o777 == 0o700


def put_back(
    context: Context, saved: Path, to: Installation, *, force: bool = True, phrase: str = PHRASE
) -> None:
    context.database.close()  # as when Windlass is stopped
    restore(saved, to, context.store, actor="alice", force=force, passphrase=phrase)


def refusal(saved: Path, to: Installation, context: Context, **how: bool | str) -> AppError:
    with pytest.raises(AppError) as refused:
        put_back(context, saved, to, **how)  # type: ignore[arg-type]  # one test, one keyword
    return refused.value


def test_a_backup_is_its_owners_alone_and_says_what_it_holds(
    saved: Path, installation: Installation
) -> None:
    assert saved.stat().st_mode & 0o7777 == 0o600
    assert [path.name for path in saved.parent.glob(".backup.*")] == []
    with opened(saved) as (manifest, tar):
        assert tar.getnames() == ["manifest.json", "store.json", "keys.sealed", "database.dump"]
        assert (manifest.repositories, manifest.newest_release, manifest.schema) == (
            1,
            1,
            SCHEMA_VERSION,
        )
        assert manifest.settings == {"bundles": 2}


def test_no_secret_is_in_a_backup_in_plain_text(saved: Path, installation: Installation) -> None:
    content = saved.read_bytes()
    keys = [path.read_bytes().strip() for path in installation.keys.values() if path.exists()]

    assert len(keys) >= 2
    assert [key for key in [*keys, PASSWORD.encode(), PHRASE.encode()] if key in content] == []


def test_without_a_passphrase_a_backup_has_no_keys(
    installation: Installation, repository: Repository, room: Path
) -> None:
    made = make_backup(installation, room / "plain.tar", passphrase=None)

    assert not made.has_keys


def test_a_file_that_is_there_is_never_replaced(saved: Path, installation: Installation) -> None:
    before = saved.read_bytes()

    with pytest.raises(Conflict, match="BAK001"):
        make_backup(installation, saved, passphrase=None)

    assert saved.read_bytes() == before


def test_a_database_that_is_away_leaves_nothing_behind(
    installation: Installation, room: Path
) -> None:
    away = replace(installation, database_url="postgresql://windlass:s3cret@127.0.0.1:1/x")

    with pytest.raises(Unavailable) as refused:
        make_backup(away, room / "backups" / "x.tar", passphrase=None)

    assert (refused.value.code, "s3cret" in str(refused.value)) == ("PG012", False)
    assert list((room / "backups").iterdir()) == []


def test_what_was_backed_up_comes_back(
    context: Context, saved: Path, installation: Installation, origin: Origin
) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.text("UPDATE repository SET name = 'renamed'"))

    put_back(context, saved, installation)

    assert status_of(context).repository.url == origin.url
    with context.database.transaction() as connection:
        rows = list(walk_audit(connection))
    assert [row.action for row in rows] == ["repository:added", "database:restored"]
    assert list(breaks(rows)) == []
    assert [path.name[:15] for path in installation.folder.iterdir()] == ["before-restore-"]


def test_after_a_restore_numbers_go_on_and_the_pointer_never_goes_back(
    context: Context,
    saved: Path,
    installation: Installation,
    origin: Origin,
    repository: Repository,
) -> None:
    """Releases 2 and 3 were made after the backup; the store shows 3."""
    for text in ("DAG('a', 2)\n", "DAG('a', 3)\n"):
        origin.push("later", {"a.py": text})
        run_sync(context, repository)
    assert context.store.read_pointer("default", "one") == 3

    put_back(context, saved, installation)
    repair_pointers(context)

    assert context.store.read_pointer("default", "one") == 4
    assert deployed_files(context) == {"a.py": "DAG('a')\n", "b.py": "DAG('b')\n"}
    run_sync(context, repository)
    assert context.store.read_pointer("default", "one") == 5
    assert deployed_files(context)["a.py"] == "DAG('a', 3)\n"


def test_every_file_that_a_restore_brings_back_is_new_to_airflow(
    context: Context,
    saved: Path,
    installation: Installation,
    origin: Origin,
    repository: Repository,
) -> None:
    origin.push("later", {"a.py": "DAG('a', 2)\n"})
    run_sync(context, repository)
    shown = context.store.tree(context.store.read_pointer("default", "one") or 0)  # type: ignore[arg-type]
    before = max(path.stat().st_mtime_ns for path in shown.iterdir())

    put_back(context, saved, installation)
    repair_pointers(context)

    tree = context.store.tree(context.store.read_pointer("default", "one") or 0)  # type: ignore[arg-type]
    assert [path.name for path in tree.iterdir() if path.stat().st_mtime_ns <= before] == []
    with context.database.transaction() as connection:
        row = connection.execute(
            sa.text("SELECT replaces FROM deployment ORDER BY id DESC LIMIT 1")
        ).one()
    assert row.replaces is None  # so every DAG must be seen again


def test_a_machine_that_lost_everything_is_restored_from_the_file_alone(
    context: Context, saved: Path, installation: Installation, repository: Repository, room: Path
) -> None:
    shutil.rmtree(context.store.root)
    shutil.rmtree(context.mirrors)
    for path in installation.keys.values():
        path.unlink(missing_ok=True)
    with context.database.transaction() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))

    put_back(context, saved, installation, force=False)
    context.store.prepare({"default": "00000000-0000-0000-0000-000000000001"})
    run_sync(context, repository)  # fetches, with the credential that only the key opens
    repair_pointers(context)

    assert deployed_files(context) == {"a.py": "DAG('a')\n", "b.py": "DAG('b')\n"}
    assert (room / "secret-keys").stat().st_mode & 0o7777 == 0o600


def test_a_head_that_was_signed_after_the_backup_is_missed(
    context: Context, saved: Path, installation: Installation
) -> None:
    with opened(saved) as (manifest, _):
        token = manifest.audit_head
    assert token is not None
    with context.database.transaction() as connection:
        rows = list(walk_audit(connection))

    assert list(breaks(rows, [read_head(token, context.audit_key.public)])) == []


def test_a_database_with_repositories_is_kept_unless_forced(
    context: Context, saved: Path, installation: Installation
) -> None:
    refused = refusal(saved, installation, context, force=False)

    assert (refused.code, refused.message) == ("BAK007", "the database has 1 repositories already")


def test_a_database_in_use_is_not_touched(
    context: Context, saved: Path, installation: Installation
) -> None:
    other = Database(context.database.url)
    with other.transaction():
        refused = refusal(saved, installation, context)
    other.close()

    assert refused.code == "BAK006"
    assert status_of(context).repository.name == "dags"


def test_other_keys_are_kept_unless_forced(
    context: Context, saved: Path, installation: Installation, room: Path
) -> None:
    (room / "secret-keys").write_text("others\n")
    with context.database.transaction() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))

    refused = refusal(saved, installation, context, force=False)

    assert (refused.code, refused.message, refused.hint) == (
        "BAK008",
        "other keys are here than in the backup: secret-keys",
        "With --force the backup's take their place. What only yours open is lost then.",
    )
    assert (room / "secret-keys").read_text() == "others\n"


def test_another_passphrase_opens_no_keys_and_changes_nothing(
    context: Context, saved: Path, installation: Installation
) -> None:
    assert refusal(saved, installation, context, phrase="wrong").code == "CRED011"
    assert not installation.folder.exists()


def test_a_restore_that_fails_half_way_leaves_what_was_there(
    context: Context, saved: Path, installation: Installation, room: Path, repository: Repository
) -> None:
    """The dump is whole by its digest, and loads into no PostgreSQL."""
    broken = room / "broken.tar"
    _rewrite(saved, broken, {"database.dump": b"PGDMP no dump at all"})
    origin_name = status_of(context).repository.name

    refused = refusal(broken, installation, context)

    assert refused.code == "PG010"
    assert status_of(context).repository.name == origin_name
    with context.database.transaction() as connection:
        current = find_current(connection, repository.id)
    assert current is not None


@pytest.mark.parametrize("member", ["manifest.json", "store.json", "keys.sealed", "database.dump"])
def test_one_changed_byte_is_found_before_anything_is_touched(
    context: Context, saved: Path, installation: Installation, member: str
) -> None:
    with tarfile.open(saved) as tar:
        place = tar.getmember(member).offset_data
    content = bytearray(saved.read_bytes())
    content[place] ^= 0xFF
    saved.write_bytes(content)

    assert refusal(saved, installation, context).code in ("BAK003", "BAK004")
    assert not installation.folder.exists()


def test_a_member_with_another_digest_is_refused(saved: Path, room: Path) -> None:
    _rewrite(saved, room / "forged.tar", {"store.json": b"{}"}, honest=False)

    with pytest.raises(Invalid) as refused, opened(room / "forged.tar"):
        pass

    assert refused.value.code == "BAK004"
    assert "store.json has another digest" in refused.value.message


def test_a_backup_of_a_newer_windlass_is_refused(saved: Path, room: Path) -> None:
    _rewrite(saved, room / "newer.tar", {}, schema="9999")

    with pytest.raises(Invalid, match=r"BAK005 .*newer \(9999\)"), opened(room / "newer.tar"):
        pass


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\0" * 1024])
def test_what_is_no_backup_is_refused(room: Path, content: bytes) -> None:
    (room / "x.tar").write_bytes(content)

    with pytest.raises(Invalid, match=r"BAK00[34]"), opened(room / "x.tar"):
        pass


def test_a_night_is_backed_up_once_by_one_worker_and_old_ones_go(
    context: Context, installation: Installation
) -> None:
    plan = Nightly(installation, hour=2, keep=2)
    back_up_at_night(context, plan, NIGHT - timedelta(days=1))  # the first time: nothing is due
    assert not installation.folder.exists()

    for day in range(3):
        for _ in range(2):
            back_up_at_night(context, plan, NIGHT + timedelta(days=day))

    assert sorted(path.name for path in installation.folder.iterdir()) == [
        "nightly-20261122T020030Z.tar",
        "nightly-20261123T020030Z.tar",
    ]


def test_a_night_that_fails_is_told_and_not_tried_all_night(
    context: Context, installation: Installation
) -> None:
    plan = Nightly(replace(installation, database_url="postgresql://127.0.0.1:1/x"), 2, 7)
    back_up_at_night(context, plan, NIGHT - timedelta(days=1))

    assert [back_up_at_night(context, plan, NIGHT) for _ in range(2)] == [60.0, 60.0]
    assert list(installation.folder.iterdir()) == []


def test_only_nightly_backups_are_ever_removed(room: Path) -> None:
    for name in ("nightly-1.tar", "nightly-2.tar", "windlass-1.tar", "before-restore-1.tar"):
        (room / name).touch()

    assert [path.name for path in keep_newest(room, 1)] == ["nightly-1.tar"]


def _rewrite(
    source: Path, target: Path, texts: dict[str, bytes], *, honest: bool = True, schema: str = ""
) -> None:
    """The backup with other members, and a manifest that is honest about them or not."""
    import hashlib
    import io

    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        held = {name: (old.extractfile(name) or io.BytesIO()).read() for name in old.getnames()}
        manifest = json.loads(held.pop("manifest.json"))
        held |= texts
        if honest:
            manifest["members"] |= {
                name: {"digest": hashlib.sha256(text).hexdigest(), "size_bytes": len(text)}
                for name, text in texts.items()
            }
        manifest["schema"] = schema or manifest["schema"]
        for name, text in {"manifest.json": json.dumps(manifest).encode(), **held}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            new.addfile(entry, io.BytesIO(text))


@pytest.fixture(autouse=True)
def _closed(context: Context) -> Iterator[None]:
    yield
    context.database.close()
