"""The loop that tells Git hosts what they should show. It holds up nothing: a host that is slow,
away or wants to be left alone is told later."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from windlass.database.forge_reports import (
    DueReport,
    claim_due,
    finish_report,
    is_known_problem,
    put_off_report,
)
from windlass.database.pull_requests import get_pull
from windlass.database.reports import StoredReport, get_report
from windlass.database.repositories import get_repository_by_id
from windlass.domain.errors import (
    AppError,
    Forbidden,
    Invalid,
    NotFound,
    Throttled,
    Unavailable,
)
from windlass.domain.events import Event
from windlass.domain.forge import CommitState, CommitStatus
from windlass.domain.measures import FORGE_REPORTS
from windlass.domain.options import Report
from windlass.domain.pull_request import PullRequestStatus
from windlass.domain.repository import Repository
from windlass.domain.retry import needs_person, retry_wait_s
from windlass.engine.context import Context, log, tell
from windlass.engine.forge import Asked, ask_host, find_kind
from windlass.forges.clients.client import ScanUpload

IDLE_S = 2.0
AT_ONCE = 4
MAX_REFUSALS = 5
"""So often a host may refuse what a person must correct, before it is given up."""
MAX_AGE = timedelta(days=1)
INTERVAL_S = 60.0


@dataclass(frozen=True, slots=True)
class Wording:
    """How reports are worded, which is not the engine's to say. `sarif` makes a document of what
    was found in a revision of a repository; `comment` words what is known of a pull request. The
    last argument is where this Windlass is."""

    sarif: Callable[[Repository, StoredReport, str | None], bytes]
    comment: Callable[[Repository, PullRequestStatus, str | None], str]


def mark_of(repository: Repository) -> str:
    """How a comment of ours begins: a link definition of Markdown, which no host shows."""
    return f"[//]: # (windlass {repository.name})"


class Reporter:
    """Tells hosts, a few at a time."""

    def __init__(self, context: Context, wording: Wording) -> None:
        self._context = context
        self._wording = wording
        self._executor = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="report")
        self._resting: dict[str, float] = {}
        self._lock = threading.Lock()

    def look(self) -> float:
        """Tell what is due; seconds until the next look."""
        with self._context.database.transaction() as connection:
            due = claim_due(connection, AT_ONCE)
        list(self._executor.map(self._report, due))
        return 0 if due else IDLE_S

    def close(self) -> None:
        """End when what is being told is told."""
        self._executor.shutdown()

    def _report(self, due: DueReport) -> None:
        try:
            self._tell(due)
        except AppError as error:
            self._put_off(due, error)
        except Exception as error:  # noqa: BLE001  # our bug: the others must go on
            log.exception(Event.REPORT_FAILED, repository_id=due.repository_id, kind=due.kind)
            bug = f"Windlass failed with {type(error).__name__}, which is a bug"
            self._put_off(due, Unavailable("WIND001", bug))

    def _tell(self, due: DueReport) -> None:
        with self._context.database.transaction() as connection:
            repository = get_repository_by_id(connection, due.repository_id)
            kind = find_kind(connection, repository)
            if kind is None or due.kind.value not in repository.options.report:
                put_off_report(connection, due, None, "")  # somebody switched it off since then
                return
            asked = ask_host(self._context, connection, repository, kind)
        self._check_rest(asked.host)
        try:
            host_id = self._post(asked, repository, due)
        except Throttled as error:
            with self._lock:
                self._resting[asked.host] = time.monotonic() + error.retry_after_s
            raise
        with self._context.database.transaction() as connection:
            finish_report(connection, due, host_id)
        self._context.measures.count(FORGE_REPORTS, due.kind.value, "posted")

    def _post(self, asked: Asked, repository: Repository, due: DueReport) -> str | None:
        """Tell the host; its name for what it shows now, where that has one."""
        if due.kind is Report.STATUS:
            wanted = due.wanted
            state = CommitState(wanted["state"])
            context = f"windlass/{repository.name}"
            status = CommitStatus(context, state, wanted["text"], wanted["url"])
            asked.client.post_status(due.subject, status)
            return None
        if due.kind is Report.COMMENT:
            return self._comment(asked, repository, due)
        with self._context.database.transaction() as connection:
            stored = get_report(connection, repository.id, due.subject)
        if not hasattr(asked.client, "upload_sarif"):
            raise Invalid(
                "FORGE016",
                f"hosts of the kind {asked.kind} take no SARIF",
                "Leave sarif out of the option report.",
            )
        sarif = self._wording.sarif(repository, stored, self._context.public_url)
        cast("ScanUpload", asked.client).upload_sarif(due.subject, due.wanted["ref"], sarif)
        return None

    def _comment(self, asked: Asked, repository: Repository, due: DueReport) -> str:
        """Make the one comment on a pull request be what is known of it now; its id. One that
        somebody removed is made anew."""
        number = int(due.subject)
        with self._context.database.transaction() as connection:
            pull = get_pull(connection, repository, number)
        words = self._wording.comment(repository, pull, self._context.public_url)
        text = f"{mark_of(repository)}\n{words}"
        known = due.host_id or asked.client.find_comment(number, mark_of(repository))
        if known is not None:
            try:
                asked.client.change_comment(number, known, text)
            except (NotFound, Forbidden):
                known = None
        return asked.client.add_comment(number, text) if known is None else known

    def _check_rest(self, host: str) -> None:
        """Leave a host alone for as long as it asked us to."""
        with self._lock:
            left_s = self._resting.get(host, 0.0) - time.monotonic()
            if left_s <= 0:
                self._resting.pop(host, None)
                return
        raise Throttled(
            "FORGE017",
            f"{host} asked us to wait, and is left alone for so long",
            "It is asked again by itself.",
            retry_after_s=left_s,
        )

    def _put_off(self, due: DueReport, error: AppError) -> None:
        is_over = due.age > MAX_AGE or (needs_person(error) and due.tries + 1 >= MAX_REFUSALS)
        spread = random.random()  # noqa: S311  # no secret
        wait_s = None if is_over else retry_wait_s(error, due.tries, INTERVAL_S, spread)
        try:
            with self._context.database.transaction() as connection:
                is_news = not is_known_problem(connection, due, error.code)
                put_off_report(connection, due, wait_s, f"{error.code} {error.message}")
                if is_news:
                    repository = get_repository_by_id(connection, due.repository_id)
                    tell(
                        connection,
                        Event.REPORT_FAILED,
                        repository,
                        kind=due.kind.value,
                        code=error.code,
                        reason=error.message,
                    )
        except AppError as second:  # the database is away: it is claimed again later
            log.warning(Event.REPORT_FAILED, repository_id=due.repository_id, code=second.code)
        outcome = "given_up" if is_over else "failed"
        self._context.measures.count(FORGE_REPORTS, due.kind.value, outcome)
