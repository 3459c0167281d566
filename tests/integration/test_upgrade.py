"""Data that an older PostgreSQL made: brought over where its programs are here, else refused."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from windlass.database.connection import Database
from windlass.database.embedded import EmbeddedPostgres
from windlass.database.embedded.account import Account, account_for
from windlass.database.embedded.dumps import programs_of
from windlass.domain.errors import Invalid, Unavailable

OLDER = next((major for major in range(17, 12, -1) if programs_of(major)), None)


@pytest.fixture
def room() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="wl-", dir="/tmp"))
    place.chmod(0o711)
    yield place
    for marker in place.rglob("start.lock"):
        EmbeddedPostgres(marker.parent).stop()
    shutil.rmtree(place)


@pytest.fixture
def old(room: Path) -> Path:
    """The folder of a server of the older version, with our schema and a row of audit in it."""
    assert OLDER, "no older PostgreSQL server here"
    folder = room / "postgres"
    account = account_for(folder, "nobody")
    account.make_folder(folder)
    (folder / "password").write_text("old password")
    account.take(folder / "password")
    _initdb(account, folder)
    return folder


def _initdb(account: Account, folder: Path) -> None:
    programs = programs_of(OLDER or 0)
    assert programs is not None
    data = str(folder / "data")
    flags = ["--username=windlass", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
    argv = [str(programs / "initdb"), f"--pgdata={data}", *flags, "--encoding=UTF8", "--no-sync"]
    assert account.run(argv).returncode == 0
    single = [str(programs / "postgres"), "--single", "-D", data, "postgres"]
    assert account.run(single, text="CREATE DATABASE windlass\n").returncode == 0
    sql = "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('été');\n"
    single = [str(programs / "postgres"), "--single", "-j", "-D", data, "windlass"]
    assert account.run(single, text=f"{sql}\n\n").returncode == 0


def words(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM kept")]


@pytest.mark.further
def test_data_of_an_older_server_is_brought_over_and_the_old_stays(old: Path) -> None:
    url = EmbeddedPostgres(old, durable=False).start()

    assert words(url) == ["été"]
    assert (old / "data" / "PG_VERSION").read_text().strip() == "18"
    assert (old / f"data-{OLDER}" / "PG_VERSION").read_text().strip() == str(OLDER)
    assert sorted(path.name for path in old.glob("up*")) == []
    database = Database(url)
    database.migrate()
    database.close()


@pytest.mark.further
def test_an_upgrade_that_was_cut_short_is_begun_again_from_the_old_data(old: Path) -> None:
    (old / "data").rename(old / f"data-{OLDER}")
    (old / "upgrading").write_text(str(OLDER))
    (old / "data").mkdir()
    (old / "data" / "PG_VERSION").write_text("18\n")

    assert words(EmbeddedPostgres(old, durable=False).start()) == ["été"]


@pytest.mark.further
def test_an_upgrade_that_fails_leaves_the_old_data_where_it_was(old: Path) -> None:
    (old / "data.new").write_text("in the way of initdb")

    with pytest.raises(Unavailable, match="PG006"):
        EmbeddedPostgres(old, durable=False).start()

    assert (old / "data" / "PG_VERSION").read_text().strip() == str(OLDER)
    assert not (old / "upgrading").exists()
    (old / "data.new").unlink()
    assert words(EmbeddedPostgres(old, durable=False).start()) == ["été"]


@pytest.mark.parametrize(
    ("version", "hint"),
    [("12", "Install PostgreSQL 12"), ("99", "Use the Windlass"), ("x", "Use the Windlass")],
)
def test_data_that_cannot_be_brought_over_is_refused_untouched(
    room: Path, version: str, hint: str
) -> None:
    server = EmbeddedPostgres(room / "postgres", durable=False)
    server.start()
    server.stop()
    mark = room / "postgres" / "data" / "PG_VERSION"
    mark.write_text(f"{version}\n")

    with pytest.raises(Invalid) as refused:
        server.start()

    assert refused.value.code == "PG005"
    assert refused.value.hint.startswith(hint)
    assert mark.read_text() == f"{version}\n"
    mark.write_text("18\n")
