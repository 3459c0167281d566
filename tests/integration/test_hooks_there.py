"""Webhooks at their Git host: registered, verified, repaired, rotated and removed by its API."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.calls import github_push
from tests.contract.forges import TOKEN, Forge, GitHub, serving
from tests.integration.conftest import Origin
from tests.integration.reporting import PUBLIC, Reported, report_to
from tests.integration.serving import CommandLine, api_over, client_of, command_line
from windlass.database import tables as t
from windlass.database.audit import list_audit
from windlass.domain.errors import AppError, Conflict, Invalid, NotFound
from windlass.domain.forge import HookReport, Protection
from windlass.engine import hooks_there, webhooks
from windlass.engine.context import Context
from windlass.engine.lifecycle import Change, change
from windlass.engine.register import Registration
from windlass.engine.stored_logins import forget_login

ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"
BARE = Protection(is_protected=False, needs_review=False)


@pytest.fixture
def forge() -> Iterator[Forge]:
    with serving(GitHub()) as forge:
        yield forge


@pytest.fixture
def reported(
    context: Context, registration: Registration, origin: Origin, forge: Forge
) -> Reported:
    origin.push("first", {"orders.py": ORDERS})
    return report_to(context, registration, origin, forge)


@pytest.fixture
def shell(reported: Reported, room: Path) -> Iterator[CommandLine]:
    with command_line(reported.context, room) as shell:
        yield shell


def hook_of(reported: Reported) -> dict[str, object]:
    (hook,) = reported.forge.hooks.values()
    return hook


def problem(reported: Reported) -> str | None:
    return hooks_there.verify(reported.context, "dags", "github").problem


def failure(reported: Reported) -> AppError:
    with pytest.raises(AppError) as refused:
        hooks_there.register(reported.context, "dags", "github", actor="alice")
    return refused.value


def test_a_registered_hook_calls_and_is_believed(reported: Reported) -> None:
    made = hooks_there.register(reported.context, "dags", "github", actor="alice")

    url = f"{PUBLIC}/webhooks/r/{made.address}"
    body = github_push(reported.repository.url, "refs/heads/main", "0" * 39 + "1")
    secret = reported.forge.secret_of(hook_of(reported))
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-GitHub-Event": "push",
        "X-Hub-Signature-256": f"sha256={signature}",
        "Content-Type": "application/json",
    }
    with client_of(api_over(reported.context)) as client:
        answer = client.post(url.removeprefix(PUBLIC), content=body, headers=headers)
    assert (answer.status_code, answer.json()["outcome"]) == (202, "accepted")
    assert hooks_there.verify(reported.context, "dags", "github") == HookReport(None, BARE)


def test_registering_twice_leaves_one_hook(reported: Reported) -> None:
    for _ in range(2):
        hooks_there.register(reported.context, "dags", "github", actor="alice")

    assert (len(reported.forge.hooks), problem(reported)) == (1, None)


def test_verify_says_in_one_line_what_is_wrong(reported: Reported) -> None:
    webhooks.add(reported.context, "dags", "github", secret=None, actor="alice")
    said = [problem(reported)]
    hooks_there.register(reported.context, "dags", "github", actor="alice")
    hook, good = hook_of(reported), dict(hook_of(reported))
    config = good["config"]
    assert isinstance(config, dict)
    old = str(config["url"]).replace("windlass.example", "old.example")
    for wrong in (
        {"config": config | {"url": old}},
        {"active": False},
        {"events": ["push"]},
        {"last_response": {"code": 502}},
        {"last_response": {"code": None, "status": "timeout"}},
        {"last_response": {"code": 0}},
        {"config": config | {"insecure_ssl": "1"}},
    ):
        hook.clear()
        hook.update(good | wrong)
        said.append(problem(reported))

    assert said == [
        "absent: the host has no hook that calls here",
        f"it calls another address: {old}",
        "it is switched off",
        "it does not tell of pull_request",
        "its last call was answered 502",
        None,
        "its last call did not arrive",
        "it does not verify our certificate",
    ]


def test_repair_mends_whatever_is_wrong(reported: Reported) -> None:
    hooks_there.register(reported.context, "dags", "github", actor="alice")
    hook = hook_of(reported)
    hook |= {"active": False, "events": ["push"]}
    reported.forge.put(reported.forge.hooks, dict(hook))

    was = hooks_there.repair(reported.context, "dags", "github", actor="alice")

    assert (was.problem, problem(reported)) == ("it is switched off", None)
    assert (len(reported.forge.hooks), hook_of(reported)["active"]) == (1, True)


def test_a_hook_follows_where_windlass_is(reported: Reported) -> None:
    hooks_there.register(reported.context, "dags", "github", actor="alice")
    moved = replace(reported, context=replace(reported.context, public_url="https://new.example/w"))

    hooks_there.repair(moved.context, "dags", "github", actor="alice")

    assert (len(reported.forge.hooks), problem(moved)) == (1, None)


def test_hooks_of_others_are_left_alone(reported: Reported) -> None:
    other = {"active": True, "events": ["push"], "config": {"url": "https://ci.example/hook"}}
    reported.forge.put(reported.forge.hooks, other)
    before = dict(other)
    hooks_there.register(reported.context, "dags", "github", actor="alice")
    hooks_there.remove_there(reported.context, "dags", "github", actor="alice")

    assert [one["config"] for one in reported.forge.hooks.values()] == [before["config"]]


def test_a_rotation_at_the_host_brings_the_new_secret(reported: Reported) -> None:
    hooks_there.register(reported.context, "dags", "github", actor="alice")
    before = reported.forge.secret_of(hook_of(reported))

    made = hooks_there.rotate_there(reported.context, "dags", "github", keep="1h", actor="alice")

    after = reported.forge.secret_of(hook_of(reported))
    assert (before != after, len(made.secrets)) == (True, 2)


def test_a_host_that_is_away_keeps_its_secret_and_ours(reported: Reported) -> None:
    hooks_there.register(reported.context, "dags", "github", actor="alice")
    reported.forge.answers[:] = [(503, None)]

    with pytest.raises(AppError) as away:
        hooks_there.rotate_there(reported.context, "dags", "github", keep="0s", actor="alice")

    (webhook,) = webhooks.list_of(reported.context, "dags")
    assert (away.value.code, len(webhook.secrets)) == ("FORGE003", 1)


def test_without_a_public_url_nothing_is_made(reported: Reported) -> None:
    bare = replace(reported, context=replace(reported.context, public_url=None))

    assert (failure(bare).code, webhooks.list_of(reported.context)) == ("FORGE012", [])


def test_an_ssh_key_is_no_use_at_an_api(reported: Reported) -> None:
    change(reported.context, "dags", Change(options={"api_credential": None}), actor="alice")
    with reported.context.database.transaction() as connection:
        connection.execute(sa.update(t.credential).values(kind="ssh_key"))

    error = failure(reported)

    assert (type(error), error.code) == (Invalid, "FORGE011")
    assert "an ssh key" in error.message


def test_a_token_is_sent_to_no_other_host(reported: Reported) -> None:
    elsewhere = {"api_url": "https://api.elsewhere.example/v3"}
    change(reported.context, "dags", Change(options=elsewhere), actor="alice")

    error = failure(reported)

    assert (type(error), error.code, reported.forge.calls) == (Invalid, "FORGE015", [])


def test_a_credential_that_an_api_is_shown_is_in_use(reported: Reported) -> None:
    with pytest.raises(Conflict) as used:
        forget_login(reported.context, "api", actor="alice")

    assert (used.value.code, "repository/dags" in used.value.message) == ("CRED021", True)


def test_the_commands_show_no_secret(reported: Reported, shell: CommandLine) -> None:
    said = [
        *shell.say("webhook", "register", "dags", "--kind", "github"),
        *shell.say("webhook", "verify", "dags"),
        *shell.say("webhook", "rotate", "dags", "--at-forge", "--keep", "1h"),
        *shell.say("webhook", "repair", "dags"),
    ]
    secret = reported.forge.secret_of(hook_of(reported))
    hook_of(reported)["active"] = False
    wrong = shell.run("webhook", "verify", "dags")
    said += shell.say("webhook", "remove", "dags", "--at-forge")

    with reported.context.database.transaction() as connection:
        audit = [(row.action, row.facts) for row in list_audit(connection, limit=20)]
    assert (wrong.exit_code, wrong.stdout.splitlines()[0]) == (
        1,
        "dags github: it is switched off",
    )
    assert "dags github: the hook is as it should be" in said
    assert "  The branch is not protected: whoever may write can push without review." in said
    assert [word for word in (secret, TOKEN) if word in f"{said} {audit}"] == []
    assert {"webhook:registered", "webhook:repaired", "webhook:rotated"} <= {a for a, _ in audit}
    assert (reported.forge.hooks, webhooks.list_of(reported.context)) == ({}, [])


def test_a_rotation_at_the_host_takes_no_secret_of_ours(
    reported: Reported, shell: CommandLine
) -> None:
    tried = shell.run("webhook", "rotate", "dags", "--at-forge", "--secret-stdin", stdin="x" * 20)

    assert isinstance(tried.exception, Invalid)
    assert tried.exception.code == "CLI023"


def test_a_webhook_that_is_not_here_is_not_verified(reported: Reported) -> None:
    with pytest.raises(NotFound) as missing:
        hooks_there.verify(reported.context, "dags", "gitlab")

    assert missing.value.code == "HOOK013"
