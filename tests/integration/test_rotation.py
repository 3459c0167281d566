"""Other secrets and other keys in the place of those that are stored, while syncs run."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.integration.conftest import PASSWORD, Origin, clone_of, register, run_sync
from tests.integration.serving import TOKEN, api_over, client_of, command_line
from tests.integration.sshserver import SshServer
from tests.integration.test_declare import repositories
from windlass.credentials.keyring import Keyring
from windlass.database import tables as t
from windlass.database.credentials import forget_previous
from windlass.domain.errors import Conflict, Invalid
from windlass.engine.context import Context
from windlass.engine.keys import Rotated, rotate_key
from windlass.engine.register import Registration
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.git.remotes import find_head

ROOT = "/api/v1/credentials"
NEXT = "battery staple"


@pytest.fixture
def alice(context: Context) -> Iterator[httpx.Client]:
    with client_of(api_over(context)) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


@pytest.fixture
def stored(alice: httpx.Client, context: Context, origin: Origin) -> Context:
    """The credential `git`, which the repository `dags` uses."""
    origin.push("first", {"a.py": "x = 1\n"})
    auth = {"username": "ci", "password": PASSWORD}
    body = {"name": "git", "url": origin.url, "auth": auth}
    assert alice.post(ROOT, json=body).status_code == 201
    register(context, Registration(origin.url, "default", "60s", credential="git"))
    return context


def rotate(alice: httpx.Client, password: str, **more: Any) -> httpx.Response:
    auth = {"username": "ci", "password": password}
    return alice.post(f"{ROOT}/git/rotate", json={"auth": auth, **more})


def head(context: Context) -> str:
    with context.database.transaction() as connection:
        remote = context.remote_of(connection, repositories(context)[0])
    return find_head(remote).sha


def test_a_new_secret_takes_over_once_it_opens_everything(
    alice: httpx.Client, stored: Context, git_server: GitHttpServer
) -> None:
    git_server.set_login("ci", NEXT)

    rotated = rotate(alice, NEXT, keep_old_h=0)
    git_server.set_login("ci", PASSWORD, HTTPStatus.UNAUTHORIZED)

    assert rotated.status_code == 200
    assert (rotated.json()["used_by"], rotated.json()["previous_until"]) == (
        ["repository/dags"],
        None,
    )
    assert head(stored)
    assert NEXT not in rotated.text


def test_a_new_secret_that_does_not_open_everything_changes_nothing(
    alice: httpx.Client, stored: Context
) -> None:
    refused = rotate(alice, "wr0ng")

    assert (refused.status_code, refused.json()["code"]) == (409, "CRED027")
    assert "GIT002" in refused.json()["message"]
    assert "wr0ng" not in refused.text
    assert head(stored)


def test_a_secret_of_another_kind_takes_no_place(alice: httpx.Client, stored: Context) -> None:
    refused = alice.post(f"{ROOT}/git/rotate", json={"auth": {"token": PASSWORD, "username": "ci"}})

    assert refused.json()["message"] == "the credential 'git' is of the kind basic, not token"


def test_the_old_secret_is_tried_for_a_while_where_the_new_one_is_refused(
    alice: httpx.Client, stored: Context, git_server: GitHttpServer
) -> None:
    git_server.set_login("ci", NEXT)
    assert rotate(alice, NEXT, keep_old_h=1).status_code == 200
    git_server.set_login("ci", NEXT, HTTPStatus.UNAUTHORIZED)  # a replica that does not know it

    assert head(stored)
    with stored.database.transaction() as connection:
        past = sa.func.now() - sa.text("interval '1 s'")
        connection.execute(sa.update(t.credential).values(previous_until=past))
    with pytest.raises(Invalid) as refused:
        head(stored)
    with stored.database.transaction() as connection:
        assert forget_previous(connection) == ["git"]
        kept = connection.execute(sa.select(t.credential.c.previous_ciphertext)).scalar_one()
    assert refused.value.code == "GIT002"
    assert kept is None


def test_what_is_wrong_is_told_in_a_line(
    stored: Context, git_server: GitHttpServer, origin: Origin, room: Path
) -> None:
    said: dict[str, list[str]] = {}
    with command_line(stored, room) as windlass:

        def ask(what: str, *url: str) -> None:
            said[what] = windlass.run("credential", "test", "git", *url).stdout.splitlines()

        ask("fine")
        git_server.set_login("ci", PASSWORD, HTTPStatus.UNAUTHORIZED)
        ask("refused")
        git_server.set_login(
            "ci", PASSWORD, HTTPStatus.UNAUTHORIZED, "Your token has expired. Make another one."
        )
        ask("expired")
        git_server.set_login("ci", PASSWORD, HTTPStatus.FORBIDDEN)
        ask("forbidden")
        ask("no repository", origin.url.replace("team/dags", "team/gone"))

    assert said == {
        "fine": ["dags: ok"],
        "refused": [
            f"dags: GIT002 {origin.url} refuses the user and password, or wants some. "
            "Give them with --username and --password-stdin."
        ],
        "expired": [
            f"dags: GIT002 {origin.url} refuses the login: it says that it has expired. "
            "Make a new one there, then: windlass credential rotate NAME."
        ],
        "forbidden": [
            f"dags: GIT028 {origin.url} knows this login, and does not let it read. Give its token "
            "or key the right to read this repository; where the host has single sign-on, "
            "authorize it for the organization."
        ],
        "no repository": [
            f"{origin.url.replace('team/dags', 'team/gone')}: GIT003 "
            f"{origin.url.replace('team/dags', 'team/gone')} is no repository, or not one that "
            "these credentials may read. Open the URL in a browser and compare."
        ],
    }


def test_a_deploy_key_is_made_shown_and_used(
    alice: httpx.Client, context: Context, origin: Origin, ssh_server: SshServer
) -> None:
    sha = origin.push("first", {"a.py": "x = 1\n"})
    url, known = ssh_server.url("team/dags"), ssh_server.known_hosts()
    body = {"name": "team", "url": url, "known_hosts": known}

    made = alice.post(f"{ROOT}/deploy-keys", json=body).json()
    before = alice.post(f"{ROOT}/team/test", json={}).json()
    (ssh_server.folder / "authorized").write_text(made["public_key"] + "\n")
    after = alice.post(f"{ROOT}/team/test", json={}).json()

    assert made["public_key"].startswith("ssh-ed25519 ")
    assert [one["problem"]["code"] for one in before] == ["GIT002"]
    assert after == [{"url": url, "repository": None, "problem": None}]
    register(context, Registration(url, "default", "60s", credential="team"))
    assert head(context) == sha


def test_another_deploy_key_takes_over_once_the_host_knows_it(
    alice: httpx.Client, origin: Origin, ssh_server: SshServer
) -> None:
    origin.push("first", {"a.py": "x = 1\n"})
    url, known = ssh_server.url("team/dags"), ssh_server.known_hosts()
    authorized = ssh_server.folder / "authorized"
    made = alice.post(
        f"{ROOT}/deploy-keys", json={"name": "team", "url": url, "known_hosts": known}
    ).json()
    authorized.write_text(made["public_key"] + "\n")

    renewed = alice.post(f"{ROOT}/team/renew-key", json={}).json()
    by_the_old = alice.post(f"{ROOT}/team/test", json={}).json()
    authorized.write_text(renewed["public_key"] + "\n")
    by_the_new = alice.post(f"{ROOT}/team/test", json={}).json()

    assert renewed["public_key"].startswith("ssh-ed25519 ")
    assert renewed["public_key"] != made["public_key"]
    assert renewed["previous_until"] is not None
    assert [by_the_old, by_the_new] == [[{"url": url, "repository": None, "problem": None}]] * 2


def test_what_is_no_ssh_key_is_not_renewed(alice: httpx.Client, origin: Origin) -> None:
    origin.push("first", {"a.py": "x = 1\n"})
    auth = {"username": "ci", "password": PASSWORD}
    alice.post(ROOT, json={"name": "git", "url": origin.url, "auth": auth})

    answer = alice.post(f"{ROOT}/git/renew-key", json={})

    assert (answer.status_code, answer.json()["code"]) == (409, "CRED027")


def test_a_changed_host_key_is_told(
    alice: httpx.Client, origin: Origin, ssh_server: SshServer
) -> None:
    origin.push("first", {"a.py": "x = 1\n"})
    other = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    known = ssh_server.known_hosts().rsplit(" ", 1)[0] + f" {other}\n"
    body = {"name": "team", "url": ssh_server.url("team/dags"), "known_hosts": known}
    alice.post(f"{ROOT}/deploy-keys", json=body)

    (told,) = alice.post(f"{ROOT}/team/test", json={}).json()

    assert told["problem"]["code"] == "GIT020"


def test_a_credential_that_opens_nothing_known_wants_a_url(
    alice: httpx.Client, stored: Context
) -> None:
    with stored.database.transaction() as connection:
        connection.execute(sa.update(t.credential).values(options={"named": True}))
        connection.execute(sa.update(t.repository).values(credential_id=None))

    codes = [
        alice.post(f"{ROOT}/git/test", json={}).json()["code"],
        alice.post(f"{ROOT}/gti/test", json={}).json()["code"],
        rotate(alice, NEXT).json()["code"],
    ]

    assert codes == ["CRED026", "CRED022", "CRED026"]


def test_keys_are_rotated_and_the_one_before_the_last_is_forgotten(stored: Context) -> None:
    first = stored.keyring.keys()

    rotated = [rotate_key(stored, new_key=True, drop_old=False, actor="alice") for _ in range(2)]
    kept = stored.keyring.keys()
    last = rotate_key(stored, new_key=False, drop_old=True, actor="alice")

    assert rotated == [Rotated(1, 0, 2), Rotated(1, 1, 2)]
    assert not set(first) & set(kept)
    assert last == Rotated(1, 1, 1)
    assert stored.keyring.keys() == kept[:1]
    assert head(stored)


def test_a_key_file_that_something_else_keeps_is_not_touched(stored: Context, room: Path) -> None:
    keys = (room / "secret-keys").read_text()
    number = os.memfd_create("keys")  # a file that can be read, in a folder that cannot be written
    os.write(number, keys.encode())
    held = replace(stored, keyring=Keyring(Path(f"/proc/{os.getpid()}/fd/{number}")))

    with pytest.raises(Conflict) as refused:
        rotate_key(held, new_key=True, drop_old=False, actor="alice")
    again = rotate_key(held, new_key=False, drop_old=False, actor="alice")
    os.close(number)

    assert refused.value.code == "CRED025"
    assert again == Rotated(1, 0, 1)


def test_fifty_syncs_run_while_secrets_and_keys_are_rotated(
    alice: httpx.Client,
    stored: Context,
    git_server: GitHttpServer,
    origin: Origin,
    room: Path,
) -> None:
    git_server.create_repository("team/more", private=True)
    clone_of(git_server, "team/more", room / "more").push("first", {"b.py": "y = 1\n"})
    git_server.set_login("ci", NEXT)
    more = register(
        stored,
        Registration(git_server.url_for("team/more"), "default", "60s", credential="git"),
        name="more",
    )
    failures: list[BaseException] = []
    done = threading.Event()

    def sync(repository: Any) -> None:
        try:
            for _ in range(25):
                run_sync(stored, repository)
        except BaseException as error:  # noqa: BLE001  # told by the assert
            failures.append(error)

    def rotate_all() -> None:
        words = [NEXT, PASSWORD]
        while not done.is_set():
            assert rotate(alice, words[0]).status_code == 200
            rotate_key(stored, new_key=True, drop_old=False, actor="alice")
            words.reverse()
            rounds.append(time.monotonic())

    rounds: list[float] = []
    syncs = [threading.Thread(target=sync, args=(one,)) for one in (repositories(stored)[0], more)]
    rotating = threading.Thread(target=rotate_all)
    for thread in (*syncs, rotating):
        thread.start()
    for thread in syncs:
        thread.join()
    done.set()
    rotating.join()

    assert failures == []
    assert len(rounds) > 1
