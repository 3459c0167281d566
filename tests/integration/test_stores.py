"""Credentials whose secret stays in another store: read when git needs it, never kept here."""

from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.contract.stores import Fake
from tests.integration.conftest import PASSWORD, Origin, register
from tests.integration.serving import TOKEN, api_over, client_of
from tests.integration.sshserver import SshServer
from tests.integration.test_rotation import NEXT, ROOT, head
from windlass.credentials.vaults import KEPT_S, OUTAGE_S, Vaults
from windlass.database import tables as t
from windlass.domain.errors import Invalid, Unavailable
from windlass.engine.context import Context
from windlass.engine.keys import rotate_key
from windlass.engine.register import Registration
from windlass.entrypoints.demo.gitserver import GitHttpServer


@pytest.fixture
def store() -> Fake:
    return Fake({"git": PASSWORD})


@pytest.fixture
def with_store(context: Context, store: Fake) -> Context:
    return replace(context, vaults=Vaults({"fake": lambda: store}))


@pytest.fixture
def alice(with_store: Context) -> Iterator[httpx.Client]:
    with client_of(api_over(with_store)) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


def add(alice: httpx.Client, url: str, reference: str = "git", **more: Any) -> httpx.Response:
    at = {"store": "fake", "reference": reference, "kind": "basic", "username": "ci", **more}
    return alice.post(ROOT, json={"name": "git", "url": url, "stored_in": at})


def test_a_secret_that_lies_elsewhere_opens_and_is_not_kept(
    alice: httpx.Client, with_store: Context, origin: Origin
) -> None:
    sha = origin.push("first", {"a.py": "x = 1\n"})

    added = add(alice, origin.url)
    register(with_store, Registration(origin.url, "default", "60s", credential="git"))

    assert added.json()["lies_in"] == "fake git"
    assert head(with_store) == sha
    with with_store.database.transaction() as connection:
        row = connection.execute(sa.select(t.credential)).one()
    assert row.ciphertext == b""
    assert PASSWORD not in str(row)
    assert rotate_key(with_store, new_key=True, drop_old=True, actor="alice").secrets == 0


def test_a_secret_that_was_rotated_there_is_read_again_when_it_is_refused(
    alice: httpx.Client, with_store: Context, origin: Origin, store: Fake, git_server: GitHttpServer
) -> None:
    origin.push("first", {"a.py": "x = 1\n"})
    add(alice, origin.url)
    register(with_store, Registration(origin.url, "default", "60s", credential="git"))

    store.secrets["git"] = NEXT
    git_server.set_login("ci", NEXT)
    git_server.set_login("ci", PASSWORD, HTTPStatus.UNAUTHORIZED)

    assert head(with_store)
    refused = alice.post(f"{ROOT}/git/rotate", json={"auth": {"username": "ci", "password": NEXT}})
    assert refused.json()["code"] == "CRED028"


def test_an_ssh_key_may_lie_elsewhere(
    alice: httpx.Client, with_store: Context, origin: Origin, store: Fake, ssh_server: SshServer
) -> None:
    sha = origin.push("first", {"a.py": "x = 1\n"})
    store.secrets["key"] = ssh_server.client_key.read_text().strip()
    url = ssh_server.url("team/dags")

    added = add(alice, url, "key", kind="ssh_key", known_hosts=ssh_server.known_hosts())
    register(with_store, Registration(url, "default", "60s", credential="git"))

    assert added.json()["fingerprint"].startswith("SHA256:")
    assert head(with_store) == sha


def test_what_is_wrong_is_told_when_it_is_added(
    alice: httpx.Client, origin: Origin, store: Fake
) -> None:
    origin.push("first", {"a.py": "x = 1\n"})
    answers = [
        add(alice, origin.url, "gti"),
        add(alice, origin.url, store="vualt"),
        add(alice, origin.url, username=None),
        alice.post(ROOT, json={"name": "git", "url": origin.url}),
    ]
    store.secrets["git"] = "wr0ng"
    answers.append(add(alice, origin.url))

    assert [one.json()["code"] for one in answers] == [
        "CRED042",
        "CRED040",
        "CRED029",
        "CRED046",
        "GIT002",
    ]


def test_a_secret_is_kept_for_a_minute_and_used_for_an_hour_while_its_store_is_away() -> None:
    now = 0.0
    store = Fake({"git": "one"})
    vaults = Vaults({"fake": lambda: store}, clock=lambda: now)

    first = vaults.read("fake", "git")
    store.secrets["git"] = "two"
    now = KEPT_S - 1
    kept = vaults.read("fake", "git")
    fresh = vaults.read("fake", "git", fresh=True)
    store.state = "away"
    now = OUTAGE_S
    away = vaults.read("fake", "git")
    now = 2 * OUTAGE_S

    assert (first, kept, fresh, away) == ("one", "one", "two", "two")
    with pytest.raises(Unavailable):
        vaults.read("fake", "git")
    with pytest.raises(Invalid) as unknown:
        Vaults().read("fake", "git")
    assert unknown.value.code == "CRED040"
