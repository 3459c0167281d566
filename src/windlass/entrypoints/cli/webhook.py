"""`windlass webhook`: addresses that Git hosts call, and their secrets."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from windlass.domain.errors import Invalid, NotFound
from windlass.entrypoints.cli.render import Output, age, badge, print_json, say, table

if TYPE_CHECKING:
    from windlass.entrypoints.cli.client import Client  # late: it imports httpx

app = typer.Typer(
    no_args_is_help=True, help="Have Git hosts call at each push, which polls would find later."
)
Name = Annotated[str, typer.Argument(help="The repository's name.", metavar="NAME")]
Kind = Annotated[
    str | None,
    typer.Option("--kind", help="The kind of Git host; default: the only one, or by its name."),
]
SecretStdin = Annotated[
    bool, typer.Option("--secret-stdin", help="Read the secret from stdin; default: make one.")
]

AtForge = Annotated[bool, typer.Option("--at-forge", help="At the Git host too, by its API.")]


@app.command(epilog="Example: windlass webhook add team-dags")
def add(
    name: Name, kind: Kind = None, secret_stdin: SecretStdin = False, output: Output = "text"
) -> None:
    """Give a repository an address that its Git host may call.

    The secret is shown this once. docs/webhooks.md says what to fill in for each host.
    """
    from windlass.entrypoints.cli.client import Client

    body = {"kind": kind, "secret": _secret() if secret_stdin else None}
    made = Client().post(f"{_address(name)}", body)
    _tell_made(made, output, shown=not secret_stdin)


@app.command(epilog="Example: windlass webhook register team-dags")
def register(name: Name, kind: Kind = None, output: Output = "text") -> None:
    """Make the hook at the Git host, by its API.

    Nobody is shown the secret. It needs WINDLASS_PUBLIC_URL, and a token that may manage hooks.
    """
    from windlass.entrypoints.cli.client import Client

    made = Client().post(f"{_address(name)}/register", {"kind": kind})
    if output == "json":
        print_json(made)
        return
    say(f"{made['kind']} calls {made['url']} at each push and pull request of {name}.")
    say(f"  Look whether it does: windlass webhook verify {name}")


@app.command(epilog="Example: windlass webhook verify team-dags")
def verify(name: Name, kind: Kind = None, output: Output = "text") -> None:
    """Ask the Git host what is wrong with its hook. Exits 1 if anything is."""
    from windlass.entrypoints.cli.client import Client

    client = Client()
    found = _one(client, name, kind)
    told = client.get(f"{_address(name)}/{found['kind']}/verify")
    if output == "json":
        print_json(told)
    else:
        say(f"{name} {found['kind']}: {told['problem'] or 'the hook is as it should be'}")
        if told["protection"] is not None:
            say(f"  The branch is {told['protection']['words']}.")
        if not told["ok"]:
            say(f"  Mend it: windlass webhook repair {name} --kind {found['kind']}")
    if not told["ok"]:
        raise typer.Exit(1)


@app.command(epilog="Example: windlass webhook repair team-dags")
def repair(name: Name, kind: Kind = None, output: Output = "text") -> None:
    """Mend the hook at the Git host, with the newest secret."""
    from windlass.entrypoints.cli.client import Client

    client = Client()
    found = _one(client, name, kind)
    told = client.post(f"{_address(name)}/{found['kind']}/repair", {})
    if output == "json":
        print_json(told)
        return
    was = f"It was wrong: {told['problem']}." if told["problem"] else "Nothing was wrong with it."
    say(f"The hook of {name} at {found['kind']} is as it should be. {was}")


@app.command("list", epilog="Example: windlass webhook list --output json")
def list_all(output: Output = "text") -> None:
    """List all webhooks, and whether their hosts call."""
    from windlass.entrypoints.cli.client import Client

    found = Client().get("/api/v1/webhooks")
    if output == "json":
        print_json(found)
    elif not found:
        say("No webhooks yet. Add one: windlass webhook add NAME")
    else:
        heads = ("REPOSITORY", "KIND", "PROOF", "STATE", "LAST CALL", "SECRETS")
        say(table(heads, [_row(one) for one in found], flexible=0))


@app.command("show-address", epilog="Example: windlass webhook show-address team-dags")
def show_address(name: Name, kind: Kind = None, output: Output = "text") -> None:
    """Show what the Git host's form wants, but the secret."""
    from windlass.entrypoints.cli.client import Client

    found = _one(Client(), name, kind)
    if output == "json":
        print_json(found)
        return
    for line in _form(found):
        say(line)


@app.command(epilog="Example: windlass webhook rotate team-dags --keep 2h")
def rotate(
    name: Name,
    kind: Kind = None,
    keep: Annotated[
        str, typer.Option(help="How long the older secret stays valid, such as 2h or 0s.")
    ] = "24h",
    secret_stdin: SecretStdin = False,
    at_forge: AtForge = False,
    output: Output = "text",
) -> None:
    """Give a webhook another secret; the older one stays a while."""
    from windlass.entrypoints.cli.client import Client

    if at_forge and secret_stdin:
        words = "--at-forge makes the secret itself, and shows it to nobody"
        raise Invalid("CLI023", words, "Leave out --secret-stdin.")
    client = Client()
    found = _one(client, name, kind)
    if at_forge:
        made = client.post(f"{_address(name)}/{found['kind']}/rotate-at-forge", {"keep": keep})
        if output == "json":
            print_json(made)
            return
        say(f"{found['kind']} has the new secret of {name}; the older one is valid for {keep}.")
        return
    body = {"keep": keep, "secret": _secret() if secret_stdin else None}
    made = client.post(f"{_address(name)}/{found['kind']}/rotate", body)
    _tell_made(made, output, shown=not secret_stdin)


@app.command(epilog="Example: windlass webhook remove team-dags")
def remove(
    name: Name, kind: Kind = None, at_forge: AtForge = False, output: Output = "text"
) -> None:
    """Remove a webhook: nobody may call it any more. What was delivered stays."""
    from windlass.entrypoints.cli.client import Client

    client = Client()
    found = _one(client, name, kind)
    there = "?at_forge=true" if at_forge else ""
    left = client.delete(f"{_address(name)}/{found['kind']}{there}")
    if output == "json":
        print_json(left)
        return
    if at_forge:
        say(f"Removed the webhook {found['kind']} of {name}, here and at the Git host.")
        return
    say(f"Removed the webhook {found['kind']} of {name}. Remove it at the Git host too.")


def _address(name: str) -> str:
    from windlass.entrypoints.cli.client import address_of

    return f"{address_of(name)}/webhooks"


def _one(client: "Client", name: str, kind: str | None) -> dict[str, Any]:
    """The webhook of that kind, or the only one."""
    found = client.get(_address(name))
    wanted = [one for one in found if kind in (None, one["kind"])]
    if not wanted:
        what = f"no webhook of the kind {kind}" if kind else "no webhook"
        hint = f"Add one: windlass webhook add {name}"
        raise NotFound("CLI018", f"{name!r} has {what}", hint)
    if len(wanted) > 1:
        kinds = ", ".join(one["kind"] for one in wanted)
        raise Invalid("CLI019", f"{name!r} has several webhooks", f"Give --kind: {kinds}.")
    return dict(wanted[0])


def _secret() -> str:
    return sys.stdin.read().strip("\r\n")


def _tell_made(made: dict[str, Any], output: str, *, shown: bool) -> None:
    """What goes into the host's form; the secret too, unless the caller brought it."""
    if output == "json":
        print_json(made)
        return
    webhook = made["webhook"]
    for line in _form(webhook):
        say(line)
    if shown:
        say(f"{webhook['secret_field']}: {made['secret']}")
        say("  It is shown this once. Another one: windlass webhook rotate")


def _form(webhook: dict[str, Any]) -> list[str]:
    how = "signed" if webhook["proof"] == "signature" else "authenticated, not signed"
    lines = [
        f"{webhook['repository']}   {webhook['kind']}, {how}",
        f"URL: {webhook['url']}",
        f"  or, for all repositories of the kind: {webhook['shared_url']}",
        f"Events: {webhook['events']}",
    ]
    if webhook["url"].startswith("/"):
        lines.append("  Set WINDLASS_PUBLIC_URL, and these are whole URLs.")
    return lines


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["repository"],
        one["kind"],
        one["proof"],
        badge(one["state"]),
        f"{age(one['heard_at'])} ago" if one["heard_at"] else "-",
        str(len(one["secrets"])),
    )
