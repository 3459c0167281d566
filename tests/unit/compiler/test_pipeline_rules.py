"""Every rule about pipelines is true: its bad example gives the finding, its good one does not."""

import pytest

from windlass.compiler.pipelines.tree import compile_tree
from windlass.domain.finding import Finding
from windlass.domain.pipeline import Bindings, is_pipeline_path
from windlass.domain.rule import Files, Rule
from windlass.domain.rules.pipelines import RULES
from windlass.domain.template import Templates, is_template_path

TRIED = [rule for rule in RULES if not rule.untried]


def found(files: Files) -> tuple[Finding, ...]:
    contents = {path: str(text).encode() for path, text in files.items()}
    pipelines = [(path, text) for path, text in contents.items() if is_pipeline_path(path)]
    templates = {path: text for path, text in contents.items() if is_template_path(path)}
    return compile_tree(pipelines, Bindings(), templates=Templates.of(templates)).findings


@pytest.mark.parametrize("rule", TRIED, ids=lambda rule: rule.code)
def test_the_bad_example_gives_the_finding_and_the_good_one_is_sound(rule: Rule) -> None:
    told = {(one.code, one.type, one.severity) for one in found(rule.bad)}

    assert (rule.code, rule.type, rule.severity) in told
    assert [one for one in found(rule.good) if not one.code.startswith("PIPE014")] == []
