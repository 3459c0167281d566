"""A fetch over the connection that polls keep: as quick as can be, and as strict as git's own."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.conftest import Origin
from tests.integration.test_mirror import at, blobs, failure, push_evil_tree
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.git.access import Remote
from windlass.git.lsrefs import HeadFinder
from windlass.git.mirror import Mirror


@pytest.fixture
def finder() -> Iterator[HeadFinder]:
    finder = HeadFinder()
    yield finder
    finder.close()


@pytest.fixture
def remote(origin: Origin) -> Remote:
    return at(origin.url)


@pytest.fixture
def mirror(room: Path, origin: Origin, remote: Remote) -> Mirror:
    """A mirror that has the first commit."""
    origin.push("first", {"a.py": "1", "dags/b.py": "2"})
    mirror = Mirror(room / "1.git")
    mirror.fetch(remote)
    return mirror


def test_a_push_comes_with_two_small_requests(
    mirror: Mirror, remote: Remote, origin: Origin, git_server: GitHttpServer, finder: HeadFinder
) -> None:
    finder.find_head(remote)
    sha = origin.push("second", {"a.py": "3"})
    before = git_server.requests.copy()

    revision = mirror.fetch(remote, None, finder)

    assert (revision.sha, revision.subject) == (sha, "second")
    assert git_server.requests - before == {"ls-refs": 1, "fetch": 1}
    assert blobs(mirror, revision.sha) == {"a.py": b"3", "dags/b.py": b"2"}


def test_what_is_here_already_is_not_asked_for(
    mirror: Mirror, remote: Remote, git_server: GitHttpServer, finder: HeadFinder
) -> None:
    finder.find_head(remote)
    before = git_server.requests.copy()

    assert mirror.fetch(remote, None, finder).subject == "first"
    assert git_server.requests - before == {"ls-refs": 1}


def test_rewritten_history_and_an_older_head_are_followed(
    mirror: Mirror, remote: Remote, origin: Origin, finder: HeadFinder
) -> None:
    first = mirror.fetch(remote).sha
    origin.push("second", {"a.py": "3"})
    origin.git("commit", "--quiet", "--amend", "-m", "rewritten")
    origin.git("push", "--quiet", "--force", "origin", "HEAD:main")

    assert mirror.fetch(remote, None, finder).subject == "rewritten"
    origin.git("push", "--quiet", "--force", "origin", f"{first}:main")
    assert mirror.fetch(remote, None, finder).sha == first


def test_a_pack_that_is_too_large_to_be_held_comes_by_git(
    mirror: Mirror, remote: Remote, origin: Origin, git_server: GitHttpServer
) -> None:
    with closing(HeadFinder(max_pack_bytes=100)) as finder:
        finder.find_head(remote)
        origin.push("second", {"a.py": "3"})
        before = git_server.requests.copy()

        assert mirror.fetch(remote, None, finder).subject == "second"

    assert git_server.requests - before == {"refs": 1, "ls-refs": 2, "fetch": 2}


@pytest.mark.parametrize("name", [b"..", b".git"])
def test_a_tree_that_would_write_outside_is_not_taken_over(
    mirror: Mirror, remote: Remote, origin: Origin, finder: HeadFinder, name: bytes
) -> None:
    push_evil_tree(origin, name)

    assert failure(mirror.fetch, remote, None, finder).code == "GIT006"
    assert mirror.describe("refs/windlass/head").subject == "first"


def test_a_host_that_refuses_or_is_away_is_told_as_by_git(
    mirror: Mirror, remote: Remote, origin: Origin, git_server: GitHttpServer, finder: HeadFinder
) -> None:
    wrong = [
        at(origin.url, None),
        at(origin.url.replace("dags", "gone")),
        at(origin.url, branch="x"),
    ]
    codes = [failure(mirror.fetch, one, None, finder).code for one in wrong]
    git_server.offline()
    codes.append(failure(mirror.fetch, remote, None, finder).code)

    assert codes == ["GIT002", "GIT003", "GIT004", "GIT006"]
    git_server.online()
    assert mirror.fetch(remote, None, finder).subject == "first"
