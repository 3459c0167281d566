"""A report as one page: whole by itself, and safe whatever the repository says."""

import re
from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.entrypoints.reports.conftest import BROKEN, CLASH, LARGE, subject_of
from windlass.domain.finding import Excuse, Severity
from windlass.domain.rules import all_rules
from windlass.entrypoints.reports.html import as_html, rule_html


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, f"{name}={value}") for name, value in attrs] or [(tag, "")]

    def handle_data(self, data: str) -> None:
        self.text += data


NASTY = st.text(max_size=12) | st.sampled_from(["<script>", "'\"><img src=x>", "&lt;", "--><b>"])


@given(message=NASTY, path=NASTY)
def test_text_of_others_makes_no_tag(message: str, path: str) -> None:
    plain = as_html(subject_of(replace(BROKEN, path="a.py")))
    page = as_html(subject_of(replace(BROKEN, message=message, path=path or "a", excerpt=message)))

    kinds = {tag for tag, _ in Tags(page).found}
    assert kinds <= {tag for tag, _ in Tags(plain).found}


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    page = as_html(subject_of(BROKEN, CLASH, LARGE))

    assert re.findall(r"<script|src=|href=|@import|url\(| on[a-z]+=", page) == []


def test_a_page_says_what_denies_and_what_is_let_pass() -> None:
    excused = replace(CLASH, excused=Excuse("waiver", "moves in May", "alice", "2027-05-31"))

    text = Tags(as_html(subject_of(BROKEN, excused))).text

    assert "▲ denies" in text
    assert "Let pass by alice until 2027-05-31: moves in May" in text
    assert "with DAG('*******" in text


def test_files_that_deny_come_first_and_code_is_shown_as_such() -> None:
    advice = replace(CLASH, path="a.py", severity=Severity.LOW, hint="Say `x`, or `y`; not `.")
    page = as_html(subject_of(advice, replace(BROKEN, path="z.py", hint="Say `x`.")))

    assert page.index("z.py") < page.index("a.py")
    assert "<p>Say <code>x</code>.</p>" in page
    assert "<p>Say `x`, or `y`; not `.</p>" in page


def test_every_rule_has_a_page() -> None:
    pages = [Tags(rule_html(rule)).text for rule in all_rules().values()]

    assert all("Who may let it pass" in page for page in pages)
