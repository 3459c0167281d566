"""docs/pipelines/tutorial.md, played as it stands: its files are written, its commands run, and
what they print is what the page shows. After a change that is meant, to be reviewed:
`.venv/bin/python -m tests.integration.test_tutorial` writes it again.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "pipelines" / "tutorial.md"
ANN = {
    "GIT_CONFIG_NOSYSTEM": "1",
    **{
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (
            ("NAME", "Ann"),
            ("EMAIL", "ann@example.com"),
            ("DATE", "2026-11-28T06:00:00Z"),
        )
    },
}
_BLOCK = re.compile(
    r"(?:^`([^`\n]+)`:\n\n)?^```(yaml|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def played(page: str, folder: Path) -> str:
    """The page, with what its commands print in a folder that begins empty."""
    shell = subprocess.Popen(
        ["bash"],
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": "/nonexistent",
            **ANN,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def block(found: re.Match[str]) -> str:
        path, kind, body = found.groups()
        if path:
            place = folder / "shop" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(body)
        if kind == "yaml":
            return found[0]
        said = "".join(f"{prompted(one)}{run(shell, one)}" for one in commands_of(body))
        return f"```console\n{said}```"

    try:
        return _BLOCK.sub(block, page)
    finally:
        shell.communicate()


def commands_of(body: str) -> list[str]:
    """Commands, each with the lines that go on after >."""
    commands: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            commands.append(line[2:])
        elif line.startswith("> "):
            commands[-1] += f"\n{line[2:]}"
    return commands


def prompted(command: str) -> str:
    first, *rest = command.split("\n")
    return "".join([f"$ {first}\n", *(f"> {line}\n" for line in rest)])


def run(shell: "subprocess.Popen[str]", command: str) -> str:
    """What a command prints, in the shell that the others ran in."""
    assert shell.stdin is not None
    assert shell.stdout is not None
    shell.stdin.write(f"{command}\necho DONE\n")
    shell.stdin.flush()
    lines: list[str] = []
    while (line := shell.stdout.readline()) not in ("DONE\n", ""):
        lines.append(line)
    return "".join(lines)


@pytest.mark.timeout(180)
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    page = PAGE.read_text("utf-8")

    assert played(page, tmp_path) == page


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as room:
        PAGE.write_text(played(PAGE.read_text("utf-8"), Path(room)), "utf-8")
