"""A canary of every kind of credential goes through every command, 50 rotations while syncs run,
and a crash, and is found nowhere afterwards."""

import json
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.main import get_command
from typer.testing import Result

from tests.integration.conftest import Origin, register, run_sync
from tests.integration.dying import dies_in_job
from tests.integration.serving import TOKEN, api_over, client_of, command_line
from tests.integration.sshserver import SshServer
from tests.integration.test_declare import repositories
from tests.integration.test_github_app import LOOPBACK, PEM
from tests.integration.test_github_app import github as github  # noqa: PLC0414  # a fixture
from tests.integration.test_rotation import ROOT, rotate
from windlass.credentials.github_app import Installations
from windlass.engine.backup import Installation, make_backup
from windlass.engine.context import Context
from windlass.engine.exposure import Haystack, Hunt, Report
from windlass.engine.keys import rotate_key
from windlass.engine.register import Registration
from windlass.entrypoints.cli.main import app
from windlass.entrypoints.demo.gitserver import GitHttpServer

CANARIES = [f"canary-{number}-has-yellow-feathers" for number in range(4)]
UNKNOWN = "canary-x-that-nobody-knows"
DESCRIPTION = Path(__file__).parents[2] / "docs" / "contract" / "openapi.json"
LASTING = ("up", "api", "worker", "demo", "bench")
"""They run until they are stopped, or for minutes."""
LEFT_OUT = [("backup",), ("restore",), ("audit", "exposure"), ("webhook", "rotate")]
"""What a backup holds is looked into below, exposure is what looks; a secret that Windlass makes is
shown once, and is given here in its place."""
URL = "https://git.example/team/dags"
SHOWN = [
    (["credential", "add", "new", URL, "--username", "ci", "--password-stdin"], CANARIES[0]),
    (["credential", "add", "tok", URL, "--token-stdin"], CANARIES[1]),
    (["credential", "rotate", "new", "--username", "ci", "--password-stdin"], CANARIES[2]),
    (["repo", "add", URL, "--token-stdin"], CANARIES[3]),
    (["webhook", "add", "dags", "--kind", "github", "--secret-stdin"], CANARIES[0]),
    (["webhook", "rotate", "dags", "--secret-stdin"], CANARIES[2]),
    (["repo", "add", f"https://ci:{CANARIES[0]}@git.example/team/dags"], ""),
]
"""Commands that are given a canary, as they should be and as they should not."""
USERS = ("ci", "x-access-token", "gitlab+deploy-token-7")


@dataclass
class Aviary:
    """What the canaries are driven through; `answers` are all that the API gave."""

    context: Context
    api: httpx.Client
    origin: Origin
    room: Path
    logins: dict[str, tuple[str, dict[str, str]]]
    answers: list[httpx.Response]
    said: dict[str, bytes] = field(default_factory=dict)

    def ask(self, path: str, body: dict[str, Any]) -> httpx.Response:
        self.answers.append(self.api.post(ROOT + path, json=body))
        return self.answers[-1]


@pytest.fixture
def aviary(
    context: Context, git_server: GitHttpServer, origin: Origin, ssh_server: SshServer, github: Any
) -> Iterator[Aviary]:
    origin.push("first", {"a.py": "x = 1\n"})
    for user in USERS:
        for canary in CANARIES:
            git_server.set_login(user, canary)
    github.on_token = staticmethod(lambda token: git_server.set_login(USERS[1], token))
    key = {
        "private_key": ssh_server.client_key.read_text(),
        "known_hosts": ssh_server.known_hosts(),
    }
    app = {"app_id": "7", "app_private_key": PEM, "api_url": github.url}
    logins = {
        "git": (origin.url, {"username": "ci", "password": CANARIES[0]}),
        "token": (origin.url, {"token": CANARIES[1]}),
        "deploy": (origin.url, {"username": USERS[2], "deploy_token": CANARIES[2]}),
        "app": (origin.url, app),
        "key": (ssh_server.url("team/dags"), key),
    }
    context = replace(context, apps=Installations(LOOPBACK))
    with client_of(api_over(context)) as api:
        api.headers["Authorization"] = f"Bearer {TOKEN}"
        yield Aviary(context, api, origin, origin.clone.parent, logins, [])


@contextmanager
def syncing(aviary: Aviary) -> Iterator[list[int]]:
    """Syncs of the one repository, over and over; yields a list with one entry for each."""
    (repository,) = repositories(aviary.context)
    stop, done = threading.Event(), list[int]()

    def sync() -> None:
        while not stop.is_set():
            run_sync(aviary.context, repository)
            done.append(1)

    thread = threading.Thread(target=sync)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def test_a_canary_of_every_kind_leaves_no_trace(
    aviary: Aviary, ssh_server: SshServer, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, (url, auth) in aviary.logins.items():
        assert aviary.ask("", {"name": name, "url": url, "auth": auth}).status_code == 201
        assert aviary.ask(f"/{name}/test", {}).json()[0]["problem"] is None
        assert aviary.ask(f"/{name}/test", {"url": f"{url}x"}).json()[0]["problem"]
    register(aviary.context, Registration(aviary.origin.url, "default", "60s", credential="git"))
    with syncing(aviary) as done:
        for turn in range(50):
            aviary.answers.append(rotate(aviary.api, CANARIES[turn % 2 * 3]))
    aviary.answers.append(rotate(aviary.api, UNKNOWN))
    codes = [one.status_code for one in aviary.answers[15:]]
    aviary.answers += [aviary.api.get(path) for path in (ROOT, "/metrics", "/api/v1/audit")]
    rotate_key(aviary.context, new_key=True, drop_old=False, actor="alice")
    run_all_commands(aviary)
    get_everything(aviary)
    crash_and_back_up(aviary)

    report = look(aviary, ssh_server, capfd.readouterr())

    assert codes == [200] * 50 + [409]
    assert len(done) > 0
    assert report.exposures == ()
    assert report.looked_at["answers of the API"] == len(aviary.answers) > 100
    assert report.looked_at["commands"] == len(aviary.said) > 80


def run_all_commands(aviary: Aviary) -> None:
    """Every command that there is, those that remove something at the end; some are shown a
    canary. What they print is kept."""
    tree = aviary.room / "tree"
    tree.mkdir()
    for name in ("policy.yaml", "dags.yaml", "login.yaml"):
        (tree / name).write_text("{}\n")
    with command_line(aviary.context, aviary.room) as shell:
        shell.env["WINDLASS_DATABASE_URL"] = aviary.context.database.url
        for number, (shown, stdin) in enumerate(SHOWN):
            aviary.said[f"shown {number}"] = told(shell.run(*shown, stdin=f"{stdin}\n"))
        every = sorted(leaves(get_command(app)), key=lambda one: "remove" in one[0])
        for words, command in every:
            if words[0] in LASTING or words in LEFT_OUT:
                continue
            asked = [values(one, words, tree) for one in command.params if one.required]
            result = shell.run(*words, *(word for one in asked for word in one))
            aviary.said[" ".join(words)] = told(result)


def leaves(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, one in group.commands.items():
        inner = (*words, name)
        yield from leaves(one, inner) if hasattr(one, "commands") else [(inner, one)]


def values(parameter: Any, words: tuple[str, ...], tree: Path) -> list[str]:
    """What a parameter is given."""
    known = {
        "dag_id": "a",
        "plan": "0" * 12,
        "revision": "0" * 40,
        "url": "https://git.example/team/dags",
        "rule": "SYN001",
        "path": "a.py",
        "until": "2999-01-01",
        "file": str(tree / "policy.yaml"),
        "airflow_python": sys.executable,
        "words": "a",
    }
    is_login = words[0] in ("credential", "environment", "policy")
    of_name = {"credential": "git", "environment": "default", "policy": "strict"}
    numbers = ("release", "old", "number", "delivery", "waiver")
    value = known.get(parameter.name, "1" if parameter.name in numbers else "dags")
    if parameter.name == "name" and is_login:
        value = of_name[words[0]]
    return [parameter.opts[0], value] if parameter.param_type_name == "option" else [value]


def told(result: Result) -> bytes:
    """All that a command says, and how its failure would be logged."""
    failure = "".join(traceback.format_exception(result.exception)) if result.exception else ""
    return f"{result.output}\n{result.stderr}\n{failure}".encode()


def get_everything(aviary: Aviary) -> None:
    """Every address that can be read."""
    there = {"kind": "github", "release": "1", "delivery": "1", "number": "1", "dag_id": "a"}
    paths = json.loads(DESCRIPTION.read_text())["paths"]
    for path in [path for path, methods in paths.items() if "get" in methods]:
        for name in ("dags", *aviary.logins, "default"):
            found = {**there, "name": name}
            full = re.sub(r"\{(\w+)\}", lambda part: found[part[1]], path)  # noqa: B023
            aviary.answers.append(aviary.api.get(full))
            if "{name}" not in path:
                break


def crash_and_back_up(aviary: Aviary) -> None:
    (repository,) = repositories(aviary.context)
    aviary.origin.push("second", {"a.py": "x = 2\n"})
    assert dies_in_job(aviary.context, 3, "sync", repository.id)
    room, url = aviary.room, aviary.context.database.url
    of = Installation(room, url, room / "none", {"audit-key": room / "audit-key"}, {})
    make_backup(of, room / "backups" / "one.tar", passphrase=None)


def look(aviary: Aviary, ssh: SshServer, printed: Any) -> Report:
    """Look for what is stored now, and for every canary that there ever was."""
    room = aviary.room
    (room / "printed.log").write_text(printed.out + printed.err)
    outside = room.parent / "canaries"
    outside.mkdir(exist_ok=True)
    keys = {"secret-keys": room / "secret-keys", "ssh": ssh.client_key}
    for number, canary in enumerate([*CANARIES, UNKNOWN]):
        keys[f"canary-{number}"] = outside / str(number)
        keys[f"canary-{number}"].write_text(canary)
    (room / "temporary").mkdir()
    hunt = Hunt(aviary.context, Haystack(room, keys, temporary=room / "temporary"))
    hunt.look_everywhere()
    for words, said in aviary.said.items():
        hunt.look_at("commands", words, [said])
    for number, answer in enumerate(aviary.answers):
        hunt.look_at("answers of the API", f"answer {number}", [answer.content])
    return hunt.report()
