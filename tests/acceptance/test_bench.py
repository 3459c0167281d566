"""The benchmark, for real and small: its table, and what in it is a promise and no measurement."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

KEYS = {"case", "unit", "n", "min", "p50", "p90", "p95", "p99", "max"}


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    """Case → its figures, of a small run."""
    command = [sys.executable, "-m", "windlass", "bench", "sync", "--files", "40", "--pushes", "2"]
    done = subprocess.run(
        [*command, "--releases", "6", "--rest", "1", "--output", "json"],
        env={"PATH": os.environ["PATH"], "TMPDIR": "/tmp"},
        capture_output=True,
        check=True,
        timeout=300,
    )
    told = json.loads(done.stdout)
    assert set(told) == {"conditions", "cases", "ratio_to_peer"}
    assert [set(case) for case in told["cases"]] == [KEYS] * len(told["cases"])
    return {case["case"]: case for case in told["cases"]}


def test_the_table_has_a_row_for_each_figure(found: dict[str, dict[str, Any]]) -> None:
    assert {case: (row["unit"], row["n"]) for case, row in found.items()} == {
        "first sync": ("ms", 1),
        "one-file sync": ("ms", 2),
        "peer: git-sync's commands": ("ms", 2),
        "poll by kept-alive ls-refs": ("ms CPU", 30),
        "poll by git ls-remote": ("ms CPU", 5),
        "new times: one-file commit": ("files", 1),
        "new times: helper of 3 DAGs": ("files", 1),
        "disk of release 6": ("% of first", 1),
        "warm start until ready": ("ms", 1),
        "idle: CPU of all": ("% of core", 1),
        "idle: memory of all (PSS)": ("MB", 1),
    }


@pytest.mark.parametrize(
    ("case", "files"), [("new times: one-file commit", 1), ("new times: helper of 3 DAGs", 4)]
)
def test_only_what_must_be_parsed_again_has_a_new_time(
    found: dict[str, dict[str, Any]], case: str, files: int
) -> None:
    """A helper of three DAG files: itself and the three."""
    assert found[case]["p50"] == files


def test_no_call_that_was_answered_is_lost_when_the_api_is_killed() -> None:
    command = [sys.executable, "-m", "windlass", "bench", "webhooks", "--output", "json"]
    small = ["--rate", "20", "--seconds", "2", "--files", "8", "--pushes", "1"]
    done = subprocess.run(
        [*command, *small],
        env={"PATH": os.environ["PATH"], "TMPDIR": "/tmp"},
        capture_output=True,
        check=True,
        timeout=300,
    )
    told = json.loads(done.stdout)

    assert [(case["case"], case["n"]) for case in told["cases"]] == [
        ("signed call to flipped pointer", 1),
        ("call to answer", 40),
    ]
    assert (told["answers"], told["lost"]) == ({"202": 40}, 0)
    assert told["answered_before_the_kill"] > 0
