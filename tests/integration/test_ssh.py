"""git by ssh, against a real server: keys that are pinned, keys that are not, and where secrets
go."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.sshserver import SshServer, fingerprint, make_key
from tests.integration.test_mirror import processes
from windlass.database.credentials import CredentialKind, find_credential
from windlass.domain.errors import AppError, Conflict, Invalid, Unavailable
from windlass.domain.login import KeyLogin, PasswordLogin
from windlass.domain.ref import Ref, RefKind
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.git.access import Boundary, Remote, SshAuth, access_to
from windlass.git.mirror import Mirror
from windlass.git.process import GitStopped, run_git
from windlass.git.remotes import find_head

LOOPBACK = Boundary(("127.0.0.1",))
ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"
MAIN = Ref(RefKind.BRANCH, "main")


@pytest.fixture(autouse=True)
def pushed(origin: Origin) -> str:
    return origin.push("first", {"orders.py": ORDERS})


@pytest.fixture
def by_ssh(registration: Registration, ssh_server: SshServer) -> Registration:
    return Registration(
        url=ssh_server.url("team/dags"),
        environment="default",
        sync_interval="60s",
        login=KeyLogin(ssh_server.client_key.read_text(), known_hosts=ssh_server.known_hosts()),
    )


def remote(server: SshServer, known_hosts: str | None = None, name: str = "team/dags") -> Remote:
    auth = SshAuth(server.client_key.read_text(), known_hosts or server.known_hosts())
    return Remote(server.url(name), MAIN, auth, LOOPBACK)


def failure(call: Callable[..., object], *given: object) -> AppError:
    with pytest.raises(AppError) as failed:
        call(*given)
    return failed.value


def test_a_repository_is_added_fetched_and_released_by_ssh(
    context: Context, by_ssh: Registration, pushed: str
) -> None:
    repository = register(context, by_ssh)

    run_sync(context, repository)

    deployed = status_of(context).facts.deployed
    assert deployed is not None
    assert deployed.revision == pushed


def test_a_host_that_nobody_vouched_for_is_shown_and_not_believed(
    context: Context, by_ssh: Registration, ssh_server: SshServer
) -> None:
    key = ssh_server.client_key.read_text()
    print_of_host = fingerprint(ssh_server.host_key)

    unknown = failure(lambda: register(context, by_ssh, login=KeyLogin(key)))
    wrong = failure(lambda: register(context, by_ssh, login=KeyLogin(key, host_key="SHA256:x")))
    added = register(context, by_ssh, login=KeyLogin(key, host_key=print_of_host))

    assert [type(unknown), unknown.code, wrong.code] == [Conflict, "GIT019", "GIT019"]
    assert unknown.message == (
        f"the ssh host key of [127.0.0.1]:{ssh_server.port} is not known; "
        f"it shows ssh-ed25519 {print_of_host}"
    )
    assert unknown.hint.endswith(f"--host-key {print_of_host}, or give --known-hosts FILE.")
    with context.database.transaction() as connection:
        stored = find_credential(connection, added.name)
    assert stored is not None
    assert stored.options["known_hosts"] == ssh_server.known_hosts()


def test_a_host_with_another_key_than_the_pinned_one_is_refused(
    mirror: Mirror, ssh_server: SshServer
) -> None:
    stranger = ssh_server.folder / "stranger"
    make_key(stranger)
    other = remote(ssh_server, ssh_server.known_hosts(stranger))
    elsewhere = remote(ssh_server, "git.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA")

    refused = [failure(call, at) for call in (find_head, mirror.fetch) for at in (other, elsewhere)]

    assert [(type(error), error.code) for error in refused] == [(Invalid, "GIT020")] * 4


@pytest.fixture
def mirror(room: Path) -> Mirror:
    return Mirror(room / "mirrors" / "1.git")


def test_a_host_whose_key_changed_is_not_asked_any_more_and_what_is_live_stays(
    context: Context, by_ssh: Registration, ssh_server: SshServer, room: Path
) -> None:
    repository = register(context, by_ssh)
    run_sync(context, repository)
    again = SshServer(ssh_server.root, ssh_server.folder)
    again.new_host_key()
    with again.running():
        url = again.url("team/dags")
        moved = Remote(url, MAIN, remote(ssh_server).auth, LOOPBACK)
        pinned = ssh_server.known_hosts().replace(str(ssh_server.port), str(again.port))
        old_key = SshAuth(ssh_server.client_key.read_text(), _old_pin(context, pinned))

        refused = failure(find_head, Remote(moved.url, MAIN, old_key, LOOPBACK))

    assert refused.code == "GIT020"
    assert status_of(context).facts.deployed is not None


def _old_pin(context: Context, new: str) -> str:
    """The line that was pinned before the key changed, for the new port."""
    with context.database.transaction() as connection:
        stored = find_credential(connection, "dags")
    assert stored is not None
    return f"{new.split(maxsplit=1)[0]} {str(stored.options['known_hosts']).split(' ', 1)[1]}"


@pytest.mark.parametrize("form", ["OpenSSH", "PEM"])
def test_a_key_with_a_passphrase_is_opened_once_and_kept_without_it_encrypted(
    context: Context, by_ssh: Registration, ssh_server: SshServer, form: str
) -> None:
    key = ssh_server.folder / "locked"
    _make_locked_key(key, form)
    authorized = ssh_server.folder / "authorized"
    authorized.write_text(key.with_suffix(".pub").read_text())
    known = ssh_server.known_hosts()

    def add(passphrase: str | None) -> object:
        login = KeyLogin(key.read_text(), passphrase, known)
        return register(context, by_ssh, login=login)

    assert [failure(add, wrong).code for wrong in (None, "wrong")] == ["CRED004", "CRED004"]
    add("hunter2")
    with context.database.transaction() as connection:
        stored = find_credential(connection, "dags")
    assert stored is not None
    assert (stored.kind, stored.options["fingerprint"]) == (
        CredentialKind.SSH_KEY,
        fingerprint(key),
    )
    assert b"PRIVATE" not in stored.ciphertext
    assert "PRIVATE" not in str(stored.options)


def _make_locked_key(key: Path, form: str) -> None:
    import subprocess

    if form == "OpenSSH":
        make_key(key, "hunter2")
        return
    command = ["ssh-keygen", "-q", "-t", "ecdsa", "-m", "PEM", "-N", "hunter2", "-f", str(key)]
    subprocess.run(command, check=True)


def test_what_a_person_must_mend_is_told_apart(ssh_server: SshServer) -> None:
    stranger = ssh_server.folder / "stranger"
    make_key(stranger)
    known = ssh_server.known_hosts()
    wrong = [
        Remote(ssh_server.url("team/dags"), MAIN, SshAuth(stranger.read_text(), known), LOOPBACK),
        remote(ssh_server, name="team/gone"),
        Remote(
            ssh_server.url("team/dags"),
            Ref(RefKind.BRANCH, "gone"),
            remote(ssh_server).auth,
            LOOPBACK,
        ),
        Remote(ssh_server.url("team/dags"), MAIN, None, LOOPBACK),
        Remote(ssh_server.url("team/dags"), MAIN, remote(ssh_server).auth, Boundary()),
    ]

    codes = [failure(find_head, at).code for at in wrong]

    assert codes == ["GIT002", "GIT003", "GIT004", "GIT018", "GIT007"]


def test_a_server_that_is_away_is_worth_another_try(ssh_server: SshServer) -> None:
    closed = remote(ssh_server).url.replace(str(ssh_server.port), "9")

    away = failure(find_head, Remote(closed, MAIN, remote(ssh_server).auth, LOOPBACK))

    assert (type(away), away.code) == (Unavailable, "GIT006")
    assert "Connection refused" in away.message


@pytest.mark.parametrize(
    "login",
    [PasswordLogin("ci", "x"), KeyLogin("no key", known_hosts="h ssh-ed25519 " + "A" * 40)],
)
def test_a_login_that_ssh_cannot_use_is_refused_before_the_host_is_asked(
    context: Context, by_ssh: Registration, login: PasswordLogin | KeyLogin
) -> None:
    refused = failure(lambda: register(context, by_ssh, login=login))

    assert refused.code == ("CRED006" if isinstance(login, PasswordLogin) else "CRED004")


def test_the_key_is_in_no_command_line_no_environment_and_no_file(
    ssh_server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asks a host that never says a word, until ssh is seen to run."""
    secret = ssh_server.client_key.read_text().splitlines()[2].encode()
    samples: list[bytes] = []

    def is_seen() -> bool:
        samples.extend(processes("team/dags").values())
        return any(b"IdentityFile=/proc/" in text for text in samples)

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = len(list(Path("/proc/self/fd").iterdir()))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"ssh://git@127.0.0.1:{silent.getsockname()[1]}/team/dags.git"
        at = Remote(url, MAIN, remote(ssh_server).auth, LOOPBACK)
        with access_to(at) as access, pytest.raises(GitStopped):
            run_git(["ls-remote", url], access=access, should_stop=is_seen, limit_s=20)

    assert [text for text in samples if secret in text] == []
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before
