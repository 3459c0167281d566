"""What polls without news cost: one of them, and many repositories in a real worker."""

import contextlib
import resource
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from windlass.app import build_context, open_database
from windlass.database.credentials import put_credential
from windlass.database.polls import record_poll
from windlass.database.repositories import NewRepository, add_repository, settle, take_lease
from windlass.domain.login import PasswordLogin
from windlass.domain.ref import CommitSha, Ref, RefKind
from windlass.domain.remote import parse_remote_url
from windlass.engine.context import Context
from windlass.engine.login import seal
from windlass.entrypoints.bench.figures import Figures, conditions, figures
from windlass.entrypoints.demo.certificates import LocalAuthority
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.entrypoints.demo.stage import USER, Clone, Ground
from windlass.git.access import BasicAuth, Boundary, Remote
from windlass.git.lsrefs import HeadFinder
from windlass.git.remotes import find_head
from windlass.network.authorities import read_authorities
from windlass.network.proxies import Network
from windlass.settings import process_environment

_MAIN = Ref(RefKind.BRANCH, "main")
_HOSTS = ("127.0.0.1",)
_SETTLE_S = 5.0
_TICKS_PER_S = 100  # USER_HZ, proc(5)


def measure(
    *, repositories: int, interval_s: int, seconds: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Run the benchmark; conditions and figures as plain data."""
    with Ground() as ground:
        clone = ground.clone("bench")
        clone.commit_and_push("first", {"bench.py": "from airflow.sdk import DAG\n"})
        head = CommitSha(clone.git("rev-parse", "HEAD").strip())
        progress("One poll at a time …")
        cases = single_polls(remote_of(ground, clone)) + tls_polls(ground)
        worker = _Worker(ground)
        progress(f"An idle worker for {seconds} s …")
        idle = worker.cpu_share(seconds)
        before_kb = worker.memory_kb()
        progress(f"Making {repositories:,} repositories …")
        _register(ground, repositories, interval_s, head)
        _await_round(ground, repositories, interval_s)
        progress(f"Polling them for {seconds} s …")
        asked = ground.git.requests["ls-refs"]
        busy = worker.cpu_share(seconds)
        polls = ground.git.requests["ls-refs"] - asked
        grown_kb = worker.memory_kb() - before_kb
        found = conditions(ground.folder.parent)
    return {
        "conditions": {**found, "repositories": repositories, "interval_s": interval_s},
        "cases": [case.to_json() for case in cases],
        "worker": {
            "polls": polls,
            "seconds": seconds,
            "idle_percent_of_a_core": round(100 * idle, 2),
            "polling_percent_of_a_core": round(100 * (busy - idle), 2),
            "cpu_ms_per_poll": round(1000 * (busy - idle) * seconds / max(1, polls), 2),
            "kb_per_repository": round(grown_kb / repositories, 1),
        },
    }


class _Worker:
    """The worker's process, seen from outside (proc(5))."""

    def __init__(self, ground: Ground) -> None:
        self._proc = Path("/proc", str(ground.pid_of("worker")))

    def cpu_share(self, seconds: int) -> float:
        """How much of a core it and its children use over that time."""
        before = self._ticks()
        time.sleep(seconds)
        return (self._ticks() - before) / _TICKS_PER_S / seconds

    def memory_kb(self) -> int:
        """Its resident memory, without its children."""
        for line in (self._proc / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def _ticks(self) -> int:
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return sum(int(ticks) for ticks in fields[11:15])  # utime, stime, cutime, cstime


def remote_of(ground: Ground, clone: Clone) -> Remote:
    """The branch of the clone on the ground's Git server."""
    return Remote(clone.url, _MAIN, BasicAuth(USER, ground.password), Boundary(_HOSTS))


def tls_polls(ground: Ground) -> list[Figures]:
    """The same as `single_polls` of the repository `bench` over TLS, by an authority of our own."""
    authority = LocalAuthority(ground.folder / "authority")
    with GitHttpServer(
        ground.folder / "git",
        username=USER,
        password=ground.password,
        env=process_environment(),
        tls=authority.server_context(),
    ) as server:
        server.create_repository("bench", private=True)
        network = Network(authorities=read_authorities(authority.file))
        auth, boundary = BasicAuth(USER, ground.password), Boundary(_HOSTS, network=network)
        return single_polls(Remote(server.url_for("bench"), _MAIN, auth, boundary), ", by TLS")


def single_polls(remote: Remote, how: str = "") -> list[Figures]:
    """What asking for the head of a branch costs, ours and git's together.

    In a process of its own: the work of a Git server in this one is not the poll's.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(_poll, remote, how).result()


def _poll(remote: Remote, how: str) -> list[Figures]:
    with contextlib.closing(HeadFinder()) as finder:
        finder.find_head(remote)  # finds out what the host can do
        find_head(remote)
        return [
            figures(
                f"poll by kept-alive ls-refs{how}", "ms CPU", _cost(finder.find_head, remote, 300)
            ),
            figures(f"poll by git ls-remote{how}", "ms CPU", _cost(find_head, remote, 50)),
        ]


def _cost(ask: Callable[[Remote], object], remote: Remote, number: int) -> list[float]:
    """Milliseconds of CPU for each of so many polls, in tens, which the clock can tell apart."""
    costs = []
    for _ in range(number // 10):
        before = _cpu_ms()
        for _ in range(10):
            ask(remote)
        costs.append((_cpu_ms() - before) / 10)
    return costs


def _cpu_ms() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used) * 1000


def _register(ground: Ground, number: int, interval_s: int, head: CommitSha) -> None:
    """Repositories that are settled on their head, each with its own URL and credential."""
    original = ground.folder / "git/bench.git"
    database = open_database(ground.settings)
    context = build_context(ground.settings, database)
    for one in range(number):
        name = f"bench-{one}"
        shutil.copytree(original, ground.folder / f"git/{name}.git")
        ground.git.create_repository(name, private=True)
        _store(context, ground, name, interval_s, head)
    context.checker.close()
    database.close()


def _store(context: Context, ground: Ground, name: str, interval_s: int, head: CommitSha) -> None:
    login = PasswordLogin(USER, ground.password)
    url = ground.git.url_for(name)
    sealed = seal(context.keyring, login, parse_remote_url(url))
    with context.database.transaction() as connection:
        put_credential(connection, name, sealed)
        repository = add_repository(
            connection,
            NewRepository(
                name=name,
                namespace=name,
                environment=ground.settings.environment,
                url=url,
                ref=_MAIN,
                path=".",
                credential=name,
                sync_interval_s=interval_s,
            ),
        )
        record_poll(connection, repository.id, head)
        lease = take_lease(connection, repository.id)
        settle(connection, lease, head, context.inputs_of(repository))


def _await_round(ground: Ground, number: int, interval_s: int) -> None:
    """Until each was asked what it can do, or twice the interval has passed."""
    deadline = time.monotonic() + 2 * interval_s
    while ground.git.requests["refs"] < number and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(_SETTLE_S)
