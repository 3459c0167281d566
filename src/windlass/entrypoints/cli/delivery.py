"""`windlass delivery`: calls of Git hosts, and how far each came."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import typer

from windlass.entrypoints.cli.render import Output, age, badge, print_json, say, table

app = typer.Typer(no_args_is_help=True, help="See what Git hosts delivered, and replay it.")
_ROOT = "/api/v1/deliveries"
Number = Annotated[int, typer.Argument(help="The delivery's number.", metavar="ID", min=1)]


@app.command("list", epilog="Example: windlass delivery list --state dead")
def list_newest(
    repository: Annotated[str | None, typer.Option(help="Of this repository only.")] = None,
    state: Annotated[
        Literal["accepted", "ignored", "refused", "done", "dead"] | None,
        typer.Option(help="In this state only."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, newest first.")] = 30,
    output: Output = "text",
) -> None:
    """List the newest calls of Git hosts, newest first."""
    from windlass.entrypoints.cli.client import Client

    chosen = {"repository": repository, "state": state, "limit": str(limit)}
    query = urlencode({name: value for name, value in chosen.items() if value is not None})
    found = Client().get(f"{_ROOT}?{query}")
    if output == "json":
        print_json(found)
    elif not found:
        say("No deliveries. Have a Git host call: windlass webhook add --help")
    else:
        heads = ("ID", "AGE", "REPOSITORY", "KIND", "STATE", "WHAT")
        say(table(heads, [_row(one) for one in found], flexible=5))


@app.command(epilog="Example: windlass delivery show 42")
def show(delivery: Number, output: Output = "text") -> None:
    """Show one call of a Git host. Its body is never shown."""
    from windlass.entrypoints.cli.client import Client

    found = Client().get(f"{_ROOT}/{delivery}")
    if output == "json":
        print_json(found)
        return
    for line in _lines(found):
        say(line)


@app.command(epilog="Example: windlass delivery replay 42")
def replay(delivery: Number, output: Output = "text") -> None:
    """Answer a call once more, as it is read now."""
    from windlass.entrypoints.cli.client import Client

    found = Client().post(f"{_ROOT}/{delivery}/replay")
    if output == "json":
        print_json(found)
        return
    say(f"Asked for a sync of {found['repository']}, for {found['words']}.")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(one["id"]),
        age(one["received_at"]),
        one["repository"],
        one["kind"],
        badge(one["state"]),
        _what(one),
    )


def _what(one: dict[str, Any]) -> str:
    told = one["words"] or one["event"]
    times = f" ({one['times']} times)" if one["times"] > 1 else ""
    return f"{told}{times}" + (f": {one['reason']}" if told and one["reason"] else one["reason"])


def _lines(one: dict[str, Any]) -> list[str]:
    proof = {"signature": "signed", "token": "authenticated, not signed", None: "not believed"}
    ended = f", ended {age(one['ended_at'])} ago" if one["ended_at"] else ""
    lines = [
        f"Delivery {one['id']} for {one['repository']}, {age(one['received_at'])} ago{ended}",
        f"State    {badge(one['state'])}" + (f": {one['reason']}" if one["reason"] else ""),
        f"From     {one['kind']}, {proof[one['proof']]}, {one['size_bytes']:,} bytes",
        f"Event    {one['event'] or '-'}, {one['host_id'] or 'no id'}",
        f"Told     {one['words'] or '-'}" + (f" at {one['revision']}" if one["revision"] else ""),
        f"Came     {one['times']} times, {one['tries']} syncs for it failed",
        f"SHA-256  {one['digest']}",
    ]
    if one["state"] == "dead":
        lines.append(f"  Try it again: windlass delivery replay {one['id']}")
    return lines
