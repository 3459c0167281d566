"""The command line as a user meets it: words, exit codes, JSON."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.acceptance.conftest import Team, run_windlass
from windlass.entrypoints.cli.main import app
from windlass.entrypoints.demo.stage import USER, Stage
from windlass.entrypoints.processes import free_port

DAG = "from airflow.sdk import DAG\n\nDAG('{name}')\n"
REPOSITORY_KEYS = [
    *(
        "at_work",
        "branch",
        "bundle",
        "environment",
        "expected_revision",
        "failure",
        "findings",
        "head",
    ),
    *("health", "holds", "hooks", "imports"),
    *("judged_revision", "name", "namespace", "next_poll_at", "options", "partial", "path"),
    *(
        "polled_at",
        "ref",
        "ref_choice",
        "ref_kind",
        "release",
        "sync",
        "sync_interval_s",
        "untold",
        "url",
        "validated",
    ),
    *("waiting", "warnings", "watched"),
]
RELEASE_KEYS = [
    *("actor", "author", "content_of", "created_at", "file_count", "id", "is_current", "kept"),
    *("live_at", "omitted", "published_at", "quarantine_reason", "reason", "revision", "state"),
    *("subject", "validated"),
]


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def say(done: "subprocess.CompletedProcess[str]") -> Said:
    return Said(done.returncode, done.stdout, done.stderr)


def run_alone(home: Path, *arguments: str, port: int | None = None, text: str = "") -> Said:
    """A command in a folder without a Windlass, on a terminal of 80 columns."""
    env = {"PATH": os.environ["PATH"], "COLUMNS": "80", "WINDLASS_HOME": str(home)}
    if port is not None:
        env["WINDLASS_API_PORT"] = str(port)
    command = [sys.executable, "-m", "windlass", *arguments]
    done = subprocess.run(
        command,
        env=env,
        cwd="/",
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return say(done)


def leaves(command: Any, path: str = "windlass") -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", {})
    if not inner:
        yield path, command
    for name, one in inner.items():
        yield from leaves(one, f"{path} {name}")


@pytest.fixture(scope="module")
def team(stage: Stage) -> Team:
    """A repository with two releases, the second one live."""
    team = Team(stage, "cli-team", {"a.py": DAG.format(name="cli_a")})
    team.wait_live(team.push("add b", {"b.py": DAG.format(name="cli_b")}))
    return team


@pytest.fixture
def home_with_token(room: Path) -> Path:
    (room / "api-token").write_text("a-token\n")
    return room


@pytest.fixture
def stranger_port() -> Iterator[int]:
    """A port on which something answers that is no Windlass."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", [path for path, _ in leaves(typer.main.get_command(app))])
def test_every_command_explains_itself_with_an_example(path: str, room: Path) -> None:
    said = run_alone(room, *path.split()[1:], "--help")

    assert (said.code, said.err) == (0, "")
    assert path in said.out.partition("Example: ")[2]
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_help_without_arguments_lists_the_commands(room: Path) -> None:
    said = run_alone(room, "--help")

    assert (said.code, said.err) == (0, "")
    assert said.out.rstrip().endswith("Try it: windlass demo")


def test_the_version_is_one_line(room: Path) -> None:
    assert run_alone(room, "--version") == Said(0, "windlass 0.1.0\n", "")


@pytest.mark.parametrize(
    ("arguments", "last_line"),
    [
        (["sink"], "Error: No such command 'sink'."),
        (["repo", "show"], "Error: Missing argument 'NAME'."),
        (["release", "rollback", "x"], "Error: Missing option '--reason'."),
        (["repo", "list", "--colour"], "Error: No such option: --colour"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_how_to_get_help(
    room: Path, arguments: list[str], last_line: str
) -> None:
    said = run_alone(room, *arguments)

    lines = said.err.splitlines()
    assert (said.code, said.out) == (2, "")
    assert lines[0].startswith("Usage: ")
    assert lines[1].startswith("Try '")
    assert lines[-1].startswith(last_line)


def test_no_token_file_says_where_it_should_be(room: Path) -> None:
    said = run_alone(room, "repo", "list")

    assert said == Said(
        1,
        "",
        f"API005 the API token file '{room}/api-token' cannot be read: No such file or directory\n"
        "  Start `windlass up` in this folder, or set WINDLASS_HOME to where it runs.\n",
    )


def test_an_api_that_is_away_is_try_later(home_with_token: Path) -> None:
    port = free_port()

    assert run_alone(home_with_token, "repo", "list", port=port) == Said(
        75,
        "",
        f"API004 no Windlass answers at http://127.0.0.1:{port}\n"
        "  Start one with `windlass up`, or say where it is with WINDLASS_API_URL.\n",
    )


@pytest.mark.parametrize("option", [["--output", "json"], ["-o", "json"], ["--output=json"]])
def test_errors_are_json_where_json_was_asked_for(home_with_token: Path, option: list[str]) -> None:
    port = free_port()

    said = run_alone(home_with_token, "repo", "list", *option, port=port)

    assert (said.code, said.out) == (75, "")
    assert json.loads(said.err) == {
        "code": "API004",
        "message": f"no Windlass answers at http://127.0.0.1:{port}",
        "hint": "Start one with `windlass up`, or say where it is with WINDLASS_API_URL.",
    }


def test_something_else_on_the_port_is_told_as_that(
    home_with_token: Path, stranger_port: int
) -> None:
    assert run_alone(home_with_token, "repo", "list", port=stranger_port) == Said(
        1,
        "",
        f"API006 what answers at http://127.0.0.1:{stranger_port} is not a Windlass: it says HTTP "
        "404 to /api/v1/repositories\n"
        "  Say where it is with WINDLASS_API_URL or WINDLASS_API_PORT.\n",
    )


def test_bad_settings_are_told_all_at_once_without_their_values(room: Path) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "WINDLASS_API_PORT": "s3cret",
        "WINDLASS_BUNDLES": "0",
        "WINDLASS_DATABASE_URL": "mysql://s3cret",
    }
    command = [sys.executable, "-m", "windlass", "airflow", "config"]
    done = subprocess.run(
        command, env=env, cwd=room, capture_output=True, text=True, timeout=60, check=False
    )

    assert say(done) == Said(
        1,
        "",
        "CFG001 WINDLASS_DATABASE_URL (environment): expected "
        "postgresql://USER:PASSWORD@HOST/DATABASE\n"
        "WINDLASS_API_PORT (environment): is no whole number\n"
        "WINDLASS_BUNDLES (environment): is less than 1\n"
        "  Correct them where they are set; .env.sample explains each.\n",
    )


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            ["--username", "ci"],
            "--username says who, and nothing says by what",
            "Add --password-stdin or --token-stdin.",
        ),
        (
            ["--password-stdin"],
            "--username and --password-stdin go together",
            "windlass repo add URL --username ci --password-stdin < password",
        ),
        (
            ["--username", "ci", "--password-stdin", "--token-stdin"],
            "more than one way to get in was given",
            "Give one of --password-stdin, --token-stdin and --ssh-key.",
        ),
        (
            ["--host-key", "SHA256:x"],
            "--known-hosts, --host-key and --passphrase-stdin go with --ssh-key",
            "windlass repo add git@HOST:PATH --ssh-key FILE",
        ),
    ],
)
def test_options_of_a_login_go_together(
    room: Path, options: list[str], message: str, hint: str
) -> None:
    said = run_alone(room, "repo", "add", "https://git.example/x", *options, text="pw")

    assert said == Said(1, "", f"CLI001 {message}\n  {hint}\n")


def test_an_empty_secret_is_told_before_anything_is_asked(room: Path) -> None:
    said = run_alone(room, "repo", "add", "https://git.example/x", "--token-stdin", text="")

    assert said == Said(
        1,
        "",
        "CLI013 standard input holds no secret: its first line is empty\n"
        "  Give it from a file: windlass … < secret\n",
    )


def test_no_option_takes_a_secret() -> None:
    names = {
        name
        for _, command in leaves(typer.main.get_command(app))
        for parameter in command.params
        for name in parameter.opts
    }

    words = ("password", "token", "secret", "passphrase")
    secret = {n for n in names if any(w in n for w in words)}
    assert {n for n in secret if not n.endswith(("-stdin", "-file"))} == set()


def test_a_private_repository_is_added_with_the_password_from_stdin(stage: Stage) -> None:
    clone = stage.clone("cli-private")
    clone.commit_and_push("first", {"c.py": DAG.format(name="cli_c")})
    options = ["--username", USER, "--password-stdin", "--sync-interval", "5m"]

    said = run_alone(
        stage.settings.home,
        *("repo", "add", clone.url, *options),
        port=stage.settings.api_port,
        text=stage.password + "\n",
    )

    assert said == Said(
        0,
        f"Added cli-private: {clone.url}, branch main (no ref was given).\n"
        "  See how far it is: windlass repo show cli-private\n",
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["repo", "add", "https://bob:s3cret@git.example/x"],
            "GIT001 the URL holds a user or a password, which would be stored and shown in clear\n"
            "  Leave it out of the URL: use --username and --password-stdin.\n",
        ),
        (
            ["repo", "add", "git@git.example:x.git"],
            "GIT018 git@git.example:x.git is asked by ssh, which wants a private key\n"
            "  Give one with --ssh-key FILE.\n",
        ),
        (
            ["repo", "add", "http://10.0.0.1/x"],
            "GIT007 the host '10.0.0.1' is at 10.0.0.1, which is not a public address\n"
            "  If that is meant, add '10.0.0.1' to WINDLASS_ALLOWED_HOSTS.\n",
        ),
        (
            ["repo", "add", "https://git.example/x", "--name", "Big Team"],
            "REPO001 repository name 'Big Team' is not valid: expected 1 to 63 of a-z 0-9 . _ - "
            "that begin and end with a letter or a digit\n"
            "  For example 'big-team'.\n",
        ),
        (
            ["repo", "add", "https://git.example/x", "--sync-interval", "soon"],
            "REPO002 sync interval 'soon' is not valid: expected a whole number with s, m or h, "
            "from 1s to 24h\n"
            "  For example 60s.\n",
        ),
        (
            ["repo", "add", "https://git.example/x", "--path", "../up"],
            "REPO004 path '../up' is not a folder inside the repository\n"
            "  Give it relative to the top of the repository, for example dags.\n",
        ),
        (
            ["release", "rollback", "cli-team", "--reason", "x", "--to", "999999"],
            "REL001 the repository has no release #999999\n  The newest are {newest}.\n",
        ),
    ],
)
def test_a_wrong_input_is_told_in_two_lines(
    stage: Stage, team: Team, arguments: list[str], error: str
) -> None:
    rows = stage.client.get("/api/v1/repositories/cli-team/releases")
    newest = ", ".join(f"#{row['id']}" for row in rows)

    said = say(run_windlass(stage, *arguments))

    assert said == Said(1, "", error.replace("{newest}", newest))


def test_an_unknown_repository_is_told_with_those_there_are(stage: Stage, team: Team) -> None:
    said = say(run_windlass(stage, "repo", "show", "cli-teem"))

    first, hint = said.err.splitlines()
    assert (said.code, said.out) == (1, "")
    assert first == "REPO011 there is no repository 'cli-teem'"
    assert hint == '  Did you mean "cli-team"?'


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["repo", "list"], REPOSITORY_KEYS),
        (["release", "list", "cli-team"], RELEASE_KEYS),
    ],
)
def test_the_keys_of_a_listing_are_stable(
    stage: Stage, team: Team, arguments: list[str], keys: list[str]
) -> None:
    said = say(run_windlass(stage, *arguments, "--output", "json"))

    assert (said.code, said.err) == (0, "")
    assert {tuple(sorted(row)) for row in json.loads(said.out)} == {tuple(keys)}


def test_one_repository_as_json_is_that_of_the_listing(stage: Stage, team: Team) -> None:
    shown = json.loads(run_windlass(stage, "repo", "show", "cli-team", "-o", "json").stdout)

    assert sorted(shown) == REPOSITORY_KEYS
    assert (shown["name"], shown["sync"]["state"]) == ("cli-team", "live")


def test_tables_fit_a_terminal_of_80_columns(stage: Stage, team: Team) -> None:
    tables = [
        run_windlass(stage, "repo", "list").stdout.splitlines(),
        run_windlass(stage, "release", "list", "cli-team").stdout.splitlines(),
    ]

    heads = [table[0].split() for table in tables]
    assert heads == [
        ["REPOSITORY", "SYNC", "HEALTH", "RELEASE", "HEAD", "SUBJECT"],
        ["RELEASE", "STATE", "COMMIT", "AGE", "BY", "WHY"],
    ]
    assert max(len(line) for table in tables for line in table) <= 80
    assert len(tables[1]) == 3


def test_show_tells_both_badges_and_the_history(stage: Stage, team: Team) -> None:
    lines = run_windlass(stage, "repo", "show", "cli-team").stdout.splitlines()

    release = team.status["release"]["id"]
    assert f"Sync     ● Live: release #{release} was seen in Airflow" in lines
    assert any(line.startswith("Health   ● Healthy: every ") for line in lines)
    events = [line.split()[3] for line in lines[lines.index("History") + 1 :]]
    assert [tag for tag in events if tag != "deployment:converged"][-1] == "deployment:live"


def test_a_sync_with_nothing_new_waits_until_it_is_live(stage: Stage, team: Team) -> None:
    said = say(run_windlass(stage, "repo", "sync", "cli-team", "--wait"))

    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1].startswith("● Live: release #")
