"""What counts as rewritten history, for each kind of ref."""

import pytest

from windlass.domain.ref import CommitSha, Head, Ref, RefKind
from windlass.domain.rewrite import Rewrite, RewriteKind, find_rewrite

A, B = CommitSha("a" * 40), CommitSha("b" * 40)
MAIN = Ref(RefKind.BRANCH, "main")
PATTERN = Ref(RefKind.TAG_PATTERN, "v*")


def head(sha: CommitSha, name: str) -> Head:
    return Head(sha, f"refs/tags/{name}")


def test_a_branch_that_grew_is_not_rewritten_and_one_that_lost_its_head_is() -> None:
    before, now = Head(A, "refs/heads/main"), Head(B, "refs/heads/main")

    assert find_rewrite(MAIN, before, now, lambda _: True) is None
    assert find_rewrite(MAIN, before, now, lambda _: False) == Rewrite(
        RewriteKind.REWRITTEN, "branch main was rewritten: it does not contain aaaaaaa any more"
    )


@pytest.mark.parametrize(
    ("ref", "before", "now", "found"),
    [
        (Ref(RefKind.TAG, "v1"), head(A, "v1"), head(B, "v1"), RewriteKind.MOVED),
        (PATTERN, head(A, "v1"), head(B, "v1"), RewriteKind.MOVED),
        (PATTERN, head(A, "v1.9"), head(B, "v1.10"), None),
        (PATTERN, head(A, "v1.10"), head(B, "v1.9"), RewriteKind.DELETED),
        (PATTERN, head(A, "v1"), head(A, "v1"), None),
        (Ref(RefKind.TAG, "v2"), head(A, "v1"), head(B, "v2"), None),
        (MAIN, head(A, "v1"), Head(B, "refs/heads/main"), None),
        (MAIN, Head(A, "refs/heads/dev"), Head(B, "refs/heads/main"), None),
        (Ref(RefKind.COMMIT, B), Head(A, A), Head(B, B), None),
    ],
)
def test_tags_that_move_are_told_and_what_somebody_chose_is_not(
    ref: Ref, before: Head, now: Head, found: RewriteKind | None
) -> None:
    rewrite = find_rewrite(ref, before, now, lambda _: False)

    assert (rewrite.kind if rewrite else None) == found
