"""`windlass environment`: connect Airflows, look at them, try them."""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from windlass.domain.errors import Invalid
from windlass.entrypoints.cli.add import secret_line
from windlass.entrypoints.cli.render import (
    Output,
    age,
    badge,
    checkup_lines,
    print_json,
    say,
    table,
)
from windlass.entrypoints.failures import EXIT_FAILED

app = typer.Typer(no_args_is_help=True, help="Connect Airflows: add, change, list, show and test.")
_ROOT = "/api/v1/environments"
Name = Annotated[str, typer.Argument(help="The environment's name.", metavar="ENVIRONMENT")]
Url = Annotated[
    str | None, typer.Option(help="Airflow's address, such as https://airflow.example.")
]
Username = Annotated[str | None, typer.Option(help="The Airflow user that Windlass is.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read that user's password from stdin.")
]
Interpreter = Annotated[
    str | None, typer.Option(help="Airflow's python: DAG files must compile under it.")
]
Bundles = Annotated[int | None, typer.Option(help="DAG bundles for repositories of no team.")]
Team = Annotated[
    list[str] | None, typer.Option(help="Bundles for a team, as TEAM=COUNT; again for each.")
]
NewDags = Annotated[
    Literal["keep", "paused", "unpaused"] | None,
    typer.Option(help="How new DAGs begin whose repository does not choose."),
]
Mode = Annotated[
    Literal["all", "per_file"] | None,
    typer.Option("--verdict-mode", help="That of repositories that do not choose."),
]
InventoryFile = Annotated[
    Path | None,
    typer.Option(
        "--inventory",
        exists=True,
        dir_okay=False,
        help="A YAML file of connections, variables and pools that it has, by name.",
    ),
]
Target = Annotated[
    Literal["bundle", "folder"] | None,
    typer.Option(help="How releases reach it: bundle (Airflow 3.1 and newer) or folder."),
]


@app.command(
    epilog="Example: windlass environment add prod --airflow-url https://airflow.example "
    "--username windlass --password-stdin < password"
)
def add(
    name: Name,
    airflow_url: Url = None,
    username: Username = None,
    password_stdin: PasswordStdin = False,
    interpreter: Interpreter = None,
    bundles: Bundles = None,
    team: Team = None,
    target: Target = None,
    new_dags: NewDags = None,
    verdict_mode: Mode = None,
    output: Output = "text",
) -> None:
    """Add an environment: one Airflow, and how releases reach it."""
    from windlass.entrypoints.cli.client import Client

    body = _body(
        airflow_url=airflow_url,
        interpreter=interpreter,
        bundles=bundles,
        teams=dict(map(_team, team)) if team else None,
        target=target,
        new_dags=new_dags,
        verdict_mode=verdict_mode,
    )
    body |= {"name": name} | _login(username, password_stdin=password_stdin)
    found = Client().post(_ROOT, body)
    if output == "json":
        print_json(found)
        return
    say(f"Added {name} with {found['bundles_total']} bundles.")
    say(f"Give its Airflow these settings: windlass airflow config --environment {name}")
    say(f"Then see whether it answers:     windlass environment test {name}")


@app.command("set", epilog="Example: windlass environment set prod --bundles 64")
def change(
    name: Name,
    airflow_url: Url = None,
    no_airflow: Annotated[
        bool, typer.Option("--no-airflow", help="Take Airflow's address away.")
    ] = False,
    username: Username = None,
    password_stdin: PasswordStdin = False,
    interpreter: Interpreter = None,
    bundles: Bundles = None,
    team: Team = None,
    target: Target = None,
    new_dags: NewDags = None,
    verdict_mode: Mode = None,
    inventory: InventoryFile = None,
    output: Output = "text",
) -> None:
    """Change what is named of an environment, while all runs."""
    from windlass.entrypoints.cli.client import Client

    body = _body(
        airflow_url=airflow_url,
        interpreter=interpreter,
        bundles=bundles,
        teams=dict(map(_team, team)) if team else None,
        target=target,
        new_dags=new_dags,
        verdict_mode=verdict_mode,
    )
    body |= _login(username, password_stdin=password_stdin) | _declared(inventory)
    if no_airflow:
        if airflow_url:
            raise Invalid("CLI001", "--airflow-url and --no-airflow exclude each other")
        body["airflow_url"] = None
    if not body:
        raise Invalid("CLI005", "nothing to change was named", "windlass environment set --help")
    found = Client().patch(_address(name), body)
    if output == "json":
        print_json(found)
    else:
        say(f"Changed {name}: {', '.join(sorted(body))}.")


@app.command(epilog="Example: windlass environment remove staging")
def remove(name: Name, output: Output = "text") -> None:
    """Forget an environment that no repository is in.

    Its Airflow keeps what it has, until its settings are taken away there.
    """
    from windlass.entrypoints.cli.client import Client

    left = Client().delete(_address(name))
    if output == "json":
        print_json(left)
    else:
        say(f"Removed {name}.")


@app.command("list", epilog="Example: windlass environment list --output json")
def list_all(output: Output = "text") -> None:
    """List all environments."""
    from windlass.entrypoints.cli.client import Client

    found = Client().get(_ROOT)
    if output == "json":
        print_json(found)
        return
    heads = ("ENVIRONMENT", "TARGET", "AIRFLOW", "BUNDLES", "OWNER")
    say(table(heads, [_row(one) for one in found], flexible=2))


@app.command(epilog="Example: windlass environment show prod")
def show(name: Name, output: Output = "text") -> None:
    """Show what is known of an environment."""
    from windlass.entrypoints.cli.client import Client

    found = Client().get(_address(name))
    if output == "json":
        print_json(found)
        return
    teams = ", ".join(f"{team}={count}" for team, count in found["teams"].items())
    for label, value in (
        ("Airflow", found["airflow_url"] or "no address: nothing is seen live"),
        ("Identity", found["airflow_refused"] or found["airflow_id"] or "told by its address"),
        ("User", found["airflow_username"] or "-"),
        ("Interpreter", found["interpreter"] or "that of WINDLASS_AIRFLOW_PYTHON"),
        ("Target", found["target"]),
        ("Bundles", f"{found['bundles_bound']} of {found['bundles_total']} bound"),
        ("Teams", teams or "-"),
        ("New DAGs", found["new_dags"]),
        ("Mode", found["verdict_mode"]),
        ("Owner", found["owner"]),
    ):
        say(f"{label:<12} {value}")
    if found["not_deployed"] is not None:
        say(f"\n{badge('held')}: {found['not_deployed']}")
    if found["foreign_files"]:
        say("\nFiles in the store that Windlass did not put there, and does not remove:")
        say("\n".join(f"  {path}" for path in found["foreign_files"]))


@app.command(epilog="Example: windlass environment accept prod")
def accept(name: Name, output: Output = "text") -> None:
    """Accept the Airflow that answers now in place of the one before.

    For an Airflow whose database was made anew: it reports another id than before, and is asked
    nothing until then.
    """
    from windlass.entrypoints.cli.client import Client

    found = Client().post(f"{_address(name)}/accept")
    if output == "json":
        print_json(found)
    else:
        say(f"The Airflow of {name} is {found['airflow_id']} from now on.")


@app.command(epilog="Example: windlass environment inventory prod --refresh")
def inventory(
    name: Name,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask Airflow now.")] = False,
    output: Output = "text",
) -> None:
    """Show which connections, variables and pools are known.

    Names only: Windlass reads no values.
    """
    from windlass.entrypoints.cli.client import Client

    address = f"{_address(name)}/inventory"
    found = Client().post(f"{address}/refresh") if refresh else Client().get(address)
    if output == "json":
        print_json(found)
        return
    rows = [_source_row(kind, source) for kind in found["kinds"] for source in kind["sources"]]
    if rows:
        say(table(("KIND", "SOURCE", "SEEN", "NAMES"), rows, flexible=3))
    else:
        say("Nothing is known: names are not compared.")
    complete = [kind["kind"] for kind in found["kinds"] if kind["complete"]]
    say(f"Declared complete: {', '.join(complete) or 'nothing; an unknown name only warns'}.")
    if found["modules"]:
        say(f"Modules beside the installed ones: {', '.join(found['modules'])}.")


@app.command("test", epilog="Example: windlass environment test prod")
def try_out(name: Name, output: Output = "text") -> None:
    """Look at the environment's Airflow: is all as it must be?

    Changes nothing there. Ends with exit code 1 where something failed.
    """
    from windlass.entrypoints.cli.client import Client

    found = Client().post(f"{_address(name)}/test")
    if output == "json":
        print_json(found)
    else:
        say("\n".join(checkup_lines(found)))
    if any(row["condition"] == "failed" for row in found):
        raise typer.Exit(EXIT_FAILED)


@app.command("try", epilog="Example: windlass environment try prod --airflow-python /new/python")
def attempt(
    name: Name,
    airflow_python: Annotated[str, typer.Option(help="Another Airflow's python, on the server.")],
    output: Output = "text",
) -> None:
    """Say what another Airflow would deny; changes nothing.

    Looks at what every repository of the environment has deployed, as if that Python were its
    interpreter. Exits with 1 if anything would be denied.
    """
    from windlass.entrypoints.cli.client import ROOT, Client
    from windlass.entrypoints.cli.policy import try_all

    names = [one["name"] for one in Client().get(ROOT) if one["environment"] == name]
    try_all(names, {"interpreter": airflow_python}, output)


def _address(name: str) -> str:
    return f"{_ROOT}/{quote(name, safe='')}"


def _body(**given: Any) -> dict[str, Any]:
    """What was given."""
    return {key: value for key, value in given.items() if value is not None}


def _source_row(kind: dict[str, Any], source: dict[str, Any]) -> tuple[str, ...]:
    seen = age(source["seen_at"])
    names = ", ".join(source["names"])
    if source["problem"]:
        names = f"not read: {source['problem']}" + (f"; before: {names}" if names else "")
    return (kind["kind"], source["source"], seen, names or "none")


def _declared(path: Path | None) -> dict[str, Any]:
    from windlass.entrypoints.cli.declared import declared_in

    return {"inventory": declared_in(path).to_json()} if path is not None else {}


def _team(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    if name and count.isdecimal():
        return name, int(count)
    raise Invalid("CLI006", f"{text!r} is no TEAM=COUNT", "For example --team ml=8.")


def _login(username: str | None, *, password_stdin: bool) -> dict[str, Any]:
    if not username and not password_stdin:
        return {}
    if not username or not password_stdin:
        raise Invalid(
            "CLI001",
            "--username and --password-stdin go together",
            "windlass environment set NAME --username windlass --password-stdin < password",
        )
    return {"login": {"username": username, "password": secret_line()}}


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    return (
        found["name"],
        found["target"],
        found["airflow_url"] or "-",
        f"{found['bundles_bound']}/{found['bundles_total']}",
        found["owner"],
    )
