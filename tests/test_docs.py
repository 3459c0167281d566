"""The pages of docs/: those made from the code are as new as it, and no page leads nowhere."""

import importlib.util
import re
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import pytest

from windlass.domain.events import Event
from windlass.domain.rules import all_rules
from windlass.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "airflow-provider" / "README.md"]
)
NAMING = {".py", ".txt", ".json", ".yaml"}
BUG = "WIND001"  # caught wherever something of ours ends, so it is raised in several places


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return load_generator()


@pytest.fixture(scope="module")
def pages(generator: ModuleType) -> dict[str, str]:
    """What the code says now; making it takes seconds."""
    made: dict[str, str] = generator.pages()
    return made


@pytest.mark.parametrize(
    "page",
    [
        "docs/codes.md",
        "docs/logs.md",
        "docs/settings.md",
        "docs/cli.md",
        "docs/contract/openapi.json",
        "docs/contract/pipeline.schema.json",
        "docs/pipelines/reference.md",
        ".env.sample",
    ],
)
def test_a_page_made_from_the_code_is_as_new_as_the_code(pages: dict[str, str], page: str) -> None:
    assert (ROOT / page).read_text("utf-8") == pages[page], "run `make docs`"


def test_the_pages_of_rules_are_as_new_as_the_code_and_none_is_left_over(
    generator: ModuleType,
) -> None:
    files = {
        f"docs/rules/{path.name}": path.read_text("utf-8")
        for path in (ROOT / "docs" / "rules").iterdir()
    }

    assert files == generator.rule_pages(), "run `make docs`"


def test_every_finding_that_a_check_makes_has_its_rule(generator: ModuleType) -> None:
    """What compiler/ refuses says at its place all there is to say, also of a pipeline."""
    made = {
        site.code
        for site in generator.sites()
        if site.kind.startswith("finding") and "/compiler/" not in site.path
    }

    assert made - all_rules().keys() == set()


def test_making_the_pages_twice_gives_the_same(
    generator: ModuleType, pages: dict[str, str]
) -> None:
    assert generator.pages() == pages


def test_each_code_has_one_class_and_one_package(generator: ModuleType) -> None:
    meanings = defaultdict(set)
    for site in generator.sites():
        meanings[site.code].add((site.kind, str(Path(site.path).parent)))
    del meanings[BUG]

    assert {code: found for code, found in meanings.items() if len(found) > 1} == {}


def test_no_two_codes_say_the_same(generator: ModuleType) -> None:
    codes = defaultdict(set)
    for site in generator.sites():
        if site.message.replace(" or ", "").strip("… "):  # of nothing known, nothing can be said
            codes[site.kind, site.message].add(site.code)

    assert {text: found for text, found in codes.items() if len(found) > 1} == {}


def test_every_code_in_the_sources_is_on_the_page(generator: ModuleType) -> None:
    texts = [
        path.read_text("utf-8")
        for folder in generator.SOURCES
        for path in (ROOT / folder).rglob("*.py")
    ]
    ours = re.compile("[A-Z]{2,6}[0-9]{3}")  # and some of ruff's
    quoted = {code for text in texts for code in re.findall(f'"({ours.pattern})"', text)}

    assert {s.code for s in generator.sites() if ours.fullmatch(s.code)} == quoted


def test_every_error_says_what_is_wrong(generator: ModuleType) -> None:
    assert [site for site in generator.sites() if not site.message] == []


def test_every_prefix_has_its_meaning_and_none_is_left_over(generator: ModuleType) -> None:
    used = {site.code.rstrip("0123456789") for site in generator.sites()}

    assert set(generator.PREFIXES) == used


def test_the_sample_has_every_setting_and_changes_none(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = generator.env_sample().splitlines()
    settings = [line.removeprefix("#") for line in lines if line.startswith("#WINDLASS_")]
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("\n".join(one for one in settings if not one.endswith("=")))

    assert [one.partition("=")[0] for one in settings] == [
        f"WINDLASS_{name.upper()}" for name in Settings.model_fields
    ]
    assert Settings() == Settings(_env_file=None)


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]

    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_path_of_a_machine(page: Path) -> None:
    text = page.read_text("utf-8")

    assert re.findall(r"(?<![\w.-])/(?:home|root|Users|work|private)/\S*", text) == []
    assert str(ROOT) not in text


def test_every_event_is_on_the_page_of_logs() -> None:
    page = (ROOT / "docs" / "logs.md").read_text("utf-8")

    assert [event for event in Event if f"| `{event}` |" not in page] == []


def test_no_log_line_has_words_of_its_own() -> None:
    """Each names an event of the one list, never a text."""
    own = re.compile(r"\blog\.(?:debug|info|warning|error|exception|critical)\(\s*f?[\"']")
    sources = (ROOT / "src" / "windlass").rglob("*.py")

    assert [path.name for path in sources if own.search(path.read_text("utf-8"))] == []


UNMET = {
    "BENCH001": "a benchmark that waits for a minute in vain",
    "BENCH002": "the same, for `windlass up`",
    "DEMO005": "a part of the demo that dies while it starts; what it prints is its log",
    "PG002": "an installation whose PostgreSQL is missing, or out of the account's reach",
    "PG008": "a server that outlives 40 s of being told to stop",
    "PROC001": "a process that outlives SIGKILL, in the kernel",
}
"""Codes that no test meets, and what it would take."""


def test_every_code_is_met_by_a_test_that_names_it(generator: ModuleType) -> None:
    """Rules have examples, which tests/integration/test_rules.py and test_imports.py try."""
    tried = {
        rule.code for rule in all_rules().values() if not rule.untried or rule.family == "import"
    }
    folders = (ROOT / "tests", ROOT / "airflow-provider" / "tests")
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in NAMING]
    texts = [path.read_text("utf-8") for path in files if path != Path(__file__)]
    named = set(re.findall(r"\b[A-Z]+\d+\b", "\n".join(texts)))

    assert {site.code for site in generator.sites()} - tried - named == UNMET.keys()
