"""What a release policy demands of DAGs."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.examples import artifact
from windlass.domain.artifact import Artifact
from windlass.domain.demands import Whose, demand_findings
from windlass.domain.facts import DagFacts
from windlass.domain.imported import Seen
from windlass.domain.policies import PolicyBook
from windlass.domain.policy import Policy

HEAD = "from airflow.sdk import DAG\nfrom airflow.operators.bash import BashOperator as B\n"
ALICE = Whose("orders", "company", "prod")


def told(text: str, path: str = "etl/a.py", **says: Any) -> list[str]:
    policy = Policy.from_json("default", says)
    found = demand_findings(artifact({path: HEAD + text}), policy, ALICE)
    return [f"{one.code}:{one.line}" for one in found]


@pytest.mark.parametrize(
    ("dag", "codes"),
    [
        ("DAG('a', tags=['x', 'repo:orders'])", []),
        ("DAG('a', tags=['repo:other'])", ["POL101:3"]),
        ("DAG('a')", ["POL101:3"]),
        ("TAGS = ['repo:orders']\nd = DAG('a', tags=TAGS)", []),
        ("import t\nd = DAG('a', tags=t.TAGS)", []),  # only running it would tell
        ("import t\nd = DAG('a', **t.OPTIONS)", []),
    ],
)
def test_a_tag_that_is_demanded_must_be_there(dag: str, codes: list[str]) -> None:
    text = dag if "=" in dag.partition("(")[0] else f"d = {dag}"

    assert told(text, require={"tags": ["repo:{repository}"]}) == codes


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        (", default_args={'owner': 'data-eu', 'retries': 2}", []),
        (", default_args={'owner': 'airflow', 'retries': 1}", ["POL102:3", "POL104:3"]),
        ("", ["POL102:3", "POL104:3"]),
        (", default_args={**BASE}", []),
    ],
)
def test_owner_and_retries_are_those_of_default_args(arguments: str, codes: list[str]) -> None:
    text = f"d = DAG('a'{arguments})"

    assert told(text, require={"owners": ["data-*"], "retries": 2}) == codes


def test_where_a_file_was_imported_its_dags_are_judged_as_they_are() -> None:
    tree = artifact({"a.py": HEAD + "for n in 'ab':\n  DAG(n, tags=t())\nd = DAG('c')"})
    dags = (
        DagFacts("a", 4, tags=("x",), owners=("bob", "data-eu"), retries=1),
        DagFacts("b", 4, tags=("y",), owners=("data-eu",)),
    )
    outline = tree.dag_files["a.py"].with_imported(("a", "b"), Seen(dags, operators=("m.Op",)))
    seen = Artifact({"a.py": replace(tree.files["a.py"], outline=outline)})
    policy = Policy.from_json(
        "default",
        {
            "require": {"tags": ["x"], "owners": ["data-*"], "retries": 1},
            "custom": [{"name": "op", "message": "no", "match": {"operators": ["*.Op"]}}],
        },
    )

    assert [
        (f.code, f.message.partition(";")[0]) for f in demand_findings(seen, policy, ALICE)
    ] == [
        ("POL102", "the DAG 'a' has the owner 'bob'"),
        ("POL101", "the DAG 'b' has no tag 'x', which the release policy demands"),
        ("POL104", "the DAG 'b' gives its tasks 0 retries"),
        ("custom:op", "no"),
    ]


def test_a_dag_of_a_decorator_is_read_too() -> None:
    text = "from airflow.sdk import dag\n@dag(tags=['x'])\ndef orders(): ...\norders()"

    assert told(text, require={"tags": ["x"], "dag_id": "[a-z]+"}) == []
    assert told(text, require={"dag_id": "sales_.*"}) == ["POL103:4"]


@pytest.mark.parametrize(
    ("match", "codes"),
    [
        ({"operators": ["*.BashOperator"], "paths": ["etl/**"]}, ["custom:mine:None"]),
        ({"operators": ["*.BashOperator"], "schedule": ["@hourly"]}, ["custom:mine:3"]),
        ({"schedule": ["@daily"]}, []),
        ({"owner": ["?*"]}, []),
        ({"imports": ["airflow.operators.*"]}, ["custom:mine:None"]),
        ({"dag_id": ["a"], "tags": ["hot"]}, ["custom:mine:3"]),
        ({"paths": ["legacy/**"]}, []),
    ],
)
def test_a_rule_of_ones_own_is_about_what_fits_all_of_it(
    match: dict[str, list[str]], codes: list[str]
) -> None:
    rule = {"name": "mine", "message": "not like this", "match": match}
    text = "d = DAG('a', schedule='@hourly', tags=['hot'])\nB(task_id='t')"

    assert told(text, custom=[rule]) == codes


def test_a_policy_is_what_it_was_after_a_night_in_the_database() -> None:
    document = {
        "deny_at": "medium",
        "rules": {"AIR*": "advise", "POL101": "always"},
        "require": {"tags": ["team:*"], "retries": 1},
        "custom": [
            {
                "name": "mine",
                "message": "no",
                "match": {"paths": ["a/**"]},
                "severity": "low",
                "hint": "do",
            }
        ],
        "applies_to": {"namespaces": ["community"]},
    }

    assert Policy.from_json("p", document).to_json() == document


def test_the_policy_that_names_a_repository_most_closely_holds() -> None:
    made = [
        Policy.from_json(name, {"applies_to": reach})
        for name, reach in [
            ("default", {}),
            ("strict", {"environments": ["prod"]}),
            ("community", {"namespaces": ["company"]}),
            ("own", {"repositories": ["orders"]}),
        ]
    ]

    def holds(*policies: Policy) -> str:
        from datetime import date

        return PolicyBook(policies).ruling(ALICE, date(2026, 1, 1), Policy()).policy.name

    assert [holds(*made[:count]) for count in range(5)] == [
        "built-in",
        "default",
        "strict",
        "community",
        "own",
    ]
