"""What .airflowignore hides by regular expressions. tests/integration/test_airflowignore.py asks
Airflow itself."""

import pytest

from windlass.domain.airflowignore import IgnoredBy, Syntax
from windlass.domain.ignores import Hits, Ignores, hits, join_hits, paths_below

PATHS = ["a.py", "b.py", "old/a.py", "old/deep/c.py", "old/.airflowignore", "new/a.py"]


def read(root: str = "", **texts: str) -> Ignores:
    files = {f"{folder}/.airflowignore".lstrip("/_"): text for folder, text in texts.items()}
    found = {path: hits(text, paths_below(PATHS, path), root) for path, text in files.items()}
    return join_hits(PATHS, found)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("", []),
        ("# a.py", []),
        ("a", ["a.py", "new/a.py", "old/a.py"]),
        ("^a", ["a.py"]),
        (r"a\.py$  # all of that name", ["a.py", "new/a.py", "old/a.py"]),
        ("old", ["old/a.py", "old/deep/c.py"]),
        ("old/", ["old/a.py", "old/deep/c.py"]),
        ("^old$", ["old/a.py", "old/deep/c.py"]),
        ("^(?!old)", ["a.py", "b.py", "new/a.py"]),
        ("a\r\n^b", ["a.py", "b.py", "new/a.py", "old/a.py"]),
    ],
)
def test_a_line_is_searched_in_the_path_below_airflows_folder(text: str, hidden: list[str]) -> None:
    assert sorted(read(_=text).hidden) == hidden


def test_a_file_further_down_is_about_its_own_folder_and_its_paths_are_whole() -> None:
    told = read(old="^a\n^old/a")

    assert told.hidden == {"old/a.py": IgnoredBy("old/.airflowignore", 2, "^old/a")}
    assert told.idle == (IgnoredBy("old/.airflowignore", 1, "^a"),)


def test_where_the_tree_lies_in_airflows_folder_is_part_of_the_path() -> None:
    assert [*read("team/dags", _="^a").hidden] == []
    assert [*read("team/dags", _="^team/dags/a").hidden] == ["a.py"]


def test_what_is_no_regular_expression_is_passed_over() -> None:
    told = read(_="*.py\n^b")

    assert [*told.hidden] == ["b.py"]
    assert told.invalid == (IgnoredBy(".airflowignore", 1, "*.py"),)


def test_what_could_not_be_read_hides_nothing() -> None:
    assert join_hits(PATHS, {".airflowignore": None, "old/.airflowignore": Hits()}) == Ignores(
        Syntax.REGEXP, unread=(".airflowignore",)
    )
