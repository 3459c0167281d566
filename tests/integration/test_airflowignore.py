"""Our reading of .airflowignore beside Airflow's own, on trees made at random."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.test_import_step import artifact_of
from tests.integration.test_rules import Example
from windlass.checks.known import Known
from windlass.domain.airflowignore import IGNORE_FILE, Syntax, ignored_files
from windlass.domain.inventory import Declared, Inventory
from windlass.domain.options import Options
from windlass.domain.policy import Policy
from windlass.domain.rule import Files
from windlass.domain.rules import get_rule
from windlass.engine.ruling import Rules
from windlass.engine.scan import scan
from windlass.sandbox.checker import Checker

ROOT = Path(__file__).parents[2]
TREES = 400
ASK_AIRFLOW = """
import json, pathlib, sys, tempfile, warnings
warnings.simplefilter("ignore")
from airflow._shared.module_loading.file_discovery import find_path_from_directory
found = []
syntax = sys.argv[1]
for tree in json.load(sys.stdin):
    with tempfile.TemporaryDirectory() as folder:
        for path, text in tree.items():
            place = pathlib.Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        try:
            paths = find_path_from_directory(folder, ".airflowignore", syntax)
            found.append(sorted(str(pathlib.Path(p).relative_to(folder)) for p in paths))
        except Exception:  # a pattern that pathspec refuses stops Airflow
            found.append(None)
print("\\n" + json.dumps(found))
"""
PARTS = ["a", "b", "*", "?", "**", "[ab]", "[a-b]", "[]a]", "[", "\\", ".py", "x", "-"]
REGEXPS = ["a", "b", ".*", ".", "(a|b)", "[ab]", "/", r"\.py", "(?!a)", "x+", "(", "*", "?"]
FOLDERS = ["a", "b", "ab", "x]"]
FILES = ["f.py", "a.py", "b.py", "ab.py", "a-b.py", "c.sql"]


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker(Path(sys.executable))
    yield made
    made.close()


def pattern(chance: random.Random) -> str:
    def segment() -> str:
        made = "".join(chance.choices(PARTS, k=chance.randint(0, 3)))
        return chance.choice([made, made, "**", "*", "a", "b", "a.py"])

    middle = "/".join(segment() for _ in range(chance.choice([1, 1, 2, 2, 3])))
    begin = chance.choice(["", "", "!"]) + chance.choice(["", "/", ""])
    return begin + middle + chance.choice(["", "", "/", " # c", "  "])


def tree(chance: random.Random, line: Callable[[random.Random], str]) -> dict[str, str]:
    files = {
        "/".join([*chance.choices(FOLDERS, k=chance.randint(0, 3)), chance.choice(FILES)]): ""
        for _ in range(8)
    }
    for folder in chance.sample(["", "a/", "b/", "a/b/"], chance.choice([1, 1, 2, 3])):
        lines = [line(chance) for _ in range(chance.randint(1, 4))]
        files[folder + IGNORE_FILE] = "\n".join(lines)
    return files


def regexp(chance: random.Random) -> str:
    made = "".join(chance.choices([*REGEXPS, *FOLDERS[:2]], k=chance.randint(1, 4)))
    return chance.choice(["", "", "^"]) + made + chance.choice(["", "", "$", " # c", " "])


def ask_airflow(trees: list[dict[str, str]], syntax: str) -> list[list[str] | None]:
    python = os.environ.get("TEST_AIRFLOW_PYTHON", str(ROOT / ".venv-airflow" / "bin" / "python"))
    told = subprocess.run(
        [python, "-c", ASK_AIRFLOW, syntax],
        input=json.dumps(trees),
        capture_output=True,
        text=True,
        check=True,
    )
    shown: list[list[str] | None] = json.loads(told.stdout.splitlines()[-1])
    return shown


def parts_of(files: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """The paths that may be DAG files, and the texts of the ignore files."""
    paths = [path for path in files if not path.endswith(IGNORE_FILE)]
    return paths, {path: text for path, text in files.items() if path.endswith(IGNORE_FILE)}


def test_airflow_ignores_the_same_files() -> None:
    trees = [tree(random.Random(seed), pattern) for seed in range(TREES)]

    compared = 0
    for files, expected in zip(trees, ask_airflow(trees, "glob"), strict=True):
        if expected is None:
            continue
        paths, texts = parts_of(files)
        hidden = ignored_files(paths, texts)
        assert sorted(set(paths) - hidden.keys()) == expected, texts
        compared += bool(hidden)
    assert compared > TREES / 4


def test_airflow_ignores_the_same_files_by_regular_expressions(checker: Checker) -> None:
    trees = [tree(random.Random(seed), regexp) for seed in range(TREES)]

    compared = 0
    for files, expected in zip(trees, ask_airflow(trees, "regexp"), strict=True):
        paths, texts = parts_of(files)
        hidden = checker.read_ignores(artifact_of(files), Syntax.REGEXP).hidden
        assert sorted(set(paths) - hidden.keys()) == expected, texts
        compared += bool(hidden)
    assert compared > TREES / 4


def test_a_regular_expression_that_takes_for_ever_denies_and_names_its_file(
    checker: Checker,
) -> None:
    hurried = Checker(Path(sys.executable), file_limit_s=2.0)
    inventory = Inventory(Declared(ignore_syntax=Syntax.REGEXP))
    rules = Rules(Policy(), Options(), known=Known(inventory=inventory))

    def told(by: Checker, files: Files) -> list[tuple[str, str, bool]]:
        issues = scan(by, Example(files), rules).report.issues
        found = [(one.finding.code, one.finding.path, one.denies) for one in issues]
        return [one for one in found if one[0] == "STR015"]

    rule = get_rule("STR015")
    assert told(hurried, rule.bad) == [("STR015", ".airflowignore", True)]
    assert told(checker, rule.good) == []
    hurried.close()
