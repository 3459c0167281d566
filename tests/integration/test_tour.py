"""README's tour does what it says: its commands, one after the other, in an empty folder."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from windlass.entrypoints.processes import free_port

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
TOUR = README.partition("## A tour in five minutes")[2].partition("\n## ")[0]
LINES = [
    line
    for block in re.findall(r"```\n(.*?)```", TOUR, re.DOTALL)
    for line in block.splitlines()
    if line.strip() and not line.lstrip().startswith("#")
]
PRELUDE = """
trap 'kill %1; wait' EXIT 2>/dev/null
command -v curl >/dev/null || curl() {
    python - "${@: -1}" <<< 'import sys, urllib.request as u; u.urlopen("http://" + sys.argv[1])'
}
"""


@dataclass(frozen=True)
class Said:
    """What came of a line."""

    line: str
    code: int
    text: str


@pytest.fixture
def tour(room: Path) -> list[Said]:
    """What came of each line."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if name.startswith(("GIT_", "HOME"))}
    env |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "80"}
    env |= {"WINDLASS_API_PORT": str(port)}
    marked = "".join(f"{line}\nprintf '\\0%s\\0' $?\n" for line in LINES)
    process = subprocess.Popen(
        ["bash"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=room,
        env=env,
        text=True,
    )
    try:
        script = (PRELUDE + marked).replace("8470", str(port))
        said, _ = process.communicate(script, timeout=200)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.communicate()
        raise
    texts, codes = said.split("\0")[0::2], said.split("\0")[1::2]
    return [Said(line, int(c), t) for line, t, c in zip(LINES, texts, codes, strict=False)]


@pytest.mark.timeout(240)
def test_every_line_of_the_tour_does_what_it_says(tour: list[Said]) -> None:
    syncs = [said for said in tour if said.line.startswith("windlass repo sync")]
    shows = [said for said in tour if said.line.startswith("windlass repo show")]

    assert [said.line for said in tour] == LINES
    assert [said for said in tour if said.code] == [syncs[0]]
    assert "Denied: " in syncs[0].text
    assert "SYN001 critical  orders.py:3:10" in shows[1].text
    assert "Release  #1 at " in shows[1].text
    assert "Published as release #2" in syncs[1].text
    assert text_of("windlass check", tour).startswith("Allowed: everything would be deployed.")
    assert text_of("windlass explain", tour).startswith("orders is deployed")
    assert "Nothing was changed. Rows in one chain: " in text_of("windlass audit", tour)
    assert text_of("windlass backup", tour).startswith("Wrote ")


def text_of(beginning: str, tour: list[Said]) -> str:
    return next(said.text for said in tour if said.line.startswith(beginning))
