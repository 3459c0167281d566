"""One PostgreSQL for the run, a database of its own for each test, real git over HTTP."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import insert

from tests.integration.sshserver import SshServer, make_key
from tests.integration.strange import Strange, serving
from windlass.artifacts.store import Store
from windlass.credentials.keyring import Keyring
from windlass.credentials.signing import SigningKey
from windlass.database import tables as t
from windlass.database.connection import Database
from windlass.database.embedded import EmbeddedPostgres
from windlass.database.jobs import Jobs
from windlass.database.status import RepositoryStatus, get_status
from windlass.domain.login import PasswordLogin
from windlass.domain.repository import Repository
from windlass.engine import environments
from windlass.engine.context import Context
from windlass.engine.environments import Environments
from windlass.engine.register import Registration, add
from windlass.engine.tick import project_environments
from windlass.engine.worker import handlers
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.sandbox.checker import Checker
from windlass.targets.airflow import AirflowClient

# Of this process of tests alone: exposure is looked for in what every process was started with.
PASSWORD = f"correct horse {os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Origin:
    """A repository on the Git server and Alice's clone of it."""

    url: str
    clone: Path

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.clone), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def push(self, message: str, files: dict[str, str | None]) -> str:
        """Write (None: remove) the files, commit and push; the new commit."""
        for path, text in files.items():
            place = self.clone / path
            if text is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def push_force(self, message: str, files: dict[str, str | None]) -> str:
        """As `push`, whatever was there before."""
        self.git("push", "--quiet", "--force", "origin", "HEAD:main")
        return self.push(message, files)


@pytest.fixture(scope="session")
def postgres(session_folder: Path) -> Iterator[str]:
    """The URL of the server, with a database `template` that holds the schema."""
    server = EmbeddedPostgres(session_folder / "postgres", durable=False)
    url = server.start()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE template")
    template = Database(_database_url(url, "template"))
    template.migrate()
    template.close()
    yield url
    server.stop()


@pytest.fixture
def database(postgres: str) -> Iterator[Database]:
    """A database with the schema and nothing else."""
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        # Its other strategy writes the template to the WAL, page by page: twice the time.
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE template STRATEGY file_copy")
        connection.execute(copy.format(_quoted(name)))
    database = Database(_database_url(postgres, name))
    yield database
    database.close()
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(_quoted(name)))


@pytest.fixture(scope="session")
def checker() -> Iterator[Checker]:
    checker = Checker(Path(sys.executable))
    yield checker
    checker.close()


@pytest.fixture
def context(database: Database, room: Path, checker: Checker) -> Iterator[Context]:
    context = whole(database, room, checker)
    yield context
    context.heads.close()


@pytest.fixture
def live(context: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A context whose adapters follow the rows at once."""
    monkeypatch.setattr(environments, "RENEW_S", 0.0)
    adapters = Environments(context.database, context.keyring)
    return replace(
        context,
        airflows=adapters.airflows,
        checkers=adapters.checkers,
        targets=adapters.targets,
        inventories=adapters.inventories,
    )


def whole(database: Database, room: Path, checker: Checker) -> Context:
    """A whole Windlass without an Airflow: releases are published and not observed."""
    context = Context(
        database=database,
        jobs=Jobs(),
        store=Store(room / "store"),
        mirrors=room / "mirrors",
        checker=checker,
        keyring=Keyring(room / "secret-keys"),
        audit_key=SigningKey(room / "audit-key"),
        release_key=SigningKey(room / "release-key"),
        allowed_hosts=("127.0.0.1",),
    )
    with database.transaction() as connection:
        make_environment(connection)
    project_environments(context)
    return context


def make_environment(connection: sa.Connection) -> None:
    """The environment `default` with the bundles `one` and `two`, where it is not there."""
    uuid = "00000000-0000-0000-0000-000000000001"
    new = insert(t.environment).values(name="default", uuid=uuid).on_conflict_do_nothing()
    connection.execute(new)
    environment_id = connection.execute(sa.select(t.environment.c.id)).scalar_one()
    rows = [{"environment_id": environment_id, "name": name} for name in ("one", "two")]
    connection.execute(insert(t.bundle).values(rows).on_conflict_do_nothing())


@pytest.fixture
def git_server(room: Path) -> Iterator[GitHttpServer]:
    env = dict(os.environ)
    with GitHttpServer(room / "git", username="ci", password=PASSWORD, env=env) as server:
        yield server


@pytest.fixture
def origin(git_server: GitHttpServer, room: Path) -> Origin:
    """An empty private repository `team/dags`."""
    git_server.create_repository("team/dags", private=True)
    return clone_of(git_server, "team/dags", room / "clone")


def clone_of(server: GitHttpServer, name: str, folder: Path) -> Origin:
    url = server.url_for(name)
    with_password = url.replace("://", f"://ci:{PASSWORD.replace(' ', '%20')}@")
    subprocess.run(["git", "init", "--quiet", "-b", "main", str(folder)], check=True)
    origin = Origin(url, folder)
    origin.git("remote", "add", "origin", with_password)
    return origin


@pytest.fixture
def strange() -> Iterator[Strange]:
    """Something that answers in Airflow's place."""
    with serving() as told:
        yield told


@pytest.fixture
def client(strange: Strange) -> Iterator[AirflowClient]:
    client = AirflowClient(strange.url, "windlass", "secret")
    yield client
    client.close()


@pytest.fixture
def registration(origin: Origin) -> Registration:
    return Registration(
        url=origin.url,
        environment="default",
        sync_interval="60s",
        login=PasswordLogin("ci", PASSWORD),
    )


def register(context: Context, registration: Registration, **changes: Any) -> Repository:
    return add(context, replace(registration, **changes), actor="alice")


def run_sync(context: Context, repository: Repository, should_abort: bool = False) -> None:
    """One sync as the worker runs it."""
    handlers(context)["sync"](repository.id, should_abort=lambda: should_abort)


def status_of(context: Context, name: str = "dags") -> RepositoryStatus:
    with context.database.transaction() as connection:
        return get_status(connection, name)


def deployed_files(context: Context, bundle: str = "one") -> dict[str, str]:
    """What the pointer of a bundle leads to: path → text."""
    release = context.store.read_pointer("default", bundle)
    if release is None:
        return {}
    tree = context.store.tree(release)
    return {
        str(path.relative_to(tree)): path.read_text() for path in tree.rglob("*") if path.is_file()
    }


def _database_url(url: str, name: str) -> str:
    return url.replace("/windlass?", f"/{name}?")


def _quoted(name: str) -> sql.Identifier:
    return sql.Identifier(name)


@pytest.fixture
def ssh_server(room: Path, origin: Origin) -> Iterator[SshServer]:
    """An SSH server that serves the repository `team/dags` of `origin`."""
    server = SshServer(room / "git", room / "ssh")
    server.folder.mkdir()
    make_key(server.host_key)
    make_key(server.client_key)
    public = server.client_key.with_suffix(".pub").read_text()
    (server.folder / "authorized").write_text(public)
    with server.running():
        yield server
