"""`windlass policy`: release policies, shown and set."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from windlass.domain.errors import Conflict, NotFound
from windlass.entrypoints.cli.files import read_file
from windlass.entrypoints.cli.render import Output, finding_lines, print_json, say, table
from windlass.entrypoints.failures import EXIT_FAILED

app = typer.Typer(
    no_args_is_help=True, help="Release policies: what denies a revision, and for whom."
)
_ROOT = "/api/v1/policies"
_TRY_S = 600
"""For one repository: another Airflow may have to import all of its files."""
Name = Annotated[str, typer.Argument(help="The policy's name.", metavar="POLICY")]
PolicyFile = Annotated[Path, typer.Argument(help="The policy as YAML; - is stdin.", metavar="FILE")]


@app.command("list", epilog="Example: windlass policy list --output json")
def list_all(output: Output = "text") -> None:
    """List all release policies, and whom they are for."""
    from windlass.entrypoints.cli.client import Client

    found = Client().get(_ROOT)
    if output == "json":
        print_json(found)
    elif not found:
        say("The built-in policy holds for all: findings of high or worse deny.")
        say("  Set one: windlass policy set default FILE")
    else:
        heads = ("POLICY", "OWNER", "DENIES AT", "FOR", "REPOSITORIES")
        say(table(heads, [_row(one) for one in found], flexible=3))


@app.command(epilog="Example: windlass policy show default")
def show(name: Name, output: Output = "text") -> None:
    """Show a release policy as YAML, ready to be set again."""
    from windlass.entrypoints.cli.client import Client

    found = Client().get(f"{_ROOT}/{quote(name, safe='')}")
    if output == "json":
        print_json(found)
        return
    say(f"# {name}, set by the {found['owner']}")
    say(f"# Judges {', '.join(found['repositories']) or 'nobody now'}.")
    say(as_yaml(found["document"]))


@app.command("set", epilog="Example: windlass policy set community community.yaml")
def put(name: Name, file: PolicyFile, output: Output = "text") -> None:
    """Set a release policy; every repository is judged again at once.

    What is live stays live: a revision that is denied now is not deployed again.
    """
    from windlass.entrypoints.cli.client import Client

    found = Client().put(
        f"{_ROOT}/{quote(name, safe='')}", {"text": read_file(file).decode("utf-8", "replace")}
    )
    if output == "json":
        print_json(found)
        return
    say(f"Set the policy {name}. It judges {', '.join(found['repositories']) or 'nobody now'}.")


@app.command("try", epilog="Example: windlass policy try community community.yaml")
def attempt(name: Name, file: PolicyFile, output: Output = "text") -> None:
    """Say what would be denied if a policy were set; changes nothing.

    Looks at what every repository has deployed. Exits with 1 if anything would be denied.
    """
    from windlass.entrypoints.cli.client import ROOT, Client

    text = read_file(file).decode("utf-8", "replace")
    names = [one["name"] for one in Client().get(ROOT)]
    try_all(names, {"name": name, "text": text}, output)


def try_all(names: list[str], body: dict[str, Any], output: str) -> None:
    """Try something on the repositories, one after the other, and tell of each as it comes: of
    JSON, which comes at the end, that goes to stderr. One that changes meanwhile stops no other."""
    from windlass.entrypoints.cli.client import Client, address_of

    client, tried = Client(), []
    for number, name in enumerate(names, start=1):
        try:
            found = client.post(f"{address_of(name)}/try", body, timeout_s=_TRY_S)
        except (Conflict, NotFound) as error:
            found = _not_tried(name, f"{error.code} {error.message}")
        tried.append(found)
        say("\n".join(_tried_lines(f"[{number}/{len(names)}]", found)), err=output == "json")
    denied = [one["repository"] for one in tried if not one["would_pass"]]
    if output == "json":
        print_json(tried)
    else:
        say(f"{len(denied)} of {len(names)} would be denied. Nothing was changed.")
    raise typer.Exit(EXIT_FAILED if denied else 0)


def _not_tried(name: str, problem: str) -> dict[str, Any]:
    """As the API answers of others; `problem` is there only here."""
    nothing = {"release": None, "policy": "", "imports": "", "issues": list[Any]()}
    return {"repository": name, **nothing, "would_pass": False, "problem": problem}


def _tried_lines(place: str, found: dict[str, Any]) -> list[str]:
    name, release = found["repository"], found["release"]
    if "problem" in found:
        return [f"{place} {name}: not tried: {found['problem']}"]
    if release is None:
        return [f"{place} {name}: nothing is deployed."]
    if found["would_pass"]:
        said = f"passes by the policy {found['policy']}; {found['imports']}"
        return [f"{place} {name} #{release}: {said}."]
    said = f"denied by the policy {found['policy']}; {found['imports']}"
    head = f"{place} {name} #{release}: {said}."
    shown = [line for one in found["issues"][:10] for line in finding_lines(one)]
    more = len(found["issues"]) - 10
    return [head, *(f"  {line}" for line in shown), *([f"  and {more} more"] if more > 0 else [])]


@app.command(epilog="Example: windlass policy remove community")
def remove(name: Name) -> None:
    """Remove a release policy; what it was for is judged by what is left."""
    from windlass.entrypoints.cli.client import Client

    Client().delete(f"{_ROOT}/{quote(name, safe='')}")
    say(f"Removed the policy {name}.")


def as_yaml(document: dict[str, Any]) -> str:
    """A policy as YAML that reads back as the same."""
    import yaml

    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip()


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    reach = one["document"].get("applies_to", {})
    named = [f"{kind}: {', '.join(names)}" for kind, names in reach.items()]
    what = "; ".join(named) or ("all others" if one["name"] == "default" else "nobody")
    return (
        one["name"],
        one["owner"],
        one["document"]["deny_at"],
        what,
        str(len(one["repositories"])),
    )
