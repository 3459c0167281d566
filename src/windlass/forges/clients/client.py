"""What a client of a Git host's API offers, whoever the host is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from windlass.domain.forge import CommitStatus, HookThere, Protection, WantedHook


@dataclass(frozen=True, slots=True)
class Place:
    """A repository at its host: `path` is as in its URL, without slashes around it and `.git`;
    `web` is its page, for where a host wants an address and Windlass has none to give."""

    api_url: str
    path: str
    web: str


class ForgeClient(Protocol):
    """A repository, by its host's API. Every method raises as `calling.Caller` does."""

    def list_hooks(self) -> Sequence[HookThere]:
        """All hooks of the repository, also those of others."""

    def add_hook(self, wanted: WantedHook) -> None:
        """Make a hook that tells of pushes and pull requests."""

    def change_hook(self, there: HookThere, wanted: WantedHook) -> None:
        """Make a hook be as it is wanted, and active."""

    def remove_hook(self, there: HookThere) -> None:
        """Remove a hook."""

    def post_status(self, revision: str, status: CommitStatus) -> None:
        """Mark a commit. The same again changes nothing."""

    def find_comment(self, number: int, mark: str) -> str | None:
        """The id of the first comment on a pull request whose text begins with `mark`."""

    def add_comment(self, number: int, text: str) -> str:
        """Comment on a pull request; the id of the comment."""

    def change_comment(self, number: int, comment: str, text: str) -> None:
        """Give a comment another text; NotFound FORGE007 where somebody removed it."""

    def protection(self, branch: str) -> Protection:
        """What the host makes of pushes to the branch."""


class ScanUpload(Protocol):
    """A host that shows findings beside the code."""

    def upload_sarif(self, revision: str, ref: str, sarif: bytes) -> None:
        """Show what was found in a commit of a ref, which is given by its full name."""
