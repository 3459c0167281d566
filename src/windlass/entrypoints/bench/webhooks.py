"""How many calls of Git hosts Windlass takes, how soon it answers, whether one is lost when it is
killed, and how long a signed call takes to the flipped pointer."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx

from windlass.app import store_of
from windlass.domain.errors import Unavailable
from windlass.entrypoints.bench.calls import (
    Load,
    Target,
    push_body,
    request_of,
    send_at_rate,
)
from windlass.entrypoints.bench.figures import Figures, conditions, figures
from windlass.entrypoints.bench.trees import dag_file, dag_path
from windlass.entrypoints.demo.stage import USER, Clone, Ground

REPOSITORIES = 5
LIMIT_S = 60
CHECKED = 1000
"""So many of the calls that were answered last before the kill are looked for after it."""


def measure(
    *, rate: int, seconds: int, files: int, pushes: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Run the benchmark; conditions and figures as plain data. Raises Unavailable BENCH001 where
    Windlass does not do its part in time."""
    with Ground() as ground:
        bench = _Bench(ground, files)
        progress(f"Push, signed call, pointer: {pushes} times with {files:,} files …")
        flipped = bench.flips(pushes)
        progress(f"{rate} calls a second for {seconds} s …")
        load = bench.load(rate, seconds)
        progress("The same for 6 s, killed after 3 …")
        lost, before = bench.lose(rate)
        cases = [flipped, figures("call to answer", "ms", load.latencies_ms)]
        found = conditions(ground.folder.parent)
    return {
        "conditions": {**found, "files": files, "rate": rate, "seconds": seconds},
        "cases": [case.to_json() for case in cases],
        "answers": dict(load.statuses),
        "accepted_per_s": round(load.statuses["202"] / load.seconds),
        "answered_before_the_kill": before,
        "lost": lost,
    }


class _Bench:
    """A repository of many files, and some small ones whose webhooks are called."""

    def __init__(self, ground: Ground, files: int) -> None:
        self._ground = ground
        self._port = ground.settings.api_port
        self._number = 0
        self._clone = ground.clone("big")
        tree = {dag_path(number): dag_file(number, "first") for number in range(files)}
        self._clone.commit_and_push("first", tree)
        self._big = self._register("big", self._clone)
        self._await_pointer(above=0)
        self._targets = []
        for number in range(REPOSITORIES):
            clone = ground.clone(f"small-{number}")
            self._head = clone.commit_and_push("first", {"a.py": dag_file(number, "first")})
            self._targets.append(self._register(f"small-{number}", clone))

    def flips(self, pushes: int) -> Figures:
        """Milliseconds from a signed call to the flipped pointer, push by push."""
        found = []
        for number in range(pushes):
            time.sleep(1)  # faster ones are a storm
            before = self._pointer()
            text = dag_file(0, f"push {number}")
            sha = self._clone.commit_and_push(f"push {number}", {dag_path(0): text})
            began = time.perf_counter()
            self._call(self._big, push_body(self._big.remote, self._next(), sha))
            self._await_pointer(above=before)
            found.append((time.perf_counter() - began) * 1000)
        return figures("signed call to flipped pointer", "ms", found)

    def load(self, rate: float, seconds: float) -> Load:
        """Calls at a steady rate, each with a commit that the remote has."""
        first = self._next(int(rate * seconds))
        return asyncio.run(
            send_at_rate(
                self._port,
                self._targets,
                first=first,
                rate=rate,
                seconds=seconds,
                revision=self._head,
            )
        )

    def lose(self, rate: float) -> tuple[int, int]:
        """Kill the API under load and start it again; how many of the calls that were answered are
        not there, and how many were looked for."""

        async def run() -> Load:
            sending = asyncio.create_task(
                send_at_rate(
                    self._port,
                    self._targets,
                    first=first,
                    rate=rate,
                    seconds=6,
                    revision=self._head,
                )
            )
            await asyncio.sleep(3)
            self._ground.kill("api")
            load = await sending
            answered.extend(load.accepted)
            return load

        answered: list[int] = []
        first = self._next(int(rate * 6))
        asyncio.run(run())
        self._ground.start_again("api")
        looked_for = answered[-CHECKED:]
        lost = sum(self._outcome(number) != "duplicate" for number in looked_for)
        return lost, len(looked_for)

    def _outcome(self, number: int) -> str:
        target = self._targets[number % len(self._targets)]
        return self._call(target, push_body(target.remote, number, self._head))

    def _call(self, target: Target, body: bytes) -> str:
        head = request_of(target, body).split(b"\r\n\r\n", 1)[0].decode().split("\r\n")[1:]
        headers = dict(line.split(": ", 1) for line in head)
        url = f"{self._ground.settings.client_url}{target.path}"
        answer = httpx.post(url, content=body, headers=headers, trust_env=False, timeout=30)
        outcome: str = answer.json().get("outcome", "")
        return outcome

    def _register(self, name: str, clone: Clone) -> Target:
        client = self._ground.client
        auth = {"username": USER, "password": self._ground.password}
        body = {"url": clone.url, "name": name, "sync_interval": "24h", "auth": auth}
        client.post("/api/v1/repositories", body)
        made = client.post(f"/api/v1/repositories/{name}/webhooks", {"kind": "github"})
        return Target(made["webhook"]["url"], made["secret"], clone.url)

    def _next(self, count: int = 1) -> int:
        first, self._number = self._number, self._number + count
        return first

    def _pointer(self) -> int:
        settings = self._ground.settings
        return store_of(settings).read_pointer(settings.environment, "windlass-00") or 0

    def _await_pointer(self, *, above: int) -> None:
        deadline = time.monotonic() + LIMIT_S
        while self._pointer() <= above:
            if time.monotonic() > deadline:
                reason = self._ground.client.get("/api/v1/repositories/big")["sync"]["reason"]
                raise Unavailable("BENCH001", f"no release within {LIMIT_S} s: {reason}")
            time.sleep(0.0005)
