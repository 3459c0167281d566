"""Real git against a real server: what comes over, what every failure means, where secrets go."""

import shutil
import socket
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.conftest import PASSWORD, Origin
from tests.waiting import wait_until
from windlass.domain.errors import AppError, Invalid, Unavailable
from windlass.domain.ref import Head, Ref, RefKind, check_branch
from windlass.domain.repository import CommitSha
from windlass.domain.tree import Kind, TreeEntry
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.git.access import Auth, BasicAuth, Boundary, Remote, access_to
from windlass.git.mirror import Mirror
from windlass.git.process import run_git
from windlass.git.remotes import find_head

CI = BasicAuth("ci", PASSWORD)
LOOPBACK = Boundary(("127.0.0.0/8",))


@pytest.fixture
def mirror(room: Path) -> Mirror:
    return Mirror(room / "mirrors" / "1.git")


@pytest.fixture
def remote(origin: Origin) -> Remote:
    return at(origin.url)


def at(url: str, auth: Auth | None = CI, branch: str = "main") -> Remote:
    return Remote(url, Ref(RefKind.BRANCH, branch), auth, LOOPBACK)


def failure(call: Callable[..., object], *given: object) -> AppError:
    with pytest.raises(AppError) as failed:
        call(*given)
    assert PASSWORD not in str(failed.value)
    return failed.value


def listing(mirror: Mirror, sha: CommitSha, path: str = ".") -> list[TreeEntry]:
    entries = mirror.list_tree(sha, path, 100)
    assert entries is not None
    return entries


def blobs(mirror: Mirror, sha: CommitSha, path: str = ".") -> dict[str, bytes]:
    entries = listing(mirror, sha, path)
    contents = dict(mirror.read_blobs(entry.oid for entry in entries))
    return {entry.path: contents[entry.oid] for entry in entries}


def test_a_fetch_brings_the_head_and_its_files(
    mirror: Mirror, remote: Remote, origin: Origin
) -> None:
    sha = origin.push("été: first", {"a.py": "x", "dags/b.py": "y\n", "empty": ""})

    revision = mirror.fetch(remote)

    assert (revision.sha, revision.author, revision.subject) == (sha, "Alice", "été: first")
    assert find_head(remote) == Head(revision.sha, "refs/heads/main")
    assert blobs(mirror, revision.sha) == {"a.py": b"x", "dags/b.py": b"y\n", "empty": b""}
    assert blobs(mirror, revision.sha, "dags") == {"b.py": b"y\n"}


def test_a_forced_push_and_an_older_head_are_followed(
    mirror: Mirror, remote: Remote, origin: Origin
) -> None:
    first = origin.push("first", {"a.py": "1"})
    origin.push("second", {"a.py": "2"})
    mirror.fetch(remote)
    origin.git("commit", "--quiet", "--amend", "-m", "rewritten")
    origin.git("push", "--quiet", "--force", "origin", "HEAD:main")

    assert mirror.fetch(remote).subject == "rewritten"
    origin.git("push", "--quiet", "--force", "origin", f"{first}:main")
    assert mirror.fetch(remote).sha == first


@pytest.mark.parametrize("ask", ["find_head", "fetch"])
def test_what_a_person_must_mend_is_told_apart(ask: str, mirror: Mirror, origin: Origin) -> None:
    origin.push("first", {"a.py": "1"})
    call = find_head if ask == "find_head" else mirror.fetch
    wrong = [
        at(origin.url, BasicAuth("ci", "wrong")),
        at(origin.url, None),
        at(origin.url.replace("team/dags", "team/gone")),
        at(origin.url, branch="gone"),
    ]

    codes = [failure(call, remote).code for remote in wrong]

    assert codes == ["GIT002", "GIT002", "GIT003", "GIT004"]


def test_a_deleted_branch_is_told_and_the_mirror_keeps_what_it_has(
    mirror: Mirror, remote: Remote, origin: Origin
) -> None:
    sha = CommitSha(origin.push("first", {"a.py": "1"}))
    mirror.fetch(remote)
    origin.git("push", "--quiet", "origin", "HEAD:other")
    bare = origin.clone.parent / "git/team/dags.git"
    subprocess.run(["git", "-C", str(bare), "update-ref", "-d", "refs/heads/main"], check=True)

    assert failure(mirror.fetch, remote).code == "GIT004"
    assert blobs(mirror, sha) == {"a.py": b"1"}


@pytest.mark.parametrize("cut", [False, True])
def test_a_host_that_is_away_is_worth_another_try(
    mirror: Mirror, remote: Remote, origin: Origin, git_server: GitHttpServer, cut: bool
) -> None:
    origin.push("first", {"a.py": "1"})
    mirror.fetch(remote)
    git_server.offline(cut=cut)

    away = [failure(find_head, remote), failure(mirror.fetch, remote)]

    assert [(type(error), error.code) for error in away] == [(Unavailable, "GIT006")] * 2
    git_server.online()
    assert mirror.fetch(remote).subject == "first"


def test_odd_names_links_and_submodules_are_listed_as_they_are(
    mirror: Mirror, remote: Remote, origin: Origin
) -> None:
    oid = _hash(origin, b"x")
    sub = "1" * 40
    names = [b"a\nb", b'say "hi"', "été".encode(), b"tab\there", b"back\\slash", b"\xff\xfe"]
    rows = [b"100644 blob %s\t%s" % (oid.encode(), name) for name in names]
    rows += [b"100755 blob %s\trun" % oid.encode(), b"120000 blob %s\tlink" % oid.encode()]
    rows += [b"160000 commit %s\tlib" % sub.encode()]
    _push_tree(origin, b"\0".join(rows) + b"\0")

    listed = listing(mirror, mirror.fetch(remote).sha)

    files = ["a\nb", "back\\slash", "été", 'say "hi"', "tab\there", "\udcff\udcfe"]
    assert set(listed) == {
        *(TreeEntry(name, Kind.FILE, oid, 1) for name in files),
        TreeEntry("run", Kind.EXECUTABLE, oid, 1),
        TreeEntry("link", Kind.SYMLINK, oid, 1),
        TreeEntry("lib", Kind.SUBMODULE, sub, 0),
    }


def _hash(origin: Origin, content: bytes) -> str:
    return _git(origin, ["hash-object", "-w", "--stdin"], content)


def _git(origin: Origin, arguments: list[str], stdin: bytes) -> str:
    command = ["git", "-C", str(origin.clone), *arguments]
    done = subprocess.run(command, input=stdin, check=True, capture_output=True)
    return done.stdout.decode().strip()


def _push(origin: Origin, commit: str) -> None:
    origin.git("push", "--quiet", "--force", "origin", f"{commit}:refs/heads/main")


def _push_tree(origin: Origin, rows: bytes) -> None:
    tree = _git(origin, ["mktree", "-z", "--missing"], rows)
    commit = origin.git("commit-tree", "-m", "odd", tree)
    _push(origin, commit)


def test_a_tree_that_would_write_outside_is_not_taken_over(
    mirror: Mirror, remote: Remote, origin: Origin
) -> None:
    for name in (b"..", b".git"):
        push_evil_tree(origin, name)

        assert failure(mirror.fetch, remote).code == "GIT006"


def push_evil_tree(origin: Origin, name: bytes) -> None:
    """Push a commit whose tree has a folder of that name, which git would not make."""
    evil = b"100644 evil\0" + bytes.fromhex(_hash(origin, b"x"))
    tree = b"40000 %s\0" % name + bytes.fromhex(
        _git(origin, ["hash-object", "-w", "-t", "tree", "--stdin"], evil)
    )
    written = _git(origin, ["hash-object", "-w", "--literally", "-t", "tree", "--stdin"], tree)
    _push(origin, origin.git("commit-tree", "-m", "evil", written))


@pytest.mark.parametrize("path", ["missing", "a.py", "link", "dags/missing"])
def test_a_dag_root_that_is_no_folder_is_told(
    mirror: Mirror, remote: Remote, origin: Origin, path: str
) -> None:
    origin.clone.mkdir(exist_ok=True)
    (origin.clone / "link").symlink_to("dags")
    origin.push("first", {"a.py": "1", "dags/b.py": "2"})
    sha = mirror.fetch(remote).sha

    assert failure(listing, mirror, sha, path).code == "GIT005"


@pytest.mark.parametrize("seconds", [253_402_300_800, 2**62])
def test_a_commit_from_a_time_that_no_calendar_has_is_described_all_the_same(
    mirror: Mirror, remote: Remote, origin: Origin, seconds: int
) -> None:
    origin.push("first", {"a.py": "1"})
    tree = origin.git("rev-parse", "HEAD^{tree}")
    raw = f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> {seconds} +0000\n\nlate\n"
    commit = _git(origin, ["hash-object", "-w", "-t", "commit", "--stdin"], raw.encode())
    _push(origin, commit)

    revision = mirror.fetch(remote)

    assert (revision.sha, revision.committed_at.year) == (commit, 9999)


def test_words_of_a_commit_cannot_steer_a_terminal(
    mirror: Mirror, remote: Remote, origin: Origin
) -> None:
    origin.push("red \x1b[31m \u202e", {"a.py": "1"})

    assert mirror.fetch(remote).subject == "red \ufffd[31m \ufffd"


def _break_head(git_dir: Path) -> None:
    (git_dir / "HEAD").write_text("nonsense")


def _lose_objects(git_dir: Path) -> None:
    shutil.rmtree(git_dir / "objects")


def _cut_packs(git_dir: Path) -> None:
    for pack in (git_dir / "objects/pack").glob("*.pack"):
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes()[:40])


def _leave_a_lock(git_dir: Path) -> None:
    """What a fetch that was killed leaves behind."""
    (git_dir / "refs/windlass/head.lock").touch()


@pytest.mark.parametrize("harm", [_break_head, _lose_objects, _cut_packs, _leave_a_lock])
def test_a_mirror_that_git_cannot_use_is_made_anew(
    mirror: Mirror, remote: Remote, origin: Origin, harm: Callable[[Path], None]
) -> None:
    origin.push("first", {"a.py": "1"})
    mirror.fetch(remote)
    origin.push("second", {"a.py": "2"})
    harm(mirror.git_dir)

    assert blobs(mirror, mirror.fetch(remote).sha) == {"a.py": b"2"}


@pytest.mark.parametrize("harm", [_lose_objects, _cut_packs])
def test_a_mirror_that_breaks_between_fetch_and_reading_is_told_and_comes_back(
    mirror: Mirror, remote: Remote, origin: Origin, harm: Callable[[Path], None]
) -> None:
    origin.push("first", {"a.py": "1"})
    sha = mirror.fetch(remote).sha
    [entry] = listing(mirror, sha)
    harm(mirror.git_dir)

    assert failure(lambda: list(mirror.read_blobs([entry.oid]))).code == "GIT012"
    mirror.fetch(remote)
    harm(mirror.git_dir)
    assert failure(listing, mirror, sha).code == "GIT012"
    assert blobs(mirror, mirror.fetch(remote).sha) == {"a.py": b"1"}


class _Faulty(BaseHTTPRequestHandler):
    """Asks for a password, then holds the request, or sends the client elsewhere."""

    protocol_version = "HTTP/1.1"
    location: str | None = None
    seen: list[str]
    release: threading.Event

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization", ""))
        if self.location:
            self._answer(302, "Location", self.location + self.path)
        elif not self.seen[-1]:
            self._answer(401, "WWW-Authenticate", 'Basic realm="git"')
        else:
            self.release.wait(30)
            self._answer(503, "X-Done", "1")

    def _answer(self, status: int, name: str, value: str) -> None:
        self.send_response(status)
        self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the inherited name
        pass


@pytest.fixture
def faulty() -> Iterator[tuple[str, type[_Faulty]]]:
    """A URL below which every request meets `_Faulty`, and that class."""
    release = threading.Event()
    kind = type("Faulty", (_Faulty,), {"seen": [], "release": release})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", kind
    release.set()
    server.shutdown()
    server.server_close()
    thread.join()


def processes(word: str) -> dict[int, bytes]:
    """Every process whose command line holds the word: pid → command line and environment."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if word.encode() in command:
                found[int(folder.name)] = command + b"\n" + (folder / "environ").read_bytes()
        except OSError:  # it ended meanwhile
            continue
    return found


def test_the_time_limit_ends_git_and_all_that_it_started(
    faulty: tuple[str, type[_Faulty]], room: Path
) -> None:
    url = f"{faulty[0]}/{room.name}.git"

    started = time.monotonic()

    late = failure(_ls_remote, url, 1.0)

    assert (type(late), late.code) == (Unavailable, "GIT010")
    assert time.monotonic() - started < 30  # for as long the server holds the request
    # A killed child may still be on its way out: no one waits for a grandchild.
    wait_until(lambda: not processes(room.name), "git and its children have ended")


def _ls_remote(url: str, limit_s: float) -> None:
    with access_to(at(url)) as access:
        run_git(["ls-remote", "--end-of-options", url], access=access, limit_s=limit_s)


def test_the_password_is_in_no_command_line_and_no_environment(
    faulty: tuple[str, type[_Faulty]], room: Path
) -> None:
    url = f"{faulty[0]}/{room.name}.git"
    asking = threading.Thread(target=lambda: failure(find_head, at(url)))
    asking.start()
    samples: dict[int, bytes] = {}
    deadline = time.monotonic() + 120
    while not any(faulty[1].seen) and time.monotonic() < deadline:
        samples |= processes("git")
    samples |= processes(room.name)
    faulty[1].release.set()
    asking.join()

    assert any(faulty[1].seen), "git never sent the password"
    assert len([text for text in samples.values() if room.name.encode() in text]) >= 2
    assert [text for text in samples.values() if PASSWORD.encode() in text] == []


@pytest.mark.parametrize("ask", ["find_head", "fetch"])
def test_a_redirect_is_followed_once_and_takes_no_password_to_another_origin(
    faulty: tuple[str, type[_Faulty]],
    origin: Origin,
    mirror: Mirror,
    git_server: GitHttpServer,
    ask: str,
) -> None:
    origin.push("first", {"a.py": "1"})
    faulty[1].location = origin.url.partition("/team")[0]
    call = find_head if ask == "find_head" else mirror.fetch
    denied = git_server.requests["denied"]

    assert failure(call, at(f"{faulty[0]}/team/dags.git")).code == "GIT002"
    assert git_server.requests["denied"] > denied
    git_server.create_repository("team/dags", private=False)
    assert call(at(f"{faulty[0]}/team/dags.git")).sha == origin.git("rev-parse", "HEAD")


def test_a_redirect_to_a_private_address_or_to_nowhere_is_not_followed(
    faulty: tuple[str, type[_Faulty]],
) -> None:
    faulty[1].location = "http://10.1.2.3"
    assert failure(find_head, at(f"{faulty[0]}/dags.git")).code == "GIT007"
    faulty[1].location = faulty[0]  # to itself, for ever
    assert failure(find_head, at(f"{faulty[0]}/dags.git")).code == "GIT006"
    faulty[1].location = "ext::sh -c id"
    assert failure(find_head, at(f"{faulty[0]}/dags.git")).code == "GIT006"


def test_git_connects_to_the_address_that_was_judged(
    mirror: Mirror, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No name server knows the name: git can only have it from the pin."""
    origin.push("first", {"a.py": "1"})
    found = [(2, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    url = origin.url.replace("127.0.0.1", "pinned.invalid")

    assert mirror.fetch(at(url)).subject == "first"


PARTS = st.sampled_from(["a", "/", ".", "..", "-", "@", "{", "lock", ".lock", "HEAD", "é", "~"])
NAMES = st.lists(PARTS | st.characters(), min_size=1, max_size=5).map("".join)


@settings(max_examples=400, deadline=None, database=None, derandomize=True)
@given(NAMES)
def test_git_accepts_every_branch_name_that_we_accept(name: str) -> None:
    try:
        check_branch(name)
    except Invalid:
        return

    assert run_git(["check-ref-format", "--branch", name]) == f"{name}\n".encode()


def test_large_blobs_are_read_without_holding_them_all(room: Path) -> None:
    mirror = Mirror(room / "large.git")
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--template=", str(mirror.git_dir)], check=True
    )
    texts = [b"%d" % number + bytes(9_000_000) for number in range(12)]
    put = ["git", "--git-dir", str(mirror.git_dir), "hash-object", "-w", "--stdin"]
    oids = [subprocess.check_output(put, input=text).decode().strip() for text in texts]
    tracemalloc.start()

    same = [(oid, content == texts[oids.index(oid)]) for oid, content in mirror.read_blobs(oids)]

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert same == [(oid, True) for oid in oids]
    assert peak < 60_000_000 < sum(map(len, texts))
