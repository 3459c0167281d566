"""What the API can do the command line can, and the other way round."""

import json
from pathlib import Path
from typing import Any

import typer

from windlass.entrypoints.cli.main import app

DESCRIPTION = Path(__file__).parents[3] / "docs" / "contract" / "openapi.json"
REPOSITORY = "/api/v1/repositories/{name}"
# A new endpoint or command gets its line here, beside the other half of it.
PAIRS = {
    "GET /api/v1/audit": "audit list",
    "GET /api/v1/audit/export": "audit export",
    "GET /api/v1/audit/head": "audit head",
    "GET /api/v1/dags/{dag_id}/explain": "explain",
    "GET /api/v1/credentials": "credential list",
    "POST /api/v1/credentials": "credential add",
    "POST /api/v1/credentials/deploy-keys": "credential deploy-key",
    "POST /api/v1/credentials/{name}/test": "credential test",
    "POST /api/v1/credentials/{name}/rotate": "credential rotate",
    "POST /api/v1/credentials/{name}/renew-key": "credential renew-key",
    "DELETE /api/v1/credentials/{name}": "credential remove",
    "POST /api/v1/keys/rotate": "key rotate",
    f"POST {REPOSITORY}/connection": "credential publish",
    "GET /api/v1/declaration": "config show",
    "POST /api/v1/declaration/adopt": "config adopt",
    "POST /api/v1/declaration/apply": "config apply",
    "POST /api/v1/declaration/disown": "config disown",
    "GET /api/v1/declaration/export": "repo export",
    "GET /api/v1/environments": "environment list",
    "POST /api/v1/environments": "environment add",
    "GET /api/v1/environments/{name}": "environment show",
    "PATCH /api/v1/environments/{name}": "environment set",
    "POST /api/v1/environments/{name}/accept": "environment accept",
    "DELETE /api/v1/environments/{name}": "environment remove",
    "GET /api/v1/environments/{name}/inventory": "environment inventory",
    "POST /api/v1/environments/{name}/inventory/refresh": "environment inventory",
    "POST /api/v1/environments/{name}/test": "environment test",
    "GET /api/v1/findings": "finding list",
    f"POST {REPOSITORY}/plan": "plan",
    f"GET {REPOSITORY}/releases/{{release}}/plan": "release plan",
    "POST /api/v1/plans/{digest}/apply": "apply",
    "GET /api/v1/policies": "policy list",
    "GET /api/v1/policies/{name}": "policy show",
    "PUT /api/v1/policies/{name}": "policy set",
    "DELETE /api/v1/policies/{name}": "policy remove",
    "GET /api/v1/waivers": "finding waivers",
    "POST /api/v1/waivers": "finding waive",
    "POST /api/v1/waivers/{waiver}/end": "finding unwaive",
    "GET /api/v1/repositories": "repo list",
    "POST /api/v1/repositories": "repo add",
    "GET /api/v1/repositories/removed/all": "repo list",
    f"GET {REPOSITORY}": "repo show",
    f"PATCH {REPOSITORY}": "repo set",
    f"DELETE {REPOSITORY}": "repo remove",
    f"GET {REPOSITORY}/removal": "repo remove",
    f"POST {REPOSITORY}/suspend": "repo suspend",
    f"POST {REPOSITORY}/resume": "repo resume",
    f"GET {REPOSITORY}/events": "repo show",
    f"GET {REPOSITORY}/holds": "repo show",
    f"POST {REPOSITORY}/holds": "release hold",
    f"GET {REPOSITORY}/diff": "release diff",
    f"GET {REPOSITORY}/report": "repo report",
    f"POST {REPOSITORY}/try": "policy try",
    f"GET {REPOSITORY}/releases": "release list",
    f"GET {REPOSITORY}/releases/{{release}}": "release show",
    f"POST {REPOSITORY}/releases/{{release}}/approve": "release approve",
    f"POST {REPOSITORY}/releases/{{release}}/lift": "release lift",
    f"POST {REPOSITORY}/releases/{{release}}/reject": "release reject",
    f"POST {REPOSITORY}/rollback": "release rollback",
    f"POST {REPOSITORY}/sync": "repo sync",
    f"GET {REPOSITORY}/webhooks": "webhook show-address",
    f"POST {REPOSITORY}/webhooks": "webhook add",
    f"POST {REPOSITORY}/webhooks/{{kind}}/rotate": "webhook rotate",
    f"POST {REPOSITORY}/webhooks/{{kind}}/rotate-at-forge": "webhook rotate",
    f"POST {REPOSITORY}/webhooks/register": "webhook register",
    f"GET {REPOSITORY}/webhooks/{{kind}}/verify": "webhook verify",
    f"POST {REPOSITORY}/webhooks/{{kind}}/repair": "webhook repair",
    f"DELETE {REPOSITORY}/webhooks/{{kind}}": "webhook remove",
    "GET /api/v1/pull-requests": "pr list",
    f"GET {REPOSITORY}/pull-requests/{{number}}": "pr show",
    f"POST {REPOSITORY}/pull-requests/{{number}}/check": "pr check",
    f"POST {REPOSITORY}/pull-requests/{{number}}/approve": "pr approve",
    "GET /api/v1/webhooks": "webhook list",
    "GET /api/v1/deliveries": "delivery list",
    "GET /api/v1/deliveries/{delivery}": "delivery show",
    "POST /api/v1/deliveries/{delivery}/replay": "delivery replay",
    f"POST {REPOSITORY}/unhold": "release unhold",
}
# Commands that run Windlass, or work on files of this machine.
LOCAL = {
    *(
        "up",
        "api",
        "worker",
        "demo",
        "bench sync",
        "dag test",
        "bench poll",
        "bench compile",
        "bench gate",
        "bench plan",
        "bench live",
        "bench webhooks",
        "backup",
        "restore",
        "airflow config",
    ),
    *(
        "audit verify",
        "audit exposure",
        "repo adopt",  # --add goes through `repo add`
        "credential import",  # each goes through `credential add`
        "config explain",
        "config check",
        "config schema",
        "doctor",
        "check",
        "template list",
        "template lock",
        "template upgrade",
    ),
    *(
        "finding explain",
        "environment try",
        "compile",
        "import dag-factory",
        "import pipeweaver",
    ),  # `policy try` has its endpoint
}


def commands() -> set[str]:
    def walk(path: str, command: Any) -> set[str]:
        inner = getattr(command, "commands", None)
        if inner is None:
            return {path}
        return {name for key, one in inner.items() for name in walk(f"{path} {key}".strip(), one)}

    return walk("", typer.main.get_command(app))


def endpoints() -> set[str]:
    paths = json.loads(DESCRIPTION.read_text())["paths"]
    return {
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method in operations
        if path.startswith("/api/")
    }


def test_every_endpoint_has_its_command() -> None:
    assert endpoints() == PAIRS.keys()


def test_every_command_has_its_endpoint_or_needs_none() -> None:
    assert commands() == {*PAIRS.values(), *LOCAL}


def tree(path: str, command: Any) -> dict[str, Any]:
    inner = getattr(command, "commands", {})
    below = [tree(f"{path} {key}", one) for key, one in inner.items()]
    return {path: command} | {name: one for found in below for name, one in found.items()}


def test_no_listing_of_commands_is_cut_at_80_columns() -> None:
    for name, command in tree("windlass", typer.main.get_command(app)).items():
        listing = command.get_help(
            command.context_class(command, info_name=name, max_content_width=80, terminal_width=80)
        )
        assert [line for line in listing.splitlines()[1:] if line.endswith("...")] == []


def test_every_command_shows_an_example() -> None:
    groups = tree("windlass", typer.main.get_command(app)).items()

    assert [
        name
        for name, one in groups
        if not hasattr(one, "commands") and "windlass" not in (one.epilog or "")
    ] == []
