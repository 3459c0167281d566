"""A baseline only shrinks."""

import json

import pytest

from windlass.domain.baseline import read_baseline, write_baseline
from windlass.domain.errors import Invalid
from windlass.domain.finding import Finding, FindingType, Severity


def finding(mark: str) -> Finding:
    return Finding("LNT001", Severity.LOW, FindingType.LINT, "a.py", "x", fingerprint=mark)


def test_a_first_baseline_has_everything_and_reads_back() -> None:
    text = write_baseline([finding("b"), finding("a")], None)

    assert read_baseline(text) == {"a", "b"}
    assert json.loads(text)["findings"][0] == {"fingerprint": "a", "rule": "LNT001", "path": "a.py"}


def test_what_is_gone_leaves_it_and_what_is_new_does_not_enter_it() -> None:
    now = [finding("a"), finding("new")]

    assert read_baseline(write_baseline(now, frozenset({"a", "gone"}))) == {"a"}


def test_what_is_new_enters_it_where_that_is_asked_for() -> None:
    now = [finding("a"), finding("new")]

    assert read_baseline(write_baseline(now, frozenset({"gone"}), add_new=True)) == {"a", "new"}


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2, "findings": []}', '{"format": 1}'])
def test_another_file_is_no_baseline(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_baseline(text)

    assert refused.value.code == "POL013"
