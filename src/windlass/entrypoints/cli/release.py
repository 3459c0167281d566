"""`windlass release`: releases and rollbacks."""

import getpass
import time
from typing import Annotated, Any

import typer

from windlass.domain.errors import Conflict, Unavailable
from windlass.entrypoints.cli.render import Output, age, badge, print_json, say, table

app = typer.Typer(no_args_is_help=True, help="List releases, and roll back.")
Name = Annotated[str, typer.Argument(help="The repository's name.", metavar="REPOSITORY")]
_WAIT_S = 60


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
    wait: Annotated[bool, typer.Option(help="Wait until Airflow shows it.")] = True,
) -> None:
    """Deploy the content of an older release again, as a new release.

    The release that it replaces is quarantined: the next poll does not bring its content back.
    """
    from windlass.entrypoints.cli.client import Client, address_of

    client = Client()
    failed_before = client.get(address_of(name))["failure"]
    body = {"to": to, "reason": reason, "actor": getpass.getuser()}
    target = client.post(f"{address_of(name)}/rollback", body)["content_of"]
    say(f"Rolling {name} back to the content of release #{target} …")
    if not wait:
        return
    began = time.monotonic()
    while True:
        found = client.get(address_of(name))
        if _is_done(found, target):
            break
        failure = found["failure"]
        if failure and failure != failed_before:
            raise Conflict(failure["code"], failure["message"], failure["hint"])
        if time.monotonic() > began + _WAIT_S:
            raise Unavailable(
                "REL005",
                f"the rollback of {name!r} was not seen in Airflow within {_WAIT_S} s",
                f"It goes on. Look at it: windlass repo show {name}",
            )
        time.sleep(0.1)
    release = found["release"]
    say(
        f"{badge(release['state'])} as release #{release['id']} after "
        f"{time.monotonic() - began:.1f} s."
    )


def _is_done(found: dict[str, Any], target: int) -> bool:
    """Whether the rollback is as far as it can be told: live, or failed, in Airflow's words."""
    release = found["release"]
    return release["content_of"] == target and release["state"] in ("live", "failed")


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    state = found["state"] if found["is_current"] else "replaced"
    if found["quarantine_reason"]:
        state = "quarantined"
    why = found["reason"]
    if found["content_of"]:
        why = f"content of #{found['content_of']}: {why}"
    mark = "→" if found["is_current"] else " "
    return (
        f"{mark} #{found['id']}",
        state,
        found["revision"][:7],
        age(found["created_at"]),
        found["actor"],
        why,
    )
