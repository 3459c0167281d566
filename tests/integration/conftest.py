"""One PostgreSQL for the run, a database of its own for each test, real git over HTTP."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from windlass.artifacts.store import Store
from windlass.credentials.keyring import Keyring
from windlass.database.connection import Database
from windlass.database.embedded import EmbeddedPostgres
from windlass.database.jobs import Jobs
from windlass.database.status import RepositoryStatus, get_status
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.register import Registration, add
from windlass.engine.tick import declare
from windlass.engine.worker import handlers
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.sandbox.checker import Checker

PASSWORD = "correct horse"
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
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template").format(_quoted(name)))
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
def context(database: Database, room: Path, checker: Checker) -> Context:
    """A whole Windlass without an Airflow: releases are published and not observed."""
    context = Context(
        database=database,
        jobs=Jobs(),
        store=Store(room / "store"),
        mirrors=room / "mirrors",
        checker=checker,
        keyring=Keyring(room / "secret-keys"),
        allowed_hosts=("127.0.0.1",),
    )
    declare(context, "default", "00000000-0000-0000-0000-000000000001", ["one", "two"])
    return context


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
def registration(origin: Origin) -> Registration:
    return Registration(
        url=origin.url,
        environment="default",
        sync_interval="60s",
        username="ci",
        password=PASSWORD,
    )


def register(context: Context, registration: Registration, **changes: str) -> Repository:
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
