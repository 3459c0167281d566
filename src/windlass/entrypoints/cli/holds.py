"""`windlass release hold`, `unhold` and `lift`."""

from typing import Annotated

import typer

from windlass.entrypoints.cli.release import Name
from windlass.entrypoints.cli.render import Output, print_json, say

Reason = Annotated[str, typer.Option(help="Why; kept in the history.")]
Number = Annotated[int, typer.Argument(min=1, help="The release's number.", metavar="RELEASE")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `windlass release`."""
    app.command(epilog='Example: windlass release hold team-dags --reason "incident 221"')(hold)
    app.command(epilog='Example: windlass release unhold team-dags --reason "fixed"')(unhold)
    app.command(epilog='Example: windlass release lift team-dags 41 --reason "it was the data"')(
        lift
    )


def hold(
    name: Name,
    reason: Reason,
    until_new_head: Annotated[
        bool, typer.Option("--until-new-head", help="End by itself with the next allowed commit.")
    ] = False,
    expires: Annotated[
        str | None,
        typer.Option(help="Tell when it lasts longer than this, such as 4h; it goes on."),
    ] = None,
    output: Output = "text",
) -> None:
    """Stop automatic deployments of a repository.

    What is pushed meanwhile is fetched and checked, and waits. A rollback is still possible.
    """
    from windlass.entrypoints.cli.client import Client, address_of

    body = {
        "reason": reason,
        "until_new_head": until_new_head,
        "expires": expires,
    }
    begun = Client().post(f"{address_of(name)}/holds", body)
    if output == "json":
        print_json(begun)
        return
    say(f"{name} is held: nothing is deployed automatically.")
    say(f"  End it: windlass release unhold {name} --reason …")


def unhold(name: Name, reason: Reason, output: Output = "text") -> None:
    """End every hold of a repository; what waited is deployed."""
    from windlass.entrypoints.cli.client import Client, address_of

    body = {"reason": reason}
    ended = Client().post(f"{address_of(name)}/unhold", body)
    if output == "json":
        print_json(ended)
        return
    for one in ended:
        say(f"Ended: held by {one['actor']}: {one['reason']}")
    say(f"  See how far it is: windlass repo show {name}")


def lift(name: Name, release: Number, reason: Reason) -> None:
    """End a quarantine: the content may be deployed again.

    A rollback quarantines what it replaces. If the head still has that content, it is deployed.
    """
    from windlass.entrypoints.cli.client import Client, address_of

    body = {"reason": reason}
    lifted = Client().post(f"{address_of(name)}/releases/{release}/lift", body)["id"]
    say(f"Release #{lifted} of {name} is not quarantined any more.")
    say(f"  See how far it is: windlass repo show {name}")
