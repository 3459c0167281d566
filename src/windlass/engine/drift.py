"""Drift: the trees that Airflow reads are held against their releases, and mended where wanted."""

import time
from collections.abc import Callable, Sequence

from sqlalchemy.engine import Connection

from windlass.artifacts.verify import Drift, Verifier, mend
from windlass.database.artifacts import has_whole_artifact
from windlass.database.upkeep import Verification, claim_verification, record_drift
from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.dependents import dag_files_touched
from windlass.domain.errors import AppError
from windlass.domain.events import Event
from windlass.domain.repository import Repository, RepositoryId
from windlass.engine.context import Context, log, tell

INTERVAL_S = 60.0
"""How old the look at a live release's tree may be."""
_SHARE = 50  # it works for at most a fiftieth of the time
_TOLD = 20
_UNJUDGED = "unjudged: what the gate said of files of this release is gone from the database"
_REMEMBERED_S = 6 * 3600.0  # what was read of a repository that nobody here was given since


class Inspector:
    """Looks at the live releases in turn, of all workers one at each."""

    def __init__(self, context: Context, *, interval_s: float = INTERVAL_S) -> None:
        self._context = context
        self._interval_s = interval_s
        self._verifier = Verifier(context.store)
        self._looked_at: dict[RepositoryId, float] = {}  # when, by the monotonic clock

    def look(self) -> float:
        """Look at the tree that is due, if one is; for how many seconds to pause then."""
        began = time.monotonic()
        with self._context.database.transaction() as connection:
            due = claim_verification(connection, self._interval_s)
            if due is None:
                return 1.0
            if not has_whole_artifact(connection, due.artifact):
                self._note_words(connection, due, [_UNJUDGED])
                return 1.0
            artifact = self._context.artifacts.get(connection, due.artifact)
        self._looked_at[due.repository.id] = began
        lately = {i: at for i, at in self._looked_at.items() if at > began - _REMEMBERED_S}
        self._looked_at = lately
        self._verifier.keep_only(lately)
        self._conclude(due, artifact, self._verify(due, artifact))
        return min(60.0, _SHARE * (time.monotonic() - began))

    def _conclude(self, due: Verification, artifact: Artifact, drift: Drift) -> None:
        self._note(due, drift)
        if not drift or not due.repository.options.self_heal:
            return
        try:
            touched = frozenset((*drift.changed, *drift.missing, *drift.foreign))
            folder = self._context.known_of(due.repository).folder
            wanted = dag_files_touched(artifact, touched, folder)
            wanted |= touched & artifact.files.keys()
            again = [artifact.files[path] for path in sorted(wanted)]
            mend(
                self._context.store,
                due.release_id,
                drift,
                again,
                self._content(due.repository, again),
            )
        except AppError as error:  # tried again at the next look
            log.warning(Event.DRIFT_STAYS, repository=due.repository.name, code=error.code)
            return
        left = self._verify(due, artifact)
        with self._context.database.transaction() as connection:
            record_drift(connection, due.release_id, left.words[:_TOLD])
            if not left:
                self._tell(connection, Event.DRIFT_MENDED, due, drift.words)

    def _verify(self, due: Verification, artifact: Artifact) -> Drift:
        return self._verifier.verify(due.release_id, artifact, due.repository.id)

    def _note(self, due: Verification, drift: Drift) -> None:
        """Keep what was found, and tell it once for as long as it stays the same."""
        with self._context.database.transaction() as connection:
            self._note_words(connection, due, drift.words)

    def _note_words(self, connection: Connection, due: Verification, words: Sequence[str]) -> None:
        if (*words[:_TOLD],) == due.known:
            return
        record_drift(connection, due.release_id, (*words[:_TOLD],))
        if words:
            self._tell(connection, Event.DRIFT_FOUND, due, words)

    def _content(
        self, repository: Repository, entries: list[FileEntry]
    ) -> Callable[[FileEntry], bytes]:
        """The contents from this worker's mirror: other releases may share what was changed."""
        mirror = self._context.mirror_of(repository)
        read = dict(mirror.read_blobs(entry.blob for entry in entries))
        return lambda entry: read[entry.blob]

    def _tell(
        self, connection: Connection, event: Event, due: Verification, words: Sequence[str]
    ) -> None:
        tell(
            connection,
            event,
            due.repository,
            release_id=due.release_id,
            files=list(words[:_TOLD]),
            count=len(words),
        )
