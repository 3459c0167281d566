"""Approval: a person decides about a release before it is deployed (docs/decisions/0012)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from windlass.domain.release import ReleaseId


class ApprovalState(StrEnum):
    """What became of the question whether a release may be deployed."""

    WAITING = "waiting"  # for a person
    APPROVED = "approved"  # its deployment follows
    REJECTED = "rejected"  # the same content is not asked about again on the same base
    EXPIRED = "expired"  # nobody decided in time; asked again when somebody wants it
    SUPERSEDED = "superseded"  # what it was asked about has changed


@dataclass(frozen=True, slots=True)
class Approval:
    """One question, and the answer. It binds the release, the release that it would replace (None
    for the first) and the release policy: an answer to another question is none."""

    release_id: ReleaseId
    base_release_id: ReleaseId | None
    policy_digest: str
    state: ApprovalState
    created_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason: str | None = None

    def is_about(self, base: ReleaseId | None, policy_digest: str) -> bool:
        """Whether it was asked about this base and policy."""
        return self.base_release_id == base and self.policy_digest == policy_digest


def is_author(actor: str, author: str, email: str) -> bool:
    """Whether who acts is who wrote a commit, as far as names tell.

    An actor is named as in `ada via admin`. Git's names are what a committer says, so this keeps
    honest people from approving their own work, and no others.

    >>> is_author("mira.jones via admin", "Mira Jones", "mj@example.org")
    True
    """
    name = actor.partition(" via ")[0].strip().casefold()
    told = author.strip().casefold()
    address = email.strip().casefold()
    return name in {
        told,
        address,
        address.partition("@")[0],
        told.replace(" ", "."),
        told.replace(" ", ""),
    } - {""}
