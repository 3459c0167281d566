"""Every rule is true: its bad example gives the finding, and its good example does not."""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from windlass.domain.families import CODES_OF_TREES, OF_TREES, REMEMBERED, families_for
from windlass.domain.finding import Finding
from windlass.domain.options import Options
from windlass.domain.policy import Policy
from windlass.domain.rule import Files, Link, Rule, Waiving
from windlass.domain.rules import all_rules
from windlass.domain.tree import Kind, TreeEntry
from windlass.engine.build import read_tree
from windlass.engine.ruling import Rules
from windlass.engine.scan import scan
from windlass.sandbox.checker import Checker

RULES = all_rules()
# Those about pipelines need no tree: tests/unit/compiler/test_pipeline_rules.py tries them.
TRIED = [rule for rule in RULES.values() if not rule.untried and rule.family != "pipelines"]


@dataclass(frozen=True)
class Example:
    """The files of an example, as a tree that can be scanned."""

    files: Files

    def list_tree(self, max_entries: int) -> list[TreeEntry] | None:
        return [
            TreeEntry(
                path,
                Kind.SYMLINK if isinstance(text, Link) else Kind.FILE,
                oid(text),
                len(raw(text)),
            )
            for path, text in self.files.items()
        ]

    def read_blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        contents = {oid(text): raw(text) for text in self.files.values()}
        return ((one, contents[one]) for one in oids)


def raw(text: str | bytes | Link) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def oid(text: str | bytes | Link) -> str:
    return hashlib.sha1(raw(text)).hexdigest()


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker(Path(sys.executable))
    yield made
    made.close()


def found(checker: Checker, files: Files) -> list[Finding]:
    report = scan(checker, Example(files), Rules(Policy(), Options())).report
    return [issue.finding for issue in report.issues]


@pytest.mark.parametrize("rule", TRIED, ids=lambda rule: rule.code)
def test_the_bad_example_gives_the_finding(checker: Checker, rule: Rule) -> None:
    told = {(f.code, f.type, f.severity) for f in found(checker, rule.bad)}

    assert (rule.code, rule.type, rule.severity) in told


@pytest.mark.parametrize("rule", TRIED, ids=lambda rule: rule.code)
def test_the_good_example_does_not(checker: Checker, rule: Rule) -> None:
    assert rule.code not in {f.code for f in found(checker, rule.good)}


def is_of_trees(code: str) -> bool:
    return RULES[code].family in OF_TREES or code in CODES_OF_TREES


def test_a_plain_reading_says_nothing_that_is_said_of_trees(checker: Checker) -> None:
    """Else a file that stays as it was would lose its finding: nothing remembers those."""
    families = families_for(Options())
    examples = [files for rule in TRIED for files in (rule.bad, rule.good)]
    said = {f.code for e in examples for f in read_tree(checker, Example(e), families).findings}

    assert [code for code in sorted(said) if is_of_trees(code)] == []


@pytest.mark.parametrize("rule", TRIED, ids=lambda rule: rule.code)
def test_what_only_a_look_at_the_tree_says_is_not_remembered(checker: Checker, rule: Rule) -> None:
    """Else it would be told twice of a file that stays as it was."""
    if rule.family in REMEMBERED and not is_of_trees(rule.code):
        read = read_tree(checker, Example(rule.bad), families_for(Options()))

        assert rule.code in {finding.code for finding in read.findings}


def test_every_rule_says_everything() -> None:
    silent = [
        rule.code
        for rule in RULES.values()
        if not all((rule.what, rule.why, rule.mend, rule.bad, rule.good))
    ]

    assert silent == []


def test_what_is_refused_unread_can_be_waived_by_nobody() -> None:
    unread = [rule for rule in RULES.values() if rule.code in ("INT002", "SYN001", "STR001")]

    assert {rule.waiving for rule in unread} == {Waiving.NEVER}
