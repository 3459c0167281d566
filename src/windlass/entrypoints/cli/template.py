"""`windlass template`: the templates of a repository, and the pipelines that are made with them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from windlass.domain.pipeline import DEFAULT_FOLDERS
from windlass.entrypoints.cli.compile import STALE_LOCK, bindings_in
from windlass.entrypoints.cli.config import problem_line
from windlass.entrypoints.cli.render import EnvironmentName, Output, counted, print_json, say, table
from windlass.entrypoints.failures import EXIT_FAILED

if TYPE_CHECKING:
    from windlass.engine.templates import Change

app = typer.Typer(no_args_is_help=True, help="Templates that pipelines are made with.")
Root = Annotated[
    Path, typer.Argument(metavar="PATH", exists=True, file_okay=False, help="The DAG root.")
]
Folders = Annotated[
    list[str] | None,
    typer.Option(help="A folder below PATH that holds pipelines; again for each. pipelines."),
]


def _folders(given: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.strip("/") for one in given or DEFAULT_FOLDERS))


@app.command("list", epilog="Example: windlass template list --output json")
def list_(path: Root = Path(), pipelines: Folders = None, output: Output = "text") -> None:
    """List templates, each version, and how many are made with it."""
    from windlass.compiler.pipelines.templates import read_template
    from windlass.domain.template import is_range
    from windlass.engine.templates import templates_in, uses_in

    templates = templates_in(path)
    chosen = templates.lock.chosen
    uses: dict[str, list[str]] = {}
    for use in uses_in(path, _folders(pipelines)):
        ref = f"{use.name}@{chosen.get(use.wanted)}" if is_range(use.wanted) else use.wanted
        uses.setdefault(ref, []).append(use.path)
    rows: list[dict[str, Any]] = []
    for name in templates.names:
        for version in templates.versions(name):
            ref = f"{name}@{version}"
            template, _ = read_template(ref, templates.texts[ref])
            locked = templates.lock.digests.get(ref)
            rows.append(
                {
                    "template": name,
                    "version": version,
                    "description": template.description if template else None,
                    "deprecated": (template.deprecated or None) if template else None,
                    "params": dict(template.params) if template else None,
                    "sha256": templates.digests[ref],
                    "lock": _state(locked, templates.digests[ref]),
                    "pipelines": uses.get(ref, []),
                }
            )
    if output == "json":
        print_json(rows)
    elif not rows:
        say("No templates. One lies in templates/NAME/1.0.0/template.yaml.")
    else:
        heads = ["TEMPLATE", "VERSION", "LOCK", "PIPELINES", "DESCRIPTION"]
        say(table(heads, _cells(rows), flexible=4))


def _cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    return [
        [
            *(row["template"], row["version"], row["lock"], str(len(row["pipelines"]))),
            ("deprecated: " + row["deprecated"] if row["deprecated"] else row["description"])
            or "cannot be read: run windlass template lock",
        ]
        for row in rows
    ]


def _state(locked: str | None, digest: str) -> str:
    if locked is None:
        return "missing"
    return "good" if locked == digest else "changed"


@app.command(epilog="Example: windlass template lock --check")
def lock(
    path: Root = Path(),
    pipelines: Folders = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where the lock would change.")
    ] = False,
    output: Output = "text",
) -> None:
    """Write pipelines.lock: what each version holds, and ranges mean.

    What it says already stays: a version whose content changed is refused, and a range keeps its
    version until windlass template upgrade moves it. Every template is read.
    """
    from windlass.domain.finding import Severity
    from windlass.engine.templates import next_lock, templates_in, uses_in, write_lock

    templates = templates_in(path)
    made, findings = next_lock(templates, uses_in(path, _folders(pipelines)))
    is_good = all(one.severity is not Severity.CRITICAL for one in findings)
    differs = made != templates.lock
    if is_good and differs and not check:
        write_lock(path, made)
    if output == "json":
        told = [one.to_json() for one in findings]
        print_json(
            {
                "ok": is_good,
                "changed": differs,
                "digests": made.digests,
                "chosen": made.chosen,
                "findings": told,
            }
        )
    else:
        for one in findings:
            say(problem_line(one.to_json()), err=True)
        count = counted(len(made.digests), "version", "versions")
        if not is_good:
            say("pipelines.lock stays as it is.")
        elif differs:
            say(STALE_LOCK if check else f"{count} locked: commit pipelines.lock.")
        else:
            say(f"{count} locked; pipelines.lock is as it was.")
    if not is_good or (check and differs):
        raise typer.Exit(EXIT_FAILED)


@app.command(epilog="Example: windlass template upgrade copy --to 2.0.0 --plan")
def upgrade(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The template.")],
    path: Root = Path(),
    to: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="The version. [the newest that is not deprecated]"),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what changes in each pipeline; write nothing.")
    ] = False,
    pipelines: Folders = None,
    airflow: Annotated[
        str | None, typer.Option(help="The Airflow that DAG files are compared for, such as 2.11.")
    ] = None,
    environment: EnvironmentName = None,
    inventory: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A YAML file of what the environment has."),
    ] = None,
    output: Output = "text",
) -> None:
    """Move the pipelines of a template to another version of it.

    The lock moves with them. A pipeline that does not compile with it stays as it is, and is told
    with what is wrong; then it exits with 1. Needs no server and no Airflow.
    """
    from windlass.engine.compile_folder import write_file
    from windlass.engine.templates import Upgrader, write_lock
    from windlass.entrypoints.cli.declared import chosen

    meant = chosen(environment, inventory, None)
    bound = bindings_in(meant, airflow, ask=environment is not None)
    upgrader = Upgrader(path, _folders(pipelines), bound)
    version, changes, lock_after = upgrader.changes(name, to)
    good = [one for one in changes if one.is_good]
    if not plan and good:
        for one in good:
            write_file(path / one.use.path, one.text)
        write_lock(path, lock_after)
    if output == "json":
        print_json(
            {
                "template": name,
                "version": version,
                "written": not plan,
                "pipelines": [_as_json(one) for one in changes],
            }
        )
    else:
        _print(f"{name}@{version}", changes, plan=plan)
    if len(good) < len(changes):
        raise typer.Exit(EXIT_FAILED)


def _as_json(change: "Change") -> dict[str, Any]:
    return {
        "path": change.use.path,
        "from": change.use.written,
        "to": change.after,
        "ok": change.is_good,
        "tasks": {
            "added": change.tasks_added,
            "removed": change.tasks_removed,
            "changed": change.tasks_changed,
        },
        "changed": change.says,
        "diff": change.diff,
        "findings": [one.to_json() for one in change.findings],
    }


def _print(ref: str, changes: "list[Change]", *, plan: bool) -> None:
    for one in changes:
        say(f"{one.use.path}  {one.use.written} -> {one.after}")
        for finding in one.findings:
            say(f"  {problem_line(finding.to_json())}", err=True)
        if not one.is_good:
            say("  stays as it is: change it by hand, template: and with: together")
            continue
        _print_change(one)
        for line in one.diff if plan else ():
            say(f"    {line}")
    good = sum(one.is_good for one in changes)
    verb = "would be" if plan else "is" if good == 1 else "are"
    said = f"{counted(good, 'pipeline', 'pipelines')} {verb} made with {ref}"
    said += f", {len(changes) - good} not" if good < len(changes) else ""
    if not changes:
        said = f"Every pipeline of the template is made with {ref}"
    elif good and not plan:
        said += "; run windlass compile, and commit what changed"
    say(f"{said}.")


def _print_change(change: "Change") -> None:
    if change.says:
        say(f"  changed: {', '.join(change.says)}")
    for sign, tasks, more in (
        ("+", change.tasks_added, ""),
        ("-", change.tasks_removed, " (its history in Airflow ends)"),
        ("~", change.tasks_changed, ""),
    ):
        for task in tasks:
            say(f"  {sign} {task}{more}")
