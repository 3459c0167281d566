"""`windlass pr`: pull requests, whose heads are checked before they are merged."""

from typing import Annotated, Any

import typer

from windlass.entrypoints.cli.render import Output, age, print_json, say, table

app = typer.Typer(no_args_is_help=True, help="See what a pull request would do before its merge.")
Name = Annotated[str, typer.Argument(help="The repository's name.", metavar="NAME")]
Number = Annotated[int, typer.Argument(help="The number at the Git host.", metavar="NUMBER", min=1)]


@app.command("list", epilog="Example: windlass pr list --repository team-dags")
def list_all(
    repository: Annotated[str | None, typer.Option(help="Of this repository only.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended too.")] = False,
    output: Output = "text",
) -> None:
    """List pull requests, and what was found in them."""
    from windlass.entrypoints.cli.client import Client

    asked = {"repository": repository, "ended": "true" if ended else None}
    query = "&".join(f"{name}={value}" for name, value in asked.items() if value)
    found = Client().get(f"/api/v1/pull-requests?{query}")
    if output == "json":
        print_json(found)
    elif not found:
        say("No pull requests. Git hosts tell of them by webhooks: windlass webhook register NAME")
    else:
        heads = ("REPOSITORY", "NUMBER", "STATE", "VERDICT", "HEAD", "FROM", "CHECKED")
        say(table(heads, [_row(one) for one in found], flexible=0))


@app.command(epilog="Example: windlass pr show team-dags 7")
def show(name: Name, number: Number, output: Output = "text") -> None:
    """Show one pull request. Exits 1 if it is denied."""
    from windlass.entrypoints.cli.client import Client

    found = Client().get(_address(name, number))
    if output == "json":
        print_json(found)
    else:
        from windlass.entrypoints.reports.plan import render_plan_text

        for line in _lines(found):
            say(line)
        if found["plan"]:
            say("")
            say(render_plan_text(found["plan"]))
        elif found["plan_problem"]:
            say(f"Plan     there is none: {found['plan_problem']}")
    if found["verdict"] == "denied":
        raise typer.Exit(1)


@app.command(epilog="Example: windlass pr check team-dags 7")
def check(name: Name, number: Number, output: Output = "text") -> None:
    """Have the head of a pull request checked again."""
    from windlass.entrypoints.cli.client import Client

    found = Client().post(f"{_address(name, number)}/check", {})
    if output == "json":
        print_json(found)
        return
    say(f"Pull request {number} of {name} is checked again: windlass pr show {name} {number}")


@app.command(epilog="Example: windlass pr approve team-dags 7 --revision $(git rev-parse HEAD)")
def approve(
    name: Name,
    number: Number,
    revision: Annotated[str, typer.Option(help="The commit that you looked at, in full.")],
    output: Output = "text",
) -> None:
    """Let a commit of a fork be imported, in the sandbox."""
    from windlass.entrypoints.cli.client import Client

    found = Client().post(f"{_address(name, number)}/approve", {"revision": revision})
    if output == "json":
        print_json(found)
        return
    say(f"{revision[:7]} of pull request {number} is imported and tested now.")


def _address(name: str, number: int) -> str:
    from windlass.entrypoints.cli.client import address_of

    return f"{address_of(name)}/pull-requests/{number}"


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["repository"],
        str(one["number"]),
        one["state"],
        one["verdict"],
        (one["revision"] or "-")[:7],
        one["source"].removeprefix("refs/heads/") + (" (fork)" if one["fork"] else ""),
        f"{age(one['checked_at'])} ago" if one["checked_at"] else "-",
    )


def _lines(found: dict[str, Any]) -> list[str]:
    source, target = (found[side].removeprefix("refs/heads/") for side in ("source", "target"))
    fork = ", of a fork" if found["fork"] else ""
    lines = [
        f"{found['repository']} pull request {found['number']}, {found['state']}: {source} into "
        f"{target}{fork}",
        f"Head     {(found['revision'] or 'not known')[:12]}: {found['verdict']}",
    ]
    if found["problem"]:
        lines.append(f"Problem  {found['problem']}")
    if found["static"]:
        lines.append("Checks   read alone: a fork's commit is imported once somebody approves it")
    for one in found["findings"] or ():
        place = ":".join(str(part) for part in (one["path"], one["line"]) if part) or "(tree)"
        lines.append(f"  {one['code']} {one['severity']} {place} {one['message']}")
    return lines
