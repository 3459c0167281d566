"""Calls of Git hosts over HTTP, as they make them; jobs are run by hand."""

import http.client
import itertools
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import sqlalchemy as sa

from tests.calls import CASES, SECRET, github_push, kind_of, proof_headers
from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from tests.integration.dying import dies_in_call
from tests.integration.serving import TOKEN, api_over, client_of, command_line
from tests.integration.test_notice import empty_queue, make_due, poll_due, waiting
from tests.integration.test_refs import events, released
from windlass.database import tables as t
from windlass.database.audit import list_audit
from windlass.database.connection import Database
from windlass.database.deliveries import PastDelivery, list_deliveries
from windlass.database.repositories import NewRepository, add_repository
from windlass.domain.delivery import ForgeKind
from windlass.domain.errors import Conflict
from windlass.domain.ref import Ref, RefKind
from windlass.domain.repository import Repository
from windlass.engine import webhooks
from windlass.engine.context import Context
from windlass.engine.deliveries import look_after, replay
from windlass.engine.keys import rotate_key
from windlass.engine.lifecycle import Change, change, remove, resume, suspend
from windlass.engine.prove import Arrival, unpack
from windlass.engine.receive import STORM
from windlass.engine.register import Registration
from windlass.entrypoints.web import calls
from windlass.forges.payload import MAX_BODY_BYTES

ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"
JSON = {"content-type": "application/json"}
SHARED = "/webhooks/github"


@pytest.fixture
def settled(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A repository with its head deployed, no job waiting, and a webhook of GitHub's kind."""
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    empty_queue(context)
    webhooks.add(context, "dags", "github", secret=SECRET, actor="alice")
    return repository


@pytest.fixture
def here(context: Context) -> Repository:
    """A repository whose remote is nowhere, with a webhook of GitHub's kind."""
    new = NewRepository(
        name="dags",
        namespace="team",
        environment="default",
        url="https://git.example/team/dags.git",
        ref=Ref(RefKind.BRANCH, "main"),
        path=".",
        credential=None,
        sync_interval_s=60,
    )
    with context.database.transaction() as connection:
        repository = add_repository(connection, new)
    webhooks.add(context, "dags", "github", secret=SECRET, actor="alice")
    return repository


@pytest.fixture
def host(context: Context) -> Iterator[httpx.Client]:
    """A Git host, which has no token."""
    with client_of(api_over(context)) as client:
        yield client


def own(context: Context, name: str = "dags") -> str:
    return f"/webhooks/r/{webhooks.list_of(context, name)[0].address}"


def call(
    host: httpx.Client,
    body: bytes,
    *,
    to: str = SHARED,
    event: str = "push",
    secret: str = SECRET,
    kind: ForgeKind = ForgeKind.GITHUB,
    **headers: Any,
) -> httpx.Response:
    """A call as GitHub makes it; `headers` with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    signed = {"x-github-event": event, **proof_headers(kind, body, secret)}
    return host.post(to, content=body, headers={**JSON, **signed, **named})


def answer(response: httpx.Response) -> tuple[int, str]:
    told: dict[str, str] = response.json()
    return response.status_code, told.get("outcome") or told["code"]


def deliveries(context: Context) -> list[PastDelivery]:
    """What is stored, oldest first."""
    with context.database.transaction() as connection:
        return list_deliveries(connection, limit=1000)[::-1]


def states(context: Context) -> list[tuple[str, str]]:
    return [(one.state.value, one.words or one.reason) for one in deliveries(context)]


def push_of(remote: Origin | Repository, sha: str, ref: str = "refs/heads/main") -> bytes:
    return github_push(remote.url, ref, sha)


def test_a_push_is_stored_and_becomes_a_release(
    context: Context, origin: Origin, settled: Repository, host: httpx.Client
) -> None:
    sha = origin.push("second", {"orders.py": ORDERS + "# 2\n"})

    assert answer(call(host, push_of(origin, sha))) == (202, "accepted")
    assert waiting(context) == [("sync", settled.id)]
    run_sync(context, settled)

    assert (released(context), states(context)) == (sha, [("done", "push to main")])


def test_a_push_counts_from_the_moment_it_was_delivered(
    context: Context, origin: Origin, settled: Repository, host: httpx.Client
) -> None:
    sha = origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    call(host, push_of(origin, sha))
    run_sync(context, settled)

    (delivery,) = deliveries(context)
    [*_, noticed] = events(context, settled, "revision:noticed")
    head = status_of(context).facts.head
    assert head is not None
    assert (noticed["by"], head.noticed_at) == ("webhook", delivery.received_at)


def test_what_is_deployed_is_the_head_and_never_what_a_call_lists(
    context: Context, origin: Origin, settled: Repository, host: httpx.Client
) -> None:
    origin.git("checkout", "--quiet", "-b", "topic")
    origin.push("on a branch", {"a.py": "# a\n"})
    origin.push("again", {"b.py": "# b\n", "orders.py": None})
    first = origin.git("rev-list", "--max-parents=0", "HEAD")
    squashed = origin.git("commit-tree", "-p", first, "-m", "squashed", "HEAD^{tree}")
    origin.git("push", "--quiet", "--force", "origin", f"{squashed}:main")

    # It claims that orders.py was removed by this commit alone, and names nothing else.
    call(host, push_of(origin, squashed))
    run_sync(context, settled)

    assert deployed_files(context) == {"a.py": "# a\n", "b.py": "# b\n"}
    assert released(context) == squashed


def test_a_storm_of_pushes_ends_in_few_syncs_and_the_last_commit(
    context: Context, origin: Origin, settled: Repository, host: httpx.Client
) -> None:
    shas = [f"{number:040x}" for number in range(1, 500)]
    last = origin.push("the last", {"orders.py": ORDERS + "# last\n"})
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda sha: answer(call(host, push_of(origin, sha))), shas))
    answers.append(answer(call(host, push_of(origin, last))))

    assert set(answers) == {(202, "accepted")}
    assert waiting(context) == [("sync", settled.id)]  # one, for all of them
    run_sync(context, settled)

    assert released(context) == last
    assert {one.state.value for one in deliveries(context)} == {"done"}
    assert len(deliveries(context)) == 500


@pytest.mark.parametrize(
    "told", [("refs/heads/topic", "push to topic"), ("refs/tags/main", "tag main")]
)
def test_another_ref_is_answered_politely_and_nothing_is_queued(
    context: Context,
    here: Repository,
    host: httpx.Client,
    told: tuple[str, str],
) -> None:
    ref, why = told
    response = call(host, push_of(here, "a" * 40, ref))

    assert answer(response) == (200, "ignored")
    assert response.json()["message"] == "the repository follows main"
    assert (states(context), waiting(context)) == ([("ignored", why)], [])


def test_a_ping_is_answered_and_shows_that_the_webhook_works(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    body = json.dumps({"zen": "Design for failure.", "hook_id": 1}).encode()

    assert answer(call(host, body, to=own(context), event="ping")) == (200, "done")
    assert states(context) == [("done", "ping")]
    assert webhooks.list_of(context)[0].hook.state.value == "heard"


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "a secret of another repository"},
        {"x_hub_signature_256": ""},
        {"x_hub_signature_256": "sha1=" + "0" * 40},
        {"x_hub_signature_256": "sha256=" + "0" * 64},
    ],
)
def test_a_call_that_is_not_proven_is_refused_and_nothing_is_queued(
    context: Context,
    here: Repository,
    host: httpx.Client,
    changes: dict[str, Any],
) -> None:
    for address in (SHARED, own(context)):
        response = call(host, push_of(here, "a" * 40), to=address, **changes)
        assert answer(response) == (401, "HOOK001")
    assert waiting(context) == []


def test_an_altered_byte_is_refused(context: Context, here: Repository, host: httpx.Client) -> None:
    body = push_of(here, "a" * 40)
    headers = {**JSON, "x-github-event": "push", **proof_headers(ForgeKind.GITHUB, body)}

    altered = body.replace(b"a" * 40, b"b" * 40)

    assert host.post(SHARED, content=altered, headers=headers).status_code == 401


def test_whether_a_repository_is_here_is_not_told_to_strangers(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    known = call(host, push_of(here, "a" * 40), secret="wrong and long enough")
    unknown = call(host, github_push("https://git.example/x/y", "refs/heads/main", "a" * 40))

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert answer(host.post("/webhooks/r/nobody-has-this", content=b"{}", headers=JSON)) == (
        404,
        "HOOK002",
    )


UNREADABLE = [
    (b"{}", "text/plain", 415, "HOOK008"),
    (b"{}", "", 415, "HOOK008"),
    (b"<xml/>", "application/xml", 415, "HOOK008"),
    (b" " * (MAX_BODY_BYTES + 1), "application/json", 413, "HOOK009"),
    (b'{"a":' * 100 + b"1" + b"}" * 100, "application/json", 400, "HOOK005"),
    (b"not json", "application/json", 400, "HOOK005"),
    (b"", "application/json", 400, "HOOK005"),
    (b"{}", "application/x-www-form-urlencoded", 400, "HOOK005"),
]


def test_what_cannot_be_read_is_refused(host: httpx.Client) -> None:
    for body, content_type, status, code in UNREADABLE:
        headers = {"content-type": content_type} if content_type else {}
        assert answer(host.post(SHARED, content=body, headers=headers)) == (status, code)


def test_a_body_whose_length_is_not_told_is_cut_too(host: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 100_000 + 5):
            yield b" " * 100_000

    response = host.post(SHARED, content=endless(), headers=JSON)

    assert answer(response) == (413, "HOOK009")


def test_a_verified_call_that_makes_no_sense_is_kept_as_refused(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    first = call(host, b'{"ref": 7}', to=own(context))
    second = call(host, b"{}", to=own(context), event="")

    assert [answer(first), answer(second)] == [(400, "HOOK006"), (400, "HOOK007")]
    assert [one.state.value for one in deliveries(context)] == ["refused", "refused"]


def test_githubs_form_is_read_and_its_signature_is_over_the_form(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    form = urlencode({"payload": push_of(here, "a" * 40).decode()}).encode()

    response = call(host, form, content_type="application/x-www-form-urlencoded")

    assert answer(response) == (202, "accepted")
    assert deliveries(context)[0].revision == "a" * 40


def test_the_same_again_is_a_duplicate_and_is_counted(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    body = push_of(here, "a" * 40)
    answers = [answer(call(host, body, x_github_delivery=f"n-{n}")) for n in range(4)]

    assert answers == [(202, "accepted"), *[(200, "duplicate")] * 3]
    (delivery,) = deliveries(context)
    assert delivery.times == 4


def test_a_replay_asks_seldom_and_changes_nothing(
    context: Context, origin: Origin, settled: Repository, host: httpx.Client
) -> None:
    body = push_of(origin, origin.git("rev-parse", "HEAD"))
    call(host, body)
    run_sync(context, settled)
    empty_queue(context)
    before = deployed_files(context)

    asked = []
    for _ in range(5):  # by somebody who saw it
        call(host, body)
        asked.append(len(waiting(context)))
        empty_queue(context)

    assert asked == [1, 0, 0, 0, 0]
    assert deployed_files(context) == before


def test_aliases_of_the_url_lead_to_the_repository(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    for number, url in enumerate(
        [
            "git@git.example:team/dags",
            "ssh://git@Git.Example:2222/team/dags.git",
            "http://git.example/TEAM/dags",
        ]
    ):
        body = github_push(url, "refs/heads/main", f"{number:040x}")
        assert answer(call(host, body)) == (202, "accepted")


def test_a_changed_url_is_followed(context: Context, here: Repository, host: httpx.Client) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.webhook).values(remote="elsewhere.example/old"))
    assert answer(call(host, push_of(here, "a" * 40))) == (401, "HOOK001")

    change(context, "dags", Change(sync_interval="90s"), actor="alice")

    assert answer(call(host, push_of(here, "a" * 40))) == (202, "accepted")


def test_one_call_reaches_every_repository_of_the_remote_whose_secret_it_knows(
    context: Context,
    origin: Origin,
    settled: Repository,
    registration: Registration,
    host: httpx.Client,
) -> None:
    second = register(context, registration, name="twin")
    register(context, registration, name="other")
    empty_queue(context)
    webhooks.add(context, "twin", "github", secret=SECRET, actor="alice")
    webhooks.add(context, "other", "github", secret="another-secret-of-another", actor="alice")

    assert answer(call(host, push_of(origin, "a" * 40))) == (202, "accepted")

    assert waiting(context) == [("sync", settled.id), ("sync", second.id)]


def test_after_a_rotation_both_secrets_are_valid_for_a_while(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    _, new = webhooks.rotate(context, "dags", "github", keep="1h", secret=None, actor="alice")
    both = [
        answer(call(host, push_of(here, "a" * 40), secret=SECRET)),
        answer(call(host, push_of(here, "b" * 40), secret=new)),
    ]
    webhooks.rotate(context, "dags", "github", keep="0s", secret=None, actor="alice")
    neither = [
        answer(call(host, push_of(here, "c" * 40), secret=SECRET)),
        answer(call(host, push_of(here, "d" * 40), secret=new)),
    ]

    assert both == [(202, "accepted")] * 2
    assert neither == [(401, "HOOK001")] * 2


def test_a_removed_webhook_is_called_in_vain(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    address = own(context)
    webhooks.remove(context, "dags", "github", actor="alice")

    assert answer(call(host, push_of(here, "a" * 40), to=address)) == (404, "HOOK002")
    assert answer(call(host, push_of(here, "a" * 40))) == (401, "HOOK001")


def test_a_removed_repository_is_called_in_vain(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    remove(context, "dags", reason="over", actor="alice")

    assert answer(call(host, push_of(here, "a" * 40))) == (401, "HOOK001")


def test_a_suspended_repository_is_not_synced_by_calls(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    suspend(context, "dags", reason="a freeze", actor="alice")

    response = call(host, push_of(here, "a" * 40))

    assert answer(response) == (200, "ignored")
    assert (response.json()["message"], waiting(context)) == ("the repository is suspended", [])
    resume(context, "dags", actor="alice")
    assert waiting(context) == [("sync", here.id)]


def test_a_call_by_another_url_to_the_own_address_asks_and_expects_no_commit(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    body = github_push("http://localhost:3000/team/dags.git", "refs/heads/main", "a" * 40)

    assert answer(call(host, body, to=own(context))) == (202, "accepted")
    assert deliveries(context)[0].revision is None


def test_a_commit_that_shows_late_keeps_its_delivery_open_until_it_is_there(
    context: Context, origin: Origin, settled: Repository, host: httpx.Client
) -> None:
    (origin.clone / "orders.py").write_text(ORDERS + "# late\n")
    origin.git("commit", "--quiet", "-am", "late")
    sha = origin.git("rev-parse", "HEAD")
    call(host, push_of(origin, sha))
    run_sync(context, settled)
    before = states(context)
    origin.git("push", "--quiet", "origin", "HEAD:main")
    make_due(context)
    poll_due(context)
    run_sync(context, settled)

    assert (before, states(context)) == (
        [("accepted", "push to main")],
        [("done", "push to main")],
    )
    assert released(context) == sha


def test_a_commit_that_never_shows_leaves_a_dead_delivery_that_can_be_replayed(
    context: Context, origin: Origin, settled: Repository, host: httpx.Client
) -> None:
    call(host, push_of(origin, "f" * 40))
    run_sync(context, settled)
    while status_of(context).repository.expected_revision:
        make_due(context)
        poll_due(context)
    empty_queue(context)
    (dead,) = deliveries(context)
    head = origin.git("rev-parse", "HEAD")[:7]
    words = f"the remote does not show fffffff: its head is {head}"
    assert (dead.state.value, dead.reason, dead.has_body) == ("dead", words, True)

    host.headers["Authorization"] = f"Bearer {TOKEN}"
    again = host.post(f"/api/v1/deliveries/{dead.id}/replay")

    assert (again.status_code, again.json()["state"]) == (202, "accepted")
    assert waiting(context) == [("sync", settled.id)]


def test_deliveries_whose_syncs_fail_are_dead_after_five(
    context: Context, origin: Origin, settled: Repository, host: httpx.Client, git_server: Any
) -> None:
    call(host, push_of(origin, "a" * 40))
    git_server.offline()
    seen = []
    for _ in range(5):
        run_sync(context, settled)
        seen += [(one.state.value, one.tries) for one in deliveries(context)]

    assert seen == [("accepted", 1), ("accepted", 2), ("accepted", 3), ("accepted", 4), ("dead", 5)]
    [told] = events(context, settled, "delivery:dead")
    assert told["deliveries"] == [deliveries(context)[0].id]


def test_a_sync_that_was_lost_is_asked_for_again(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    call(host, push_of(here, "a" * 40))
    empty_queue(context)  # as a crash of the queue would
    with context.database.transaction() as connection:
        old = sa.func.now() - sa.text("interval '11 s'")
        connection.execute(sa.update(t.delivery).values(received_at=old))

    look_after(context)

    assert waiting(context) == [("sync", here.id)]


def test_bodies_are_stored_encrypted_and_only_until_they_are_done(
    context: Context, origin: Origin, settled: Repository, host: httpx.Client
) -> None:
    call(host, push_of(origin, origin.git("rev-parse", "HEAD")))
    with context.database.transaction() as connection:
        kept = connection.execute(sa.select(t.delivery.c.body)).scalar_one()
        secret = connection.execute(sa.select(t.webhook_secret.c.ciphertext)).scalar_one()
    run_sync(context, settled)

    assert b"orders.py" not in kept
    assert SECRET.encode() not in secret
    assert [one.has_body for one in deliveries(context)] == [False]


def test_nothing_of_a_body_or_a_secret_is_logged(
    context: Context,
    here: Repository,
    host: httpx.Client,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for secret in (SECRET, "wrong and long enough"):
        call(host, push_of(here, "a" * 40), secret=secret)
    call(host, b'{"ref": "canary', secret="canary-secret-value")

    told = "".join(capfd.readouterr())
    assert [word for word in ("orders.py", SECRET, "canary", "a" * 40) if word in told] == []


def test_strangers_cannot_fill_the_table(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    for number in range(30):
        call(host, push_of(here, f"{number:040x}"), secret="wrong and long enough")

    assert [one.state.value for one in deliveries(context)] == ["refused"] * 10


def test_while_the_database_is_away_nothing_is_half_done(
    context: Context, here: Repository
) -> None:
    away = Database("postgresql:///none?host=/nonexistent")
    with client_of(api_over(replace(context, database=away))) as host:
        response = call(host, push_of(here, "a" * 40))

    assert (response.status_code, response.json()["code"]) == (503, "DB001")
    assert response.headers["retry-after"] == "2"
    assert (deliveries(context), waiting(context)) == ([], [])


@pytest.mark.parametrize(
    "name", ["gitlab/goscm__push", "gitea/goscm__push", "azure-devops/goscm__push",
             "bitbucket-cloud/goscm__push", "bitbucket-server/goscm__push", "github/goscm__push"]
)  # fmt: skip
def test_a_recorded_push_finds_its_repository_by_the_shared_address(
    context: Context, here: Repository, host: httpx.Client, name: str
) -> None:
    kind, expected = (
        kind_of(name.split("/", maxsplit=1)[0]),
        json.loads((CASES / "expected.json").read_text()),
    )
    body = (CASES / f"{name}.json").read_bytes()
    if kind is not ForgeKind.GITHUB:
        webhooks.add(context, "dags", kind.value, secret=SECRET, actor="alice")
    with context.database.transaction() as connection:
        alias = expected[name]["aliases"][0]
        connection.execute(sa.update(t.webhook).values(remote=alias))
        connection.execute(sa.update(t.repository).values(ref="master"))
    header = {"bitbucket": "x-event-key", "gitea": "x-gitea-event"}.get(kind.value)
    headers = {"x-github-event": "push", **({header: expected[name]["event"]} if header else {})}

    response = host.post(
        f"/webhooks/{kind}", content=body, headers={**JSON, **headers, **proof_headers(kind, body)}
    )

    assert answer(response) == (202, "accepted")


def note_times(context: Context, **ago_s: float | None) -> None:
    """Have times of the webhooks lie so many seconds back; None: never."""
    values = {
        name: None if value is None else sa.func.now() - sa.text(f"interval '{value} s'")
        for name, value in ago_s.items()
    }
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.webhook).values(values))


def hook(context: Context) -> str:
    return webhooks.list_of(context)[0].hook.state.value


def wait_for_poll_s(context: Context) -> float:
    status = status_of(context)
    assert status.polled_at is not None
    return (status.next_poll_at - status.polled_at).total_seconds()


def test_a_host_that_falls_silent_is_told_once_and_polled_sooner_until_it_calls_again(
    context: Context, origin: Origin, settled: Repository, host: httpx.Client
) -> None:
    note_times(context, heard_at=3600)
    origin.push("untold", {"orders.py": ORDERS + "# 2\n"})
    make_due(context)
    poll_due(context)  # finds the push, of which no call told
    look_after(context)
    assert hook(context) == "heard"  # it may still come

    note_times(context, missed_at=61)
    look_after(context)
    look_after(context)
    make_due(context)
    poll_due(context)
    assert (hook(context), wait_for_poll_s(context) < 12) == ("silent", True)

    sha = origin.push("told", {"orders.py": ORDERS + "# 3\n"})
    call(host, push_of(origin, sha))
    make_due(context)
    poll_due(context)
    assert (hook(context), wait_for_poll_s(context) > 50) == ("heard", True)
    told = [events(context, settled, tag) for tag in ("hooks:silent", "hooks:heard")]
    assert [[one["kind"] for one in each] for each in told] == [["github"], ["github"]]


def test_a_push_that_a_call_told_of_is_not_missed_by_a_poll_that_is_quicker(
    context: Context, origin: Origin, settled: Repository, host: httpx.Client
) -> None:
    sha = origin.push("told", {"orders.py": ORDERS + "# 2\n"})
    call(host, push_of(origin, sha))
    empty_queue(context)  # the sync has not begun
    make_due(context)
    poll_due(context)

    with context.database.transaction() as connection:
        assert connection.execute(sa.select(t.webhook.c.missed_at)).scalar_one() is None


def test_a_repository_without_a_webhook_misses_no_calls(
    context: Context, origin: Origin, settled: Repository
) -> None:
    webhooks.remove(context, "dags", "github", actor="alice")
    origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    make_due(context)
    poll_due(context)
    look_after(context)

    assert (events(context, settled, "hooks:silent"), wait_for_poll_s(context) > 50) == ([], True)


def test_with_hooks_that_are_heard_polls_may_be_rarer(
    context: Context, origin: Origin, settled: Repository
) -> None:
    rarer = replace(context, hooked_interval_s=600)
    waits = []
    for heard_at in (None, 10):
        note_times(context, heard_at=heard_at)
        make_due(context)
        poll_due(rarer)
        waits.append(wait_for_poll_s(context))

    assert [wait > 500 for wait in waits] == [False, True]


def test_a_rotation_of_the_key_takes_secrets_and_bodies_along(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    call(host, push_of(here, "a" * 40))
    rotated = rotate_key(context, new_key=True, drop_old=True, actor="alice")

    assert rotated.secrets == 1
    assert answer(call(host, push_of(here, "b" * 40))) == (202, "accepted")
    with context.database.transaction() as connection:
        bodies = connection.execute(sa.select(t.delivery.c.body)).scalars().all()
    assert all("orders.py" in unpack(context.keyring.decrypt(b))[0].decode() for b in bodies)


def test_people_add_show_rotate_and_remove_webhooks(
    context: Context, here: Repository, room: Path
) -> None:
    url = "https://windlass.example"
    with command_line(replace(context, public_url=url), room) as windlass:
        made = windlass.say("webhook", "add", "dags", "--kind", "gitlab")
        shown = windlass.say("webhook", "show-address", "dags", "--kind", "gitlab")
        ambiguous = windlass.run("webhook", "rotate", "dags").exception
        rotated = windlass.say("webhook", "rotate", "dags", "--kind", "gitlab", "--keep", "1h")
        listed = windlass.say("webhook", "list")
        windlass.say("webhook", "remove", "dags", "--kind", "gitlab")
        left = json.loads("\n".join(windlass.say("webhook", "list", "--output", "json")))

    address = made[1].removeprefix("URL: ")
    assert address.startswith(f"{url}/webhooks/r/")
    assert (
        made[:4]
        == shown
        == [
            "dags   gitlab, authenticated, not signed",
            f"URL: {address}",
            f"  or, for all repositories of the kind: {url}/webhooks/gitlab",
            "Events: Push events and Tag push events",
        ]
    )
    secrets = [lines[4].removeprefix("Secret token: ") for lines in (made, rotated)]
    assert len(set(secrets)) == 2
    assert str(ambiguous) == "CLI019 'dags' has several webhooks Give --kind: github, gitlab."
    assert [line.split() for line in listed[1:]] == [
        ["dags", "github", "signature", "○", "Unheard", "-", "1"],
        ["dags", "gitlab", "token", "○", "Unheard", "-", "2"],
    ]
    assert [one["kind"] for one in left] == ["github"]
    assert not any(secret in str(left) for secret in secrets)
    audit = [row for row in _audit(context) if row.action.startswith("webhook:")]
    assert [row.action for row in audit] == [
        "webhook:added", "webhook:added", "webhook:rotated", "webhook:removed",
    ]  # fmt: skip
    assert not any(secret in str(audit) for secret in (*secrets, SECRET))


def test_people_see_deliveries_and_replay_them(
    context: Context, here: Repository, host: httpx.Client, room: Path
) -> None:
    call(host, push_of(here, "a" * 40), x_github_delivery="id-1")
    call(host, push_of(here, "b" * 40, "refs/heads/topic"))
    with context.database.transaction() as connection:
        dead = sa.update(t.delivery).where(t.delivery.c.state == "accepted")
        connection.execute(dead.values(state="dead", reason="GIT006 the host is away", tries=5))
    empty_queue(context)
    with command_line(context, room) as windlass:
        listed = windlass.say("delivery", "list")
        shown = windlass.say("delivery", "show", "1")
        repo = windlass.say("repo", "show", "dags")
        replayed = windlass.say("delivery", "replay", "1")[-1]
        refused = [windlass.run("delivery", "replay", number).exception for number in ("2", "9")]

    assert [" ".join(line.split()[3:]) for line in listed[1:]] == [
        "dags github ○ Ignored push to topic: the repository follows main",
        "dags github ■ Dead push to main: GIT006 the host is away",
    ]
    assert shown[1:4] == [
        "State    ■ Dead: GIT006 the host is away",
        f"From     github, signed, {len(push_of(here, 'a' * 40))} bytes",
        "Event    push, id-1",
    ]
    assert any(line.startswith("Hooks    ● Heard: github called ") for line in repo)
    assert replayed == "Asked for a sync of dags, for push to main."
    assert waiting(context) == [("sync", here.id)]
    assert [str(error)[:7].strip() for error in refused] == ["HOOK016", "HOOK014"]


def test_the_metrics_count_calls_and_webhooks(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    call(host, push_of(here, "a" * 40))
    call(host, push_of(here, "a" * 40), secret="wrong and long enough")
    context.measures.flush(context.database)

    lines = host.get("/metrics").text.splitlines()
    assert [line for line in lines if line.startswith(("windlass_deliv", "windlass_webhooks"))] == [
        'windlass_webhooks{state="unheard"} 0.0',
        'windlass_webhooks{state="heard"} 1.0',
        'windlass_webhooks{state="silent"} 0.0',
        "windlass_deliveries_waiting 1.0",
        'windlass_deliveries_total{kind="github",outcome="accepted"} 1.0',
        'windlass_deliveries_total{kind="github",outcome="unproven"} 1.0',
    ]


def _audit(context: Context) -> list[Any]:
    with context.database.transaction() as connection:
        return list_audit(connection, limit=50)


def test_a_call_that_dies_with_the_process_is_there_as_a_whole_or_not_at_all(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    seen = set()
    for moment in itertools.count():
        sha = f"{moment + 1:040x}"
        body = push_of(here, sha)
        headers = {"x-github-event": "push", **proof_headers(ForgeKind.GITHUB, body)}
        arrival = Arrival(headers, body, is_form=False, kind=ForgeKind.GITHUB)
        has_died = dies_in_call(context, moment, arrival)
        is_stored = any(one.revision == sha for one in deliveries(context))
        assert is_stored == bool(waiting(context))
        again = answer(call(host, body))  # the host was told nothing
        assert again == ((200, "duplicate") if is_stored else (202, "accepted"))
        assert waiting(context) == [("sync", here.id)]
        empty_queue(context)
        seen.add((has_died, is_stored))
        if not has_died:
            break

    # Before the commit nothing is there; after it, and before the answer, everything is.
    assert seen == {(True, False), (True, True), (False, True)}


def test_in_a_storm_syncs_are_a_second_apart(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    put_off = list[bool]()
    for number in range(STORM + 2):
        call(host, push_of(here, f"{number:040x}"))
        with context.database.transaction() as connection:
            query = "SELECT scheduled_at IS NOT NULL FROM procrastinate_jobs"
            put_off += connection.execute(sa.text(query)).scalars()
        empty_queue(context)

    assert put_off == [False] * STORM + [True, True]


def test_a_call_that_was_refused_is_never_replayed(
    context: Context, here: Repository, host: httpx.Client
) -> None:
    call(host, push_of(here, "a" * 40), secret="wrong and long enough", to=own(context))
    (refused,) = deliveries(context)

    with pytest.raises(Conflict) as told:
        replay(context, refused.id, actor="alice")

    assert (told.value.code, told.value.message) == (
        "HOOK015",
        f"delivery {refused.id} was refused, so nothing of it is believed",
    )


def test_a_call_that_does_not_come_to_its_end_is_ended(
    context: Context, here: Repository, host: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "BODY_LIMIT_S", 0.2)
    head = (
        f"POST {own(context)} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: 100\r\n\r\n{"
    )

    with socket.create_connection((host.base_url.host, host.base_url.port or 0)) as connection:
        connection.sendall(head.encode())
        said = http.client.HTTPResponse(connection)
        said.begin()
        problem = json.loads(said.read())

    assert (said.status, problem["code"], problem["message"]) == (
        408,
        "HOOK018",
        "the call did not come to its end within 0.2 s",
    )
    assert deliveries(context) == []


def test_the_command_line_names_a_webhook_that_is_not_there(
    context: Context, here: Repository, room: Path
) -> None:
    with command_line(context, room) as windlass:
        refused = windlass.run("webhook", "rotate", "dags", "--kind", "gitlab").exception

    assert str(refused) == (
        "CLI018 'dags' has no webhook of the kind gitlab Add one: windlass webhook add dags"
    )
