"""Syncs of a repository on the ground, from the request to the flipped pointer."""

import json
import time
from pathlib import Path
from typing import Any

from windlass.app import store_of
from windlass.domain.errors import Unavailable
from windlass.domain.release import ReleaseId
from windlass.entrypoints.demo.stage import USER, Clone, Ground

LIMIT_S = 120.0
_LINE_S = 10.0
_LOOK_S = 0.0005


class Rounds:
    """The first sync of a repository, and those after it. It has the first bundle of the pool."""

    def __init__(self, ground: Ground, clone: Clone, name: str) -> None:
        self._ground = ground
        self._url = clone.url
        self._name = name

    def first(self, limit_s: float = LIMIT_S) -> float:
        """Register the repository; milliseconds from the request to its first release."""
        auth = {"username": USER, "password": self._ground.password}
        body = {"url": self._url, "name": self._name, "sync_interval": "24h", "auth": auth}
        began = time.perf_counter()
        self._ground.client.post("/api/v1/repositories", body)
        self._await_release(0, limit_s)
        return (time.perf_counter() - began) * 1000

    def sync(self) -> float:
        """Milliseconds from the request to the flipped pointer."""
        before = self.pointer
        began = time.perf_counter()
        self._ground.client.post(f"/api/v1/repositories/{self._name}/sync")
        self._await_release(before, LIMIT_S)
        return (time.perf_counter() - began) * 1000

    @property
    def pointer(self) -> int:
        """The release that is served; 0 for none."""
        settings = self._ground.settings
        return store_of(settings).read_pointer(settings.environment, "windlass-00") or 0

    @property
    def release(self) -> Path:
        """Its folder."""
        return store_of(self._ground.settings).tree(ReleaseId(self.pointer)).parent

    def phases(self, count: int) -> dict[str, float]:
        """Milliseconds of the phases of the sync of that number, counted from 1: what the worker's
        log says of it."""
        deadline = time.monotonic() + _LINE_S
        while time.monotonic() < deadline:
            ended = [line for line in self._lines() if line.get("event") == "sync:ended"]
            if len(ended) >= count:
                found: dict[str, float] = ended[count - 1]["milliseconds"]
                return found
            time.sleep(0.01)
        raise Unavailable("BENCH004", f"the worker did not log the end of sync {count}")

    def _lines(self) -> list[dict[str, Any]]:
        text = (self._ground.folder / "worker.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def _await_release(self, above: int, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while self.pointer <= above:
            if time.monotonic() > deadline:
                found = self._ground.client.get(f"/api/v1/repositories/{self._name}")
                reason = found["sync"]["reason"]
                raise Unavailable("BENCH001", f"no release within {limit_s:g} s: {reason}")
            time.sleep(_LOOK_S)
