"""Step 0: notice. Asks due repositories for their heads, and for a sync on news."""

import contextlib
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from windlass.database.polls import put_off, record_poll, record_quiet_polls
from windlass.database.repositories import DueRepository, claim_due
from windlass.database.webhooks import note_missed
from windlass.domain.errors import AppError, Unavailable
from windlass.domain.events import Event
from windlass.domain.measures import POLLS, PUSH_UNNOTICED
from windlass.domain.ref import Head, RefChoice
from windlass.domain.remote import parse_remote_url
from windlass.domain.repository import Repository, RepositoryId
from windlass.engine.context import Context, log, tell
from windlass.engine.expect import note_asked
from windlass.engine.fetch import NO_SUCH_REF, note_failure
from windlass.engine.hosts import Hosts
from windlass.engine.login import unseal
from windlass.git.access import Remote

AT_A_TIME = 16
CLAIMED_AT_ONCE = 64
MANY = 32
"""As many at once say that more are due; below, the loop may pause."""
RETURN_PER_S = 100
CLEARED_S = 1.0
"""How long answers without news may wait to be recorded together."""


class Poller:
    """Asks at most AT_A_TIME remotes at once, on as many threads however many repositories there
    are. Answers without news are recorded together."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._executor = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="poll")
        self._pending: set[Future[None]] = set()
        self._finder = context.heads
        self._hosts = Hosts(time.monotonic)
        self._quiet: list[RepositoryId] = []
        self._lock = threading.Lock()
        self._recorded_at = time.monotonic()

    def poll_due(self) -> int:
        """Begin to poll the repositories whose time has come, as many as there is room for; how
        many. Nothing is raised for what a remote does."""
        self._pending = {future for future in self._pending if not future.done()}
        if time.monotonic() - self._recorded_at > CLEARED_S:
            self._record_quiet()
        room = CLAIMED_AT_ONCE - len(self._pending)
        if room < MANY:
            return 0
        with self._context.database.transaction() as connection:
            due = claim_due(connection, room, hooked_s=self._context.hooked_interval_s)
        begun = [one for one in due if self._begin(one)]
        return len(begun)

    def wait(self) -> None:
        """Until every poll that was begun has ended and is recorded."""
        wait(self._pending)
        self._record_quiet()

    def close(self) -> None:
        """End after the polls that run now, and close the kept connections."""
        self._executor.shutdown(cancel_futures=True)
        with contextlib.suppress(AppError):  # the database is away
            self._record_quiet()
        self._finder.close()

    def _begin(self, due: DueRepository) -> bool:
        """Poll it on a thread; False where its host must be left alone for a while."""
        host = _host_of(due.repository.url)
        wait_s = self._hosts.wait_s(host, due.repository.id)
        if not wait_s:
            self._pending.add(self._executor.submit(self._poll, due, host))
            return True
        error = _away(host) if self._hosts.is_down(host) else None
        with self._context.database.transaction() as connection:
            put_off(connection, {due.repository.id: wait_s}, error)
        return False

    def _poll(self, due: DueRepository, host: str) -> None:
        """Poll one repository. One that cannot be polled gets its failure recorded and a later
        time."""
        repository = due.repository
        try:
            head = self._ask(due, host)
            self._note(due, head)
        except AppError as error:
            self._context.measures.count(POLLS, "failed")
            log.warning(Event.POLL_FAILED, repository=repository.name, code=error.code)
            with (
                contextlib.suppress(AppError),  # the database is away: the repository stays due
                self._context.database.transaction() as connection,
            ):
                if error.code == NO_SUCH_REF and _is_undecided(due):
                    self._context.jobs.defer_sync(connection, repository.id)  # which chooses one
                else:
                    note_failure(connection, repository, error)
        except Exception:  # noqa: BLE001  # our bug, which must not end with a future nobody sees
            log.exception(Event.POLL_FAILED, repository=repository.name)

    def _ask(self, due: DueRepository, host: str) -> Head:
        """The head; the host's state is told, whatever comes."""
        answered = True
        try:
            return self._finder.find_head(_remote_of(self._context, due))
        except Unavailable:
            answered = False
            raise
        finally:
            self._come_back(self._hosts.done(host, due.repository.id, answered=answered))

    def _come_back(self, waiting: frozenset[int]) -> None:
        """Have those asked soon who waited for a host that answers again, a hundred a second."""
        if not waiting:
            return
        within_s = 1 + len(waiting) / RETURN_PER_S
        waits_s = {RepositoryId(one): random.random() * within_s for one in waiting}  # noqa: S311
        with (
            contextlib.suppress(AppError),  # the database is away: they come later by themselves
            self._context.database.transaction() as connection,
        ):
            put_off(connection, waits_s, None)

    def _note(self, due: DueRepository, head: Head) -> None:
        """Ask for a sync where the last one settled on something else; it may be the twentieth
        ask."""
        repository = due.repository
        inputs = self._context.inputs_of(repository)
        settled = due.settled_revision == head.sha and due.settled_inputs == inputs
        is_known = due.noticed_revision == head.sha
        self._context.measures.count(POLLS, "same" if is_known else "news")
        if not is_known and due.unasked_s is not None:
            self._context.measures.observe(PUSH_UNNOTICED, due.unasked_s)
        if settled and is_known and repository.expected_revision is not None:
            self._expect(repository, head)
            return
        if settled and is_known:
            with self._lock:
                self._quiet.append(repository.id)
            return
        with self._context.database.transaction() as connection:
            if record_poll(connection, repository.id, head.sha) and not settled:
                known: dict[str, Any] = {"tag_name": head.tag} if head.tag else {}
                if due.noticed_revision is not None:
                    note_missed(connection, repository.id)
                tell(
                    connection,
                    Event.REVISION_NOTICED,
                    repository,
                    revision=head.sha,
                    by="poll",
                    **known,
                )
            if settled:
                record_quiet_polls(connection, [repository.id])
            else:
                self._context.jobs.defer_sync(connection, repository.id)

    def _expect(self, repository: Repository, head: Head) -> None:
        """Look for a commit that somebody says is there, while nothing else is new. Only the mirror
        can tell whether it came before the head."""
        mirror = self._context.mirror_of(repository)
        is_here = mirror.has(head.sha)
        with self._context.database.transaction() as connection:
            record_quiet_polls(connection, [repository.id])
            if is_here:
                note_asked(connection, repository, head.sha, mirror.contains)
            else:
                self._context.jobs.defer_sync(connection, repository.id)

    def _record_quiet(self) -> None:
        self._recorded_at = time.monotonic()
        with self._lock:
            quiet, self._quiet = self._quiet, []
        if not quiet:
            return
        with self._context.database.transaction() as connection:
            record_quiet_polls(connection, quiet)


def _is_undecided(due: DueRepository) -> bool:
    """Whether nobody gave the ref, and it was never there."""
    is_given = due.repository.ref_choice is RefChoice.GIVEN
    return not is_given and due.noticed_revision is None


def _remote_of(context: Context, due: DueRepository) -> Remote:
    auth = unseal(context.secrets, due.credential) if due.credential else None
    return Remote(due.repository.url, due.repository.ref, auth, context.boundary)


def _host_of(url: str) -> str:
    parsed = parse_remote_url(url)
    return f"{parsed.host}:{parsed.port}"


def _away(host: str) -> Unavailable:
    return Unavailable(
        "GIT022",
        f"{host} does not answer for several repositories; one at a time asks until it does",
    )
