"""`windlass repo set`, `suspend`, `resume` and `remove`."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from windlass.domain.errors import Invalid, NotFound, Unavailable
from windlass.entrypoints.cli.holds import Reason
from windlass.entrypoints.cli.options import Given, read_options
from windlass.entrypoints.cli.render import Output, badge, counted, print_json, say
from windlass.entrypoints.failures import EXIT_FAILED

if TYPE_CHECKING:
    from windlass.entrypoints.cli.client import Client

Name = Annotated[str, typer.Argument(help="The repository's name.", metavar="NAME")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `windlass repo`."""
    example = "Example: windlass repo set team-dags --branch stable -O auto_deploy=false"
    app.command("set", epilog=example)(change)
    app.command(epilog='Example: windlass repo suspend team-dags --reason "host moves"')(suspend)
    app.command(epilog="Example: windlass repo resume team-dags")(resume)
    app.command(epilog='Example: windlass repo remove team-dags --reason "merged into core"')(
        remove
    )


def change(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Another owner.")] = None,
    url: Annotated[str | None, typer.Option(help="Another remote; it is asked first.")] = None,
    branch: Annotated[str | None, typer.Option(help="Another branch; asked for first.")] = None,
    tag: Annotated[str | None, typer.Option(help="A tag, instead of a branch.")] = None,
    tag_pattern: Annotated[
        str | None, typer.Option(help="The newest tag that matches, such as 'v*' or '^1.2'.")
    ] = None,
    commit: Annotated[str | None, typer.Option(help="One commit, for good.")] = None,
    path: Annotated[str | None, typer.Option(help="Another folder with the DAGs.")] = None,
    sync_interval: Annotated[str | None, typer.Option(help="Such as 30s or 5m.")] = None,
    credential: Annotated[
        str | None, typer.Option(help="Another stored credential; tried first.")
    ] = None,
    option: Given = None,
    output: Output = "text",
) -> None:
    """Change a repository while everything runs.

    Its head is judged anew. To move it to another environment, remove it and add it there.
    """
    from windlass.entrypoints.cli.client import Client, address_of

    given = {
        "name": new_name,
        "namespace": namespace,
        "url": url,
        "branch": branch,
        "tag": tag,
        "tag_pattern": tag_pattern,
        "commit": commit,
        "path": path,
        "sync_interval": sync_interval,
        "credential": credential,
    }
    body: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if option:
        body["options"] = read_options(option)
    if not body:
        raise Invalid("CLI002", "there is nothing to set", "windlass repo set --help lists it.")
    found = Client().patch(address_of(name), body)
    if output == "json":
        print_json(found)
        return
    say(f"Changed {found['name']}; its head is judged anew.")
    say(f"  See how far it is: windlass repo show {found['name']}")


def suspend(name: Name, reason: Reason) -> None:
    """Stop polling and syncing a repository; what is live stays.

    To go on checking what is pushed, and not deploy it: windlass release hold.
    """
    from windlass.entrypoints.cli.client import Client, address_of

    found = Client().post(f"{address_of(name)}/suspend", {"reason": reason})
    say(f"{badge(found['sync']['state'])}: {found['sync']['reason']}")
    say(f"  End it: windlass repo resume {name}")


def resume(name: Name) -> None:
    """Poll and sync a suspended repository again, at once."""
    from windlass.entrypoints.cli.client import Client, address_of

    Client().post(f"{address_of(name)}/resume")
    say(f"{name} is synced again.")
    say(f"  See how far it is: windlass repo show {name}")


def remove(
    name: Name,
    reason: Reason,
    drain: Annotated[bool, typer.Option(help="Let its runs end first.")] = True,
    drain_minutes: Annotated[
        int, typer.Option(min=1, max=10_080, help="How long they may take to end.")
    ] = 60,
    delete_dags: Annotated[
        bool | None,
        typer.Option(
            "--delete-dags/--keep-dags",
            help="Delete its DAGs in Airflow, with their runs; else as its option on_removal says.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is removed.")] = False,
) -> None:
    """Remove a repository; its history stays.

    Its DAGs leave Airflow. It says what will happen and asks, unless --yes is given. Where it is
    being removed already, --delete-dags or --keep-dags changes what becomes of its DAGs.
    """
    from windlass.entrypoints.cli.client import Client, address_of

    client, minutes = Client(), drain_minutes if drain else 0
    if not yes and client.get(address_of(name))["sync"]["state"] != "removing":
        plan = client.get(f"{address_of(name)}/removal")
        if delete_dags is not None:
            plan["delete_dags"] = delete_dags
        say("\n".join(_plan_lines(plan, minutes)))
        _confirm(f"Remove {name}?")
    wish = "" if delete_dags is None else f"&delete_dags={str(delete_dags).lower()}"
    client.delete(
        f"{address_of(name)}?reason={quote(reason, safe='')}&drain_s={minutes * 60}{wish}"
    )
    say(f"{name} is being removed.")
    if wait:
        _await_removal(client, name, limit_s=minutes * 60 + 600)
    else:
        say(f"  See how far that is: windlass repo show {name}")


def _await_removal(client: "Client", name: str, *, limit_s: float) -> None:
    from windlass.entrypoints.cli.client import address_of

    deadline, told = time.monotonic() + limit_s, ""
    while time.monotonic() < deadline:
        try:
            reason = client.get(address_of(name))["sync"]["reason"]
        except NotFound:
            say(f"{name} is removed. Its releases stay: windlass release list {name}")
            return
        if reason != told:
            say(f"  {reason}")
            told = reason
        time.sleep(0.5)
    raise Unavailable(
        "REPO018",
        f"{name!r} was not removed within {limit_s:.0f} s",
        f"It goes on. Look at it: windlass repo show {name}",
    )


def _plan_lines(plan: dict[str, Any], minutes: int) -> list[str]:
    """What will happen, in order; `minutes` 0: runs are not waited for."""
    lines = [f"Removing {plan['name']} will", "  stop its syncs at once"]
    if plan["bundle"]:
        lines += _run_lines(plan["runs"], minutes)
        lines += _dag_lines(plan["dag_ids"], is_deleting=plan["delete_dags"])
        lines.append(f"  free the bundle {plan['bundle']}, once no run refers to it")
    credential = " and its credential" if plan["own_credential"] else ""
    lines.append(f"  free its dag_ids, and delete its mirror{credential}")
    lines.append("Its releases and its history stay.")
    return lines


def _dag_lines(count: int, *, is_deleting: bool) -> list[str]:
    dags = counted(count, "DAG", "DAGs")
    if not is_deleting:
        return [f"  take {dags} out of Airflow, which keeps their runs"]
    return [
        f"  take {dags} out of Airflow",
        "  delete them there, with all their runs, and what earlier releases left:",
        "    this cannot be undone",
    ]


def _confirm(question: str) -> None:
    """Go on only where a person says yes."""
    try:
        agreed = typer.confirm(question)
    except typer.Abort:  # the input is closed, or somebody pressed Ctrl-C
        agreed = False
        if not sys.stdin.isatty():
            words = "nobody answered, so nothing was changed"
            raise Invalid("CLI017", words, "To answer beforehand: --yes") from None
    if not agreed:
        say("Nothing was changed.")
        raise typer.Exit(EXIT_FAILED)


def _run_lines(runs: list[str] | None, minutes: int) -> list[str]:
    if runs is None:
        return ["  (Airflow did not say which runs are active)"]
    if not runs:
        return []
    wait = f"wait {minutes} min at the most for" if minutes else "not wait for"
    more = [f"    and {len(runs) - 5} more"] if len(runs) > 5 else []
    return [
        f"  {wait} {len(runs)} active runs:",
        *(f"    {run}" for run in runs[:5]),
        *more,
        "    Those that have not ended then get no further tasks.",
    ]
