"""Versions side by side: who imports what is not there."""

from collections.abc import Mapping

import pytest
from hypothesis import given

from tests.unit.examples import TREES, artifact
from windlass.domain.artifact import EMPTY, Artifact
from windlass.domain.mixture import mixture_findings
from windlass.domain.release import ReleaseId
from windlass.domain.selection import Selection

ONE = ReleaseId(1)


def told(
    files: Mapping[str, str],
    *,
    kept: tuple[str, ...] = (),
    omitted: tuple[str, ...] = (),
    served: Artifact = EMPTY,
) -> list[tuple[str, str]]:
    selection = Selection(artifact(files), dict.fromkeys(kept, ONE), dict.fromkeys(omitted, None))
    return [(f.path, f.message) for f in mixture_findings(selection, served)]


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import helper", "helper"),
        ("import helper as h", "helper"),
        ("from helper import rate", "helper"),
        ("def run():\n    from helper import rate", "helper"),
    ],
)
def test_a_file_whose_helper_is_left_out_is_told(source: str, module: str) -> None:
    assert told({"a.py": source, "b.py": ""}, omitted=("helper.py",)) == [
        ("a.py", f"it imports {module!r}, and 'helper.py' is left out because of its own findings")
    ]


@pytest.mark.parametrize("source", ["import json", "import helpers", "from x import helper"])
def test_a_file_that_imports_something_else_is_fine(source: str) -> None:
    assert told({"a.py": source}, omitted=("helper.py",)) == []


def test_a_package_stays_while_one_of_its_files_does() -> None:
    files = {"a.py": "import team.rates", "team/rates.py": ""}

    assert told(files, omitted=("team/__init__.py",)) == []


def test_a_kept_file_whose_helper_the_head_removed_is_told() -> None:
    served = artifact({"a.py": "import helper", "helper.py": ""})

    assert told({"a.py": "import helper"}, kept=("a.py",), served=served) == [
        ("a.py", "it imports 'helper', and 'helper.py' the head removed")
    ]


def test_what_the_head_lacks_in_itself_is_no_matter_of_this() -> None:
    served = artifact({"a.py": "import helper", "helper.py": ""})

    assert told({"a.py": "import helper"}, served=served) == []


@given(TREES)
def test_a_tree_of_one_version_has_no_finding(files: Mapping[str, str]) -> None:
    assert told(files, served=artifact(files)) == []
