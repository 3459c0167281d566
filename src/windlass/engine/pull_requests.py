"""Pull requests: their heads are judged as a push would be, and nothing of them is published.

They have mirrors, checkers and a sandbox of their own, so that they neither hold up a sync nor
leave anything that one takes over. Of forks, see security rule S4: what a stranger pushed is read,
and neither imported nor run before a person approved that commit.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from windlass.database.forge_reports import want_report
from windlass.database.pull_requests import (
    DuePull,
    approve_head,
    ask_check,
    claim_pull,
    finish_check,
    get_pull,
    put_off_check,
    record_checked,
)
from windlass.database.releases import find_current
from windlass.database.repositories import get_repository_by_id
from windlass.domain.audit import Action
from windlass.domain.digest import digest_json
from windlass.domain.errors import AppError, Conflict, Invalid, Unavailable
from windlass.domain.events import Event
from windlass.domain.measures import PULLS
from windlass.domain.options import Report, VerdictMode
from windlass.domain.policy import Allowed, Policy, Verdict
from windlass.domain.pull_request import PullPlan, PullRequestStatus, PullState, head_ref
from windlass.domain.repository import Lease, Repository, Revision
from windlass.domain.retry import needs_person, retry_wait_s
from windlass.engine.audit import audited
from windlass.engine.context import Context, log, tell
from windlass.engine.gate import NoVersions, decide_build
from windlass.engine.imports import ImportMemory
from windlass.engine.pull_plans import Judged, plan_pull
from windlass.engine.race import claimants_of
from windlass.engine.reporting import is_told, report_verdict
from windlass.engine.ruling import Rules
from windlass.engine.testing import build_and_test
from windlass.engine.workable import get_workable
from windlass.git.listing import ListingMemory
from windlass.git.mirror import mirror_of
from windlass.sandbox.checker import Checker
from windlass.sandbox.importer import Importer

IDLE_S = 2.0
MAX_TRIES = 8
FOLDER = "pulls"
"""Below the mirrors' folder: what strangers pushed is not beside what is deployed."""
_NOBODY = -1  # no lease has this epoch: nothing can be written with it
_T = TypeVar("_T")
_K = TypeVar("_K")


@dataclass(slots=True)
class Checking:
    """What one worker checks pull requests with, apart from what its syncs use."""

    context: Context
    _checkers: dict[Path, Checker] = field(default_factory=dict)
    _importers: dict[int, Importer] = field(default_factory=dict)
    _memory: ImportMemory = field(default_factory=ImportMemory)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> float:
        """Check the pull request that waits for longest; seconds until the next look."""
        with self.context.database.transaction() as connection:
            due = claim_pull(connection)
        if due is None:
            return IDLE_S
        try:
            self._check(due)
        except AppError as error:
            self._put_off(due, error)
        except Exception as error:  # noqa: BLE001  # our bug: the others must go on
            log.exception(Event.PULL_FAILED, repository_id=due.repository_id, number=due.number)
            bug = f"Windlass failed with {type(error).__name__}, which is a bug"
            self._put_off(due, Unavailable("WIND001", bug))
        return 0

    def _check(self, due: DuePull) -> None:
        with self.context.database.transaction() as connection:
            repository = get_repository_by_id(connection, due.repository_id)
            remote = self.context.remote_of(connection, repository)
        name = head_ref(due.kind, due.number, due.source, is_fork=due.is_fork)
        if name is None:
            raise Invalid(
                "PULL002",
                f"hosts of the kind {due.kind} do not show the heads of forks' pull requests to us",
                "Check it where it is: windlass check, in a job of its own.",
            )
        mirror = replace(mirror_of(self.context.mirrors / FOLDER, repository.id))
        revision = mirror.fetch_named(remote, name, due.number, self.context.max_fetch_bytes)
        is_static = due.is_fork and due.approved_revision != revision.sha
        judged, verdict = self._judge(repository, revision, due, is_static=is_static)
        ruled = verdict, judged.rules.policy
        if not self._record(due, repository, revision, ruled, is_static=is_static):
            return
        self._comment(due, repository, revision, verdict, plan_pull(judged, due, name, revision))

    def _judge(
        self, repository: Repository, revision: Revision, due: DuePull, *, is_static: bool
    ) -> tuple[Judged, Verdict]:
        """What the gate says of the head, as it would of a push."""
        reading = _as_pull(repository, is_static=True)
        repository = _as_pull(repository, is_static=is_static)
        context = self._apart(repository, is_fork=due.is_fork).pinned()
        lease = Lease(repository, _NOBODY)
        built = build_and_test(context, lease, revision)
        ruling = context.ruling_of(repository)
        rules = Rules.of(repository, ruling, context.known_of(repository))
        with context.database.transaction() as connection:
            owners = claimants_of(context, connection, repository, built.artifact.dag_ids)
            served = context.artifact_of(connection, find_current(connection, repository.id))
        verdict = decide_build(rules, built, owners, NoVersions(served)).verdict
        return Judged(context, repository, reading, rules, built), verdict

    def _record(
        self,
        due: DuePull,
        repository: Repository,
        revision: Revision,
        judged: tuple[Verdict, Policy],
        *,
        is_static: bool,
    ) -> bool:
        """Keep the verdict and have it shown; False where the pull request ended meanwhile."""
        verdict, _ = judged
        word = "allowed" if isinstance(verdict, Allowed) else "denied"
        with self.context.database.transaction() as connection:
            if not record_checked(connection, due, revision.sha, judged, is_static=is_static):
                return False
            report_verdict(
                self.context, connection, repository, revision.sha, judged, by_push=False
            )
            tell(
                connection,
                Event.PULL_CHECKED,
                repository,
                revision=revision.sha,
                number=due.number,
                verdict=word,
                static=is_static,
            )
        self.context.measures.count(PULLS, word)
        return True

    def _comment(
        self,
        due: DuePull,
        repository: Repository,
        revision: Revision,
        verdict: Verdict,
        plan: PullPlan,
    ) -> None:
        """Keep the plan, and have the one comment say what was found and what a merge would do."""
        with self.context.database.transaction() as connection:
            finish_check(connection, due, plan)
            if is_told(connection, repository, Report.COMMENT):
                found = digest_json([finding.to_json() for finding in verdict.findings])
                wanted = {
                    "revision": revision.sha,
                    "findings": found,
                    "static": due.is_fork and due.approved_revision != revision.sha,
                    "plan": plan.shown["digest"] if plan.shown else plan.problem,
                }
                want_report(connection, repository.id, Report.COMMENT, str(due.number), wanted)

    def _apart(self, repository: Repository, *, is_fork: bool) -> Context:
        """The context with everything that strangers' files meet replaced: what importing a fork's
        gave is forgotten with the check."""
        context = self.context
        theirs = context.checker_of(repository)
        importer = context.importer_of(repository)
        return replace(
            context,
            mirrors=context.mirrors / FOLDER,
            listings=ListingMemory(),
            checkers={},
            checker=self._kept(self._checkers, theirs.python, theirs.twin),
            importers={},
            importer=importer and self._kept(self._importers, id(importer), importer.twin),
            import_memory=ImportMemory() if is_fork else self._memory,
            keeps_results=not is_fork,
        )

    def _kept(self, known: dict[_K, _T], key: _K, make: Callable[[], _T]) -> _T:
        with self._lock:
            if key not in known:
                known[key] = make()
            return known[key]

    def _put_off(self, due: DuePull, error: AppError) -> None:
        is_over = needs_person(error) or due.tries + 1 >= MAX_TRIES
        spread = random.random()  # noqa: S311  # no secret
        wait_s = None if is_over else retry_wait_s(error, due.tries, 60.0, spread)
        try:
            with self.context.database.transaction() as connection:
                put_off_check(connection, due, wait_s, f"{error.code} {error.message}")
        except AppError as second:  # the database is away: it is claimed again later
            log.warning(Event.PULL_FAILED, repository_id=due.repository_id, code=second.code)
        log.info(Event.PULL_FAILED, number=due.number, code=error.code)
        self.context.measures.count(PULLS, "failed")


def approve(
    context: Context, name: str, number: int, revision: str, *, actor: str
) -> PullRequestStatus:
    """Let one commit of a fork's pull request be imported and its tests be run, in the sandbox.

    Conflict PULL003 where it is not the head that was checked: a person approves what they saw.
    Raises NotFound PULL001, and what `get_workable` does.
    """
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        found = get_pull(connection, repository, number)
        if found.state is not PullState.OPEN or found.revision != revision:
            raise Conflict(
                "PULL003",
                f"the head of pull request {number} is {(found.revision or 'not known')[:12]}, and "
                f"it is {found.state}",
                f"Look at it again: windlass pr show {name} {number}",
            )
        approve_head(connection, repository, number, revision, actor)
        subject = f"repository/{name}"
        audited(connection, actor, Action.PULL_APPROVED, subject, number=number, revision=revision)
        return get_pull(connection, repository, number)


def check_again(context: Context, name: str, number: int, *, actor: str) -> PullRequestStatus:
    """Have an open pull request checked again. Raises as `approve`, but for PULL003."""
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        get_pull(connection, repository, number)
        ask_check(connection, repository, number)
        tell(connection, Event.PULL_ASKED, repository, number=number, actor=actor)
        return get_pull(connection, repository, number)


def _as_pull(repository: Repository, *, is_static: bool) -> Repository:
    """The repository as its pull requests are judged: whole, and of strangers by reading alone."""
    options = replace(repository.options, verdict_mode=VerdictMode.ALL)
    if is_static:
        options = replace(options, import_check=False, tests=False)
    return replace(repository, options=options)
