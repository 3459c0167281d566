"""`windlass audit`: who changed what, and whether that record is whole."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal

import typer

from windlass.domain.audit import AuditRow, breaks
from windlass.domain.errors import Conflict, Invalid
from windlass.entrypoints.cli.render import Output, age, counted, print_json, say, table
from windlass.entrypoints.failures import EXIT_FAILED

if TYPE_CHECKING:
    from windlass.engine.exposure import Report

app = typer.Typer(no_args_is_help=True, help="Who changed what: list, export and verify.")
_ROOT = "/api/v1/audit"
_PAGE = 1000
_KEY_BYTES = 32  # Ed25519


@app.command("list", epilog="Example: windlass audit list --subject repository/team-dags")
def list_newest(
    subject: Annotated[
        str | None, typer.Option(help="Of one thing only, as KIND/NAME.", metavar="SUBJECT")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 30,
    output: Output = "text",
) -> None:
    """List the newest changes, newest first."""
    from urllib.parse import urlencode

    from windlass.entrypoints.cli.client import Client

    query = {"limit": str(limit)} | ({"subject": subject} if subject else {})
    found = Client().get(f"{_ROOT}?{urlencode(query)}")
    if output == "json":
        print_json(found)
    elif not found:
        say(f"No change of {subject!r} is there." if subject else "Nothing was changed yet.")
    else:
        heads = ("ROW", "AGE", "BY", "WHAT", "SUBJECT", "FACTS")
        say(table(heads, [_row(one) for one in found], flexible=5))


@app.command(epilog="Example: windlass audit export audit.jsonl")
def export(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it; default: standard output.")
    ] = None,
    form: Annotated[
        Literal["jsonl", "csv"], typer.Option("--format", help="One row a line, or a table.")
    ] = "jsonl",
) -> None:
    """Write the whole audit. `windlass audit verify --file` reads the jsonl back."""
    with file.open("w", encoding="utf-8") if file else nullcontext(sys.stdout) as out:
        if form == "jsonl":
            for row in _rows():
                out.write(json.dumps(row, sort_keys=True) + "\n")
        else:
            _write_csv(_rows(), out)


@app.command(epilog="Example: windlass audit head >> heads.txt")
def head(output: Output = "text") -> None:
    """Print the newest row, signed, as one word to keep.

    Keep it where nobody who writes to the database can change it.
    """
    from windlass.entrypoints.cli.client import Client

    found = Client().get(f"{_ROOT}/head")
    if output == "json":
        print_json(found)
    elif found["head"] is None:
        say("The audit is empty: there is no head yet.")
    else:
        say(found["head"])


@app.command(epilog="Example: windlass audit verify --head heads.txt")
def verify(
    heads: Annotated[
        list[str] | None,
        typer.Option(
            "--head",
            metavar="HEAD",
            help="A signed head, or a file that holds some, such as the worker's log.",
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Verify this export (jsonl) instead of the database.")
    ] = None,
    public_key: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="The key that signed the heads; default: the API's."),
    ] = None,
    output: Output = "text",
) -> None:
    """Verify the chain: no row was changed, removed or moved. Exits with 1 where one was.

    A cut tail, or a chain that was made anew, is found only with a head that was kept elsewhere:
    the worker writes one into its log every hour and when it stops.
    """
    from windlass.engine.audit import read_head

    public = _public_key(public_key) if heads or public_key is not None else b""
    signed = [read_head(token, public) for token in _tokens(heads or [])]
    count = 0

    def counted() -> Iterator[AuditRow]:
        nonlocal count
        for row in _read(file) if file else _rows():
            count += 1
            yield AuditRow.from_json(row)

    problems = list(breaks(counted(), signed))
    if output == "json":
        found = {"whole": not problems, "rows": count, "heads": len(signed), "problems": problems}
        print_json(found)
        if problems:
            raise typer.Exit(EXIT_FAILED)
        return
    if problems:
        raise Conflict(
            "AUD003",
            "the audit is not whole: " + "; ".join(problems),
            "Compare it with a backup or an export, and find out who could write to the database.",
        )
    say(f"Nothing was changed. Rows in one chain: {count}; signed heads among them: {len(signed)}.")


@app.command(epilog="Example: windlass audit exposure --log worker.log")
def exposure(
    log: Annotated[
        list[Path] | None,
        typer.Option("--log", metavar="FILE", help="A log to look at too; may be repeated."),
    ] = None,
    output: Output = "text",
) -> None:
    """Look for every stored secret where it must not be.

    Looks at the database, the folder of Windlass with store, mirrors and backups, temporary files,
    processes, the API's answers and the logs that you name; for each secret as it is, URL-encoded,
    in JSON, hexadecimal and base64. It shows none. Run it where API and worker run, by their
    account. Exits with 1 where one is found.
    """
    from dataclasses import asdict

    from windlass.app import build_context, haystack_of, open_database
    from windlass.engine.exposure import Hunt
    from windlass.entrypoints.cli.answers import api_answers
    from windlass.settings import load_settings

    settings = load_settings()
    with closing(open_database(settings)) as database:
        hunt = Hunt(build_context(settings, database), haystack_of(settings, log or []))
        hunt.look_everywhere()
        for place, content in api_answers(settings):
            hunt.look_at("answers of the API", place, [content])
    report = hunt.report()
    if output == "json":
        print_json(asdict(report))
    else:
        _say_exposures(report)
    if report.exposures:
        raise typer.Exit(EXIT_FAILED)


def _say_exposures(report: "Report") -> None:
    looked = ", ".join(f"{number:,} {kind}" for kind, number in report.looked_at.items())
    say(f"Looked for {counted(report.secrets, 'secret', 'secrets')} in {looked}.")
    for name, why in report.unsearched.items():
        say(f"  Not looked for: {name}: {why}")
    if not report.exposures:
        say("None of them is exposed.")
    for one in report.exposures:
        say(f"EXPOSED {one.name} in {one.place}, {one.form}")
    if report.exposures:
        say("Rotate what is exposed, then remove it from where it is.")


def _rows() -> Iterator[dict[str, Any]]:
    from windlass.entrypoints.cli.client import Client

    client, last = Client(), 0
    while page := client.get(f"{_ROOT}/export?after={last}&limit={_PAGE}"):
        yield from page
        last = page[-1]["id"]


def _read(file: Path) -> Iterator[dict[str, Any]]:
    number = 0
    try:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                number += 1
                row = json.loads(line)
                AuditRow.from_json(row)
                yield row
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid(
            "AUD004",
            f"{file}:{number} cannot be read as a row of an audit",
            "Give a file that `windlass audit export` wrote as jsonl.",
        ) from error


def _tokens(given: Iterable[str]) -> Iterator[str]:
    from windlass.engine.audit import find_heads

    for one in given:
        found = find_heads(one)
        try:
            found = found or find_heads(Path(one).read_text("utf-8", "replace"))
        except OSError:
            found = []
        if not found:
            raise Invalid(
                "AUD006",
                f"{one[:80]!r} is no signed head of an audit, and no file that holds one",
                "Take the word that begins with `windlass-head.` from the log, whole.",
            )
        yield from found


def _public_key(text: str | None) -> bytes:
    from windlass.entrypoints.cli.client import Client

    given = Client().get(f"{_ROOT}/head")["public_key"] if text is None else text
    try:
        key = bytes.fromhex(given)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise Invalid(
            "AUD005",
            f"{given!r} is no public key",
            "Give its 64 hex digits: windlass audit head --output json",
        )
    return key


def _write_csv(rows: Iterable[dict[str, Any]], out: IO[str]) -> None:
    names = ("id", "at", "actor", "action", "subject", "facts", "previous", "digest")
    writer = csv.writer(out)
    writer.writerow(names)
    for row in rows:
        cells = (json.dumps(row[n], sort_keys=True) if n == "facts" else row[n] for n in names)
        # A spreadsheet would compute what begins so (owasp.org: CSV injection).
        writer.writerow(f"'{cell}" if str(cell)[:1] in "=+-@" else cell for cell in cells)


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    facts = _facts(found["facts"])
    return (
        str(found["id"]),
        age(found["at"]),
        found["actor"],
        found["action"],
        found["subject"],
        facts,
    )


def _facts(facts: dict[str, Any]) -> str:
    """What changed, as `name: old → new`, and the rest as `name=value`."""
    before, after = facts.get("before") or {}, facts.get("after") or {}
    if isinstance(before, dict) and isinstance(after, dict) and before and after:
        told = [f"{k}: {before.get(k)} → {v}" for k, v in after.items() if before.get(k) != v]
    else:
        told = [f"{k}={v}" for k, v in (after or before).items() if v not in (None, "", {}, [])]
    rest = {k: v for k, v in facts.items() if k not in ("before", "after") and v is not None}
    return ", ".join([*told, *(f"{k}={v}" for k, v in rest.items())])
