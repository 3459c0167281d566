"""Calls of Git hosts, from raw bytes to stored deliveries, many in one transaction.

One thread of the API's process takes all calls that wait, proves and reads them, stores what they
told, and asks for syncs, in one transaction; then each is answered. What was answered is durable.
"""

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from enum import StrEnum
from queue import Empty, SimpleQueue

from sqlalchemy.engine import Connection

from windlass.database.deliveries import NewDelivery, count_again, store_deliveries
from windlass.database.pull_requests import note_pull
from windlass.database.repositories import get_repository_by_id
from windlass.database.webhooks import (
    HEARD_EVERY,
    Addressee,
    Telling,
    find_addressees,
    note_heard,
)
from windlass.domain.delivery import DeliveryState, ForgeKind, PullRequest
from windlass.domain.errors import AppError, Invalid, Unavailable
from windlass.domain.events import Event
from windlass.domain.measures import DELIVERIES
from windlass.domain.repository import RepositoryId
from windlass.domain.webhook import WebhookId
from windlass.engine.context import Context, log, tell
from windlass.engine.prove import Arrival, Seal, believe, not_believed
from windlass.forges.verify import aliases_in, verify

AT_ONCE = 100
MAX_WAITING = 2000
REPEATS_S = 10.0
"""The same delivery again asks for a sync so often, at most: one that is recorded can be sent by
anybody who saw it, and costs a question to the remote each time."""
REFUSALS_PER_MINUTE = 10
"""So many calls that were not believed are kept of each webhook; all are counted."""
STORM, STORM_S, CALM_S = 10, 10.0, 1.0
"""After so many syncs of a repository in so many seconds, each further one waits for so long: all
that is told meanwhile is answered by it."""
GATHER_S = 0.02
"""One transaction begins so long after another, at the earliest: it stores what comes meanwhile.
A call that comes alone does not wait."""
FLUSH_S = 5.0
_NOBODY = "a secret that no webhook has"
_MAX_KNOWN = 10_000


class Outcome(StrEnum):
    """What became of a call, for who made it and for the metrics."""

    ACCEPTED = "accepted"
    IGNORED = "ignored"
    DONE = "done"  # a ping
    DUPLICATE = "duplicate"
    DEAD = "dead"  # kept, for a bug of ours kept it from being read
    UNPROVEN = "unproven"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"  # no webhook has this address


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered: the outcome, and in words why. `error` where it was refused."""

    outcome: Outcome
    message: str
    error: AppError | None = None


@dataclass(slots=True)
class _Waiting:
    """A call whose answer is awaited. `aliases` are of the repository that it says it is about."""

    arrival: Arrival
    answer: Future[Answer]
    aliases: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Batch:
    """What the calls of one transaction come to. `seal` encrypts their bodies."""

    seal: Seal
    new: dict[tuple[int, str], NewDelivery] = field(default_factory=dict)
    refused: list[NewDelivery] = field(default_factory=list)
    repeated: set[tuple[int, str]] = field(default_factory=set)
    pulls: dict[tuple[int, str], PullRequest] = field(default_factory=dict)
    answers: list[tuple[_Waiting, list[NewDelivery], Invalid | None]] = field(default_factory=list)


class Receiver:
    """Takes calls from any thread; its own thread starts with the first and ends with `close`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._secrets: dict[bytes, str] = {}
        self._asked_at: dict[int, float] = {}
        self._heard_at: dict[WebhookId, float] = {}
        self._refusals: dict[int, list[float]] = {}
        self._syncs: dict[int, list[float]] = {}
        self._flushed_at = time.monotonic()
        self._began_at = 0.0

    def take(self, arrival: Arrival) -> Future[Answer]:
        """The answer, once what was told is stored. It may be an AppError: Unavailable DB001 where
        the database is away, HOOK003 where too many calls wait."""
        answer: Future[Answer] = Future()
        if self._queue.qsize() >= MAX_WAITING:
            answer.set_exception(too_many())
            return answer
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="receive", daemon=True)
                self._thread.start()
        self._queue.put(_Waiting(arrival, answer))
        return answer

    def count_unread(self, kind: ForgeKind | None) -> None:
        """Count a call that was refused before its body was read to its end."""
        label = "own" if kind is None else kind.value
        self._context.measures.count(DELIVERIES, label, Outcome.UNREADABLE)

    def close(self) -> None:
        """Answer what waits, then end."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._next_batch()
            if batch:
                self._receive(batch)
            if time.monotonic() - self._flushed_at > FLUSH_S or not is_open:
                self._flush()

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        """All that wait, up to AT_ONCE; and whether more may come."""
        found: list[_Waiting] = []
        try:
            one = self._queue.get(timeout=FLUSH_S)
            if one is not None:
                time.sleep(max(0.0, self._began_at + GATHER_S - time.monotonic()))
                self._began_at = time.monotonic()
            while one is not None:
                found.append(one)
                if len(found) == AT_ONCE:
                    return found, True
                one = self._queue.get_nowait()
        except Empty:
            return found, True
        return found, False

    def _flush(self) -> None:
        self._flushed_at = time.monotonic()
        try:
            self._context.measures.flush(self._context.database)
        except AppError as error:  # the database is away: they are kept
            log.warning(Event.LOOP_FAILED, loop="receive", code=error.code)

    def _receive(self, batch: Sequence[_Waiting]) -> None:
        """Answer every call. One that makes the transaction fail by a bug of ours must not take the
        others with it: each is tried alone then."""
        try:
            self._store(self._with_aliases(batch))
        except AppError as error:
            for one in batch:
                _settle(one, error)
        except Exception as error:  # noqa: BLE001  # our bug: the thread goes on, whatever comes
            log.exception(Event.REQUEST_FAILED, path="/webhooks", error=type(error).__name__)
            if len(batch) == 1:
                _settle(batch[0], error)
                return
            for one in batch:
                if not one.answer.done():
                    self._receive([one])

    def _with_aliases(self, batch: Sequence[_Waiting]) -> list[_Waiting]:
        """Those that are left once calls to a shared address say whom they are about."""
        left = []
        for one in batch:
            if one.arrival.kind is not None:
                try:
                    one.aliases = aliases_in(one.arrival.call(one.arrival.kind))
                except Invalid as refused:
                    self._refuse(one, Outcome.UNREADABLE, refused)
                    continue
            left.append(one)
        return left

    def _store(self, batch: Sequence[_Waiting]) -> None:
        work = _Batch(self._context.keyring.encryptor())
        addresses = {one.arrival.address for one in batch if one.arrival.address}
        remotes = {
            (one.arrival.kind, alias) for one in batch for alias in one.aliases if one.arrival.kind
        }
        heard: list[Telling] = []
        with self._context.database.transaction() as connection:
            known = find_addressees(connection, addresses, remotes)
            for one in batch:
                self._judge(one, _addressees(one, known), work)
            stored = store_deliveries(connection, [*work.new.values(), *work.refused])
            again = [key for key in work.new if key not in stored]
            repeats = {*again, *work.repeated}
            if repeats:
                count_again(connection, repeats)
            if spoken := self._not_heard_lately({one.webhook_id for one in work.new.values()}):
                heard = note_heard(connection, spoken)
            self._ask(connection, work, stored)
            # Only what is new: a call that is played again neither opens nor closes anything.
            for key, pull in sorted(work.pulls.items(), key=lambda one: one[0]):
                if key in stored:
                    delivery = work.new[key]
                    note_pull(connection, delivery.repository_id, delivery.kind, pull)
            for told in heard:
                repository = get_repository_by_id(connection, told.repository_id)
                tell(connection, Event.HOOKS_HEARD, repository, kind=told.kind.value)
        for waiting, deliveries, unreadable in work.answers:
            if unreadable is not None:
                self._refuse(waiting, Outcome.UNREADABLE, unreadable)
            else:
                self._answer(waiting, deliveries, stored)

    def _judge(self, one: _Waiting, addressees: Sequence[Addressee], work: _Batch) -> None:
        """Prove the call to each that it may be for. Who is not believed is answered at once, and
        alike whether it named a repository that is here or not."""
        arrival = one.arrival
        tried = [believe(work.seal, arrival, each, self._secrets_of(each)) for each in addressees]
        found = [each for each in tried if each is not None]
        for each in found:
            if each.delivery.key in work.new:
                work.repeated.add(each.delivery.key)
            work.new.setdefault(each.delivery.key, each.delivery)
            if each.pull is not None:
                work.pulls[each.delivery.key] = each.pull
        unreadable = next((each.unreadable for each in found if each.unreadable), None)
        if found:
            work.answers.append((one, [each.delivery for each in found], unreadable))
        elif not addressees and arrival.kind is None:
            self._refuse(one, Outcome.UNKNOWN, _unknown())
        else:
            if not addressees and arrival.kind is not None:
                verify(arrival.call(arrival.kind), [_NOBODY])  # takes as long as the others
            self._refuse(one, Outcome.UNPROVEN, _unproven())
            work.refused += self._refusals_of(arrival, addressees)

    def _ask(
        self,
        connection: Connection,
        work: _Batch,
        stored: Mapping[tuple[int, str], object],
    ) -> None:
        """Ask for a sync of each repository that something new is told of, in one order."""
        wanted = set[RepositoryId]()
        for key, delivery in work.new.items():
            is_new = key in stored or self._may_repeat(delivery.webhook_id)
            if delivery.state is DeliveryState.ACCEPTED and is_new:
                wanted.add(delivery.repository_id)
        if wanted:
            # One that begins just now may not see what this transaction stores: the tick looks
            # after that, and the push itself was made before the call.
            wanted -= self._context.jobs.waiting_syncs(connection, wanted)
        for repository_id in sorted(wanted):
            after_s = self._delay_s(repository_id)
            self._context.jobs.defer_sync(connection, repository_id, after_s=after_s)

    def _delay_s(self, repository_id: RepositoryId) -> float:
        """How long the next sync of the repository is put off: not at all, but in a storm."""
        now = time.monotonic()
        times = [at for at in self._syncs.get(repository_id, []) if now - at < STORM_S]
        if len(times) < STORM:
            self._syncs[repository_id] = [*times, now]
            return 0
        return CALM_S

    def _not_heard_lately(self, ids: Iterable[WebhookId]) -> set[WebhookId]:
        """Those of these webhooks whose calls were not noted within the last second: `note_heard`
        is no more exact, and takes a tenth of all time in a storm."""
        now, least = time.monotonic(), HEARD_EVERY.total_seconds()
        due = {one for one in ids if now - self._heard_at.get(one, -least) >= least}
        if len(self._heard_at) > _MAX_KNOWN:
            self._heard_at.clear()
        self._heard_at |= dict.fromkeys(due, now)
        return due

    def _may_repeat(self, webhook_id: int) -> bool:
        """Whether the same delivery again may ask for a sync now."""
        now = time.monotonic()
        if now - self._asked_at.get(webhook_id, -REPEATS_S) < REPEATS_S:
            return False
        if len(self._asked_at) > _MAX_KNOWN:
            self._asked_at.clear()
        self._asked_at[webhook_id] = now
        return True

    def _refusals_of(self, arrival: Arrival, addressees: Iterable[Addressee]) -> list[NewDelivery]:
        """What is kept of a call that was not believed, of each webhook that it may have been for:
        that it came. A stranger could fill the disk with more."""
        found = []
        for addressee in addressees:
            now = time.monotonic()
            times = [at for at in self._refusals.get(addressee.webhook_id, []) if now - at < 60]
            if len(times) >= REFUSALS_PER_MINUTE:
                continue
            self._refusals[addressee.webhook_id] = [*times, now]
            found.append(not_believed(arrival, addressee))
            log.warning(
                Event.DELIVERY_REFUSED, repository=addressee.repository, kind=addressee.kind.value
            )
        return found

    def _refuse(self, one: _Waiting, outcome: Outcome, error: AppError) -> None:
        self._context.measures.count(DELIVERIES, _label(one.arrival), outcome)
        _settle(one, Answer(outcome, error.message, error))

    def _answer(
        self,
        one: _Waiting,
        deliveries: Sequence[NewDelivery],
        stored: Mapping[tuple[int, str], object],
    ) -> None:
        outcome, message = _most_telling(deliveries, stored)
        label = (one.arrival.kind or deliveries[0].kind).value
        self._context.measures.count(DELIVERIES, label, outcome)
        _settle(one, Answer(outcome, message))

    def _secrets_of(self, addressee: Addressee) -> list[str]:
        return [self._secret(ciphertext) for ciphertext in addressee.secrets]

    def _secret(self, ciphertext: bytes) -> str:
        known = self._secrets.get(ciphertext)
        if known is None:
            if len(self._secrets) > _MAX_KNOWN:
                self._secrets.clear()
            known = self._secrets[ciphertext] = self._context.keyring.decrypt(ciphertext)
        return known


def _addressees(one: _Waiting, known: Sequence[Addressee]) -> list[Addressee]:
    """The webhooks that a call may be for."""
    arrival = one.arrival
    if arrival.address is not None:
        return [each for each in known if each.address == arrival.address]
    return [each for each in known if each.kind is arrival.kind and each.remote in one.aliases]


def _most_telling(
    deliveries: Sequence[NewDelivery], stored: Mapping[tuple[int, str], object]
) -> tuple[Outcome, str]:
    """One answer for all repositories that a call is for: that something follows, if it does."""
    order = [one.value for one in Outcome]
    told = [
        (Outcome.DUPLICATE, "it came before")
        if one.key not in stored
        else (Outcome(one.state.value), one.reason or one.words)
        for one in deliveries
    ]
    return min(told, key=lambda pair: order.index(pair[0]))


def _settle(one: _Waiting, answer: Answer | Exception) -> None:
    with contextlib.suppress(InvalidStateError):  # whoever called has gone, or it has its answer
        if isinstance(answer, Answer):
            one.answer.set_result(answer)
        else:
            one.answer.set_exception(answer)


def _label(arrival: Arrival) -> str:
    """The kind of host for the metrics; that of an own address is known once it is believed."""
    return "own" if arrival.kind is None else arrival.kind.value


def _unproven() -> Invalid:
    return Invalid(
        "HOOK001",
        "no repository here accepts this call",
        "Its repository has no webhook here, or it is not signed with a secret of that webhook.",
    )


def _unknown() -> Invalid:
    return Invalid(
        "HOOK002",
        "no webhook has this address",
        "Copy it again: windlass webhook show-address NAME",
    )


def too_many() -> Unavailable:
    """What is said where calls come faster than they are stored."""
    return Unavailable(
        "HOOK003", "too many calls wait to be stored", "Try again in a second.", retry_after_s=1
    )
