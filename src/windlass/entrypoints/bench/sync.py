"""From a sync request to the flipped pointer, beside what a sync tool does at the least; and what
the releases and an idle Windlass cost."""

import os
from collections.abc import Callable
from typing import Any

from windlass.app import store_of
from windlass.domain.release import ReleaseId
from windlass.entrypoints.bench.figures import Figures, conditions, figures
from windlass.entrypoints.bench.idle import measure_idle
from windlass.entrypoints.bench.peer import Peer
from windlass.entrypoints.bench.poll import remote_of, single_polls
from windlass.entrypoints.bench.rounds import Rounds
from windlass.entrypoints.bench.trees import (
    HELPER,
    USERS,
    count_new_times,
    dag_file,
    dag_path,
    disk_bytes,
    helper_file,
)
from windlass.entrypoints.demo.stage import Clone, Ground

NAME = "bench"


def measure(
    *, files: int, pushes: int, releases: int, rest_s: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Run the benchmark; conditions, figures and the ratio to the peer, as plain data.

    `releases` is the number of the release whose disk use is measured; 0 leaves it out. `rest_s`
    is how long an empty Windlass rests before it is weighed.
    """
    with Ground() as ground:
        progress(f"Making a repository with {files:,} DAG files …")
        clone = ground.clone(NAME)
        clone.commit_and_push("first", {HELPER: helper_file("first"), **_dags(files)})
        rounds = Rounds(ground, clone, NAME)
        first = figures("first sync", "ms", [rounds.first()])
        ours, theirs = _sync_beside_peer(ground, clone, rounds, pushes, progress)
        one = _new_times(rounds, clone, dag_path(files - 1), dag_file(files - 1, "one"))
        helper = _new_times(rounds, clone, HELPER, helper_file("new"))
        cases = [
            first,
            ours,
            theirs,
            *single_polls(remote_of(ground, clone)),
            figures("new times: one-file commit", "files", [one]),
            figures(f"new times: helper of {USERS} DAGs", "files", [helper]),
        ]
        if releases:
            cases.append(_measure_disk(ground, clone, rounds, releases, progress))
    progress("Starting an empty Windlass …")
    cases += measure_idle(rest_s)
    return {
        "conditions": {**conditions(ground.folder.parent), "files": files},
        "cases": [case.to_json() for case in cases],
        "ratio_to_peer": round(ours.p50 / theirs.p50, 2),
    }


def _sync_beside_peer(
    ground: Ground, clone: Clone, rounds: Rounds, pushes: int, progress: Callable[[str], None]
) -> tuple[Figures, Figures]:
    peer = Peer(ground.folder / "peer", clone)
    ours, theirs = [], []
    for number in range(pushes):
        progress(f"Push {number + 1} of {pushes} …")
        clone.commit_and_push(f"push {number}", {dag_path(0): dag_file(0, f"push {number}")})
        theirs.append(peer.sync())
        ours.append(rounds.sync())
    return (
        figures("one-file sync", "ms", ours),
        figures("peer: git-sync's commands", "ms", theirs),
    )


def _new_times(rounds: Rounds, clone: Clone, path: str, text: str) -> int:
    """How many files have a new time after a commit of this one."""
    before = rounds.release
    clone.commit_and_push(f"change {path}", {path: text})
    rounds.sync()
    return count_new_times(before / "tree", rounds.release / "tree")


def _measure_disk(
    ground: Ground, clone: Clone, rounds: Rounds, releases: int, progress: Callable[[str], None]
) -> Figures:
    """What the release of that number, or the next one, takes on disk, as part of the first."""
    store, before, done = store_of(ground.settings), rounds.release, rounds.pointer
    for number in range(done + 1, max(releases, done + 1) + 1):
        progress(f"Release {number} of {releases} …")
        before = rounds.release
        clone.commit_and_push(f"release {number}", {dag_path(0): dag_file(0, f"release {number}")})
        rounds.sync()
    os.sync()  # file systems tell the size of what is written
    first = disk_bytes(store.tree(ReleaseId(1)).parent)
    part = 100 * disk_bytes(rounds.release, before) / first
    return figures(f"disk of release {rounds.pointer}", "% of first", [part])


def _dags(files: int) -> dict[str, str]:
    return {dag_path(number): dag_file(number, "first") for number in range(files)}
