"""Spellings of one remote that must meet, and of two that must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.alias import alias_of
from windlass.domain.delivery import ForgeKind

SAME = [
    [
        "https://github.com/Team/DAGs",
        "https://github.com/team/dags.git",
        "https://GitHub.com/team/dags.git/",
        "http://github.com:80/team/dags",
        "git@github.com:team/dags.git",
        "github.com:team/dags",
        "ssh://git@github.com/team/dags.git",
        "ssh://git@ssh.github.com:443/team/dags.git",
        "git://github.com/team/dags.git",
        "https://ada@github.com/team//dags.git",
    ],
    [
        "https://dev.azure.com/org/My%20Project/_git/dags",
        "https://org@dev.azure.com/org/My%20Project/_git/dags",
        "https://dev.azure.com/org/DefaultCollection/My%20Project/_git/dags",
        "git@ssh.dev.azure.com:v3/org/My%20Project/dags",
        "https://org.visualstudio.com/My%20Project/_git/dags",
        "https://org.visualstudio.com/DefaultCollection/My%20Project/_git/dags",
        "org@vs-ssh.visualstudio.com:v3/org/My%20Project/dags",
    ],
    [
        "https://dev.azure.com/org/_git/dags",
        "https://dev.azure.com/org/dags/_git/dags",
        "git@ssh.dev.azure.com:v3/org/dags/dags",
    ],
    [
        "https://bitbucket.example/scm/PRJ/dags.git",
        "https://bitbucket.example/context/scm/prj/dags.git",
        "ssh://git@bitbucket.example:7999/prj/dags.git",
        "https://bitbucket.example/projects/PRJ/repos/dags/browse",
    ],
    [
        "https://bitbucket.example/scm/~ada/dags.git",
        "ssh://git@bitbucket.example:7999/~ada/dags.git",
        "https://bitbucket.example/users/ada/repos/dags",
    ],
    ["https://gitlab.com/a/b/c/dags.git", "ssh://git@altssh.gitlab.com:443/a/b/c/dags.git"],
    ["ssh://git@[::1]:22/team/dags.git", "git@[::1]:team/dags.git"],
]


@pytest.mark.parametrize("urls", SAME, ids=lambda urls: urls[0])
def test_all_spellings_of_a_remote_have_one_alias(urls: list[str]) -> None:
    assert len({alias_of(url) for url in urls}) == 1
    assert alias_of(urls[0]) is not None


def test_two_remotes_have_two_aliases() -> None:
    firsts = [alias_of(urls[0]) for urls in SAME]

    assert len(set(firsts)) == len(SAME)


def test_a_bitbucket_server_is_known_by_the_path_alone() -> None:
    kind = ForgeKind.BITBUCKET_SERVER

    assert {alias_of(url, kind) for url in SAME[3]} == {"/prj/dags"}


@pytest.mark.parametrize(
    "url",
    ["", "https://", "https://git.example", "https://git.example/", "nonsense", "https://[::1/a/b",
     "file:///srv/dags", "ftp://git.example/a/b", "a" * 1001],
)  # fmt: skip
def test_what_is_no_remote_has_none(url: str) -> None:
    assert alias_of(url) is None


@given(st.text(max_size=50) | st.text(alphabet="https:/@.git_~[]%a", max_size=50))
def test_no_text_raises(url: str) -> None:
    for kind in (None, ForgeKind.BITBUCKET_SERVER):
        found = alias_of(url, kind)
        assert found is None or "/" in found
