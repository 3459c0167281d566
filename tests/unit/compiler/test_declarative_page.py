"""The examples of docs/declarative.md do what the page says."""

import re
from pathlib import Path

import pytest

from windlass.compiler.declaration import Surroundings, read_declaration
from windlass.compiler.declaration_shape import FILE
from windlass.compiler.shapes import Listing, Names, Record

PAGE = (Path(__file__).parents[3] / "docs" / "declarative.md").read_text("utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]


def problems(text: str) -> list[str]:
    _, findings = read_declaration("windlass.yaml", text.encode(), Surroundings())
    return [f"{one.place} {one.code} {one.message}. {one.hint}" for one in findings]


def test_the_first_file_is_good() -> None:
    declared, _ = read_declaration("windlass.yaml", EXAMPLE.encode(), Surroundings())

    assert declared is not None
    assert f"{len(declared.repositories)} repositories, {len(declared.environments)} env" in PAGE


@pytest.mark.parametrize(
    ("good", "bad"), [("branch: main", "brnach: main"), (": company\n", ": Company\n")]
)
def test_a_mistake_is_told_as_the_page_shows(good: str, bad: str) -> None:
    (told,) = problems(EXAMPLE.replace(good, bad, 1))

    assert told.partition(":  ")[0].split(": expected")[0] in PAGE


def test_every_key_is_on_the_page() -> None:
    environments = FILE.keys["environments"].shape
    repositories = FILE.keys["repositories"].shape
    assert isinstance(environments, Names)
    assert isinstance(repositories, Listing)
    records = (environments.of, repositories.of)
    keys = [key for record in records if isinstance(record, Record) for key in record.keys]

    missing = [key for key in keys if not re.search(rf"`{key}[`.]", PAGE)]
    assert missing == [], "add them to docs/declarative.md and compiler/declaration_shape.py"
