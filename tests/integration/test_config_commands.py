"""`windlass config` and `repo export`, as a user runs them, over a real API and database."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from typer.testing import CliRunner

from tests.integration.conftest import PASSWORD, Origin, register
from tests.integration.serving import TOKEN, api_over, client_of
from tests.integration.test_declare import HEAD, apply, item, many
from windlass.domain.errors import AppError
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.entrypoints.cli.main import app

BAD = "repositories:\n  - name: a\n    url: https://git.example/a\n    brnach: main\n"
PROBLEM = 'windlass.yaml:4:5 FILE001 the repository has no key "brnach". Did you mean "branch"?'


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    error: str = ""


def run(*arguments: str, text: str = "") -> Said:
    result = CliRunner().invoke(app, arguments, input=text, env={"COLUMNS": "120"})
    error = str(result.exception) if isinstance(result.exception, AppError) else ""
    return Said(result.exit_code, result.output, error)


def ageless(text: str) -> str:
    """The text, whatever the few seconds are that it names."""
    return re.sub(r"since \d+ s", "since a moment", text)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def alice(
    context: Context, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx.Client]:
    """Alice's command line leads to an API that serves; the client is for looking behind it."""
    (folder / "token").write_text(TOKEN)
    with client_of(api_over(context)) as client:
        monkeypatch.setenv("WINDLASS_API_URL", str(client.base_url))
        monkeypatch.setenv("WINDLASS_API_TOKEN_FILE", str(folder / "token"))
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


def shown(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/declaration").json()
    return found


# ---- without a server ----------------------------------------------------------------------


def test_a_good_file_is_checked_without_a_server(folder: Path) -> None:
    (folder / "windlass.yaml").write_text(HEAD + item("a"))

    assert run("config", "check", "windlass.yaml") == Said(
        0, "windlass.yaml is good: 1 repository, 0 environments.\n"
    )


def test_what_the_settings_here_refuse_is_told_beside(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HEAD + "".join(
        f"  - name: {name}\n    url: {url}\n"
        for name, url in (("a", "file:///srv/a.git"), ("b", "https://10.1.2.3/b"))
    )
    (folder / "windlass.yaml").write_text(text)

    said = run("config", "check")

    assert said.code == 0
    first, *told = said.out.splitlines()
    assert first == "windlass.yaml is good: 2 repositories, 0 environments."
    assert told[0].startswith("  With the settings here a is refused: GIT017 file:///srv/a.git")
    assert told[2].startswith("  With the settings here b is refused: GIT007 the host '10.1.2.3'")
    monkeypatch.setenv("WINDLASS_ALLOWED_HOSTS", "10.0.0.0/8")
    monkeypatch.setenv("WINDLASS_ALLOW_FILE_URLS", "/srv")
    found = json.loads(run("config", "check", "--output", "json").out)
    assert found == {"path": "windlass.yaml", "ok": True, "findings": [], "refused_here": {}}


def test_without_a_name_the_file_of_a_worker_is_checked(folder: Path) -> None:
    (folder / "airflow-repos.yaml").write_text(BAD)

    assert (
        run("config", "check").out == PROBLEM.replace("windlass.yaml", "airflow-repos.yaml") + "\n"
    )


def test_a_bad_file_ends_with_1_and_every_problem_on_a_line(folder: Path) -> None:
    (folder / "windlass.yaml").write_text(BAD + "    namespace: Team\n")

    said = run("config", "check")

    assert (said.code, said.out.splitlines()[0]) == (1, PROBLEM)
    assert [line.split()[1] for line in said.out.splitlines()] == ["FILE001", "REPO001"]


def test_problems_are_given_to_programs_as_json(folder: Path) -> None:
    (folder / "windlass.yaml").write_text(BAD)

    said = run("config", "check", "--output", "json")

    told = json.loads(said.out)
    assert (said.code, told["path"], told["ok"]) == (1, "windlass.yaml", False)
    assert [(one["code"], one["line"], one["column"]) for one in told["findings"]] == [
        ("FILE001", 4, 5)
    ]


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    said = run("config", "check", "nowhere.yaml")

    assert (said.code, said.error) == (
        1,
        "CFG009 the file 'nowhere.yaml' cannot be read: No such file or directory "
        "Name it: windlass config check FILE",
    )


def test_environments_of_the_server_can_be_named_for_a_check(folder: Path) -> None:
    (folder / "windlass.yaml").write_text(HEAD + item("a", "    environment: prod\n"))

    assert run("config", "check").code == 1
    assert run("config", "check", "--environment", "prod").code == 0


def test_variables_of_env_and_dotenv_are_known_to_a_check(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("TEAM=data\n")
    monkeypatch.setenv("HOST", "git.example")
    (folder / "windlass.yaml").write_text(
        f"{HEAD}  - name: ${{TEAM}}\n    url: https://${{HOST}}/x\n"
    )

    assert run("config", "check").code == 0


def test_the_schema_is_printed_for_editors() -> None:
    schema = json.loads(run("config", "schema").out)

    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == {"environments", "policies", "repositories"}


def test_explain_shows_values_with_their_places(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("WINDLASS_BUNDLES=8\n")
    monkeypatch.setenv("WINDLASS_DATABASE_URL", "postgresql://u:s3cret@db.example/x")
    monkeypatch.setenv("WINDLASS_TYPO", "1")

    said = run("config", "explain", "--port", "9000")

    lines = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line}
    assert lines["WINDLASS_BUNDLES"] == ["8", ".env:1"]
    assert lines["WINDLASS_DATABASE_URL"] == ["***", "environment"]
    assert lines["WINDLASS_API_PORT"] == ["9000", "flag"]
    assert lines["WINDLASS_CONCURRENCY"] == ["4", "default"]
    assert said.out.endswith("\nWINDLASS_TYPO (environment) is no setting, and does nothing.\n")


def test_explain_gives_programs_the_same_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_ALLOWED_HOSTS", "a,b")

    told = json.loads(run("config", "explain", "--output", "json").out)

    by_name = {row["name"]: row for row in told["settings"]}
    assert (by_name["allowed_hosts"]["value"], by_name["allowed_hosts"]["source"]) == (
        ["a", "b"],
        "environment",
    )
    assert told["unknown"] == []


# ---- with a server -------------------------------------------------------------------------


def test_without_a_file_the_server_says_so(alice: httpx.Client) -> None:
    assert shown(alice) == {
        "state": "none",
        "path": None,
        "seen_at": None,
        "applied_at": None,
        "text": None,
        "places": {},
        "findings": [],
    }
    assert run("config", "show") == Said(
        0, "No declarative file was seen. Write windlass.yaml where the worker runs.\n"
    )


def test_a_file_in_force_is_shown_with_its_text(alice: httpx.Client, context: Context) -> None:
    text = many("a", "b")
    apply(context, text)

    said = ageless(run("config", "show").out)
    assert said == "windlass.yaml  applied, in force since a moment: 2 repositories.\n"
    assert run("config", "show", "--text") == Said(0, text)
    assert shown(alice)["places"] == {"a": "windlass.yaml:2:5", "b": "windlass.yaml:4:5"}


def test_a_refused_file_is_told_by_show_and_by_repo_list(
    alice: httpx.Client, context: Context
) -> None:
    apply(context, many("a"))
    apply(context, BAD)

    said = run("config", "show")

    assert (said.code, ageless(said.out).splitlines()) == (
        1,
        [
            "windlass.yaml  refused, in force since a moment: 1 repository.",
            "What is there now is refused; what runs stays as the last good file said:",
            PROBLEM,
        ],
    )
    assert run("repo", "list").out.splitlines()[-2:] == [
        "windlass.yaml has a problem, so the last good one is in force.",
        "  See them: windlass config show",
    ]
    assert shown(alice)["state"] == "refused"


def test_removals_are_allowed_by_a_command(alice: httpx.Client, context: Context) -> None:
    apply(context, many(*"abcd"))
    apply(context, many("a"))

    assert run("config", "apply", "--allow-removals").code == 0

    outcome = apply(context, many("a"))
    assert outcome is not None
    assert len(outcome.steps) == 3


def test_a_repository_of_the_api_goes_into_the_file_and_back(
    alice: httpx.Client, context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {})
    register(context, registration)
    apply(context, "repositories: []\n")
    items = run("repo", "export", "dags").out

    assert run("config", "adopt", "dags").code == 0
    taken = apply(context, HEAD + items)
    assert run("config", "disown", "dags").code == 0
    left = apply(context, "repositories: []\n")

    assert [str(step) for one in (taken, left) if one for step in one.steps] == [
        "change repository dags: owner"
    ]


def test_everything_is_exported_as_a_file_that_is_good(
    alice: httpx.Client, context: Context, folder: Path
) -> None:
    apply(context, many("a", "b"))

    (folder / "windlass.yaml").write_text(run("repo", "export", "--all").out)

    assert run("config", "check") == Said(
        0, "windlass.yaml is good: 2 repositories, 1 environment.\n"
    )


@pytest.mark.parametrize("arguments", [[], ["a", "--all"]])
def test_an_export_needs_names_or_all(arguments: list[str]) -> None:
    assert run("repo", "export", *arguments).error.startswith("CLI011 ")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/export"), ("POST", "/apply"), ("POST", "/adopt"), ("POST", "/disown")],
)
def test_charlie_who_has_no_token_gets_nothing(alice: httpx.Client, method: str, path: str) -> None:
    headers = {"Authorization": "Bearer guess"}

    answer = alice.request(method, f"/api/v1/declaration{path}", json={}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "API002")


def test_names_that_are_unknown_are_told(alice: httpx.Client, context: Context) -> None:
    apply(context, many("a"))

    assert run("config", "adopt", "b").error == ("REPO011 there is no repository 'b' There are: a.")
    assert run("repo", "export", "b").error.startswith("REPO011 ")


def test_a_credential_is_stored_from_standard_input_and_listed(
    alice: httpx.Client, origin: Origin
) -> None:
    options = ("--username", "ci", "--password-stdin")

    added = run("credential", "add", "company-git", origin.url, *options, text=f"{PASSWORD}\n")

    assert added == Said(0, "Stored company-git for 127.0.0.1.\n")
    listed = run("credential", "list").out.splitlines()
    head, (*shown, age, unit, expires, used) = (line.split() for line in listed)
    assert head == ["CREDENTIAL", "KIND", "USER", "HOST", "AGE", "EXPIRES", "USED", "BY"]
    assert [*shown, unit, expires, used] == [
        "company-git",
        "basic",
        "ci",
        "127.0.0.1",
        "s",
        "-",
        "-",
    ]
    assert age.isdigit()
    assert run("credential", "remove", "company-git") == Said(0, "Removed company-git.\n")


def test_a_credential_needs_one_way_to_get_in() -> None:
    assert run("credential", "add", "x", "https://git.example/x").error.startswith("CLI012 ")
