"""`windlass explain`: why a DAG is, or is not, visible."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from windlass.entrypoints.cli.render import Output, print_json, say
from windlass.entrypoints.failures import EXIT_FAILED


def explain(
    dag_id: Annotated[str, typer.Argument(help="The DAG's id.", metavar="DAG_ID")],
    environment: Annotated[str | None, typer.Option(help="Which Airflow; default: any.")] = None,
    output: Output = "text",
) -> None:
    """Say why a DAG is, or is not, visible in Airflow.

    One sentence, what it rests on, what to do next; then the way from the push to the first run.
    Exits with 1 where no repository and no Airflow has such a DAG.
    """
    from windlass.entrypoints.cli.client import Client

    query = f"?environment={quote(environment, safe='')}" if environment else ""
    found = Client().get(f"/api/v1/dags/{quote(dag_id, safe='')}/explain{query}")
    if output == "json":
        print_json(found)
    else:
        say("\n".join(_lines(found)))
    if found["state"] == "not_found":
        raise typer.Exit(EXIT_FAILED)


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [found["sentence"], *(f"  {line}" for line in found["evidence"])]
    if found["next_step"]:
        lines.append(f"Next: {found['next_step']}")
    if found["timeline"]:
        lines += ["", "Timeline (UTC)"]
        lines += [f"  {_clock(moment['at'])}  {moment['what']}" for moment in found["timeline"]]
    return lines


def _clock(at: str) -> str:
    """`2026-11-20 10:11:12.345` of an ISO time in UTC."""
    day, _, time = at.partition("T")
    seconds, _, rest = time.partition(".")
    return f"{day} {seconds.rstrip('Z')}.{(rest.rstrip('Z') + '000')[:3]}"
