"""`windlass repo adopt`, as a user runs it, before a real API and Git host."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import PASSWORD, Origin, register, run_sync, status_of
from tests.integration.serving import command_line
from windlass.database.repositories import list_repositories
from windlass.domain.errors import Invalid
from windlass.domain.login import PasswordLogin
from windlass.domain.repository import SyncState
from windlass.domain.status import sync_state
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.engine.stored_logins import keep_login

LOGIN = PasswordLogin("ci", PASSWORD)
DAG = "from airflow.sdk import DAG\nDAG('orders')\n"


def test_adopted_repositories_are_judged_and_wait_until_a_person_switches_them(
    context: Context, origin: Origin, room: Path
) -> None:
    origin.push("first", {"dags/orders.py": DAG})
    keep_login(context, "git", origin.url, LOGIN, replace=False, actor="alice")
    values = room / "values.yaml"
    values.write_text(
        f"dags:\n  gitSync:\n    repo: {origin.url}\n    branch: main\n    subPath: dags\n"
        "    credentialsSecret: git\n    period: 30s\n"
    )

    with command_line(context, room) as windlass:
        shown = windlass.say("repo", "adopt", str(values))
        before = windlass.say("repo", "list")
        added = windlass.say("repo", "adopt", str(values), "--credential", "git", "--add")
        again = windlass.run("repo", "adopt", str(values), "--credential", "git", "--add")

    assert f"    url: {origin.url}" in shown
    assert before[0] == "No repositories yet. Add one:"
    # the API logs to the same output here
    assert "Added dags; its first release waits for you: windlass repo show dags" in added
    assert (again.exit_code, again.stderr.split()[1:3]) == (1, ["dags:", "REPO010"])
    with context.database.transaction() as connection:
        (repository,) = list_repositories(connection)
    assert (repository.path, repository.sync_interval_s, repository.credential) == (
        "dags",
        30,
        "git",
    )
    run_sync(context, repository)
    assert sync_state(status_of(context).facts)[0] is SyncState.WAITING_APPROVAL


def test_one_that_cannot_be_registered_keeps_no_other_from_it(
    context: Context, origin: Origin, registration: Registration, room: Path
) -> None:
    origin.push("first", {"orders.py": DAG})
    listed: list[dict[str, Any]] = [
        {
            "name": name,
            "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
            "kwargs": {"tracking_ref": "main", "repo_url": url, "git_conn_id": "git"},
        }
        for name, url in (("gone", f"{origin.url}-gone"), ("here", origin.url), ("none", None))
    ]
    listed.append({"name": "dags-folder", "classpath": "airflow.LocalDagBundle", "kwargs": {}})
    keep_login(context, "git", origin.url, LOGIN, replace=False, actor="alice")

    with command_line(context, room) as windlass:
        given = ("repo", "adopt", "-", "--credential", "git", "--add", "--output", "json")
        result = windlass.run(*given, stdin=json.dumps(listed))

    assert result.exit_code == 1
    assert [one["name"] for one in json.loads(result.stdout[result.stdout.index("[\n") :])] == [
        "here"
    ]
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == [
        "✕ gone",
        "✕ standard input",
        "- standard input",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--git-sync", ""],
            "CLI023 nothing of git-sync and of no GitDagBundle was found windlass repo adopt "
            "--help says what is read.",
        ),
        (
            ["nowhere.yaml"],
            "CLI024 no settings can be read from 'nowhere.yaml': No such file or directory",
        ),
        (["--url", "dags"], "CLI025 --url takes BUNDLE=URL For example --url dags=https://…"),
    ],
)
def test_what_makes_no_sense_is_told(
    arguments: list[str], words: str, context: Context, room: Path
) -> None:
    with command_line(context, room) as windlass:
        refused = windlass.run("repo", "adopt", *arguments)

    assert isinstance(refused.exception, Invalid)
    assert str(refused.exception) == words


def test_what_is_served_goes_back_to_airflows_own_bundles_and_is_read_again(
    context: Context, origin: Origin, registration: Registration, room: Path
) -> None:
    origin.push("first", {"dags/orders.py": DAG})
    register(context, registration, path="dags", sync_interval="30s")
    origin.git("tag", "v1")
    origin.git("push", "--quiet", "origin", "v1")
    register(context, registration, name="tagged", tag_pattern="v*")

    with command_line(context, room) as windlass:
        one = windlass.run("repo", "export", "dags", "--git-dag-bundle")
        everything = windlass.run("repo", "export", "--all", "--git-dag-bundle")
        again = windlass.say("repo", "adopt", "-", stdin=one.stdout)

    bundle = {
        "name": "dags",
        "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
        "kwargs": {
            "repo_url": origin.url,
            "tracking_ref": "main",
            "subdir": "dags",
            "refresh_interval": 30,
        },
    }
    assert (one.exit_code, json.loads(one.stdout)) == (0, [bundle])
    assert (everything.exit_code, json.loads(everything.stdout)) == (1, [bundle])
    assert everything.stderr.startswith("✕ tagged follows a pattern of tags: a bundle cannot")
    assert again[4:10] == [
        "  - name: dags",
        f"    url: {origin.url}",
        "    branch: main",
        "    path: dags",
        "    environment: default",
        "    sync_interval: 30s",
    ]
