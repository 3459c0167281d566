"""Refs as people read them, and which of a remote's refs they name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.errors import Invalid
from windlass.domain.ref import (
    Head,
    Ref,
    RefKind,
    RemoteRef,
    check_ref,
    choose,
    is_older_tag,
    newest_tag,
)

A, B = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        (Ref(RefKind.BRANCH, "main"), "main"),
        (Ref(RefKind.TAG, "v1.8"), "tag v1.8"),
        (Ref(RefKind.TAG_PATTERN, "v*"), "tags v*"),
        (Ref(RefKind.COMMIT, "3f9c2d1" + 33 * "0"), "commit 3f9c2d1"),
    ],
)
def test_a_ref_reads_as_people_say_it(ref: Ref, text: str) -> None:
    assert str(ref) == text


@pytest.mark.parametrize(
    ("names", "pattern", "newest"),
    [
        (["v1.9.0", "v1.10.0", "v1.2.0"], "v*", "v1.10.0"),
        (["v1.9.0", "1.10.0"], "v*", "v1.9.0"),
        (["v1.0.0", "v1.0.0-rc.1"], "v*", "v1.0.0"),
        (["v1.0.0", "v2.0.0-rc.1"], "v*", "v1.0.0"),
        (["v1.0.0", "v2.0.0-rc.1"], "v*-*", "v2.0.0-rc.1"),
        (["v1.0.0-rc.2", "v1.0.0-rc.10", "v1.0.0-beta.11"], "v*-*", "v1.0.0-rc.10"),
        (["v2.0.0-1", "v2.0.0-a", "v2.0.0-a.1"], "v*-*", "v2.0.0-a.1"),
        (["v2.0.0-rc.1"], "v*", None),
        (["release-1.2.3", "release-1.10.0"], "release-*", "release-1.10.0"),
        (["dags/v1.2.3", "dags/v1.2.4", "web/v9.0.0"], "dags/*", "dags/v1.2.4"),
        (["v1.2.3", "v1.9", "v20"], "v*", "v1.2.3"),
        (["v1.8", "v1.10", "v1.9"], "v*", "v1.10"),
        (["v1.8", "v1.8-rc1", "v1.9-rc1"], "v*", "v1.8"),
        (["v1.8", "v1.8-rc1"], "v1.8*rc*", "v1.8-rc1"),
        (["2024.11.02", "2024.2.10"], "*", "2024.11.02"),
        (["v1.0.0+build2", "v1.0.0"], "v*", "v1.0.0+build2"),
        (["nightly", "weekly"], "nightly", "nightly"),
        (["v1.0.0", "v2.0.0"], "v[0-1]*", "v1.0.0"),
        ([], "v*", None),
        (["v1.2.0", "v1.10.1", "v2.0.0", "v2.0.0-rc.1"], "^1.2", "v1.10.1"),
        (["1.2.0", "v1.1.9"], "^1.2", "1.2.0"),
        (["v0.2.9", "v0.3.0"], "^0.2.1", "v0.2.9"),
        (["v0.0.3", "v0.0.4"], "^0.0.3", "v0.0.3"),
        (["v1.9.1", "v1.9.12", "v1.10.0"], "~1.9", "v1.9.12"),
        (["v1.9.1", "v1.10.0", "v2.0.0"], "~1", "v1.10.0"),
        (["v1.9.1", "v1.10.0", "v2.0.0"], ">=1.2 <2", "v1.10.0"),
        (["v1.9.1", "v1.10.0", "v2.0.0"], ">1.9, <=1.10", "v1.10.0"),
        (["v1.9.1", "v1.9.0"], "=1.9.0", "v1.9.0"),
        (["v1.9.1", "v1.9.3", "v1.10.0"], "=1.9", "v1.9.3"),
        (["v2.0.0-rc.1", "v2.0.0-rc.2", "v1.0.0"], ">=2.0.0-rc.1", "v2.0.0-rc.2"),
        (["v2.1.0-rc.1", "v1.0.0"], ">=2.0.0-rc.1", None),
        (["dags/v1.2.3", "web/v1.9.0", "v1.3.0"], "dags/v^1", "dags/v1.2.3"),
        (["release-1.2.3", "v1.3.0"], "^1", "v1.3.0"),
        (["v1.9", "nightly"], "^1", None),
    ],
)
def test_the_newest_tag_is_by_version_and_not_by_alphabet(
    names: list[str], pattern: str, newest: str | None
) -> None:
    assert newest_tag(names, pattern) == newest
    assert newest_tag(reversed(names), pattern) == newest


TAGS = st.from_regex(r"v[0-9]{1,2}\.[0-9]{1,2}(\.[0-9])?(-rc[0-9])?", fullmatch=True)


@given(st.lists(st.text(max_size=8) | TAGS, max_size=6), st.sampled_from(["*", "v*", "*-*"]))
def test_any_tags_have_one_newest_whatever_their_order(names: list[str], pattern: str) -> None:
    newest = newest_tag(names, pattern)

    assert newest is None or newest in names
    assert newest_tag(sorted(names), pattern) == newest


def test_older_is_by_the_same_order() -> None:
    assert [is_older_tag("v1.9.0", "v1.10.0"), is_older_tag("v1.10", "v1.9")] == [True, False]


def test_a_ref_is_found_by_its_full_name_and_a_tag_as_the_commit_it_leads_to() -> None:
    refs = [
        RemoteRef("refs/heads/v1", B),
        RemoteRef("refs/heads/main2", B),
        RemoteRef("refs/heads/main", A),
        RemoteRef("refs/tags/v1", B, A),
        RemoteRef("refs/tags/main", B),
    ]
    found = [
        choose(Ref(kind, name), refs)
        for kind, name in (
            (RefKind.BRANCH, "main"),
            (RefKind.TAG, "v1"),
            (RefKind.TAG_PATTERN, "v*"),
            (RefKind.COMMIT, B),
            (RefKind.BRANCH, "mai"),
        )
    ]

    assert found == [
        Head(A, "refs/heads/main"),  # type: ignore[arg-type]
        Head(A, "refs/tags/v1"),  # type: ignore[arg-type]
        Head(A, "refs/tags/v1"),  # type: ignore[arg-type]
        Head(B, B),  # type: ignore[arg-type]
        None,
    ]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (RefKind.COMMIT, "3f9c2d1"),
        (RefKind.COMMIT, "z" * 40),
        (RefKind.TAG, "v 1"),
        (RefKind.TAG, "-v1"),
        (RefKind.TAG_PATTERN, ""),
        (RefKind.TAG_PATTERN, "--upload-pack=*"),
        (RefKind.TAG_PATTERN, "v^*"),
        (RefKind.TAG_PATTERN, "^"),
        (RefKind.TAG_PATTERN, "^1.2 || ^2"),
        (RefKind.TAG_PATTERN, ">=1.2 and <2"),
        (RefKind.TAG_PATTERN, "-x^1.2"),
        (RefKind.TAG_PATTERN, "^1.2.3.4"),
        (RefKind.BRANCH, "a..b"),
    ],
)
def test_a_ref_that_git_could_not_have_is_refused(kind: RefKind, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_ref(kind, name)

    assert refused.value.code == "REPO003"


def test_the_name_of_a_commit_is_taken_in_either_case() -> None:
    assert check_ref(RefKind.COMMIT, "A" * 40) == Ref(RefKind.COMMIT, A)
