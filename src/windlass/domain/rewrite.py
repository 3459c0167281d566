"""Whether a remote's history went on, or was changed under what was fetched before."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from windlass.domain.ref import CommitSha, Head, Ref, RefKind, is_older_tag


class RewriteKind(StrEnum):
    """What happened to the ref."""

    REWRITTEN = "rewritten"  # the branch does not contain its former head any more
    MOVED = "moved"  # the tag names another commit
    UNKNOWN = "unknown"  # history was fetched from too late on for anybody to tell
    DELETED = "deleted"  # the newest matching tag is gone, and an older one is the newest now


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A rewrite, and what to say of it."""

    kind: RewriteKind
    words: str


def find_rewrite(
    ref: Ref, before: Head, now: Head, contains: Callable[[CommitSha], bool | None]
) -> Rewrite | None:
    """What was rewritten between two fetches; None where history went on as it should.

    `contains` tells whether the new head's history holds a commit; None: it was fetched from too
    late on to tell. Another ref than before is
    somebody's choice and no rewrite.
    """
    if before.sha == now.sha and before.ref == now.ref:
        return None
    if ref.kind is RefKind.BRANCH:
        is_held = None if before.ref != now.ref else contains(before.sha)
        if before.ref != now.ref or is_held:
            return None
        if is_held is None:
            words = (
                f"whether branch {ref.name} still contains {before.sha[:7]} cannot be told: the "
                "mirror does not reach back so far (option depth)"
            )
            return Rewrite(RewriteKind.UNKNOWN, words)
        words = f"branch {ref.name} was rewritten: it does not contain {before.sha[:7]} any more"
        return Rewrite(RewriteKind.REWRITTEN, words)
    if before.tag is None or now.tag is None:
        return None
    if before.tag == now.tag:
        words = f"tag {now.tag} was moved from {before.sha[:7]} to {now.sha[:7]}"
        return Rewrite(RewriteKind.MOVED, words)
    if ref.kind is RefKind.TAG_PATTERN and is_older_tag(now.tag, before.tag):
        words = f"tag {before.tag} is gone, and {now.tag} is the newest of {ref.name} now"
        return Rewrite(RewriteKind.DELETED, words)
    return None
