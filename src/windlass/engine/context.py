"""What every step needs, built once by `windlass.app`."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from windlass.artifacts.store import Store
from windlass.checks import CHECKS_VERSION
from windlass.credentials.keyring import Keyring
from windlass.database.connection import Database
from windlass.database.credentials import find_credential
from windlass.database.history import record_event
from windlass.database.jobs import Jobs
from windlass.database.releases import get_artifact
from windlass.domain.artifact import EMPTY, Artifact
from windlass.domain.digest import digest_json
from windlass.domain.errors import Invalid
from windlass.domain.events import Event
from windlass.domain.policy import Policy
from windlass.domain.release import Release
from windlass.domain.repository import Repository
from windlass.git.process import BasicAuth
from windlass.git.remotes import Remote
from windlass.sandbox.checker import Checker
from windlass.targets.airflow import AirflowClient

log = structlog.get_logger()


class ArtifactMemory:
    """Artifacts by digest, newest first, up to so many files in all: a big one takes 0.2 s and
    more to load, and a sync asks for the same one several times. Safe for threads."""

    def __init__(self, max_files: int = 60_000) -> None:
        self._max_files = max_files
        self._kept: dict[str, Artifact] = {}  # in the order of their last use
        self._lock = threading.Lock()

    def get(self, connection: Connection, digest: str) -> Artifact:
        """The artifact of that digest, loaded where it is not at hand; raises as
        `releases.get_artifact` does."""
        with self._lock:
            known = self._kept.pop(digest, None)
            if known is not None:
                self._kept[digest] = known
                return known
        return self.keep(get_artifact(connection, digest))

    def keep(self, artifact: Artifact) -> Artifact:
        """Remember an artifact, and forget the ones that were not used for longest."""
        with self._lock:
            self._kept[artifact.digest] = artifact
            files = sum(len(kept.files) for kept in self._kept.values())
            while files > self._max_files and len(self._kept) > 1:
                oldest = next(iter(self._kept))
                files -= len(self._kept.pop(oldest).files)
        return artifact


@dataclass(frozen=True, slots=True)
class Context:
    """The adapters and rules of one process. `airflows` has a client per environment that has an
    address; releases of the others are published and never seen live. `published` is set when this
    process flipped a pointer, so that its observer need not wait for its next look."""

    database: Database
    jobs: Jobs
    store: Store
    mirrors: Path
    checker: Checker
    keyring: Keyring
    policy: Policy = field(default_factory=Policy)
    airflows: Mapping[str, AirflowClient] = field(default_factory=dict)
    allowed_hosts: Sequence[str] = ()
    artifacts: ArtifactMemory = field(default_factory=ArtifactMemory)
    published: threading.Event = field(default_factory=threading.Event)

    @property
    def inputs(self) -> str:
        """A digest of what judges a revision, beside the revision itself."""
        return digest_json([CHECKS_VERSION, self.policy.digest, self.checker.python_version])

    def artifact_of(self, connection: Connection, release: Release | None) -> Artifact:
        """The artifact of a release; the empty one for None."""
        return EMPTY if release is None else self.artifacts.get(connection, release.artifact_digest)

    def remote_of(self, connection: Connection, repository: Repository) -> Remote:
        """Where the repository is and how to get in; Invalid CRED003 where its credential is gone.

        Holds a secret: never log it, never keep it.
        """
        auth = None
        if repository.credential is not None:
            stored = find_credential(connection, repository.credential)
            if stored is None:
                raise Invalid("CRED003", f"there is no credential {repository.credential!r}")
            auth = BasicAuth(stored.username, self.keyring.decrypt(stored.ciphertext))
        return Remote(repository.url, repository.branch, auth, self.allowed_hosts)


def tell(
    connection: Connection,
    event: Event,
    repository: Repository,
    *,
    revision: str | None = None,
    release_id: int | None = None,
    **facts: Any,
) -> None:
    """Record an event of a repository in its history, and log it with the same words."""
    record_event(
        connection,
        event,
        repository_id=repository.id,
        revision=revision,
        release_id=release_id,
        **facts,
    )
    known = {"revision": revision, "release": release_id, **facts}
    log.info(
        event.value,
        repository=repository.name,
        **{name: value for name, value in known.items() if value is not None},
    )
