"""How much of a remote a mirror holds, and how git is told of what it left out.

What was left out is promised by a remote that has a name only in the commands that may fetch: no
other ever asks for it by itself (gitrepository-layout(5), partialclone; git-config(1), remote.*).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REMOTE = "windlass"
PROMISED: Mapping[str, str] = {
    f"remote.{REMOTE}.promisor": "true",
    f"remote.{REMOTE}.partialclonefilter": "blob:none",
}
"""For commands that must not take for damage what was left out: fetch, gc, fsck."""


@dataclass(frozen=True, slots=True)
class Extent:
    """`depth` is how many commits of history the first fetch brings, None for all; what is pushed
    later comes whole. Where it `is_partial`, what files hold comes when it is wanted."""

    depth: int | None = None
    is_partial: bool = False

    def __str__(self) -> str:
        """As it is written beside a mirror: `depth=full contents=all`."""
        return f"depth={self.depth or 'full'} contents={'wanted' if self.is_partial else 'all'}"


WHOLE = Extent()


def promised_in(git_dir: Path) -> Mapping[str, str]:
    """What git must be told of a mirror that is packed or looked through."""
    is_partial = any((git_dir / "objects/pack").glob("*.promisor"))
    return PROMISED if is_partial else {}
