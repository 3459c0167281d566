"""SARIF 2.1.0: the shape that we write, and what code hosts do with it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.entrypoints.reports.conftest import BROKEN, CLASH, LARGE, subject_of
from windlass.domain.finding import Excuse, Finding, FindingType, Severity
from windlass.domain.rules import all_rules
from windlass.entrypoints.reports.sarif import MAX_RESULTS, as_sarif
from windlass.entrypoints.reports.subject import Origin, Subject

STANDARD = Path(__file__).parents[3] / "cases" / "sarif" / "sarif-schema-2.1.0.json"
VALIDATOR = jsonschema.Draft4Validator(json.loads(STANDARD.read_text()))
FINDINGS = st.builds(
    Finding,
    code=st.sampled_from(["SYN001", "INT001"]),
    severity=st.sampled_from(Severity),
    type=st.sampled_from(FindingType),
    path=st.sampled_from(["", "a.py", "é ü/%2e.py"]),
    message=st.text(min_size=1, max_size=5),
    hint=st.text(max_size=5),
    line=st.none() | st.integers(1, 9),
    column=st.none() | st.integers(1, 9),
    excerpt=st.text(max_size=5),
    fingerprint=st.sampled_from(["", "a" * 64]),
    excused=st.none() | st.just(Excuse("inline", "why", "", "2027-01-31")),
)


def results(subject: Subject) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = as_sarif(subject)["runs"][0]["results"]
    return found


@given(st.lists(FINDINGS, max_size=5))
def test_any_report_is_valid_by_the_schema_of_the_standard(findings: list[Finding]) -> None:
    log = as_sarif(subject_of(*findings))

    VALIDATOR.validate(log)
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])


def test_no_report_has_more_than_github_takes() -> None:
    """The limits of "SARIF support for code scanning" beside that of results (`MAX_RESULTS`): 20
    runs, 25,000 rules in one, 20 tags of a rule, 1,000 places of a result."""
    every = [replace(CLASH, code=rule.code, type=rule.type) for rule in all_rules().values()]

    log = as_sarif(subject_of(*every, *(replace(CLASH, type=kind) for kind in FindingType)))

    VALIDATOR.validate(log)
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len(rules) <= 25_000
    assert max(len(rule["properties"]["tags"]) for rule in rules) <= 20
    assert {len(result["locations"]) for result in run["results"]} == {1}


def test_a_finding_stands_at_its_place_below_the_top_of_the_working_tree(subject: Subject) -> None:
    assert results(subject)[0] == {
        "ruleId": "SYN001",
        "ruleIndex": 2,
        "level": "error",
        "message": {"text": "'(' was never closed in 'with DAG(…' Mend it."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "dags/etl/orders.py", "uriBaseId": "%SRCROOT%"},
                    "region": {
                        "startLine": 2,
                        "startColumn": 9,
                        "endColumn": 10,
                        "snippet": {"text": "with DAG('*******"},
                    },
                }
            }
        ],
        "partialFingerprints": results(subject)[0]["partialFingerprints"],
        "properties": {"severity": "critical", "type": "syntax"},
    }


def test_what_denies_is_an_error_and_advice_is_not(subject: Subject) -> None:
    low = replace(CLASH, severity=Severity.LOW)

    levels = [r["level"] for r in results(subject_of(BROKEN, LARGE, CLASH, low))]

    assert levels == ["error", "error", "warning", "note"]


def test_a_rule_has_the_score_of_its_worst_finding() -> None:
    log = as_sarif(subject_of(CLASH, replace(CLASH, severity=Severity.CRITICAL)))

    [rule] = log["runs"][0]["tool"]["driver"]["rules"]
    assert rule["properties"]["security-severity"] == "9.0"


def test_a_finding_has_its_fingerprint_for_us_and_for_github() -> None:
    mark = "ab" * 32
    [told] = results(subject_of(replace(BROKEN, fingerprint=mark)))

    assert told["partialFingerprints"] == {
        "windlass/v1": mark,
        "primaryLocationLineHash": "abababababababab:1",
    }


def test_what_somebody_lets_pass_is_suppressed_with_the_reason() -> None:
    by = {"inline": ("inSource", "moves (until 2027-01-31)"), "waiver": ("external", "moves by al")}
    for kind, (told, why) in by.items():
        until, who = ("2027-01-31", "") if kind == "inline" else ("", "al")
        excused = replace(CLASH, excused=Excuse(kind, "moves", who, until))

        [result] = results(subject_of(excused))
        assert result["suppressions"] == [
            {"kind": told, "status": "accepted", "justification": why}
        ]


def test_of_too_many_the_worst_are_kept() -> None:
    mild = [replace(CLASH, line=number) for number in range(1, MAX_RESULTS + 1)]

    found = results(subject_of(*mild, BROKEN))

    assert (len(found), found[0]["ruleId"]) == (MAX_RESULTS, "SYN001")


def test_the_commit_is_named_and_rules_lead_to_their_pages() -> None:
    origin = Origin("https://git.example/team/dags", "3f9c2d1", "main")
    subject = replace(subject_of(BROKEN), origin=origin, public_url="https://windlass.example/")

    [run] = as_sarif(subject)["runs"]
    assert run["versionControlProvenance"] == [
        {
            "repositoryUri": "https://git.example/team/dags",
            "revisionId": "3f9c2d1",
            "branch": "main",
            "mappedTo": {"uriBaseId": "%SRCROOT%"},
        }
    ]
    assert run["tool"]["driver"]["rules"][0]["helpUri"] == "https://windlass.example/rules/SYN001"


def test_a_path_is_a_uri_reference() -> None:
    odd = replace(BROKEN, path="é %/a b.py")

    place = results(subject_of(odd))[0]["locations"][0]["physicalLocation"]["artifactLocation"]

    assert place["uri"] == "dags/%C3%A9%20%25/a%20b.py"
