"""`windlass finding`: what was found, why, and what may pass."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from windlass.entrypoints.cli.render import Output, finding_lines, print_json, say, table

app = typer.Typer(
    no_args_is_help=True, help="What was found, why that matters, and what is let pass."
)
_WAIVERS = "/api/v1/waivers"
Rule = Annotated[str, typer.Argument(help="The code of a rule.", metavar="RULE")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.")]


@app.command("list", epilog="Example: windlass finding list --repository team-dags")
def list_all(
    repository: Annotated[
        str | None, typer.Option(help="Of one repository; default: of all.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Of one rule.")] = None,
    denying: Annotated[bool, typer.Option("--denying", help="Only what denies.")] = False,
    output: Output = "text",
) -> None:
    """List what was found in the newest revisions, the worst first."""
    from windlass.entrypoints.cli.client import Client

    wanted = {"repository": repository, "rule": rule, "denying": denying or None}
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    found = Client().get(f"/api/v1/findings?{query}")
    if output == "json":
        print_json(found)
        return
    for one in found:
        head = f"{one['repository']}  {one['finding']['fingerprint'][:12]}"
        say("\n".join([head, *finding_lines(one["finding"]), ""]))
    say(f"{len(found)} findings." if found else "Nothing was found.")


@app.command(epilog="Example: windlass finding explain SYN001")
def explain(rule: Rule) -> None:
    """Explain a rule.

    What it is, why it matters, an example of each side, and who may let a finding pass.
    """
    from windlass.domain.rules import get_rule
    from windlass.entrypoints.reports.rules import rule_text

    say(rule_text(get_rule(rule)))


@app.command(
    epilog='Example: windlass finding waive POL101 "legacy/**" --reason "moves in May" '
    "--until 2027-05-31"
)
def waive(
    rule: Rule,
    path: Annotated[
        str, typer.Argument(help="A path below the DAG root, or a glob.", metavar="PATH")
    ],
    reason: Reason,
    until: Annotated[str, typer.Option(help="The last day, as in 2027-05-31.")],
    repository: Annotated[
        str | None, typer.Option(help="In one repository; default: in all.")
    ] = None,
    fingerprint: Annotated[
        str | None, typer.Option(help="One finding; default: all of the rule there.")
    ] = None,
    output: Output = "text",
) -> None:
    """Let findings of a rule pass until a day.

    The repositories are judged again at once.
    """
    from windlass.entrypoints.cli.client import Client

    body: dict[str, Any] = {
        "rule": rule,
        "path": path,
        "reason": reason,
        "until": until,
        "repository": repository,
        "fingerprint": fingerprint,
    }
    made = Client().post(_WAIVERS, body)
    if output == "json":
        print_json(made)
        return
    say(f"{rule} is let pass at {path} until {made['until']}, by waiver {made['id']}.")
    say(f"  End it: windlass finding unwaive {made['id']} --reason …")


@app.command(epilog="Example: windlass finding waivers --output json")
def waivers(output: Output = "text") -> None:
    """List what is let pass, by whom, and for how long."""
    from windlass.entrypoints.cli.client import Client

    found = Client().get(_WAIVERS)
    if output == "json":
        print_json(found)
    elif not found:
        say("Nothing is waived.")
    else:
        heads = ("WAIVER", "RULE", "PATH", "REPOSITORY", "UNTIL", "BY", "WHY")
        say(table(heads, [_row(one) for one in found], flexible=6))


@app.command(epilog='Example: windlass finding unwaive 3 --reason "it was mended"')
def unwaive(
    waiver: Annotated[int, typer.Argument(min=1, help="Its number.", metavar="WAIVER")],
    reason: Reason,
    output: Output = "text",
) -> None:
    """End a waiver; what it let pass counts again at once."""
    from windlass.entrypoints.cli.client import Client

    ended = Client().post(f"{_WAIVERS}/{waiver}/end", {"reason": reason})
    if output == "json":
        print_json(ended)
    else:
        say(f"Waiver {waiver} has ended: {ended['rule']} counts again at {ended['path']}.")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    left = one["days_left"]
    when = one["until"] if left > 14 else f"{one['until']} ({_left(left)})"
    what = one["path"] + (f" #{one['fingerprint'][:12]}" if one["fingerprint"] else "")
    return (
        str(one["id"]),
        one["rule"],
        what,
        one["repository"] or "all",
        when,
        one["actor"],
        one["reason"],
    )


def _left(days: int) -> str:
    if days < 0:
        return "expired"
    return "last day" if days == 0 else f"{days} d left"
