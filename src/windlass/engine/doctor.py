"""What `windlass doctor` looks at: this machine, the database, the store, each Airflow.

Every look is a function that returns rows and raises only AppError; one that fails becomes a row.
Nothing is changed but for files with a name of their own, which are removed again.
"""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy.exc import ProgrammingError

from windlass.database.connection import Database
from windlass.database.credentials import list_credentials
from windlass.database.declarations import find_declaration
from windlass.database.deployments import environment_uuids
from windlass.database.environments import count_bundles, list_environments
from windlass.database.health import (
    SILENT_WORKER_S,
    database_version,
    flip_times_s,
    worker_silence_s,
)
from windlass.database.measures import read_measures
from windlass.database.repositories import list_repositories
from windlass.database.retention import count_history
from windlass.database.strangers import stored_strangers
from windlass.database.tables import SCHEMA_VERSION
from windlass.domain.checkup import Checkup, Condition, failed, ok, unknown, warning
from windlass.domain.environment import FULL_POOL, Target
from windlass.domain.errors import AppError, EngineFailed
from windlass.domain.forge import Protection
from windlass.domain.login import EXPIRES_SOON
from windlass.domain.measures import ROWS_FORGOTTEN
from windlass.domain.remote import RemoteUrl, parse_remote_url
from windlass.domain.repository import Repository
from windlass.engine.connect import examine_environment
from windlass.engine.context import Context
from windlass.engine.forge import ask_host, find_kind, has_api_login
from windlass.engine.hooks_there import protection_of
from windlass.engine.imports import NO_INTERPRETER
from windlass.engine.strangers import REMEDY
from windlass.git.guard import git_version
from windlass.git.http import reach_host
from windlass.network.authorities import SETTING, list_authorities
from windlass.network.proxies import STRAIGHT, Network
from windlass.network.sockets import reach_proxy
from windlass.sandbox.importer import is_enough

MIN_FREE_BYTES = 2_000_000_000
MIN_FREE_SHARE = 0.05
SLOW_FLIP_S = 5.0
SLOW_DATABASE_MS = 50.0
MIN_POSTGRES = 14
MAX_SKEW_S = 2.0

MAX_HOSTS = 20
CERTIFICATE_ENDS_SOON = timedelta(days=30)
PROXY_LIMIT_S = 5.0
OLD_BACKUP = timedelta(hours=50)
"""Two nights, and time for a machine that was off."""

Look = Callable[[], Iterable[Checkup]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where this Windlass is: its folder, its store, its addresses; how long history and
    secrets may stay; its ways out, which raise AppError where a setting of theirs is wrong; and its
    files with secrets, which need not be there."""

    home: Path
    store: Path
    api_url: str
    public_url: str | None
    history_days: int
    network: Callable[[], Network] = lambda: STRAIGHT
    credential_days: int = 180
    secrets: Sequence[Path] = ()


def examine(place: Place, connect: Callable[[Network], Context]) -> list[Checkup]:
    """Everything, in the order in which trouble explains what comes after it.

    `connect` may raise AppError where the database is away.
    """
    try:
        network, rows = place.network(), list[Checkup]()
    except AppError as error:
        network, rows = STRAIGHT, [failed("network", f"{error.code} {error.message}", error.hint)]
    looks: list[tuple[str, Look]] = [
        ("git", _git),
        ("authorities", lambda: _authorities(network)),
        ("proxy", lambda: _proxies(network)),
        ("disk", lambda: _disk(place.home)),
        ("store", lambda: _store(place.store)),
        ("secrets", lambda: _secrets(place.secrets)),
        ("backup", lambda: _backup(place.home / "backups")),
        ("api", lambda: _address("api", place.api_url, "Start it: windlass up", network)),
        ("public url", lambda: _public_url(place.public_url, network)),
    ]
    rows += [row for subject, look in looks for row in _try(subject, look)]
    try:
        context = connect(network)
    except AppError as error:
        return [*rows, failed("database", f"{error.code} {error.message}", error.hint)]
    further: list[tuple[str, Look]] = [
        ("database", lambda: _database(context)),
        ("schema", lambda: _schema(context)),
        ("worker", lambda: _worker(context)),
        ("history", lambda: _history(context, place.history_days)),
        ("credentials", lambda: _credentials(context, timedelta(days=place.credential_days))),
        ("windlass.yaml", lambda: _declaration(context)),
        ("git hosts", lambda: _hosts(context)),
        ("protection", lambda: _protection(context)),
        ("foreign files", lambda: _strangers(context)),
        ("environments", lambda: _environments(context)),
    ]
    for subject, look in further:
        found = _try(subject, look)
        rows += found
        if subject != "worker" and any(row.condition is Condition.FAILED for row in found):
            break  # what comes after it asks the database
    return rows


def _try(subject: str, look: Look) -> list[Checkup]:
    try:
        return list(look())
    except AppError as error:
        return [failed(subject, f"{error.code} {error.message}", error.hint)]


def _git() -> Iterable[Checkup]:
    yield ok("git", git_version())


def _secrets(files: Sequence[Path]) -> Iterable[Checkup]:
    """Whether other accounts can read or change the files with keys, tokens and passwords."""
    there = [file for file in dict.fromkeys(files) if file.is_file()]
    open_files = [file for file in there if file.stat().st_mode & 0o077]
    for file in open_files:
        words = f"other accounts may use {file}: its mode is {file.stat().st_mode & 0o777:04o}"
        remedy = (
            f"chmod 600 {file}. If others are on this machine, what is in it is no secret any more."
        )
        yield failed("secrets", words, remedy)
    if there and not open_files:
        yield ok("secrets", f"only their owner may use the {len(there)} files with keys and tokens")


def _backup(folder: Path) -> Iterable[Checkup]:
    """How old the newest backup is that was made here."""
    made = [file.stat().st_mtime for file in folder.glob("*.tar")]
    if not made:
        remedy = (
            "Make one, or let a worker make it at night (WINDLASS_BACKUP_KEEP): windlass backup"
        )
        yield warning("backup", f"none is in {folder}", remedy)
        return
    age = timedelta(seconds=time.time() - max(made))
    words = f"the newest is {age.total_seconds() / 3600:.0f} h old"
    if age > OLD_BACKUP:
        yield warning("backup", words, "Look for backup:failed in the worker's log.")
    else:
        yield ok("backup", words)


def _credentials(context: Context, max_age: timedelta) -> Iterable[Checkup]:
    """Secrets that should be rotated, or end soon."""
    with context.database.transaction() as connection:
        stored = list_credentials(connection)
    now, fine = datetime.now(UTC), 0
    for one in stored:
        subject, remedy = f"credential {one.name}", f"windlass credential rotate {one.name}"
        age = now - one.changed_at
        if one.expires_on is not None and one.expires_on <= now.date():
            yield failed(subject, f"ended on {one.expires_on}, as somebody said", remedy)
        elif one.expires_on is not None and one.expires_on <= now.date() + EXPIRES_SOON:
            yield warning(subject, f"ends on {one.expires_on}", remedy)
        elif age > max_age and one.lies_in is None:
            yield warning(subject, f"its secret is {age.days} days old", remedy)
        else:
            fine += 1
    if fine:
        yield ok("credentials", f"{fine} are younger than {max_age.days} days")


def _protection(context: Context) -> Iterable[Checkup]:
    """Whether hosts let anybody push to what is deployed without a review, as far as they tell."""
    with context.database.transaction() as connection:
        found = [one for one in list_repositories(connection) if has_api_login(connection, one)]
    with ThreadPoolExecutor(8) as executor:
        asked = found[:MAX_HOSTS]
        for repository, told in zip(
            asked, executor.map(lambda one: _protected(context, one), asked), strict=True
        ):
            subject = f"branch of {repository.name}"
            if told is None or told.is_protected is None:
                continue
            if told.is_protected and told.needs_review is not False:
                yield ok(subject, told.words)
            else:
                remedy = "Protect it at its Git host: what is pushed there is deployed."
                yield warning(subject, told.words, remedy)


def _protected(context: Context, repository: Repository) -> Protection | None:
    """None where the host cannot be asked."""
    try:
        with context.database.transaction() as connection:
            kind = find_kind(connection, repository)
            if kind is None:
                return None
            client = ask_host(context, connection, repository, kind).client
        return protection_of(client, repository)
    except AppError:
        return None


def _declaration(context: Context) -> Iterable[Checkup]:
    """Whether the declarative file is in force; nothing where there is none."""
    with context.database.transaction() as connection:
        stored = find_declaration(connection)
    if stored is None:
        return
    if not stored.findings:
        yield ok("windlass.yaml", f"{stored.path} is in force")
        return
    first = stored.findings[0]
    words = f"{stored.path} is refused: {first.place} {first.code} {first.message}"
    yield warning("windlass.yaml", words, "See all of it: windlass config show")


def _strangers(context: Context) -> Iterable[Checkup]:
    """What lies in the store and is nobody's, as a worker saw it."""
    with context.database.transaction() as connection:
        paths = stored_strangers(connection)
    if paths:
        more = f" and {len(paths) - 3} more" if paths[3:] else ""
        yield warning("foreign files", f"in the store: {', '.join(paths[:3])}{more}", REMEDY)


def _authorities(network: Network) -> Iterable[Checkup]:
    """What WINDLASS_CA_FILE adds; nothing where there is no such file."""
    now = datetime.now(UTC)
    for one in list_authorities(network.authorities.pem):
        words = f"{one.name}, until {one.expires_at:%Y-%m-%d}"
        if one.expires_at < now + CERTIFICATE_ENDS_SOON:
            yield warning("authority", words, f"Add its successor to the file of {SETTING}.")
        else:
            yield ok("authority", words)


def _proxies(network: Network) -> Iterable[Checkup]:
    for proxy in dict.fromkeys((network.https_proxy, network.http_proxy)):
        if proxy is not None:
            reach_proxy(proxy, PROXY_LIMIT_S).close()
            yield ok("proxy", f"{proxy} answers")


def _hosts(context: Context) -> Iterable[Checkup]:
    """Each Git host of the repositories: whether it is reached, and its certificate believed."""
    with context.database.transaction() as connection:
        repositories = list_repositories(connection)
    urls = {url.origin: url for one in repositories if (url := parse_remote_url(one.url)).host}
    with ThreadPoolExecutor(8) as executor:
        yield from executor.map(lambda url: _host(context, url), list(urls.values())[:MAX_HOSTS])
    if len(urls) > MAX_HOSTS:
        yield unknown("git hosts", f"{len(urls) - MAX_HOSTS} more were not tried")


def _host(context: Context, url: RemoteUrl) -> Checkup:
    subject = f"git host {url.host}:{url.port}"
    proxy = context.network.proxy_for(url.scheme, url.host)
    try:
        reach_host(url, context.boundary)
    except AppError as error:
        return failed(subject, f"{error.code} {error.message}", error.hint)
    way = f" through the proxy {proxy}" if proxy else ""
    return ok(subject, f"reached by {url.scheme}{way}")


def _disk(home: Path) -> Iterable[Checkup]:
    while not home.exists():
        home = home.parent
    try:
        space = shutil.disk_usage(home)
        nodes = os.statvfs(home)
    except OSError as error:
        yield failed("disk", f"{home}: {error.strerror}", "Check the mount, or set WINDLASS_HOME.")
        return
    free = f"{space.free / 1e9:,.1f} GB free of {space.total / 1e9:,.1f} at {home}"
    is_low = space.free < MIN_FREE_BYTES or space.free < MIN_FREE_SHARE * space.total
    remedy = "Free some space: where it runs out, nothing new is deployed."
    yield warning("disk", free, remedy) if is_low else ok("disk", free)
    if nodes.f_files and nodes.f_favail < MIN_FREE_SHARE * nodes.f_files:
        yield warning("inodes", f"{nodes.f_favail:,} left of {nodes.f_files:,}", remedy)


def _store(root: Path) -> Iterable[Checkup]:
    if not root.is_dir():
        yield unknown("store", f"{root} is not there yet", "It is made at the first start.")
        return
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor.", dir=root) as folder:
            yield _links(Path(folder))
    except OSError as error:
        yield failed("store", f"{root}: {error.strerror}", "Check the mount, and who owns it.")
        return
    if root.stat().st_mode & 0o005 != 0o005:
        yield warning("store", "other accounts cannot read it", f"Airflow must: chmod o+rx {root}")


def _links(folder: Path) -> Checkup:
    first = folder / "a"
    began = time.monotonic()
    with first.open("wb") as file:
        file.write(b"windlass")
        os.fsync(file.fileno())
    took_ms = (time.monotonic() - began) * 1000
    try:
        (folder / "b").hardlink_to(first)
    except OSError:
        return warning(
            "store",
            "its file system has no hard links",
            "Every release takes the space of all its files. Use another file system if you can.",
        )
    return ok("store", f"hard links work, a file is on the disk after {took_ms:.0f} ms")


def _database(context: Context) -> Iterable[Checkup]:
    began = time.monotonic()
    with context.database.transaction() as connection:
        version, clock = database_version(connection)
    took_ms = (time.monotonic() - began) * 1000
    words = f"PostgreSQL {version} answers in {took_ms:.0f} ms"
    if int(version.split(".")[0]) < MIN_POSTGRES:
        yield failed("database", words, f"Use PostgreSQL {MIN_POSTGRES} or newer.")
    elif took_ms > SLOW_DATABASE_MS:
        yield warning("database", words, "Every step asks it several times: move it closer.")
    else:
        yield ok("database", words)
    if context.database.is_pooled:
        yield _direct(context)
    skew_s = abs((datetime.now(UTC) - clock).total_seconds())
    if skew_s > MAX_SKEW_S:
        remedy = "Let both machines follow a time server (NTP)."
        yield warning("clock", f"the database's clock is off by {skew_s:.1f} s", remedy)


def _direct(context: Context) -> Checkup:
    """Whether the way past the pooler leads to the same database."""
    straight = Database(context.database.direct_url, pool_size=1)
    try:
        with context.database.transaction() as connection:
            pooled = environment_uuids(connection)
        with straight.transaction() as connection:
            direct = environment_uuids(connection)
    except AppError as error:
        return failed("database, direct", f"{error.code} {error.message}", error.hint)
    except ProgrammingError:  # another database, which has no tables of ours
        direct = {}
    finally:
        straight.close()
    if direct == pooled:
        return ok("database, direct", "WINDLASS_DATABASE_DIRECT_URL leads to the same database")
    remedy = "Let WINDLASS_DATABASE_URL and WINDLASS_DATABASE_DIRECT_URL name one database."
    return failed("database, direct", "it is another database than the pooler's", remedy)


def _schema(context: Context) -> Iterable[Checkup]:
    found = context.database.schema_version()
    if found == SCHEMA_VERSION:
        yield ok("schema", f"version {found}")
    else:
        words = f"version {found or 'none'}; this Windlass has {SCHEMA_VERSION}"
        remedy = "Start the API or a worker of this version: it migrates at its start."
        yield failed("schema", words, remedy)


def _worker(context: Context) -> Iterable[Checkup]:
    with context.database.transaction() as connection:
        silence_s = worker_silence_s(connection)
    if silence_s is None:
        yield failed("worker", "none runs", "Start one: windlass up, or windlass worker")
    elif silence_s > SILENT_WORKER_S:
        words = f"the last one was heard of {silence_s:.0f} s ago"
        yield failed("worker", words, "Look at its log, and start it again.")
    else:
        yield ok("worker", f"heard of {silence_s:.0f} s ago")


def _history(context: Context, days: int) -> Iterable[Checkup]:
    with context.database.transaction() as connection:
        rows = count_history(connection)
        stored = read_measures(connection)
    there = ", ".join(f"{count:,} {table}s" for table, count in rows.items())
    removed = sum(n for series, n in stored.items() if series.measure == ROWS_FORGOTTEN.name)
    yield ok("history", f"{there}; {removed:,.0f} rows older than {days} days were removed so far")


def _public_url(url: str | None, network: Network) -> Iterable[Checkup]:
    if url is None:
        remedy = "Set WINDLASS_PUBLIC_URL where Git hosts and people reach this Windlass."
        yield unknown("public url", "not set: links and webhooks cannot name this place", remedy)
        return
    remedy = f"Check WINDLASS_PUBLIC_URL and the proxy that answers for it on {socket.getfqdn()}."
    yield from _address("public url", url, remedy, network)


def _address(subject: str, url: str, remedy: str, network: Network) -> Iterable[Checkup]:
    verify = network.authorities.context if url.startswith("https:") else False
    try:
        answer = httpx.get(f"{url.rstrip('/')}/healthz", timeout=5, trust_env=False, verify=verify)
        is_ours = answer.is_success and answer.json().get("status") == "ok"
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        yield failed(subject, f"{url} does not answer: {error}", remedy)
        return
    if is_ours:
        yield ok(subject, f"{url} answers")
    else:
        words = f"what answers at {url} is not a Windlass: HTTP {answer.status_code}"
        yield failed(subject, words, remedy)


def _environments(context: Context) -> Iterable[Checkup]:
    with context.database.transaction() as connection:
        environments = list_environments(connection)
    for environment in environments:
        name = environment.name
        for row in examine_environment(context, name):
            yield Checkup(f"{name}: {row.subject}", row.condition, row.found, row.remedy)
        yield _sandbox(context, environment.name)
        if environment.target is Target.BUNDLE:
            yield _pool(context, name)
        yield _flips(context, name)


def _sandbox(context: Context, environment: str) -> Checkup:
    """How DAG files are imported before a release, if they are."""
    subject = f"{environment}: imports"
    importer = context.importers.get(environment, context.importer)
    if importer is None:
        remedy = f"windlass environment set {environment} --interpreter PYTHON"
        return unknown(subject, f"DAG files are not imported: {NO_INTERPRETER}", remedy)
    try:
        importer.check()
    except EngineFailed as error:
        return failed(subject, f"nothing is deployed: {error.message}", error.hint)
    airflow = importer.interpreter.facts.airflow
    found = importer.probe()
    importer.close()
    words = f"Airflow {airflow}, confined by {found.tier or 'nothing'}"
    why = "; ".join(f"{tier}: {reason}" for tier, reason in found.missing.items())
    words += f" ({why})" if why else ""
    if not is_enough(found.tier, importer.limits.least):
        remedy = f"WINDLASS_SANDBOX_TIER asks for {importer.limits.least}; see docs/sandbox.md"
        return failed(subject, words, remedy)
    if found.missing:
        return warning(subject, words, "A stronger tier is described in docs/sandbox.md.")
    return ok(subject, words)


def _pool(context: Context, environment: str) -> Checkup:
    with context.database.transaction() as connection:
        bound, total = count_bundles(connection, environment)
    subject, words = f"{environment}: bundles", f"{bound} of {total} bound"
    if bound < FULL_POOL * total:
        return ok(subject, words)
    return warning(
        subject,
        words,
        f"windlass environment set {environment} --bundles {total * 2}, then give Airflow the "
        "new `windlass airflow config` and restart it",
    )


def _flips(context: Context, environment: str) -> Checkup:
    """How long the newest flips took to be seen through Airflow: its mount, its processor's
    settings and its load, all in one figure."""
    with context.database.transaction() as connection:
        times = flip_times_s(connection, environment, limit=20)
    subject = f"{environment}: mount"
    if not times:
        return unknown(subject, "no release was seen live yet", "Push a commit, and look again.")
    median = sorted(times)[len(times) // 2]
    words = f"a flipped pointer is seen live after {median:.1f} s (median of {len(times)})"
    if median <= SLOW_FLIP_S:
        return ok(subject, words)
    return warning(
        subject,
        words,
        "Compare Airflow's settings with `windlass airflow config`; over NFS, mount the store "
        "with actimeo=1 or lookupcache=none.",
    )
