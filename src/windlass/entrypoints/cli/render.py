"""Plain text for terminals: tables, ages, badges. No colour, so that it pipes well."""

import json
import shutil
import textwrap
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from windlass.domain.text import plain, plain_json

OutFile = Annotated[
    Path | None,
    typer.Option(help="Write that to a file, and print the text for people all the same."),
]
EnvironmentName = Annotated[
    str | None,
    typer.Option(
        help="An environment: its profiles hold, and what windlass.yaml says of it, inventory and"
        " interpreter, where one is here."
    ),
]
NamesFile = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="A YAML file of connections, variables and pools that there are, by name.",
    ),
]
Output = Annotated[
    Literal["text", "json"], typer.Option("--output", "-o", help="text, or json for programs.")
]
# Each state has a shape and a word, so that neither colour nor font matters.
_SHAPES = {
    "live": "●",
    "healthy": "●",
    "published": "○",
    "syncing": "◌",
    "new": "◌",
    "unknown": "○",
    "held": "◆",
    "waiting_approval": "◆",
    "waiting": "◆",
    "suspended": "◇",
    "removing": "◇",
    "removed": "◇",
    "behind": "▲",
    "denied": "▲",
    "degraded": "▲",
    "ok": "●",
    "warning": "▲",
    "failed": "■",
    "heard": "●",
    "unheard": "○",
    "silent": "▲",
    "accepted": "◌",
    "ignored": "○",
    "refused": "▲",
    "done": "●",
    "dead": "■",
}


def say(text: str, *, err: bool = False) -> None:
    """Print text for people. Commits, paths and stack traces in it cannot steer the terminal."""
    typer.echo(plain(text, block=True), err=err)


def print_json(value: Any) -> None:
    """The value as the API gave it."""
    typer.echo(plain_json(json.dumps(value, indent=2, ensure_ascii=False)))


def badge(state: str) -> str:
    """A state as shape and word: `● Live`."""
    return f"{_SHAPES.get(state, '○')} {state.replace('_', ' ').capitalize()}"


def age(text: str | None, now: datetime | None = None) -> str:
    """How long ago an ISO time was, in one unit: `12 s`, `4 min`, `3 h`, `9 d`; `-` for None."""
    if text is None:
        return "-"
    passed = (now or datetime.now(UTC)) - datetime.fromisoformat(text)
    return duration(max(passed, timedelta()))


def duration(passed: timedelta) -> str:
    """A duration in one unit.

    >>> duration(timedelta(minutes=4, seconds=20))
    '4 min'
    """
    seconds = passed.total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return (
                f"{seconds / size:.0f} {unit}"
                if seconds < 10 * size
                else f"{seconds // size:.0f} {unit}"
            )
    return f"{seconds:.0f} s"


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun.

    >>> counted(1, "repository", "repositories")
    '1 repository'
    """
    return f"{number:,} {one if number == 1 else many}"


def shorten(text: str, width: int) -> str:
    """`text` on one line in at most `width` characters, cut in the middle.

    >>> shorten("a-rather-long-name", 9)
    'a-ra…name'
    """
    line = " ".join(text.split())
    if len(line) <= width:
        return line
    tail = (width - 1) // 2
    return line[: width - 1 - tail] + "…" + line[len(line) - tail :]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, flexible: int) -> str:
    """Columns under their heads; the column `flexible` is cut so that lines fit the terminal."""
    columns = shutil.get_terminal_size().columns
    grid = [list(heads), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in grid) for i in range(len(heads))]
    spare = columns - sum(widths) - 2 * (len(widths) - 1)
    widths[flexible] = max(8, widths[flexible] + min(0, spare))
    for row in grid[1:]:
        row[flexible] = shorten(row[flexible], widths[flexible])
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in grid)
    return "\n".join(line.rstrip() for line in lines)


def finding_lines(finding: dict[str, Any]) -> list[str]:
    """A finding as a good compiler prints it: what and where, the line itself, what to do."""
    parts = (finding["path"] or "(tree)", finding["line"], finding["column"])
    place = ":".join(str(part) for part in parts if part)
    lines = [f"{finding['code']} {finding['severity']}  {place}  {finding['message']}"]
    if finding.get("excerpt"):
        lines += _excerpt_lines(finding)
    if excused := finding.get("excused"):
        lines.append(f"    {_excused(excused)}")
    return [*lines, f"    {finding['hint']}"] if finding["hint"] else lines


def _excused(excused: dict[str, str]) -> str:
    """Why a finding does not count, in one sentence."""
    who = {"inline": "a comment", "waiver": f"a waiver by {excused['by']}"}
    until = f" until {excused['until']}" if excused["until"] else ""
    return f"◇ let pass by {who.get(excused['kind'], 'the baseline')}{until}: {excused['reason']}"


def _excerpt_lines(finding: dict[str, Any]) -> list[str]:
    """The line with its number, and carets below what is meant."""
    head = f"  ▸ {finding['line']} │ "
    shown = plain(finding["excerpt"])
    lines = [head + shown]
    if column := finding["column"]:
        ends = max(column + 1, finding.get("end_column") or 0)
        before, meant = shown[: column - 1], shown[column - 1 : ends - 1]
        blank = " " * (len(head) - 2) + "│ " + " " * _cells(before)
        lines.append(blank + "^" * max(1, _cells(meant)))
    return lines


def _cells(text: str) -> int:
    """How many columns of a terminal the text takes: East Asian characters take two, marks that
    combine with the one before take none (Unicode Standard Annex 11)."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def checkup_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    """What was looked at, a line each, and below it what to do where it is not ok, on as many lines
    as it takes."""
    width = max((len(row["subject"]) for row in found), default=0)
    room = max(40, shutil.get_terminal_size().columns - width - 14)
    lines = []
    for row in found:
        shape = _SHAPES.get(row["condition"], "○")
        lines.append(f"{shape} {row['condition']:<8} {row['subject']:<{width}}  {row['found']}")
        if row["remedy"] and row["condition"] != "ok":
            parts = textwrap.wrap(
                row["remedy"], room, break_long_words=False, break_on_hyphens=False
            )
            for mark, part in zip("→" + " " * len(parts), parts, strict=False):
                lines.append(f"{'':{12 + width}} {mark} {part}")
    return lines
