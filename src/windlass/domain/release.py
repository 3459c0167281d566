"""Releases and their deployments."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from windlass.domain.repository import CommitSha, RepositoryId

ReleaseId = NewType("ReleaseId", int)
"""Unique over all repositories, and it only ever grows: it is the bundle version Airflow sees."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Who wants a release and why; `content_of` is set for a rollback, see Release."""

    actor: str
    reason: str
    content_of: ReleaseId | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """An allowed artifact with a number.

    `content_of` is the older release whose content a rollback brought back, else None.
    `validated` False: only the obligatory families of checks looked at it.
    """

    id: ReleaseId
    repository_id: RepositoryId
    artifact_digest: str
    revision: CommitSha
    content_of: ReleaseId | None
    actor: str
    reason: str
    created_at: datetime
    validated: bool = True


class DeploymentState(StrEnum):
    """How far one attempt to make a release the live one has come."""

    PENDING = "pending"  # decided; the pointer may not name it yet
    PUBLISHED = "published"  # the pointer names it; Airflow was not seen with it yet
    LIVE = "live"  # Airflow was seen with every changed, added and removed DAG
    FAILED = "failed"  # Airflow reports import errors for its files; it may still become live
    SUPERSEDED = "superseded"  # a newer deployment of the repository took its place

    @property
    def is_open(self) -> bool:
        """Whether it is under way still, so that a newer deployment supersedes it. A failed one
        is not: history keeps that it failed."""
        return self in (DeploymentState.PENDING, DeploymentState.PUBLISHED)

    @property
    def is_observed(self) -> bool:
        """Whether an observation can change it. It can change a failed one, since an import may
        fail for a passing reason, such as a secrets backend that is away."""
        return self in (DeploymentState.PUBLISHED, DeploymentState.FAILED)
