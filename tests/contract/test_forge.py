"""What the client of every Git host must do (forges.clients.client.ForgeClient)."""

import base64
import gzip
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.contract import forges
from tests.contract.forges import EVERY, LOOPBACK, TOKEN, Forge, client_of, serving
from windlass.domain.errors import AppError, Forbidden, Invalid, NotFound, Throttled, Unavailable
from windlass.domain.forge import CommitState, CommitStatus, HookThere, Protection, WantedHook
from windlass.entrypoints.demo.certificates import LocalAuthority
from windlass.forges.clients.client import ScanUpload
from windlass.network.authorities import read_authorities
from windlass.network.proxies import Network

URL = "https://windlass.example/webhooks/r/abc"
SECRET = "hook-canary-0123456789"
WANTED = WantedHook(URL, SECRET)
SHA = "3f9c2d1" + "0" * 33


@pytest.fixture
def forge(request: pytest.FixtureRequest) -> Iterator[Forge]:
    with serving(request.param()) as forge:
        yield forge


every = pytest.mark.parametrize("forge", EVERY, indirect=True, ids=lambda one: one.kind.value)
one = pytest.mark.parametrize("forge", [forges.GitHub], indirect=True, ids=["github"])


def failure(forge: Forge, *answers: Any, way: Any = LOOPBACK) -> AppError:
    forge.answers[:] = answers
    with pytest.raises(AppError) as refused:
        client_of(forge, way).list_hooks()
    return refused.value


@every
def test_a_hook_that_was_made_is_there_as_it_was_wanted(forge: Forge) -> None:
    client = client_of(forge)

    client.add_hook(WANTED)

    found = [replace(hook, id="") for hook in client.list_hooks()]
    assert found == [HookThere("", URL)]
    assert {forge.secret_of(hook) for hook in forge.hooks.values()} == {SECRET}


@every
def test_a_changed_hook_calls_elsewhere_with_another_secret(forge: Forge) -> None:
    client = client_of(forge)
    client.add_hook(WANTED)

    other = WantedHook("https://other.example/webhooks/r/abc", "another-secret-0123")
    client.change_hook(client.list_hooks()[0], other)

    assert [replace(hook, id="") for hook in client.list_hooks()] == [HookThere("", other.url)]
    assert {forge.secret_of(hook) for hook in forge.hooks.values()} == {"another-secret-0123"}


@every
def test_a_removed_hook_is_gone(forge: Forge) -> None:
    client = client_of(forge)
    client.add_hook(WANTED)

    client.remove_hook(client.list_hooks()[0])

    assert (client.list_hooks(), forge.hooks) == ([], {})


@every
def test_a_status_becomes_another_and_the_same_again_changes_nothing(forge: Forge) -> None:
    client = client_of(forge)
    pending = CommitStatus("windlass/dags", CommitState.PENDING, "it is being judged")
    denied = CommitStatus("windlass/dags", CommitState.FAILURE, "2 findings", "https://w.example/x")

    for status in (pending, pending, denied):
        client.post_status(SHA, status)

    assert {status["sha"] for status in forge.statuses} == {SHA}
    assert forge.statuses[-1]["description"] == "2 findings"
    assert forge.statuses[-1]["state"].lower() in ("failure", "failed")


@every
def test_a_comment_is_found_by_its_mark_and_updated_in_place(forge: Forge) -> None:
    client = client_of(forge)
    client.add_comment(7, "somebody else's words")
    made = client.add_comment(7, "[//]: # (windlass dags)\nDenied")

    found = client.find_comment(7, "[//]: # (windlass dags)")
    client.change_comment(7, made, "[//]: # (windlass dags)\nAllowed")

    assert found == made
    assert [comment["body"] for comment in forge.comments.values()] == [
        "somebody else's words",
        "[//]: # (windlass dags)\nAllowed",
    ]


@every
def test_a_comment_that_nobody_made_is_not_found(forge: Forge) -> None:
    assert client_of(forge).find_comment(7, "[//]: # (windlass dags)") is None


@every
def test_a_comment_among_many_is_found(forge: Forge) -> None:
    client = client_of(forge)
    for _ in range(120):
        client.add_comment(7, "words")
    made = client.add_comment(7, "[//]: # (windlass dags)")

    assert client.find_comment(7, "[//]: # (windlass dags)") == made


@every
def test_the_protection_of_a_branch_is_read(forge: Forge) -> None:
    said = []
    for protected in (None, "plain", "reviewed"):
        forge.protected = protected
        said.append(client_of(forge).protection("main"))

    assert said == [
        Protection(is_protected=False, needs_review=False),
        Protection(is_protected=True, needs_review=False),
        Protection(is_protected=True, needs_review=True),
    ]


@every
def test_a_refused_token_is_replaced_by_the_next_one(forge: Forge) -> None:
    client_of(forge, token="old-token", other=TOKEN).add_hook(WANTED)

    assert {forge.secret_of(hook) for hook in forge.hooks.values()} == {SECRET}


@every
def test_a_token_that_is_refused_is_told_and_shown_nowhere(
    forge: Forge, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    with pytest.raises(Invalid) as refused:
        client_of(forge, token="gone-canary-987").add_hook(WANTED)

    assert refused.value.code == "FORGE005"
    shown = f"{refused.value} {refused.value.__cause__!r} {caplog.text} {WANTED!r}"
    assert ("gone-canary-987" in shown, SECRET in shown) == (False, False)


@one
def test_each_status_means_what_the_caller_can_do(forge: Forge) -> None:
    bad = {"message": f"{TOKEN} {SECRET}"}
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "100"}
    told = [
        failure(forge, (400, bad)),
        failure(forge, (403, bad)),
        failure(forge, (404, bad)),
        failure(forge, (422, bad)),
        failure(forge, (500, bad)),
        failure(forge, (301, bad, {"Location": "http://10.0.0.7/"})),
        failure(forge, (403, bad, used_up)),
    ]

    assert [(type(error), error.code) for error in told] == [
        (Invalid, "FORGE008"),
        (Forbidden, "FORGE006"),
        (NotFound, "FORGE007"),
        (Invalid, "FORGE008"),
        (Unavailable, "FORGE003"),
        (Invalid, "FORGE013"),
        (Throttled, "FORGE004"),
    ]
    assert [error for error in told if TOKEN in str(error) or SECRET in str(error)] == []


@one
def test_a_host_says_how_long_it_is_to_be_left_alone(forge: Forge) -> None:
    asked = [
        failure(forge, (429, {}, {"Retry-After": "90"})),
        failure(forge, (429, {})),
        failure(forge, (403, {}, {"Retry-After": "99999999"})),
        failure(forge, (503, {}, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"})),
    ]

    assert [cast("Throttled", error).retry_after_s for error in asked] == [90, 60, 3600, 1]


@one
def test_no_redirect_is_followed(forge: Forge) -> None:
    with serving(forges.GitHub()) as inside:
        there = {"Location": f"{inside.url}{forges.GitHub.root}/hooks"}
        error = failure(forge, (307, {}, there))

    assert (error.code, inside.calls) == ("FORGE013", [])


@one
def test_a_private_address_is_not_asked_unless_it_is_allowed(forge: Forge) -> None:
    error = failure(forge, way=replace(LOOPBACK, allowed=()))

    assert (type(error), error.code, forge.calls) == (Invalid, "FORGE001", [])


@one
def test_a_certificate_that_nobody_vouches_for_is_not_believed(forge: Forge, room: Path) -> None:
    authority = LocalAuthority(room / "authority")
    with serving(forges.GitHub(), authority.server_context()) as secured:
        error = failure(secured)

        vouched = replace(LOOPBACK, network=Network(authorities=read_authorities(authority.file)))
        found = client_of(secured, vouched).list_hooks()

    assert (type(error), error.code, found) == (Invalid, "FORGE002", [])


@one
def test_an_answer_without_end_is_cut(forge: Forge) -> None:
    way = replace(LOOPBACK, limit_s=0.5)

    told = [
        failure(forge, forges.dripping, way=way),
        failure(forge, forges.hanging_headers, way=way),
    ]

    assert [(type(error), error.code) for error in told] == [(Unavailable, "FORGE003")] * 2
    assert {error.message.rpartition(": ")[2] for error in told} == {"ReadTimeout"}


@one
def test_a_giant_answer_is_not_read(forge: Forge) -> None:
    error = failure(forge, b"[" + b" " * 2_000 + b"]", way=replace(LOOPBACK, max_bytes=1_000))

    assert (error.code, error.message.rpartition(": ")[2]) == ("FORGE003", "its answer is too long")


@one
@pytest.mark.parametrize(
    "answer",
    [b"<html>", b"[1]", b"{}", b"null", b'[{"config": {}}]', b"[" * 100_000],
    ids=["html", "numbers", "object", "null", "without an id", "deep"],
)
def test_what_is_not_the_api_is_told(forge: Forge, answer: bytes) -> None:
    error = failure(forge, answer)

    assert (type(error), error.code) == (Unavailable, "FORGE009")


@one
def test_a_host_that_is_away_may_be_asked_later(forge: Forge) -> None:
    client = client_of(forge)
    forge.answers[:] = [lambda handler: handler.connection.close()]

    with pytest.raises(Unavailable) as away:
        client.list_hooks()

    assert away.value.code == "FORGE003"


@one
def test_findings_are_uploaded_packed(forge: Forge) -> None:
    client = cast("ScanUpload", client_of(forge))

    client.upload_sarif(SHA, "refs/heads/main", b'{"version": "2.1.0"}')

    sent = forge.sarifs[0]
    assert gzip.decompress(base64.b64decode(sent.pop("sarif"))) == b'{"version": "2.1.0"}'
    assert sent == {"commit_sha": SHA, "ref": "refs/heads/main", "tool_name": "Windlass"}
