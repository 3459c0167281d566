"""Fingerprints: the same finding keeps its own, whatever happens around it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.finding import Finding, FindingType, Severity, fingerprinted

CALL = Finding(
    "DNG001", Severity.HIGH, FindingType.DANGEROUS_OPERATION, "a.py", "calls eval", line=2
)
LINES = st.lists(st.sampled_from(["x = 1", "", "import os", "eval(x)  # y"]), max_size=6)


def marks(text: str, *findings: Finding) -> list[str]:
    return [f.fingerprint for f in fingerprinted(findings, {"a.py": text.encode()})]


@given(above=LINES, below=LINES)
def test_it_stays_when_lines_come_and_go_around_it(above: list[str], below: list[str]) -> None:
    text = "\n".join([*above, "  eval( text )", *below])

    moved = marks(text, replace(CALL, line=len(above) + 1))

    assert moved == marks("#\neval( text )", CALL)


def test_it_differs_by_rule_path_and_words() -> None:
    others = [
        *marks("#\neval(a)", replace(CALL, code="DNG002")),
        *marks("#\neval(b)", CALL),
        *[
            f.fingerprint
            for f in fingerprinted([replace(CALL, path="b.py")], {"b.py": b"#\neval(a)"})
        ],
    ]

    assert len({*others, *marks("#\neval(a)", CALL)}) == 4


def test_of_equal_lines_each_has_its_own_in_their_order() -> None:
    text = "eval(a)\neval(a)"
    first, second = replace(CALL, line=1), replace(CALL, line=2)

    assert marks(text, second, first) == marks(text, first, second)[::-1]
    assert len(set(marks(text, first, second))) == 2


def test_no_fingerprint_can_be_used_to_guess_a_secret() -> None:
    secret = replace(
        CALL, type=FindingType.HARDCODED_CREDENTIALS, code="SEC001", excerpt="password = '******"
    )
    first = marks("#\npassword = 'hunter2'", secret, CALL)

    assert first == marks("#\npassword = 'letmein'", secret, CALL)


def test_of_a_whole_file_the_message_counts_but_not_its_numbers() -> None:
    large = Finding("INT004", Severity.HIGH, FindingType.INTAKE, "a.csv", "has 11,000,000 bytes")

    [one], [other] = (
        fingerprinted([large]),
        fingerprinted([replace(large, message="has 12,345,678 bytes")]),
    )
    assert one.fingerprint == other.fingerprint


def test_what_a_newer_windlass_says_of_a_finding_is_passed_over() -> None:
    assert Finding.from_json({**CALL.to_json(), "new": 1}) == CALL
