"""`windlass release`: releases and rollbacks."""

from typing import Annotated, Any

import typer

from windlass.entrypoints.cli.render import Output, age, print_json, say, table
from windlass.entrypoints.cli.waiting import await_release

app = typer.Typer(no_args_is_help=True, help="List releases, and roll back.")
Name = Annotated[str, typer.Argument(help="The repository's name.", metavar="REPOSITORY")]


@app.command("list", epilog="Example: windlass release list team-dags")
def list_all(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, newest first.")] = 20,
    output: Output = "text",
) -> None:
    """List the releases of a repository, newest first."""
    from windlass.entrypoints.cli.client import Client, address_of

    found = Client().get(f"{address_of(name)}/releases?limit={limit}")
    if output == "json":
        print_json(found)
    elif not found:
        say(f"{name} has no release yet. Why: windlass repo show {name}")
    else:
        heads = ("RELEASE", "STATE", "COMMIT", "AGE", "BY", "WHY")
        say(table(heads, [_row(one) for one in found], flexible=5))


@app.command(epilog='Example: windlass release rollback team-dags --reason "wrong totals"')
def rollback(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why; kept in the history.")],
    to: Annotated[
        int | None,
        typer.Option(min=1, help="The release to go back to; default: the one before."),
    ] = None,
    hold: Annotated[
        bool, typer.Option("--hold", help="Deploy nothing automatically after it.")
    ] = False,
    override: Annotated[
        bool,
        typer.Option("--override", help="Go back to what would be denied today, for that reason."),
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until Airflow shows it.")] = True,
) -> None:
    """Go back: deploy an older content as a new release.

    The release that it replaces is quarantined: the next poll does not bring its content back. What
    today's policy and inventory would deny is refused, with the findings.
    """
    from windlass.entrypoints.cli.client import Client, address_of

    client = Client()
    failed_before = client.get(address_of(name))["failure"]
    body = {"to": to, "reason": reason, "hold": hold, "override": override}
    target = client.post(f"{address_of(name)}/rollback", body)["content_of"]
    say(f"Rolling {name} back to the content of release #{target} …")
    if not wait:
        return
    await_release(
        client,
        name,
        lambda release: bool(release["content_of"] == target),
        what="the rollback",
        failed_before=failed_before,
    )


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    was_deployed = found["published_at"] is not None
    state = "replaced" if was_deployed and not found["is_current"] else found["state"]
    if found["quarantine_reason"]:
        state = "quarantined"
    why = found["reason"]
    if found["content_of"]:
        why = f"content of #{found['content_of']}: {why}"
    if found["kept"] or found["omitted"]:
        why = f"partial, {len(found['kept'])} kept, {len(found['omitted'])} left out: {why}"
    if not found["validated"]:
        why = f"not validated: {why}"
    mark = "→" if found["is_current"] else " "
    return (
        f"{mark} #{found['id']}",
        state,
        found["revision"][:7],
        age(found["created_at"]),
        found["actor"],
        why,
    )
