"""Secrets where they must not be: planted ones are found, and Windlass itself leaves none."""

import base64
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from tests.integration.conftest import PASSWORD, Origin, register
from tests.integration.serving import TOKEN, api_over, client_of, command_line
from tests.integration.test_github_app import github as github  # noqa: PLC0414  # a fixture
from tests.integration.test_rotation import ROOT
from windlass.database import tables as t
from windlass.domain.exposure import Exposure
from windlass.engine import webhooks
from windlass.engine.backup import Installation, make_backup
from windlass.engine.context import Context
from windlass.engine.exposure import Haystack, Hunt, Report
from windlass.engine.register import Registration


@pytest.fixture
def alice(context: Context) -> Iterator[httpx.Client]:
    with client_of(api_over(context)) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


@pytest.fixture
def stored(alice: httpx.Client, origin: Origin) -> None:
    origin.push("first", {"a.py": "x = 1\n"})
    auth = {"username": "ci", "password": PASSWORD}
    body = {"name": "git", "url": origin.url, "auth": auth}
    assert alice.post(ROOT, json=body).status_code == 201


def haystack(room: Path, *logs: Path) -> Haystack:
    home, temporary, proc = room / "home", room / "temporary", room / "proc"
    for folder in (home, temporary, proc):
        folder.mkdir(exist_ok=True)
    return Haystack(home, {"api-token": home / "api-token"}, logs, temporary, proc)


def look(context: Context, where: Haystack) -> Report:
    hunt = Hunt(context, where)
    hunt.look_everywhere()
    return hunt.report()


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.usefixtures("stored")
def test_nothing_is_found_where_nothing_is(context: Context, room: Path) -> None:
    where = haystack(room)
    put(where.home / "api-token", "0123456789abcdef\n")

    report = look(context, where)

    assert (report.secrets, report.unsearched, report.exposures) == (2, {}, ())
    assert report.looked_at["tables"] > 20


@pytest.mark.usefixtures("stored")
def test_what_is_planted_is_found_in_every_place_and_form(context: Context, room: Path) -> None:
    where = haystack(room)
    header = base64.b64encode(f"ci:{PASSWORD}".encode()).decode()
    log = put(room / "worker.log", f"GET https://ci:{PASSWORD.replace(' ', '%20')}@host/\n")
    mirror = where.home / "mirrors" / "1.git"
    put(mirror / "HEAD", "ref: refs/heads/main\n")
    config = put(mirror / "config", f"[http]\n\textraHeader = Authorization: Basic {header}\n")
    token = "0123456789abcdef"
    put(where.home / "api-token", f"{token}\n")
    put(mirror / "objects" / "pack", PASSWORD)  # what people pushed is theirs
    tmp = put(where.temporary / "bug.txt", b"x" * 2**20 + token.encode())
    line = put(where.processes / "7" / "cmdline", f"git\0clone\0{PASSWORD}\0")
    put(where.home / f"{token}.txt", "")
    with context.database.transaction() as connection:
        noted = {"note": json.loads(json.dumps(PASSWORD))}
        connection.execute(sa.update(t.credential).values(options=noted))

    report = look(context, replace(where, logs=(log,)))

    assert set(report.exposures) == {
        Exposure(str(log), "credential/git", "URL"),
        Exposure(str(config), "credential/git", "base64"),
        Exposure(str(tmp), "api-token", "plain"),
        Exposure(f"process 7 {line.name} of git", "credential/git", "plain"),
        Exposure("the name of one of the files of Windlass", "api-token", "plain"),
        Exposure("table public.credential", "credential/git", "plain"),
    }
    assert PASSWORD not in repr(report)
    assert token not in repr(report)


@pytest.mark.usefixtures("stored")
def test_the_secret_of_a_webhook_is_looked_for_too(
    context: Context, registration: Registration, room: Path
) -> None:
    register(context, registration)
    webhooks.add(context, "dags", "github", secret="secret-of-a-webhook", actor="alice")
    where = haystack(room)
    log = put(room / "api.log", "it is secret-of-a-webhook\n")

    report = look(context, replace(where, logs=(log,)))

    assert report.exposures == (Exposure(str(log), "webhook/dags/github", "plain"),)


@pytest.mark.usefixtures("stored")
def test_a_secret_in_an_old_backup_is_found_though_that_is_compressed(
    context: Context, room: Path
) -> None:
    where = haystack(room)
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.credential).values(options={"note": PASSWORD}))
    database = context.database.url
    of = Installation(where.home, database, room / "x", {"audit-key": room / "audit-key"}, {})
    backup = where.home / "backups" / "one.tar"
    make_backup(of, backup, passphrase=None)
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.credential).values(options={}))

    report = look(context, where)

    place = f"{backup} (database.dump)"
    assert report.exposures == (Exposure(place, "credential/git", "plain"),)


@pytest.mark.usefixtures("stored")
def test_a_secret_that_nobody_can_open_or_that_is_too_short_is_named(
    context: Context, room: Path
) -> None:
    (room / "secret-keys").unlink()
    where = haystack(room)
    put(where.home / "api-token", "short\n")

    report = look(context, where)

    assert report.unsearched.keys() == {"credential/git", "api-token"}


@pytest.mark.usefixtures("stored")
def test_the_command_looks_at_answers_too_and_exits_with_what_it_found(
    context: Context, room: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(room / "none"))
    origin.git("remote", "remove", "origin")  # its URL has the password
    monkeypatch.setenv("WINDLASS_DATABASE_URL", context.database.url)
    with command_line(context, room) as windlass:
        fine = windlass.run("audit", "exposure", "--output", "json")
        log = put(room / "api.log", f"password={PASSWORD}")
        found = windlass.run("audit", "exposure", "--log", str(log))

    told = json.loads(fine.stdout)
    assert (fine.exit_code, told["exposures"]) == (0, [])
    assert told["looked_at"]["answers of the API"] > 10
    assert (found.exit_code, PASSWORD in found.stdout) == (1, False)
    assert f"EXPOSED credential/git in {log}, plain" in found.stdout


def test_a_process_of_windlass_leaves_no_core() -> None:
    script = (
        "import os, resource, windlass.entrypoints.cores as cores; cores.leave_no_core();"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0], flush=True);"
        "os.execv('/bin/sh', ['sh', '-c', 'ulimit -c; cat /proc/self/coredump_filter'])"
    )
    command = [sys.executable, "-c", script]
    limits = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

    said = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env=dict(os.environ),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, limits),
    ).stdout.split()

    assert said[:2] == ["0", "0"]
    assert not said[2:] or int(said[2], 16) == 0
