"""What is told by differences is what is told from scratch: real git, random trees and changes."""

import itertools
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from windlass.domain.artifact import EMPTY
from windlass.domain.errors import Invalid
from windlass.domain.finding import Severity
from windlass.domain.ref import Ref, RefKind
from windlass.domain.repository import CommitSha, Lease, Repository, RepositoryId, Revision
from windlass.domain.served import NO_MEMORY, Memory
from windlass.domain.tree import Kind
from windlass.engine.build import Build, build
from windlass.engine.context import Context
from windlass.git.listing import ListingMemory
from windlass.git.mirror import Mirror, mirror_of

_NUMBERS = itertools.count(1)
Tree = dict[str, tuple[Kind, str]]

OLD = "from airflow import DAG\nDAG('orders')\nprint(nothing)\n"  # advice of ruff, twice
SHELL = "import os\ndef load():\n    os.system('ls')\n"  # and of the family security
DAG = "from airflow.sdk import DAG\nDAG('orders')\n"
_PATHS = ["a.py", "A.py", "b", "b/c.py", "b/c.py/d", "b/e.py", "x/y/z.sql", "x/run", "é.py", "m.so"]
_FILES = st.tuples(
    st.sampled_from([Kind.FILE, Kind.EXECUTABLE]),
    st.sampled_from(
        ["", "X = 1\n", OLD, SHELL, DAG, DAG + "#", "import a\n" + DAG, "def (:\n", "\0"]
    ),
)
_LINKS = st.tuples(
    st.just(Kind.SYMLINK), st.sampled_from(["a.py", "../a.py", "b/c.py", "/etc/passwd", "b", "l"])
)
_MODULES = st.tuples(st.just(Kind.SUBMODULE), st.just("1" * 40))
_ENTRIES = st.one_of(_FILES, _FILES, _FILES, _LINKS, _MODULES)
_TREES = st.dictionaries(st.sampled_from(_PATHS), _ENTRIES, max_size=7).map(
    lambda tree: {
        p: e for p, e in tree.items() if not any(f"{p}/" in f"{o}/" for o in tree.keys() - {p})
    }
)
_SAFE_TREES = st.dictionaries(
    st.sampled_from(["a.py", "A.py", "b/c.py", "b/e.py", "x/run", "x/y/z.sql"]), _FILES, max_size=6
)


def commit_all(mirror: Mirror, trees: Sequence[Tree]) -> list[CommitSha]:
    """A commit for each tree, in a mirror that is new."""
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--template=", str(mirror.git_dir)], check=True
    )
    stream = b""
    for number, tree in enumerate(trees, start=1):
        stream += b"commit refs/windlass/head\nmark :%d\ncommitter A <a@b> 1 +0000\n" % number
        stream += b"data 0\ndeleteall\n"
        for path, (kind, text) in tree.items():
            if kind is Kind.SUBMODULE:
                stream += f"M {kind} {text} {path}\n".encode()
            else:
                content = text.encode()
                stream += (
                    f"M {kind} inline {path}\ndata {len(content)}\n".encode() + content + b"\n"
                )
    marks = mirror.git_dir / "marks"
    command = ["git", "--git-dir", str(mirror.git_dir), "fast-import", "--quiet"]
    subprocess.run([*command, f"--export-marks={marks}"], input=stream, check=True)
    found = dict(line.split() for line in marks.read_text().splitlines())
    return [CommitSha(found[f":{number}"]) for number in range(1, len(trees) + 1)]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_TREES, min_size=2, max_size=5), st.sampled_from([".", "b"]))
def test_a_listing_by_differences_is_the_listing(room: Path, trees: list[Tree], path: str) -> None:
    mirror = Mirror(room / f"{next(_NUMBERS)}.git")
    memory = ListingMemory(min_files=0)

    for sha in commit_all(mirror, trees):
        try:
            expected = mirror.list_tree(sha, path, 100)
        except Invalid:  # there is no such folder
            with pytest.raises(Invalid):
                memory.list_tree(mirror, sha, path, 100)
        else:
            assert memory.list_tree(mirror, sha, path, 100) == expected


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.one_of(_TREES, _SAFE_TREES), min_size=2, max_size=5))
def test_a_build_upon_the_last_is_a_build_from_scratch(context: Context, trees: list[Tree]) -> None:
    lease = Lease(replace(REPOSITORY, id=RepositoryId(next(_NUMBERS))), 1)
    shas = commit_all(mirror_of(context.mirrors, lease.repository.id), trees)
    ours = replace(context, listings=ListingMemory(min_files=0))
    last: Build | None = None

    for sha in shas:
        revision = Revision(sha, "A", "", datetime(2026, 1, 1, tzinfo=UTC))
        memory = Memory.of(last.findings) if last else NO_MEMORY
        upon = build(ours, lease, revision, last.artifact if last else EMPTY, memory)
        scratch = build(replace(context, listings=ListingMemory()), lease, revision)

        assert (upon.artifact, Counter(upon.findings)) == (
            scratch.artifact,
            Counter(scratch.findings),
        )
        assert upon.artifact.digest == scratch.artifact.digest
        if not any(f.severity.rank >= Severity.HIGH.rank for f in upon.findings):
            last = upon


REPOSITORY = Repository(
    id=RepositoryId(1),
    name="dags",
    namespace="team",
    environment="default",
    url="https://git.example/dags",
    ref=Ref(RefKind.BRANCH, "main"),
    path=".",
    credential=None,
    sync_interval_s=60,
)


def test_a_revision_that_the_mirror_lost_is_listed_from_scratch(room: Path) -> None:
    mirror, memory = Mirror(room / "1.git"), ListingMemory(min_files=0)
    trees: list[Tree] = [{"a.py": (Kind.FILE, "1")}, {"a.py": (Kind.FILE, "2")}]
    commit_all(mirror, trees[:1])
    (first,) = commit_all(Mirror(room / "2.git"), trees[:1])
    memory.list_tree(mirror, first, ".", 100)
    (room / "1.git").rename(room / "gone.git")
    (second,) = commit_all(mirror, trees[1:])

    assert memory.list_tree(mirror, second, ".", 100) == mirror.list_tree(second, ".", 100)


def test_a_tree_that_grew_too_large_is_still_told(room: Path) -> None:
    mirror, memory = Mirror(room / "1.git"), ListingMemory(min_files=0)
    small: Tree = {"a.py": (Kind.FILE, "1")}
    shas = commit_all(mirror, [small, {**small, "b.py": (Kind.FILE, "2")}])

    found = [memory.list_tree(mirror, sha, ".", 1) for sha in shas]

    assert [rows and len(rows) for rows in found] == [1, None]
