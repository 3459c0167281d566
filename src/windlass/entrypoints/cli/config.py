"""`windlass config`: settings, and the declarative file."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from windlass.entrypoints.cli.render import Output, age, counted, print_json, say, table
from windlass.entrypoints.failures import EXIT_FAILED

app = typer.Typer(no_args_is_help=True, help="Settings, and the declarative file windlass.yaml.")
_ROOT = "/api/v1/declaration"
Names = Annotated[list[str], typer.Argument(help="Names of repositories.", metavar="NAME…")]


@app.command(epilog="Example: windlass config explain --output json")
def explain(
    port: Annotated[int | None, typer.Option("--port", help="As of `windlass up`.")] = None,
    output: Output = "text",
) -> None:
    """Show every setting, its value, and where that came from.

    A default, a line of .env, the environment or a flag: the later wins. Secrets are ***.
    """
    from windlass.settings import explain_settings, unknown_variables

    rows = explain_settings(api_port=port)
    unknown = unknown_variables()
    if output == "json":
        print_json(
            {
                "settings": [
                    {
                        "name": row.name,
                        "variable": row.variable,
                        "value": row.value,
                        "source": str(row.source),
                        "description": row.description,
                    }
                    for row in rows
                ],
                "unknown": [
                    {"variable": one.variable, "source": str(one.source)} for one in unknown
                ],
            }
        )
        return
    heads = ("SETTING", "VALUE", "FROM")
    cells = [(row.variable, _shown(row.value), str(row.source)) for row in rows]
    say(table(heads, cells, flexible=1))
    for one in unknown:
        say(f"\n{one.variable} ({one.source}) is no setting, and does nothing.")


@app.command(epilog="Example: windlass config check windlass.yaml")
def check(
    file: Annotated[
        Path | None, typer.Argument(help="Default: the file that a worker here would read.")
    ] = None,
    environment: Annotated[
        list[str] | None,
        typer.Option(help="An environment that is there without the file; again for each."),
    ] = None,
    output: Output = "text",
) -> None:
    """Check a declarative file, without a server.

    Every problem is told, each at its place. Whether its credentials exist is known to the server
    only. A remote that the settings here would refuse is told, and is no problem of the file.
    """
    from windlass.app import check_declaration

    checked = check_declaration(file, environment)
    findings = [one.to_json() for one in checked.findings]
    if output == "json":
        told = {
            name: {"code": error.code, "message": error.message, "hint": error.hint}
            for name, error in checked.refused_here.items()
        }
        found = {"path": checked.path, "ok": not findings, "findings": findings}
        print_json({**found, "refused_here": told})
    elif checked.declared is None:
        _print_problems(findings)
    else:
        repositories = counted(len(checked.declared.repositories), "repository", "repositories")
        environments = counted(len(checked.declared.environments), "environment", "environments")
        say(f"{checked.path} is good: {repositories}, {environments}.")
        for name, error in checked.refused_here.items():
            say(f"  With the settings here {name} is refused: {error.code} {error.message}")
            say(f"    {error.hint}")
    if findings:
        raise typer.Exit(EXIT_FAILED)


@app.command(epilog="Example: windlass config schema > windlass.schema.json")
def schema() -> None:
    """Print the JSON Schema of the declarative file, for editors."""
    from windlass.compiler.declaration_shape import declaration_schema

    typer.echo(json.dumps(declaration_schema(), indent=2))


@app.command(epilog="Example: windlass config show --text")
def show(
    text: Annotated[
        bool, typer.Option("--text", help="Print the text that is in force, and nothing else.")
    ] = False,
    output: Output = "text",
) -> None:
    """Show whether the file is in force, or why it is not.

    It is the declarative file as the server knows it.
    """
    from windlass.entrypoints.cli.client import Client

    found = Client().get(_ROOT)
    if output == "json":
        print_json(found)
    elif text:
        say((found["text"] or "").rstrip("\n"))
    else:
        _print_declaration(found)
    if found["findings"]:
        raise typer.Exit(EXIT_FAILED)


@app.command(epilog="Example: windlass config apply --allow-removals")
def apply(
    allow_removals: Annotated[
        bool,
        typer.Option(
            "--allow-removals", help="Let the file as it is now remove most of its repositories."
        ),
    ] = False,
    output: Output = "text",
) -> None:
    """Try the declarative file again now.

    A changed file is noticed without this.
    """
    from windlass.entrypoints.cli.client import Client

    found = Client().post(f"{_ROOT}/apply", {"allow_removals": allow_removals})
    if output == "json":
        print_json(found)
        return
    say("Asked. See what came of it: windlass config show")


@app.command(
    epilog="Example: windlass repo export dags >> windlass.yaml; windlass config adopt dags"
)
def adopt(names: Names, output: Output = "text") -> None:
    """Hand repositories from the API to the file.

    The file takes them as soon as it names them.
    """
    from windlass.entrypoints.cli.client import Client

    found = Client().post(f"{_ROOT}/adopt", {"names": names})
    if output == "json":
        print_json(found)
        return
    say(f"{found['path']} takes over {', '.join(names)} as soon as it names them.")
    say("  What to write there: windlass repo export " + " ".join(names))


@app.command(epilog="Example: windlass config disown dags")
def disown(names: Names, output: Output = "text") -> None:
    """Hand repositories from the file to the API.

    Then take them out of the file: they are not removed by that.
    """
    from windlass.entrypoints.cli.client import Client

    found = Client().post(f"{_ROOT}/disown", {"names": names})
    if output == "json":
        print_json(found)
        return
    verb, them = ("belongs", "it") if len(names) == 1 else ("belong", "them")
    say(f"{', '.join(names)} {verb} to the API now. Take {them} out of the file.")


def problem_line(finding: dict[str, Any]) -> str:
    """A finding on one line: place, code, what is wrong, what to do."""
    place = ":".join(
        str(part) for part in (finding["path"], finding["line"], finding["column"]) if part
    )
    return f"{place} {finding['code']} {finding['message']}. {finding['hint']}".rstrip()


def _print_problems(findings: list[dict[str, Any]]) -> None:
    for finding in findings:
        say(problem_line(finding))


def _print_declaration(found: dict[str, Any]) -> None:
    if found["state"] == "none":
        say("No declarative file was seen. Write windlass.yaml where the worker runs.")
        return
    count = counted(len(found["places"]), "repository", "repositories")
    force = (
        f"in force since {age(found['applied_at'])}: {count}"
        if found["applied_at"]
        else "nothing of it is in force"
    )
    say(f"{found['path']}  {found['state']}, {force}.")
    if found["findings"]:
        say("What is there now is refused; what runs stays as the last good file said:")
        _print_problems(found["findings"])


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
