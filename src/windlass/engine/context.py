"""What every step needs, built once by `windlass.app`."""

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
from windlass.domain.digest import digest_json
from windlass.domain.errors import Invalid
from windlass.domain.events import Event
from windlass.domain.policy import Policy
from windlass.domain.repository import Repository
from windlass.git.process import BasicAuth
from windlass.git.remotes import Remote
from windlass.sandbox.checker import Checker
from windlass.targets.airflow import AirflowClient

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Context:
    """The adapters and rules of one process. `airflows` has a client per environment that has an
    address; releases of the others are published and never seen live."""

    database: Database
    jobs: Jobs
    store: Store
    mirrors: Path
    checker: Checker
    keyring: Keyring
    policy: Policy = field(default_factory=Policy)
    airflows: Mapping[str, AirflowClient] = field(default_factory=dict)
    allowed_hosts: Sequence[str] = ()

    @property
    def inputs(self) -> str:
        """A digest of what judges a revision, beside the revision itself."""
        return digest_json([CHECKS_VERSION, self.policy.digest, self.checker.python_version])

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
