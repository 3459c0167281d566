"""From a sync request to the flipped pointer, beside what a sync tool does at the least."""

import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.app import store_of
from windlass.domain.errors import Unavailable
from windlass.entrypoints.demo.stage import USER, Clone, Ground
from windlass.entrypoints.processes import run_to_end
from windlass.git.process import BasicAuth
from windlass.git.remotes import Remote, find_head
from windlass.settings import process_environment

NAME = "bench"
LIMIT_S = 120
_DAG = '''"""Generated DAG {number}: {word}."""

from airflow.sdk import DAG, task

with DAG("bench_{number}", schedule=None, tags=["{word}"]):

    @task
    def work() -> str:
        return "{word}"

    work()
'''


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds of one case, in the order they were measured."""

    case: str
    values_ms: tuple[float, ...]

    @property
    def p50_ms(self) -> float:
        return statistics.median(self.values_ms)

    def to_json(self) -> dict[str, Any]:
        ordered = sorted(self.values_ms)
        return {
            "case": self.case,
            "n": len(ordered),
            "min_ms": round(ordered[0], 1),
            "p50_ms": round(self.p50_ms, 1),
            "p90_ms": round(ordered[int(0.9 * (len(ordered) - 1))], 1),
            "max_ms": round(ordered[-1], 1),
        }


def measure(*, files: int, pushes: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Run the benchmark; conditions, figures and the ratio to the peer, as plain data."""
    with Ground() as ground:
        progress(f"Making a repository with {files:,} DAG files …")
        clone = ground.clone(NAME)
        clone.commit_and_push("first", {_path(i): _dag(i, "first") for i in range(files)})
        first = Figures("first sync", (_first_sync(ground, clone),))
        peer = _Peer(ground.folder / "peer", clone)
        ours, theirs = [], []
        for number in range(pushes):
            progress(f"Push {number + 1} of {pushes} …")
            clone.commit_and_push(f"push {number}", {_path(0): _dag(0, f"push {number}")})
            theirs.append(peer.sync())
            ours.append(_sync(ground))
        poll = Figures("poll without news", tuple(_poll(ground, clone) for _ in range(10)))
    cases = [
        first,
        Figures("sync of a one-file commit", tuple(ours)),
        Figures("peer: fetch, worktree, reset", tuple(theirs)),
        poll,
    ]
    return {
        "conditions": {**_conditions(ground.folder.parent), "files": files},
        "cases": [case.to_json() for case in cases],
        "ratio_to_peer": round(cases[1].p50_ms / cases[2].p50_ms, 2),
    }


class _Peer:
    """What git-sync 4.7 runs at the least for a changed branch: a shallow fetch, a new worktree,
    a hard reset that writes every file, and the symlink (e2be7fa, main.go; its credential,
    `fsck`, submodule and clean-up commands left out)."""

    def __init__(self, folder: Path, clone: Clone) -> None:
        self._folder = folder
        self._clone = clone
        self._number = 0
        folder.mkdir()
        self._git("init", "--quiet", "repository")
        helper = clone.git("config", "credential.helper")
        self._git("-C", "repository", "config", "credential.helper", helper)
        self.sync()

    def sync(self) -> float:
        """Milliseconds to fetch the branch and publish it as a new worktree."""
        began = time.perf_counter()
        self._number += 1
        place = f"../tree-{self._number}"
        inside = ("-C", "repository")
        self._git(*inside, "fetch", "--quiet", "--depth", "1", self._clone.url, "main")
        head = self._git(*inside, "rev-parse", "FETCH_HEAD").strip()
        self._git(
            *inside, "worktree", "add", "--force", "--detach", "--no-checkout", "-q", place, head
        )
        self._git("-C", f"tree-{self._number}", "reset", "--quiet", "--hard", head, "--")
        aside = self._folder / ".link"
        aside.symlink_to(f"tree-{self._number}")
        aside.replace(self._folder / "link")
        return (time.perf_counter() - began) * 1000

    def _git(self, *arguments: str) -> str:
        env = {**process_environment(), "GIT_CONFIG_GLOBAL": os.devnull}
        return run_to_end(["git", "-C", str(self._folder), *arguments], env=env, timeout_s=LIMIT_S)


def _first_sync(ground: Ground, clone: Clone) -> float:
    auth = {"username": USER, "password": ground.password}
    body = {"url": clone.url, "name": NAME, "sync_interval": "24h", "auth": auth}
    began = time.perf_counter()
    ground.client.post("/api/v1/repositories", body)
    _await_release(ground, above=0)
    return (time.perf_counter() - began) * 1000


def _sync(ground: Ground) -> float:
    """Milliseconds from the request to the flipped pointer."""
    before = _pointer(ground)
    began = time.perf_counter()
    ground.client.post(f"/api/v1/repositories/{NAME}/sync")
    _await_release(ground, above=before)
    return (time.perf_counter() - began) * 1000


def _await_release(ground: Ground, *, above: int) -> None:
    deadline = time.monotonic() + LIMIT_S
    while _pointer(ground) <= above:
        if time.monotonic() > deadline:
            reason = ground.client.get(f"/api/v1/repositories/{NAME}")["sync"]["reason"]
            raise Unavailable("BENCH001", f"no release within {LIMIT_S} s: {reason}")
        time.sleep(0.0005)


def _pointer(ground: Ground) -> int:
    settings = ground.settings
    return store_of(settings).read_pointer(settings.environment, "windlass-00") or 0


def _poll(ground: Ground, clone: Clone) -> float:
    """Milliseconds of CPU, ours and git's, to ask for the head of a branch."""
    remote = Remote(clone.url, "main", BasicAuth(USER, ground.password), ("127.0.0.1",))
    before = _cpu_ms()
    find_head(remote)
    return _cpu_ms() - before


def _cpu_ms() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used) * 1000


def _conditions(folder: Path) -> dict[str, Any]:
    env = process_environment()
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "file_system": run_to_end(
            ["stat", "--file-system", "--format=%T", str(folder)], env=env, timeout_s=5
        ).strip(),
        "python": platform.python_version(),
        "git": run_to_end(["git", "version"], env=env, timeout_s=5).split()[2],
    }


def _path(number: int) -> str:
    return f"team_{number % 20:02d}/bench_{number}.py"


def _dag(number: int, word: str) -> str:
    return _DAG.format(number=number, word=word)
