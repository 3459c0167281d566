"""Plain text for terminals: tables, ages, badges. No colour, so that it pipes well."""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import typer

from windlass.domain.text import plain, plain_json

Output = Annotated[
    Literal["text", "json"], typer.Option("--output", "-o", help="text, or json for programs.")
]
# Each state has a shape and a word, so that neither colour nor font matters.
_SHAPES = {
    "live": "●",
    "healthy": "●",
    "syncing": "◌",
    "new": "◌",
    "unknown": "○",
    "held": "◆",
    "behind": "▲",
    "denied": "▲",
    "degraded": "▲",
}


def say(text: str, *, err: bool = False) -> None:
    """Print text for people. Commits, paths and stack traces in it cannot steer the terminal."""
    typer.echo(plain(text, block=True), err=err)


def print_json(value: Any) -> None:
    """The value as the API gave it."""
    typer.echo(plain_json(json.dumps(value, indent=2, ensure_ascii=False)))


def badge(state: str) -> str:
    """A state as shape and word: `● Live`."""
    return f"{_SHAPES.get(state, '○')} {state.capitalize()}"


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
    """A finding as a compiler would print it."""
    place = ":".join(
        str(part)
        for part in (finding["path"] or "(tree)", finding["line"], finding["column"])
        if part
    )
    head = f"{finding['code']} {finding['severity']}  {place}  {finding['message']}"
    return [head, f"    {finding['hint']}"] if finding["hint"] else [head]
