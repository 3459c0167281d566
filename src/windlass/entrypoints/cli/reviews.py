"""`windlass release approve` and `reject`."""

from typing import Annotated

import typer

from windlass.entrypoints.cli.holds import Number, Reason
from windlass.entrypoints.cli.release import Name
from windlass.entrypoints.cli.render import say
from windlass.entrypoints.cli.waiting import await_release


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `windlass release`."""
    app.command(epilog='Example: windlass release approve team-dags 43 --reason "reviewed"')(
        approve
    )
    app.command(epilog='Example: windlass release reject team-dags 43 --reason "too risky"')(reject)


def approve(
    name: Name,
    release: Number,
    reason: Reason,
    plan: Annotated[
        str | None,
        typer.Option(help="The digest of the plan that was looked at: no other is approved."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until Airflow shows it.")] = False,
) -> None:
    """Deploy a release that waits for approval.

    A repository with auto_deploy off makes such releases. What is deployed is what was looked at:
    if another release or another policy came meanwhile, this is refused.
    """
    from windlass.entrypoints.cli.client import Client, address_of

    client = Client()
    failed_before = client.get(address_of(name))["failure"]
    body = {"reason": reason, "plan": plan and plan.lower()}
    client.post(f"{address_of(name)}/releases/{release}/approve", body)
    say(f"Approved: release #{release} of {name} is being deployed.")
    if not wait:
        say(f"  See how far it is: windlass repo show {name}")
        return
    await_release(
        client,
        name,
        lambda current: bool(current["id"] == release),
        what=f"release #{release}",
        failed_before=failed_before,
    )


def reject(name: Name, release: Number, reason: Reason) -> None:
    """Refuse a release that waits for approval.

    Its content is not proposed again, until something else is deployed or the policy changes.
    """
    from windlass.entrypoints.cli.client import Client, address_of

    Client().post(f"{address_of(name)}/releases/{release}/reject", {"reason": reason})
    say(f"Rejected: release #{release} of {name} is not deployed.")
