"""`windlass repo adopt`: what git-sync or GitDagBundle serve today, as repositories of Windlass."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from windlass.domain.errors import AppError, Invalid
from windlass.entrypoints.cli.render import Output, print_json, say
from windlass.entrypoints.failures import EXIT_FAILED

if TYPE_CHECKING:
    from windlass.compiler.adoption.found import Adopted, Left
    from windlass.compiler.declaration import DeclaredRepository

EXAMPLE = "Example: windlass repo adopt values.yaml airflow.cfg"


def adopt(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE…",
            help="Kubernetes manifests, values of the Airflow chart, Compose files, airflow.cfg, "
            "KEY=VALUE lines; - for standard input. None: the variables of this shell.",
        ),
    ] = None,
    git_sync: Annotated[
        str | None, typer.Option(metavar="FLAGS", help="git-sync's command line, in quotes.")
    ] = None,
    url: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BUNDLE=URL", help="The address of a bundle whose connection has it; again."
        ),
    ] = None,
    environment: Annotated[str, typer.Option(help="Which Airflow they go to.")] = "default",
    credential: Annotated[
        str | None, typer.Option(help="A stored credential, for those that need a login.")
    ] = None,
    register: Annotated[
        bool, typer.Option("--add", help="Register them; nothing is deployed before an approval.")
    ] = False,
    output: Output = "text",
) -> None:
    """Read the settings of git-sync or GitDagBundle.

    Prints what would be registered, as text for windlass.yaml, with what has no counterpart line by
    line. Values that may be secrets are never shown.

    With --add each repository is registered and judged, and its first release waits for
    windlass release approve: end what serves it now before that.
    """
    from windlass.compiler.adoption.adopt import adopt_all, adoption_text
    from windlass.domain.environment import Environment

    found = adopt_all(
        _find(files or [], git_sync),
        environment=environment,
        urls=dict(map(_pair, url or [])),
        credential=credential,
    )
    if not found:
        words = "nothing of git-sync and of no GitDagBundle was found"
        raise Invalid("CLI023", words, "windlass repo adopt --help says what is read.")
    if register:
        _register(found, output)
    elif output == "json":
        print_json([_as_json(one) for one in found])
    else:
        say(adoption_text(found, Environment(environment)).rstrip("\n"))


def _find(files: list[str], git_sync: str | None) -> Any:
    from windlass.compiler.adoption.texts import (
        Findings,
        find_in_file,
        find_in_flags,
        find_in_variables,
    )
    from windlass.settings import process_environment

    found = Findings()
    for name in files:
        find_in_file(*content_of(name), found)
    if git_sync is not None:
        find_in_flags(git_sync, found)
    if not files and git_sync is None:
        find_in_variables(process_environment(), "this shell", found)
    return found


def content_of(name: str) -> tuple[str, bytes]:
    """What to call a file of settings, and what is in it; `-` is standard input. Raises Invalid
    CLI024 where it cannot be read."""
    if name == "-":
        return "standard input", sys.stdin.buffer.read()
    try:
        return name, Path(name).read_bytes()
    except OSError as error:
        raise Invalid(
            "CLI024", f"no settings can be read from {name!r}: {error.strerror}"
        ) from error


def _pair(text: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    if not equals or not name or not url:
        raise Invalid("CLI025", "--url takes BUNDLE=URL", "For example --url dags=https://…")
    return name, url


def _register(found: "list[Adopted | Left]", output: str) -> None:
    """Register each, whatever becomes of the others; exit 1 where one could not be."""
    from windlass.compiler.adoption.found import Left
    from windlass.entrypoints.cli.client import ROOT, Client

    client, added, failed = Client(), list[Any](), False
    for one in found:
        if isinstance(one, Left):
            say(f"{'✕' if one.is_git else '-'} {one.where}: {one.why}", err=True)
            failed |= one.is_git
            continue
        try:
            answer = client.post(ROOT, _body(one.repository))
        except AppError as problem:
            say(f"✕ {one.repository.name}: {problem.code} {problem.message}", err=True)
            failed = True
            continue
        added.append(answer)
        if output == "text":
            _tell_added(answer["name"], one.notes)
    if output == "json":
        print_json(added)
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _tell_added(name: str, notes: tuple[str, ...]) -> None:
    say(f"Added {name}; its first release waits for you: windlass repo show {name}")
    for note in notes:
        say(f"  - {note}")
    say("  To switch: end what serves it now, then")
    say(f"  windlass release approve {name} RELEASE --reason …")
    say(f"  windlass repo set {name} -O auto_deploy=true")


def _body(one: "DeclaredRepository") -> dict[str, Any]:
    body: dict[str, Any] = {
        "url": one.url,
        "name": one.name,
        "environment": one.environment,
        "path": one.path,
        "sync_interval": f"{one.sync_interval_s}s",
        "credential": one.credential,
        "options": one.options.to_json(),
    }
    if one.ref is not None:
        body[one.ref.kind] = one.ref.name
    return {key: value for key, value in body.items() if value is not None}


def _as_json(one: "Adopted | Left") -> dict[str, Any]:
    from windlass.compiler.adoption.found import Left

    if isinstance(one, Left):
        return {"where": one.where, "repository": None, "why": one.why}
    told = {"where": one.where, "repository": _body(one.repository)}
    return {**told, "needs_login": one.needs_login, "notes": list(one.notes)}
