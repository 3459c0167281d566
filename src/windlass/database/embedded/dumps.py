"""pg_dump and pg_restore: which ones fit a server, and how they are run."""

import shutil
import subprocess
from pathlib import Path

from windlass.database.embedded.cluster import tail
from windlass.database.embedded.programs import MAJOR_VERSION, wheel_programs
from windlass.domain.errors import Invalid, Unavailable

_LIMIT_S = 4 * 3600.0
_DEBIAN = Path("/usr/lib/postgresql")


def dump_database(url: str, target: Path) -> None:
    """Write a consistent dump (pg_dump's custom format) while the database is used.

    Raises Unavailable PG012 where it cannot be reached, PG010 where pg_dump fails, Invalid PG011
    where no pg_dump here is new enough.
    """
    program = programs_for_server(server_major(url)) / "pg_dump"
    _run([str(program), "--format=custom", "--no-owner", "--no-acl", f"--file={target}"], url)


def restore_database(url: str, source: Path) -> None:
    """Load a dump into an empty database, whole or not at all; raises as `dump_database`."""
    program = programs_for_server(server_major(url)) / "pg_restore"
    flags = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-acl"]
    _run([str(program), *flags, str(source)], url, "--dbname")


def print_dump(source: Path, target: Path) -> None:
    """Write a dump as the SQL that it stands for; raises as `dump_database`, without a server."""
    folders = _folders()
    if not folders:
        raise Invalid("PG011", "no pg_restore is here", "Install PostgreSQL's client programs.")
    program = folders[max(folders)] / "pg_restore"
    _run([str(program), f"--file={target}", str(source)])


def server_major(url: str) -> int:
    """The major version of the server; Unavailable PG012 where it cannot be reached."""
    import psycopg  # late: `windlass up` comes by here and has no other use for it

    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.info.server_version // 10_000
    except psycopg.OperationalError as error:
        first = str(error).strip().splitlines()[0]
        raise Unavailable("PG012", f"no PostgreSQL answers: {first}") from error


def programs_for_server(major: int) -> Path:
    """The folder of the oldest pg_dump and pg_restore that are as new as the server, or newer."""
    known = {version: folder for version, folder in _folders().items() if version >= major}
    if not known:
        raise Invalid(
            "PG011",
            f"the server is PostgreSQL {major}, and no pg_dump of that version or a newer one is"
            " here",
            f"Install the client programs of PostgreSQL {major}, such as the Debian package"
            f" postgresql-client-{major}.",
        )
    return known[min(known)]


def programs_of(major: int) -> Path | None:
    """The folder of a whole server of just that version, or None."""
    folder = _folders().get(major)
    return folder if folder and (folder / "postgres").exists() else None


def _folders() -> dict[int, Path]:
    """Major version → a folder with pg_dump of it."""
    found: dict[int, Path] = {}
    on_path = shutil.which("pg_dump")
    places = [*_DEBIAN.glob("*/bin/pg_dump"), *([Path(on_path).resolve()] if on_path else [])]
    for place in places:
        with_version = subprocess.run(
            [str(place), "--version"], capture_output=True, text=True, check=False
        ).stdout.split()
        if with_version:
            major = with_version[-1 if with_version[-1][0].isdigit() else 2].partition(".")[0]
            found[int(major)] = place.parent
    wheel = wheel_programs()
    if wheel is not None:
        found[int(MAJOR_VERSION)] = wheel
    return found


def _run(argv: list[str], url: str | None = None, option: str = "--dbname") -> None:
    """Run one of them. The password is in its environment, which only our account can read."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    parts = conninfo_to_dict(url or "")
    password = str(parts.pop("password", "") or "")
    server = [f"{option}={make_conninfo('', **parts)}"] if url is not None else []
    try:
        done = subprocess.run(
            [*argv, *server],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            cwd="/",
            umask=0o077,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "PGPASSWORD": password},
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable("PG010", f"{argv[0]} was not finished after {_LIMIT_S:.0f} s") from error
    if done.returncode:
        output = done.stdout.replace(password, "***") if password else done.stdout
        raise Unavailable(
            "PG010",
            f"{argv[0]} failed with {done.returncode}:{tail(output)}",
            "Correct what the last lines say, such as a full disk, then try again.",
        )
