"""Real git against the demo's Git host: who may read and push, how much at once, what faults do."""

import gzip
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from windlass.domain.errors import Invalid
from windlass.entrypoints.demo.gitserver import GitHttpServer

ALICE = "alice:right-password"
LS_REFS = b"0014command=ls-refs\n0001001bref-prefix refs/heads/\n0000"
LS_REFS_HEADERS = {
    "Git-Protocol": "version=2",
    "Content-Type": "application/x-git-upload-pack-request",
}
CHARLIE = "charlie:guess"
ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Alice",
    "GIT_AUTHOR_EMAIL": "alice@example.com",
    "GIT_COMMITTER_NAME": "Alice",
    "GIT_COMMITTER_EMAIL": "alice@example.com",
}


def git(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *map(str, arguments)],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def with_login(url: str, login: str) -> str:
    return url.replace("http://", f"http://{login}@")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHttpServer]:
    with GitHttpServer(
        tmp_path / "srv", username="alice", password="right-password", env=ENV
    ) as running:
        running.create_repository("team/private", private=True)
        running.create_repository("public", private=False)
        yield running


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working tree with one commit on `main`."""
    folder = tmp_path / "work"
    git("init", "-q", "-b", "main", folder)
    return commit(folder, "dag.py", b"print('hello')\n")


def commit(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    git("-C", folder, "add", "-A")
    git("-C", folder, "commit", "-q", "-m", f"Add {name}")
    return folder


def push(work: Path, url: str, *options: str) -> int:
    return git("-C", work, *options, "push", "-q", url, "main").returncode


def head_of(url: str, *options: str) -> str:
    """Return the commit that `main` has, or git's message when it could not be read."""
    done = git(*options, "ls-remote", url, "refs/heads/main")
    return done.stdout.partition("\t")[0] or done.stderr


def ls_refs_answer(work: Path) -> bytes:
    commit_id = git("-C", work, "rev-parse", "main").stdout.strip()
    return f"003d{commit_id} refs/heads/main\n0000".encode()


def test_what_was_pushed_is_cloned(server: GitHttpServer, work: Path, tmp_path: Path) -> None:
    url = with_login(server.url_for("team/private"), ALICE)
    pushed = push(work, url)
    cloned = git("clone", "-q", url, tmp_path / "clone").returncode

    assert (pushed, cloned) == (0, 0)
    assert (tmp_path / "clone" / "dag.py").read_text() == "print('hello')\n"


@pytest.mark.parametrize("login", [CHARLIE, "alice:wrong", "alice:"])
def test_a_wrong_login_reads_nothing_private(server: GitHttpServer, login: str) -> None:
    url = with_login(server.url_for("team/private"), login)

    assert "Authentication failed" in head_of(url)


def test_without_login_private_is_closed(server: GitHttpServer) -> None:
    answer = httpx.get(server.url_for("team/private") + "/info/refs?service=git-upload-pack")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="git"')


def test_anyone_reads_a_public_repository_but_only_a_login_pushes(
    server: GitHttpServer, work: Path
) -> None:
    url = server.url_for("public")
    codes = [push(work, u) for u in (url, with_login(url, CHARLIE), with_login(url, ALICE))]

    assert codes == [128, 128, 0]
    assert head_of(url) == git("-C", work, "rev-parse", "main").stdout.strip()


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/public.git/../team/private.git/info/refs?service=git-upload-pack",
        "/public.git/%2e%2e/team/private.git/info/refs?service=git-upload-pack",
        "/public.git/config",
        "/public.git/HEAD",
        "/public.git/info/refs",
        "/nothing.git/info/refs?service=git-upload-pack",
    ],
)
def test_any_other_path_is_not_found(server: GitHttpServer, path: str) -> None:
    host = server.url_for("x").removesuffix("/x.git").removeprefix("http://")
    with httpx.Client() as client:
        answer = client.send(
            httpx.Request("GET", f"http://{host}/", extensions={"target": path.encode()})
        )

    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize("name", ["", "../x", "/x", "a//b", ".hidden", "a/../b", "x.git", "a b"])
def test_a_name_that_could_leave_the_root_is_refused(server: GitHttpServer, name: str) -> None:
    with pytest.raises(Invalid, match="DEMO002"):
        server.create_repository(name, private=False)


@pytest.mark.parametrize("version", ["0", "2"])
def test_a_large_push_is_streamed_in_chunks(
    server: GitHttpServer, work: Path, tmp_path: Path, version: str
) -> None:
    content = os.urandom(5_000_000)
    commit(work, "large.bin", content)
    url = with_login(server.url_for("public"), ALICE)
    option = ("-c", f"protocol.version={version}")

    assert push(work, url, *option) == 0
    assert git(*option, "clone", "-q", url, tmp_path / "clone").returncode == 0
    assert (tmp_path / "clone" / "large.bin").read_bytes() == content


def test_a_compressed_request_is_understood(server: GitHttpServer, work: Path) -> None:
    url = server.url_for("public")
    push(work, with_login(url, ALICE))
    headers = {**LS_REFS_HEADERS, "Content-Encoding": "gzip"}
    answer = httpx.post(f"{url}/git-upload-pack", content=gzip.compress(LS_REFS), headers=headers)

    assert answer.content == ls_refs_answer(work)
    assert server.requests["ls-refs"] == 1


def test_twenty_readers_at_once(server: GitHttpServer, work: Path) -> None:
    url = with_login(server.url_for("team/private"), ALICE)
    push(work, url)
    expected = head_of(url)
    with ThreadPoolExecutor(20) as pool:
        heads = set(pool.map(head_of, [url] * 20))

    assert heads == {expected}


def test_one_connection_serves_many_requests(server: GitHttpServer, work: Path) -> None:
    url = server.url_for("public")
    push(work, with_login(url, ALICE))
    connected: list[str] = []

    def note(event: str, _: object) -> None:
        connected.extend([event] if event == "connection.connect_tcp.complete" else [])

    with httpx.Client(headers=LS_REFS_HEADERS) as client:
        answers = {
            client.post(
                f"{url}/git-upload-pack", content=LS_REFS, extensions={"trace": note}
            ).content
            for _ in range(5)
        }

    assert answers == {ls_refs_answer(work)}
    assert len(connected) == 1


def test_requests_are_counted_by_kind(server: GitHttpServer, work: Path, tmp_path: Path) -> None:
    url = server.url_for("public")
    push(work, with_login(url, ALICE))
    git("clone", "-q", url, tmp_path / "clone")
    httpx.get(f"{url}/config")

    assert server.requests == {
        "denied": 1,
        "push-refs": 1,
        "push": 1,
        "refs": 1,
        "ls-refs": 1,
        "fetch": 1,
        "unknown": 1,
    }


@pytest.mark.parametrize(
    ("cut", "message"), [(False, "Connection refused|Could not connect"), (True, "reset by peer")]
)
def test_offline_fails_at_once_and_online_serves_the_same_url(
    server: GitHttpServer, cut: bool, message: str
) -> None:
    url = server.url_for("public") + "/info/refs?service=git-upload-pack"
    with httpx.Client() as client:
        before = client.get(url).status_code
        server.offline(cut=cut)
        with pytest.raises(httpx.TransportError):
            client.get(url)
        with pytest.raises(httpx.TransportError, match=message):
            httpx.get(url)
        server.online()

        assert (before, client.get(url).status_code) == (200, 200)


def test_offline_ends_a_push_that_hangs(server: GitHttpServer) -> None:
    url = server.url_for("public") + "/git-receive-pack"

    def half_a_body() -> Iterator[bytes]:
        yield b"00"
        server.offline()
        yield b"x" * 100_000

    headers = {"Content-Type": "application/x-git-receive-pack-request"}
    with pytest.raises(httpx.TransportError):
        httpx.post(url, content=half_a_body(), auth=("alice", "right-password"), headers=headers)


def test_repositories_survive_a_new_server(
    server: GitHttpServer, work: Path, tmp_path: Path
) -> None:
    push(work, with_login(server.url_for("public"), ALICE))
    expected = head_of(server.url_for("public"))
    with GitHttpServer(tmp_path / "srv", username="bob", password="other", env=ENV) as second:
        second.create_repository("public", private=False)

        assert head_of(second.url_for("public")) == expected


def test_a_repository_of_another_owner_is_served(server: GitHttpServer, work: Path) -> None:
    folder = server.create_repository("public", private=False)
    push(work, with_login(server.url_for("public"), ALICE))
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)

    assert head_of(server.url_for("public")) == git("-C", work, "rev-parse", "main").stdout.strip()
