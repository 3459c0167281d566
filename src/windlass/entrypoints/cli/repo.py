"""`windlass repo`: repositories."""

import shutil
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

import typer

from windlass.domain.errors import Invalid, NotFound
from windlass.entrypoints.cli import adopt
from windlass.entrypoints.cli.add import EXAMPLE, add, followed
from windlass.entrypoints.cli.render import (
    Output,
    age,
    badge,
    counted,
    finding_lines,
    print_json,
    say,
    shorten,
    table,
)
from windlass.entrypoints.cli.waiting import say_nobody_looks
from windlass.entrypoints.failures import EXIT_FAILED, EXIT_LATER

if TYPE_CHECKING:
    from windlass.entrypoints.cli.client import Client  # late: it imports httpx

app = typer.Typer(no_args_is_help=True, help="Add repositories, and see where each one is.")
Name = Annotated[str, typer.Argument(help="The repository's name.", metavar="NAME")]


app.command(epilog=EXAMPLE)(add)
app.command(epilog=adopt.EXAMPLE)(adopt.adopt)


@app.command("list", epilog="Example: windlass repo list --output json")
def list_all(
    removed: Annotated[bool, typer.Option("--removed", help="Those that were removed.")] = False,
    output: Output = "text",
) -> None:
    """List all repositories with both badges."""
    from windlass.entrypoints.cli.client import ROOT, Client

    if removed:
        _list_removed(output)
        return
    found = Client().get(ROOT)
    if output == "json":
        print_json(found)
    elif not found:
        say("No repositories yet. Add one:\n  windlass repo add https://git.example/team/dags")
    else:
        heads = ("REPOSITORY", "SYNC", "HEALTH", "RELEASE", "HEAD", "SUBJECT")
        say(table(heads, [_row(one) for one in found], flexible=5))
    if output == "text":
        _tell_of_file(Client().get("/api/v1/declaration"))


@app.command(epilog="Example: windlass repo export --all > repositories.yaml")
def export(
    names: Annotated[list[str] | None, typer.Argument(help="Their names.", metavar="NAME…")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Everything, as a whole file with its environments.")
    ] = False,
    git_dag_bundle: Annotated[
        bool,
        typer.Option(
            "--git-dag-bundle", help="As Airflow's dag_bundle_config_list, to do without Windlass."
        ),
    ] = False,
) -> None:
    """Print repositories as text for windlass.yaml.

    It reads back as what is there.
    """
    from windlass.entrypoints.cli.client import Client

    if every == bool(names):
        raise Invalid("CLI011", "give names or --all", "windlass repo export NAME…")
    if git_dag_bundle:
        _export_bundles(names)
        return
    query = urlencode([("name", name) for name in names or []])
    say(Client().get(f"/api/v1/declaration/export?{query}")["text"].rstrip("\n"))


def _export_bundles(names: list[str] | None) -> None:
    from windlass.compiler.adoption.leave import bundle_of
    from windlass.entrypoints.cli.client import ROOT, Client, address_of

    client = Client()
    wanted = client.get(ROOT) if names is None else [client.get(address_of(n)) for n in names]
    found = [(one["name"], bundle_of(one)) for one in wanted]
    print_json([bundle for _, bundle in found if bundle is not None])
    for name, bundle in found:
        if bundle is None:
            say(f"✕ {name} follows a pattern of tags: a bundle cannot", err=True)
    say("A private one needs its git_conn_id too: windlass credential publish NAME", err=True)
    if any(bundle is None for _, bundle in found):
        raise typer.Exit(EXIT_FAILED)


@app.command(epilog="Example: windlass repo show team-dags")
def show(name: Name, output: Output = "text") -> None:
    """Show one repository: where its head is, and why."""
    from windlass.entrypoints.cli.client import Client, address_of

    client = Client()
    try:
        found = client.get(address_of(name))
        lines = _lines(found)
    except NotFound:
        found = _find_removed(client, name)
        if found is None:
            raise
        lines = _removed_lines(found)
    if output == "json":
        print_json(found)
        return
    for line in lines:
        say(line)
    if found.get("judged_revision"):
        _tell_difference(client.get(f"{address_of(name)}/report"))
    say("\nHistory")
    for event in client.get(f"{address_of(name)}/events?limit=12"):
        say(_event_line(event))


@app.command(epilog="Example: windlass repo report team-dags --format html > report.html")
def report(
    name: Name,
    revision: Annotated[
        str | None, typer.Option(help="A commit, or its first digits; default: judged last.")
    ] = None,
    form: Annotated[
        Literal["text", "json", "sarif", "junit", "markdown", "html"],
        typer.Option("--format", help="What to print: for people, or for which tool."),
    ] = "text",
) -> None:
    """Print what was found in a commit, as it was judged."""
    from windlass.entrypoints.cli.client import Client, address_of

    wanted = {"format": form} | ({"revision": revision} if revision else {})
    found = Client().get(f"{address_of(name)}/report?{urlencode(wanted)}")
    if isinstance(found, str):
        say(found.rstrip("\n"))
    else:
        print_json(found)


@app.command(epilog="Example: windlass repo sync team-dags --wait")
def sync(
    name: Name,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is settled.")] = False,
    revision: Annotated[
        str | None,
        typer.Option(metavar="SHA", help="A commit that was pushed, all 40 characters."),
    ] = None,
) -> None:
    """Sync now instead of at the next poll.

    A host may not show a commit at once: with --revision it is asked again for 8 s.
    """
    from windlass.entrypoints.cli.client import Client, address_of

    client = Client()
    before = _told_missing(client, address_of(name), revision)
    body = {"revision": revision} if revision else {}
    queued = client.post(f"{address_of(name)}/sync", body)["queued"]
    say("Asked for a sync." if queued else "A sync is waiting already.")
    if not wait:
        return
    found = _wait_until_settled(client, address_of(name))
    missing = _told_missing(client, address_of(name), revision)
    if missing != before:
        asked, seconds = (missing[-1]["facts"][one] for one in ("asked", "seconds"))
        what = followed(found["ref_kind"], found["ref"])
        say(f"The remote does not have {str(revision)[:7]} on {what}: it was asked {asked} times")
        say(f"in {seconds:g} s. If it is pushed there, the next poll finds it.")
        raise typer.Exit(EXIT_FAILED)
    state, reason = found["sync"]["state"], found["sync"]["reason"]
    if state == "published":
        say_nobody_looks(found)
        return
    say(f"{badge(state)}: {reason}")
    if state in ("syncing", "new"):
        raise typer.Exit(EXIT_LATER)
    if state != "live":
        raise typer.Exit(EXIT_FAILED)


def _tell_difference(report: dict[str, Any]) -> None:
    """What the newest judged revision brought and mended."""
    if report["before"] and (report["new"] or report["gone"]):
        counts = f"{len(report['new'])} new, {len(report['gone'])} gone"
        say(f"  Since {report['before'][:7]}: {counts}")
        for one in report["gone"][:10]:
            say(f"    gone: {one['code']} {one['path'] or '(tree)'}  {one['message']}")


def _wait_until_settled(client: "Client", address: str) -> dict[str, Any]:
    """The repository once its sync came to an end, or after two minutes.

    The sync that was asked for is in the queue from the answer to the request on, until it ended.
    """
    deadline = time.monotonic() + 120
    ended = False
    while True:
        found: dict[str, Any] = client.get(address)
        is_under_way = found["sync"]["state"] in ("syncing", "new") or found["expected_revision"]
        # What a look tells beside the end of the job may have been read just before it.
        if ended and not is_under_way:
            return found
        if time.monotonic() > deadline:
            if not ended:
                say("It was not done within two minutes. Does a worker run? windlass doctor")
                raise typer.Exit(EXIT_LATER)
            return found
        ended = not found["at_work"]
        time.sleep(0.1)


def _told_missing(client: "Client", address: str, revision: str | None) -> list[dict[str, Any]]:
    """What was told of the commit's not being there, oldest first."""
    if revision is None:
        return []
    events = client.get(f"{address}/events?limit=50")
    wanted = ("revision:missing", revision.lower())
    return [one for one in events if (one["tag"], one["revision"]) == wanted]


def _tell_of_file(declaration: dict[str, Any]) -> None:
    if declaration["findings"]:
        count = len(declaration["findings"])
        what = "a problem" if count == 1 else f"{count} problems"
        was_good = declaration["applied_at"] is not None
        so = "so the last good one is in force" if was_good else "and none was good before"
        say(f"\n{declaration['path']} has {what}, {so}.")
        say("  See them: windlass config show")


def _list_removed(output: str) -> None:
    from windlass.entrypoints.cli.client import ROOT, Client

    found = Client().get(f"{ROOT}/removed/all")
    if output == "json":
        print_json(found)
    elif not found:
        say("No repository was removed.")
    else:
        heads = ("REPOSITORY", "REMOVED", "BY", "RELEASES", "WHY", "WAITS FOR")
        say(table(heads, [_removed_row(one) for one in found], flexible=5))


def _find_removed(client: "Client", name: str) -> dict[str, Any] | None:
    """The repository that had the name last, where it was removed."""
    from windlass.entrypoints.cli.client import ROOT

    removed: list[dict[str, Any]] = client.get(f"{ROOT}/removed/all?limit=200")
    return next((one for one in removed if one["name"] == name), None)


def _removed_lines(found: dict[str, Any]) -> list[str]:
    waits = f"; its bundle waits for {found['waits_for']}" if found["waits_for"] else ""
    return [
        f"{found['name']}   namespace {found['namespace']}, in {found['environment']}",
        f"  {shorten(found['url'], 60)}",
        "",
        f"{badge('removed')} {age(found['removed_at'])} ago by {found['removed_by'] or '-'}: "
        f"{found['reason'] or '-'}{waits}",
        *_deleted_lines(found["deleted_dags"]),
        f"{counted(found['releases'], 'release', 'releases')} and its history stay: "
        f"windlass release list {found['name']}",
    ]


def _deleted_lines(count: int | None) -> list[str]:
    if count is None:
        return []
    return [f"{counted(count, 'DAG was', 'DAGs were')} deleted in Airflow, with all runs."]


def _removed_row(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["name"],
        f"{age(one['removed_at'])} ago",
        one["removed_by"] or "-",
        str(one["releases"]),
        one["reason"] or "-",
        one["waits_for"] or "-",
    )


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
    what = followed(found["ref_kind"], found["ref"], found["ref_choice"])
    lines = [
        f"{found['name']}   namespace {found['namespace']}, bundle {found['bundle'] or '-'}, "
        f"every {found['sync_interval_s']} s",
        f"  {shorten(found['url'], 60)}, {what}, path {found['path']}",
        "",
        f"Sync     {badge(found['sync']['state'])}: {found['sync']['reason']}",
        *([f"         {hint}"] if (hint := (found["failure"] or {}).get("hint")) else []),
        f"Health   {badge(found['health']['state'])}: {found['health']['reason']}",
    ]
    lines += [f"Warning  {warning}" for warning in found["warnings"]]
    if not found["validated"]:
        lines.append("Checks   not validated: only intake, syntax and dag_id ownership")
    if found["imports"]:
        lines.append(f"Imports  {found['imports']}")
    lines += [_hook_line(hook) for hook in found["hooks"]]
    if found["untold"]:
        lines.append(f"  Its Git host is not told of verdicts: {found['untold']}")
    lines += [_hold_line(hold) for hold in found["holds"]]
    lines += [
        f"Waiting  #{one['id']} at {one['revision'][:7]} for approval, {age(one['since'])}"
        for one in found["waiting"]
    ]
    if head:
        author = f" by {head['author']}, {age(head['committed_at'])} ago" if head["author"] else ""
        subject = shorten(head["subject"] or "", 40)
        tag = f"{head['tag']} @ " if head["tag"] else ""
        lines.append(f'Head     {tag}{head["sha"][:7]} "{subject}"{author}')
    if found["expected_revision"]:
        lines.append(
            f"Expected {found['expected_revision'][:7]}, which the remote does not show yet"
        )
    if release:
        again = f", the content of #{release['content_of']}" if release["content_of"] else ""
        lines.append(
            f"Release  #{release['id']} at {release['revision'][:7]}{again}, {_seen(release)}"
        )
        for error in release["import_errors"]:
            lines += ["", f"Import error in {error['path']}", *error["text"].splitlines()[-6:]]
    if found["partial"]:
        lines += ["", "Served otherwise than the head has it"]
        lines += [_served_line(file) for file in found["partial"]]
    if found["findings"]:
        lines += ["", f"Findings at {(found['judged_revision'] or '')[:7]}"]
        lines += [line for finding in found["findings"] for line in finding_lines(finding)]
    return lines


def _seen(release: dict[str, Any]) -> str:
    """How far the release came: `live 4 min ago, 1.4 s after the push was noticed`."""
    if release["live_at"] is None or release["state"] != "live":
        return str(release["state"])
    lag_s = release["seconds_to_live"]
    lag = "" if lag_s is None else f", {lag_s:.1f} s after the push was noticed"
    return f"live {age(release['live_at'])} ago{lag}"


def _served_line(file: dict[str, Any]) -> str:
    kept = file["served"] == "kept"
    how = f"◆ as in release #{file['release']}" if kept else "✕ left out"
    return f"  {how:24} {file['path']}  {', '.join(file['codes'])}"


def _hook_line(hook: dict[str, Any]) -> str:
    heard = f"called {age(hook['heard_at'])} ago" if hook["heard_at"] else "never called"
    words = f"{hook['kind']} {heard}"
    if hook["state"] == "silent":
        words += f", and did not tell of a push {age(hook['silent_at'])} ago: polls come sooner"
    return f"Hooks    {badge(hook['state'])}: {words}"


def _hold_line(hold: dict[str, Any]) -> str:
    until = ", until a new head" if hold["until_new_head"] else ""
    meant = f", meant until {hold['expires_at'][:16]}Z" if hold["expires_at"] else ""
    since = age(hold["created_at"])
    return (
        f"Hold     {hold['kind']}, by {hold['actor']}, {since} ago{until}{meant}: {hold['reason']}"
    )


def _event_line(event: dict[str, Any]) -> str:
    facts = event["facts"]
    parts = [
        f"#{event['release']}" if event["release"] else "",
        event["revision"][:7] if event["revision"] else "",
        *(
            f"{key}={_plain(value)}"
            for key, value in facts.items()
            if value not in ("", [], {}, None) and key != "sync"
        ),
    ]
    room = max(46, shutil.get_terminal_size().columns - 36)
    words = shorten(" ".join(part for part in parts if part), room)
    return f"  {age(event['at']):>6} ago  {event['tag']:22} {words}".rstrip()


def _plain(value: Any) -> str:
    """A fact; of times by step only their sum, since all of them find no room on a line."""
    if isinstance(value, dict):
        numbers = all(isinstance(one, int | float) for one in value.values())
        return (
            str(sum(value.values())) if numbers else ", ".join(f"{k} {v}" for k, v in value.items())
        )
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)
