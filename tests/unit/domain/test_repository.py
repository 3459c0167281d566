"""What people may call a repository, its branch and its folder, and how often it is asked."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.errors import Invalid
from windlass.domain.ref import check_branch
from windlass.domain.repository import (
    check_name,
    check_path,
    parse_interval,
    suggest_name,
)

ANYTHING = st.text(st.characters(), max_size=40)


@pytest.mark.parametrize("name", ["a", "7", "dags", "team-a.dags_2", "a" * 63, "a--b", "a..b"])
def test_a_name_of_lower_case_letters_digits_dots_and_dashes_is_accepted(name: str) -> None:
    assert check_name("repository", name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "a b", "-a", "a-", ".a", "a.", "_a", "a/b", "a\n", "ä", "a" * 64]
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_name("repository", name)

    assert refused.value.code == "REPO001"


def test_a_refused_name_comes_with_a_better_one() -> None:
    with pytest.raises(Invalid) as refused:
        check_name("namespace", "Data Team")

    assert str(refused.value) == (
        "REPO001 namespace name 'Data Team' is not valid: expected 1 to 63 of a-z 0-9 . _ - "
        "that begin and end with a letter or a digit For example 'data-team'."
    )


@given(ANYTHING | st.text("aA.-_/", max_size=80))
def test_a_suggested_name_is_always_a_valid_one(text: str) -> None:
    assert check_name("repository", suggest_name(text)) == suggest_name(text)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://git.example/team/dags.git", "dags"),
        ("https://git.example/team/My DAGs/", "my-dags"),
        ("https://git.example/team/.git", "repository"),
        ("", "repository"),
    ],
)
def test_a_name_is_suggested_from_the_end_of_a_url(url: str, name: str) -> None:
    assert suggest_name(url) == name


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1", 1),
        ("1s", 1),
        ("60s", 60),
        ("5m", 300),
        ("1h", 3600),
        ("24h", 86400),
        ("86400", 86400),
        (" 5m\n", 300),
    ],
)
def test_an_interval_is_a_number_with_a_unit(text: str, seconds: int) -> None:
    assert parse_interval(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "0", "0s", "-1", "1.5h", "25h", "86401", "1d", "5 m", "5M", "\u0665", "1_0", "9" * 30],
)
def test_any_other_interval_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_interval(text)

    assert refused.value.code == "REPO002"


@given(ANYTHING)
def test_any_text_is_an_interval_within_bounds_or_invalid(text: str) -> None:
    try:
        interval = parse_interval(text)
    except Invalid:
        return

    assert timedelta(seconds=1) <= interval <= timedelta(days=1)


@pytest.mark.parametrize(
    "name",
    [
        "main",
        "feature/x",
        "v1.0",
        "a-b",
        "a@b",
        "über",
        "a./b",
        "a.lockb",
        "lock",
        "HEADS",
        "x" * 200,
        "@a",
    ],
)
def test_a_branch_name_of_git_is_accepted(name: str) -> None:
    assert check_branch(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "@",
        "HEAD",
        "-x",
        "--upload-pack=x",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "a.",
        "a..b",
        "a.lock",
        "a.lock/b",
        "a b",
        "a\tb",
        "a\n",
        "a\x00",
        "a\x7f",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[",
        "a\\b",
        "a@{1}",
        "@{-1}",
        "x" * 201,
        "a\udcff",
    ],
)
def test_a_name_that_git_would_not_take_for_a_branch_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_branch(name)

    assert refused.value.code == "REPO003"


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        (".", "."),
        ("", "."),
        ("./", "."),
        ("dags", "dags"),
        ("dags/", "dags"),
        ("./dags//team/.", "dags/team"),
        ("...", "..."),
        ("My Team/dags", "My Team/dags"),
    ],
)
def test_a_path_is_kept_in_its_shortest_form(path: str, normal: str) -> None:
    assert check_path(path) == normal


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/dags",
        "..",
        "../dags",
        "dags/..",
        "dags/../..",
        "-x",
        "./-x",
        "a\\b",
        "a\nb",
        "a\x00",
        "a\x7f",
        "a\udcff",
        "x" * 501,
    ],
)
def test_a_path_that_leaves_the_repository_is_refused(path: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_path(path)

    assert refused.value.code == "REPO004"


@given(ANYTHING | st.text("a./-", max_size=12))
def test_any_text_is_a_path_in_normal_form_or_invalid(path: str) -> None:
    try:
        normal = check_path(path)
    except Invalid:
        return

    assert check_path(normal) == normal
    assert ".." not in normal.split("/")
    assert not normal.startswith(("/", "-"))
