"""The upkeep of mirrors: packed while they are fetched into and read, bounded, removed."""

import os
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.test_mirror import at, blobs
from windlass.database import tables as t
from windlass.domain.errors import Invalid
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.mirrors import IN_USE_S, keep_mirrors
from windlass.engine.register import Registration
from windlass.git.mirror import USED, Mirror, mirror_of
from windlass.git.process import GitStopped
from windlass.git.upkeep import needs_packing, pack, size_bytes

ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"


def never() -> bool:
    return False


def commit(origin: Origin, number: int, first: int = 0) -> None:
    """Many one-file commits at once, on top of what is there, pushed."""
    rows = []
    for count in range(first, first + number):
        parent = "from refs/heads/main^0\n" if count == 0 == first and _has_main(origin) else ""
        text = f"{ORDERS}# {count}\n"
        rows.append(
            f"commit refs/heads/main\ncommitter A <a@b> {count} +0000\ndata 1\nx\n{parent}"
            f"M 100644 inline team/dag_{count % 50}.py\ndata {len(text)}\n{text}\n"
        )
    if first:
        rows[0] = rows[0].replace("data 1\nx\n", "data 1\nx\nfrom refs/heads/main^0\n")
    bare = origin.clone.parent / "git/team/dags.git"
    subprocess.run(
        ["git", "-C", str(bare), "fast-import", "--quiet"],
        input="".join(rows).encode(),
        check=True,
    )


def _has_main(origin: Origin) -> bool:
    bare = origin.clone.parent / "git/team/dags.git"
    return (bare / "refs/heads/main").exists()


@pytest.fixture
def mirror(room: Path) -> Mirror:
    return Mirror(room / "mirrors" / "1.git")


def test_five_hundred_commits_take_little_room_after_upkeep(mirror: Mirror, origin: Origin) -> None:
    for first in range(0, 500, 9):
        commit(origin, 9, first)
        mirror.fetch(at(origin.url))
    before = size_bytes(mirror.git_dir)

    assert needs_packing(mirror.git_dir)
    assert pack(mirror.git_dir)

    after = size_bytes(mirror.git_dir)
    assert not needs_packing(mirror.git_dir)
    assert after < min(400_000, before / 1.5)
    assert len(list((mirror.git_dir / "objects/pack").glob("*.pack"))) == 1
    assert len(blobs(mirror, mirror.fetch(at(origin.url)).sha)) == 50


def test_a_mirror_can_be_fetched_into_and_read_while_it_is_packed(
    mirror: Mirror, origin: Origin
) -> None:
    commit(origin, 400)
    mirror.fetch(at(origin.url))
    done = threading.Event()

    def pack_on() -> None:
        while not done.is_set():
            pack(mirror.git_dir)

    packing = threading.Thread(target=pack_on)
    packing.start()
    try:
        for first in range(400, 430, 3):
            commit(origin, 3, first)
            sha = mirror.fetch(at(origin.url)).sha
            assert len(blobs(mirror, sha)) == 50
    finally:
        done.set()
        packing.join()


def test_packing_ends_at_once_when_the_worker_stops_and_leaves_a_sound_mirror(
    mirror: Mirror, origin: Origin
) -> None:
    commit(origin, 300)
    sha = mirror.fetch(at(origin.url)).sha

    with pytest.raises(GitStopped):
        pack(mirror.git_dir, should_stop=lambda: True)

    assert len(blobs(mirror, sha)) == 50
    assert mirror.fetch(at(origin.url)).sha == sha


def test_more_than_a_fetch_may_bring_is_refused_and_leaves_nothing_behind(
    mirror: Mirror, origin: Origin
) -> None:
    origin.push("large", {"large.bin": os.urandom(3_000_000).hex()})

    with pytest.raises(Invalid) as refused:
        mirror.fetch(at(origin.url), max_pack_bytes=1_000_000)

    assert refused.value.code == "GIT014"
    assert size_bytes(mirror.git_dir) < 200_000
    assert mirror.fetch(at(origin.url), max_pack_bytes=10_000_000).subject == "large"


@pytest.fixture
def synced(context: Context, origin: Origin, registration: Registration) -> Repository:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    return repository


def test_a_mirror_goes_with_its_repository_and_the_others_stay(
    context: Context, synced: Repository, registration: Registration
) -> None:
    other = register(context, registration, name="other")
    run_sync(context, other)
    with context.database.transaction() as connection:
        gone = sa.update(t.repository).where(t.repository.c.id == synced.id)
        connection.execute(gone.values(removed_at=sa.func.now()))

    keep_mirrors(context, never)

    assert sorted(path.name for path in context.mirrors.iterdir()) == [f"{other.id}.git"]


@pytest.mark.parametrize("in_use", [False, True])
def test_mirrors_over_the_quota_go_unless_they_are_in_use_and_come_back_with_the_next_sync(
    context: Context, synced: Repository, origin: Origin, in_use: bool
) -> None:
    git_dir = mirror_of(context.mirrors, synced.id).git_dir
    if not in_use:
        used = (git_dir / USED).stat().st_mtime - IN_USE_S - 1
        os.utime(git_dir / USED, (used, used))

    keep_mirrors(replace(context, mirror_quota_bytes=1000), never)

    assert git_dir.exists() is in_use
    sha = origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    run_sync(context, synced)
    deployed = status_of(context).facts.deployed
    assert deployed is not None
    assert deployed.revision == sha
