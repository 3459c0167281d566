"""Release policies as text: what is read, and what is refused at its place."""

import pytest

from windlass.compiler.policy import read_policy
from windlass.domain.finding import Severity
from windlass.domain.policy import CustomRule, Level, Policy, Reach, Requirements

GOOD = """\
deny_at: medium
rules:
  INT016: deny
  POL*: advise
  policy: always
require:
  tags: ["repo:{repository}"]
  owners: [data-*]
  dag_id: "[a-z_]+"
  retries: 2
custom:
  - name: no-bash
    message: bash is not for here
    severity: low
    match: {operators: ["*.BashOperator"]}
applies_to: {namespaces: [community]}
"""


def test_a_good_text_becomes_a_policy() -> None:
    made, findings = read_policy("community", "p.yaml", GOOD.encode())

    assert findings == ()
    assert made == Policy(
        deny_at=Severity.MEDIUM,
        levels={"INT016": Level.DENY, "POL*": Level.ADVISE, "policy": Level.ALWAYS},
        require=Requirements(("repo:{repository}",), ("data-*",), "[a-z_]+", 2),
        custom=(
            CustomRule(
                "no-bash",
                "bash is not for here",
                {"operators": ("*.BashOperator",)},
                Severity.LOW,
            ),
        ),
        applies_to=Reach(namespaces=("community",)),
        name="community",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("deny_at: hihg", "1:10 FILE005"),
        ("rules: {INT06: deny}", "1:9 FILE034"),
        ("rules: {INT006: never}", "1:17 FILE005"),
        ("require: {dag_id: '(a'}", "1:19 POL001"),
        ("require: {retries: 0}", "1:20 FILE006"),
        ("custom: [{name: x, message: no rule}]", "1:10 FILE002"),
        ("unknown: 1", "1:1 FILE001"),
        (f"require: {{owners: [{'a' * 201}]}}", "1:20 FILE035"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(text: str, told: str) -> None:
    made, findings = read_policy("p", "p.yaml", text.encode())

    assert made is None
    assert [f"{f.line}:{f.column} {f.code}" for f in findings] == [told]
