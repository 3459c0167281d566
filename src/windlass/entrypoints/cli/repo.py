"""`windlass repo`: repositories."""

import getpass
import sys
import time
from typing import Annotated, Any

import typer

from windlass.domain.errors import Invalid
from windlass.entrypoints.cli.render import (
    Output,
    age,
    badge,
    finding_lines,
    print_json,
    say,
    shorten,
    table,
)

app = typer.Typer(no_args_is_help=True, help="Add repositories, and see where each one is.")
Name = Annotated[str, typer.Argument(help="The repository's name.", metavar="NAME")]


@app.command(epilog="Example: windlass repo add https://git.example/team/dags --branch main")
def add(
    url: Annotated[
        str,
        typer.Argument(metavar="URL", help="https:// or http:// URL, without user or password."),
    ],
    name: Annotated[str | None, typer.Option(help="Default: the last part of the URL.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Its owner; default: the name.")] = None,
    environment: Annotated[str | None, typer.Option(help="Which Airflow it goes to.")] = None,
    branch: Annotated[str, typer.Option(help="The branch to follow.")] = "main",
    path: Annotated[str, typer.Option(help="The folder with the DAGs.")] = ".",
    username: Annotated[str | None, typer.Option(help="For a private repository.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read its password or token from stdin.")
    ] = False,
    sync_interval: Annotated[
        str | None, typer.Option(help="How often to poll, such as 30s or 5m; default 60s.")
    ] = None,
    output: Output = "text",
) -> None:
    """Add a repository; its DAGs go to Airflow as soon as they are checked.

    For a private one: windlass repo add URL --username ci --password-stdin < token
    """
    from windlass.entrypoints.cli.client import ROOT, Client

    body = {
        "url": url,
        "name": name,
        "namespace": namespace,
        "environment": environment,
        "branch": branch,
        "path": path,
        "sync_interval": sync_interval,
        "auth": _auth(username, password_stdin=password_stdin),
        "actor": getpass.getuser(),
    }
    added = Client().post(ROOT, {key: value for key, value in body.items() if value is not None})
    if output == "json":
        print_json(added)
        return
    say(f"Added {added['name']}: {added['url']}, branch {added['branch']}.")
    say(f"  See how far it is: windlass repo show {added['name']}")


@app.command("list", epilog="Example: windlass repo list --output json")
def list_all(output: Output = "text") -> None:
    """List all repositories with both badges."""
    from windlass.entrypoints.cli.client import ROOT, Client

    found = Client().get(ROOT)
    if output == "json":
        print_json(found)
    elif not found:
        say("No repositories yet. Add one:\n  windlass repo add https://git.example/team/dags")
    else:
        heads = ("REPOSITORY", "SYNC", "HEALTH", "RELEASE", "HEAD", "SUBJECT")
        say(table(heads, [_row(one) for one in found], flexible=5))


@app.command(epilog="Example: windlass repo show team-dags")
def show(name: Name, output: Output = "text") -> None:
    """Show one repository: where its head is, and why."""
    from windlass.entrypoints.cli.client import Client, address_of

    client = Client()
    found = client.get(address_of(name))
    if output == "json":
        print_json(found)
        return
    for line in _lines(found):
        say(line)
    say("\nHistory")
    for event in client.get(f"{address_of(name)}/events?limit=12"):
        say(_event_line(event))


@app.command(epilog="Example: windlass repo sync team-dags --wait")
def sync(
    name: Name,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is settled.")] = False,
) -> None:
    """Sync now instead of at the next poll."""
    from windlass.entrypoints.cli.client import Client, address_of

    client = Client()
    queued = client.post(f"{address_of(name)}/sync")["queued"]
    say("Asked for a sync." if queued else "A sync is waiting already.")
    if not wait:
        return
    deadline = time.monotonic() + 120
    time.sleep(0.3)  # the sync that was asked for begins
    while (found := client.get(address_of(name)))["sync"]["state"] in ("syncing", "new"):
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    say(f"{badge(found['sync']['state'])}: {found['sync']['reason']}")
    if found["sync"]["state"] != "live":
        raise typer.Exit(1)


def _auth(username: str | None, *, password_stdin: bool) -> dict[str, str] | None:
    if not username and not password_stdin:
        return None
    if not username or not password_stdin:
        raise Invalid(
            "CLI001",
            "--username and --password-stdin go together",
            "windlass repo add URL --username ci --password-stdin < token",
        )
    return {"username": username, "password": sys.stdin.readline().rstrip("\n")}


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    release, head = found["release"], found["head"]
    return (
        found["name"],
        badge(found["sync"]["state"]),
        badge(found["health"]["state"]),
        f"#{release['id']}" if release else "-",
        head["sha"][:7] if head else "-",
        (head["subject"] or "") if head else "",
    )


def _lines(found: dict[str, Any]) -> list[str]:
    release, head = found["release"], found["head"]
    lines = [
        f"{found['name']}   namespace {found['namespace']}, bundle {found['bundle'] or '-'}, "
        f"every {found['sync_interval_s']} s",
        f"  {shorten(found['url'], 60)}, branch {found['branch']}, path {found['path']}",
        "",
        f"Sync     {badge(found['sync']['state'])}: {found['sync']['reason']}",
        f"Health   {badge(found['health']['state'])}: {found['health']['reason']}",
    ]
    if found["failure"] and found["failure"]["hint"]:
        lines.append(f"         {found['failure']['hint']}")
    if head:
        author = f" by {head['author']}, {age(head['committed_at'])} ago" if head["author"] else ""
        subject = shorten(head["subject"] or "", 40)
        lines.append(f'Head     {head["sha"][:7]} "{subject}"{author}')
    if release:
        again = f", the content of #{release['content_of']}" if release["content_of"] else ""
        seen = f"live {age(release['live_at'])} ago" if release["live_at"] else release["state"]
        lines.append(f"Release  #{release['id']} at {release['revision'][:7]}{again}, {seen}")
        for error in release["import_errors"]:
            lines += ["", f"Import error in {error['path']}", *error["text"].splitlines()[-6:]]
    if found["findings"]:
        lines += ["", f"Findings at {(found['judged_revision'] or '')[:7]}"]
        lines += [line for finding in found["findings"] for line in finding_lines(finding)]
    return lines


def _event_line(event: dict[str, Any]) -> str:
    facts = event["facts"]
    parts = [
        f"#{event['release']}" if event["release"] else "",
        event["revision"][:7] if event["revision"] else "",
        *(f"{key}={_plain(value)}" for key, value in facts.items() if value not in ("", [], None)),
    ]
    words = shorten(" ".join(part for part in parts if part), 46)
    return f"  {age(event['at']):>6} ago  {event['tag']:22} {words}".rstrip()


def _plain(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)
