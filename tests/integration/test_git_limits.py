"""What git prints is bounded: bombs of a few objects cost neither memory nor time."""

import os
import subprocess
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.waiting import wait_until
from windlass.domain.errors import Unavailable
from windlass.domain.repository import CommitSha
from windlass.domain.tree import Kind, TreeEntry
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.git.mirror import Mirror
from windlass.git.process import GitFailed, GitTooLong, run_git

LONG = "n" * 240


@pytest.fixture
def mirror(room: Path) -> Mirror:
    subprocess.run(["git", "init", "--quiet", "--bare", str(room / "1.git")], check=True)
    return Mirror(room / "1.git")


@pytest.fixture
def frugal() -> Iterator[None]:
    """Fails the test where it took more than 5 s of CPU, with what it started, or 100 MB."""
    started = sum(os.times()[:4])
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000
    assert sum(os.times()[:4]) - started < 5


def write(git_dir: Path, arguments: list[str], content: bytes) -> CommitSha:
    command = ["git", "-C", str(git_dir), *arguments]
    done = subprocess.run(command, input=content, check=True, capture_output=True)
    return CommitSha(done.stdout.decode().strip())


def blob(git_dir: Path, content: bytes) -> CommitSha:
    return write(git_dir, ["hash-object", "-w", "--stdin"], content)


def tree(git_dir: Path, rows: list[str]) -> CommitSha:
    return write(git_dir, ["mktree", "--missing"], "".join(f"{row}\n" for row in rows).encode())


def nested(git_dir: Path, leaf: CommitSha, wide: int, deep: int, name: str = LONG) -> CommitSha:
    """`wide` ** `deep` paths to the folder `leaf`, in `deep` objects."""
    for _ in range(deep):
        leaf = tree(git_dir, [f"040000 tree {leaf}\t{name}{n}" for n in range(wide)])
    return leaf


def file_bomb(git_dir: Path) -> CommitSha:
    """10^9 files with paths of 2,400 bytes."""
    oid = blob(git_dir, b"x")
    leaf = tree(git_dir, [f"100644 blob {oid}\t{LONG}{n}" for n in range(10)])
    return nested(git_dir, leaf, 10, 8)


def folder_bomb(git_dir: Path) -> CommitSha:
    """10^9 folders and not one file."""
    return nested(git_dir, tree(git_dir, []), 10, 9, "n")


def many_files(git_dir: Path) -> CommitSha:
    """120,000 files with short paths."""
    oid = blob(git_dir, b"x")
    return nested(git_dir, tree(git_dir, [f"100644 blob {oid}\t{n}" for n in range(120)]), 10, 3)


def deep_chain(git_dir: Path) -> CommitSha:
    """A folder in a folder, 2,000 deep, written as loose objects without a process for each."""
    stream = "".join(
        f"commit refs/heads/deep\ncommitter A <a@b> 0 +0000\ndata 0\nM 100644 inline {path}\n"
        "data 1\nx\n"
        for path in ["/".join([LONG] * 2000)]
    )
    write(git_dir, ["fast-import", "--quiet"], stream.encode())
    return write(git_dir, ["rev-parse", "deep^{tree}"], b"")


@pytest.mark.parametrize("bomb", [file_bomb, folder_bomb, many_files, deep_chain])
def test_a_tree_of_too_many_entries_is_not_listed(
    mirror: Mirror, bomb: Callable[[Path], CommitSha], request: pytest.FixtureRequest
) -> None:
    sha = bomb(mirror.git_dir)
    request.getfixturevalue("frugal")

    assert mirror.list_tree(sha, ".", 50_000) is None


def test_as_many_entries_as_allowed_are_listed_and_one_more_is_not(mirror: Mirror) -> None:
    oid = blob(mirror.git_dir, b"x")
    leaf = tree(mirror.git_dir, [f"100644 blob {oid}\t{name}" for name in "ab"])
    sha = nested(mirror.git_dir, leaf, 1, 1, "n")

    files = [TreeEntry(f"n0/{name}", Kind.FILE, oid, 1) for name in "ab"]
    assert mirror.list_tree(sha, ".", 2) == files
    assert mirror.list_tree(sha, ".", 1) is None


def push_tree(origin: Origin, sha: CommitSha) -> None:
    commit = origin.git("commit-tree", "-m", "bomb", sha)
    origin.git("push", "--quiet", "--force", "origin", f"{commit}:refs/heads/main")


def many_links(git_dir: Path) -> CommitSha:
    """Symlinks with 4 MB of targets."""
    oids = [blob(git_dir, b"%04d/" % n + b"./" * 2000) for n in range(10)]
    leaf = tree(git_dir, [f"120000 blob {oid}\t{n}" for n, oid in enumerate(oids)])
    return nested(git_dir, leaf, 10, 2, "n")


@pytest.mark.parametrize("bomb", [file_bomb, folder_bomb, many_links])
def test_a_bomb_that_is_pushed_gets_a_finding(
    context: Context,
    origin: Origin,
    registration: Registration,
    bomb: Callable[[Path], CommitSha],
    request: pytest.FixtureRequest,
) -> None:
    push_tree(origin, bomb(origin.clone))
    repository = register(context, registration)
    request.getfixturevalue("frugal")

    run_sync(context, repository)

    assert [(f.code, f.path) for f in status_of(context).facts.findings] == [("INT011", "")]


@pytest.mark.parametrize(
    ("author", "subject"), [("A", "s" * 3_000_000), ("A" * 3_000_000, "s" * 3_000_000)]
)
def test_a_commit_with_endless_words_is_described_by_their_beginning(
    mirror: Mirror, author: str, subject: str
) -> None:
    sha = tree(mirror.git_dir, [])
    raw = f"tree {sha}\nauthor {author} <a@b> 1 +0000\ncommitter A <a@b> 7 +0000\n\n{subject}\n"
    commit = write(mirror.git_dir, ["hash-object", "-w", "-t", "commit", "--stdin"], raw.encode())

    told = mirror.describe(commit)

    assert (told.sha, told.committed_at.timestamp(), told.author) == (commit, 7, author[:200])
    assert told.subject == ("s" * 500 if len(author) == 1 else "")


@pytest.fixture
def fake_git(room: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a shell script in git's place."""

    def put(script: str) -> None:
        (room / "git").write_text(f"#!/bin/sh\n{script}\n")
        (room / "git").chmod(0o755)
        path = f"{room}:{os.environ['PATH']}"
        monkeypatch.setattr("windlass.git.process._environment", lambda: {"PATH": path})
        monkeypatch.setenv("PATH", path)

    return put


def is_running(pid_file: Path) -> bool:
    """Whether the process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid_file.read_text().strip()}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # gone, before or while it was read
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_for_end(pid_file: Path) -> None:
    wait_until(lambda: not is_running(pid_file), "it is not running")


@pytest.mark.parametrize("stream", [1, 2])
def test_what_prints_without_end_is_ended_with_all_that_it_started(
    fake_git: Callable[[str], None], room: Path, stream: int, frugal: None
) -> None:
    fake_git(f"sleep 60 & echo $! > {room}/pid; yes x >&{stream}")

    with pytest.raises(GitTooLong) as ended:
        run_git(["log"], max_output_bytes=1000)

    assert ended.value.args == ("git log", -9, "git printed more than 1,000 bytes")
    assert ended.value.start[:1000] == (b"x\n" * 500 if stream == 1 else b"")
    wait_for_end(room / "pid")


def test_what_git_leaves_behind_is_ended_by_the_time_limit(
    fake_git: Callable[[str], None], room: Path
) -> None:
    fake_git(f"sleep 60 & echo $! > {room}/pid; exit 0")

    with pytest.raises(Unavailable, match="GIT010"):
        run_git(["log"], limit_s=0.5)

    wait_for_end(room / "pid")


def test_output_up_to_the_limit_comes_whole_with_both_streams_full(
    fake_git: Callable[[str], None],
) -> None:
    fake_git("yes x | head -c 300000 >&2; yes y | head -c 300000; exit 3")
    with pytest.raises(GitFailed) as failed:
        run_git(["log"], max_output_bytes=300_000)
    fake_git("yes x | head -c 300000 >&2; yes y | head -c 300000")

    assert (failed.value.returncode, failed.value.stderr) == (3, "x\n" * 150_000)
    assert run_git(["log"], max_output_bytes=300_000) == b"y\n" * 150_000
