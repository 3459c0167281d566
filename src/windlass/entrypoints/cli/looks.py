"""`windlass release show` and `diff`."""

from typing import Annotated, Any, Literal

import typer

from windlass.entrypoints.cli.holds import Number
from windlass.entrypoints.cli.release import Name
from windlass.entrypoints.cli.render import (
    Output,
    age,
    badge,
    finding_lines,
    print_json,
    say,
    shorten,
)

_MARKS = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}
_FEW = 20


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `windlass release`."""
    app.command(epilog="Example: windlass release show team-dags 42")(show)
    app.command(epilog="Example: windlass release plan team-dags 43 --format markdown")(plan)
    app.command(epilog="Example: windlass release diff team-dags 41 42")(diff)


def show(
    name: Name,
    release: Number,
    files: Annotated[bool, typer.Option("--files", help="List its files too.")] = False,
    output: Output = "text",
) -> None:
    """Show one release: who, why, findings, DAGs, its way."""
    from windlass.entrypoints.cli.client import Client, address_of

    found = Client().get(f"{address_of(name)}/releases/{release}")
    if output == "json":
        print_json(found)
        return
    lines = [*_head(name, found), *_way(found), *_dags(found)]
    if found["findings"]:
        new = f", {len(found['findings_new'])} of them new" if found["findings_new"] else ""
        lines += ["", f"Findings ({len(found['findings'])}{new})"]
        lines += [line for finding in found["findings"] for line in finding_lines(finding)]
    if found["findings_gone"]:
        lines += [
            "",
            f"Findings of the release before that are gone ({len(found['findings_gone'])})",
        ]
        lines += [
            f"  {one['code']} {one['path']}  {one['message']}" for one in found["findings_gone"]
        ]
    if files:
        lines += ["", "Files"]
        lines += [f"  {one['mode']} {one['size_bytes']:>9} {one['path']}" for one in found["files"]]
    say("\n".join(lines))


def plan(
    name: Name,
    release: Number,
    form: Annotated[
        Literal["text", "json", "markdown", "html"], typer.Option("--format", help="What to print.")
    ] = "text",
) -> None:
    """Show what a release that waits for approval will change."""
    from windlass.entrypoints.cli.client import Client, address_of
    from windlass.entrypoints.reports.plan import render_plan

    say(render_plan(form, Client().get(f"{address_of(name)}/releases/{release}/plan")))


def diff(
    name: Name,
    old: Annotated[int, typer.Argument(min=1, help="A release.", metavar="OLD")],
    new: Annotated[
        int | None,
        typer.Argument(min=1, help="Another; default: the one deployed.", metavar="[NEW]"),
    ] = None,
    text: Annotated[bool, typer.Option(help="Show the text of files that differ.")] = True,
    output: Output = "text",
) -> None:
    """Show what makes one release into another, by DAG and by file."""
    from windlass.entrypoints.cli.client import Client, address_of

    to = "" if new is None else f"&new={new}"
    found = Client().get(f"{address_of(name)}/diff?old={old}{to}&text={str(text).lower()}")
    if output == "json":
        print_json(found)
        return
    say("\n".join(_diff_lines(found)))


def _head(name: str, found: dict[str, Any]) -> list[str]:
    again = f", the content of #{found['content_of']}" if found["content_of"] else ""
    author = f" by {found['author']}" if found["author"] else ""
    lines = [
        f'{name} #{found["id"]}   {found["revision"][:7]} "{shorten(found["subject"] or "", 50)}"'
        f"{author}{again}",
        f"{badge(found['state'])}{', deployed now' if found['is_current'] else ''}; "
        f"made {age(found['created_at'])} ago by {found['actor']}: {found['reason']}",
    ]
    if found["quarantine_reason"]:
        lines.append(f"Quarantined: {found['quarantine_reason']}")
    if not found["validated"]:
        lines.append("Not validated: only the obligatory checks looked at it.")
    if not found["has_tree"]:
        lines.append("Its files left the store; a rollback to it makes them again from the mirror.")
    for path, release in found["kept"].items():
        lines.append(f"Kept     {path} as release #{release} has it")
    lines += [f"Omitted  {path}, which has no good version" for path in found["omitted"]]
    if asked := found["approval"]:
        by = f" by {asked['decided_by']}: {asked['reason']}" if asked["decided_by"] else ""
        lines.append(f"Approval {asked['state']}{by}")
    if found["plan"]:
        seen = f"windlass release plan {name} {found['id']}"
        lines.append(f"Plan     {found['plan']['digest'][:12]}: {_planned(found)}; see {seen}")
    return lines


def _planned(found: dict[str, Any]) -> str:
    counts = found["plan"]["summary"]
    whats = ("added", "changed", "removed", "renamed", "unknown")
    return ", ".join(f"{counts[w]} {w}" for w in whats if counts[w]) or "no DAG changes"


def _way(found: dict[str, Any]) -> list[str]:
    way = found["deployment"]
    if way is None:
        return ["", "It was not deployed."]
    began = way["noticed_at"] or way["decided_at"]
    steps = ("noticed_at", "decided_at", "published_at", "live_at", "converged_at")
    told = [
        f"{step.removesuffix('_at')} {_seconds(began, way[step]):.1f} s"
        for step in steps
        if way[step]
    ]
    replaces = f"in place of #{way['replaces']}" if way["replaces"] else "as the first"
    lines = ["", f"Way      {replaces}: {' ─ '.join(told)}"]
    if way["missing"]:
        lines.append(f"Missing  {', '.join(way['missing'][:5])}")
    if way["failure_answer"]:
        lines.append(f"Answer   {way['failure_answer']}")
    for error in way["import_errors"]:
        lines += [f"Import error in {error['path']}", *error["text"].splitlines()[-6:]]
    return lines


def _dags(found: dict[str, Any]) -> list[str]:
    dags = sorted(found["dags"].items())
    lines = [f"DAGs     {len(dags)}, in {found['file_count']} files"]
    lines += [f"  {dag_id}   {path}" for dag_id, path in dags[:_FEW]]
    return [*lines, f"  and {len(dags) - _FEW} more"] if len(dags) > _FEW else lines


def _diff_lines(found: dict[str, Any]) -> list[str]:
    if not found["files"]:
        return [f"#{found['old']} and #{found['new']} have the same content."]
    lines = [f"#{found['old']} → #{found['new']}", "", f"DAGs ({len(found['dags'])})"]
    for one in found["dags"]:
        moved = f", was in {one['was']}" if one["was"] else ""
        lines.append(f"  {_MARKS[one['what']]} {one['dag_id']}   {one['path']}{moved}")
    lines += ["", f"DAG files that Airflow parses again ({len(found['parsed_again'])})"]
    lines += [f"    {path}: {why}" for path, why in found["parsed_again"].items()]
    lines += ["", f"Files ({len(found['files'])})"]
    for one in found["files"]:
        why = f"   ({one['untold']})" if one["untold"] else ""
        lines.append(f"  {_MARKS[one['what']]} {one['path']}{why}")
    texts = [one["text"] for one in found["files"] if one["text"]]
    return [*lines, *(f"\n{text}" for text in texts)]


def _seconds(began: str, at: str) -> float:
    from datetime import datetime

    return (datetime.fromisoformat(at) - datetime.fromisoformat(began)).total_seconds()
