"""From a push to a live release on a real Airflow: what Windlass does, and what Airflow takes."""

import random
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from windlass.domain.errors import Unavailable
from windlass.entrypoints.bench.figures import Figures, conditions, figures
from windlass.entrypoints.bench.trees import HELPER, dag_file, dag_path, helper_file
from windlass.entrypoints.demo.stage import USER, Stage

NAME = "bench"
ADDRESS = f"/api/v1/repositories/{NAME}"
LIMIT_S = 120
ASK_S = 0.05
ROLLBACK_EVERY = 4
"""After so many pushes the newest one is rolled back."""


def measure(
    *,
    files: int,
    pushes: int,
    airflow_python: Path | None,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Run the benchmark; conditions and figures as plain data.

    Raises Invalid DEMO004 where there is no Airflow environment.
    """
    progress("Starting a local Airflow …")
    with Stage(airflow_python) as stage:
        return measure_on(stage, files=files, pushes=pushes, progress=progress)


def measure_on(
    stage: Stage,
    *,
    files: int,
    pushes: int,
    progress: Callable[[str], None],
    rollback_every: int = ROLLBACK_EVERY,
) -> dict[str, Any]:
    """The same on a stage that runs."""
    bench = _Bench(stage, files)
    pushed, undone = [], []
    for number in range(1, pushes + 1):
        progress(f"Push {number} of {pushes} …")
        pushed.append(bench.push(number))
        if number % rollback_every == 0:
            undone.append(bench.roll_back())
    cases = _rows("push", pushed) + _rows("rollback", undone)
    found = {**conditions(stage.folder.parent), "airflow": stage.ask().version()}
    return {
        "conditions": {**found, "files": files},
        "cases": [case.to_json() for case in cases],
    }


class _Bench:
    """A repository on the stage that is asked for a sync with each push, as a webhook would."""

    def __init__(self, stage: Stage, files: int) -> None:
        self._stage = stage
        self._clone = stage.clone(NAME)
        tree = {dag_path(number): dag_file(number, "first") for number in range(files)}
        self._clone.commit_and_push("first", {HELPER: helper_file("first"), **tree})
        auth = {"username": USER, "password": stage.password}
        body = {"url": self._clone.url, "name": NAME, "sync_interval": "24h", "auth": auth}
        stage.client.post("/api/v1/repositories", body)
        self._await_live(above=0)

    def push(self, number: int) -> tuple[float, float]:
        """Milliseconds from the flipped pointer, and from the end of the push, to live."""
        _wait_anywhere_in_a_second()
        before = self._release_id()
        word = f"push {number}"
        self._clone.commit_and_push(word, {dag_path(number % 4): dag_file(number % 4, word)})
        began = time.time()
        self._stage.client.post(f"{ADDRESS}/sync")
        return self._lags(before, began)

    def roll_back(self) -> tuple[float, float]:
        """The same from the request for a rollback."""
        _wait_anywhere_in_a_second()
        before = self._release_id()
        began = time.time()
        self._stage.client.post(f"{ADDRESS}/rollback", {"reason": "measured"})
        return self._lags(before, began)

    def _lags(self, before: int, began: float) -> tuple[float, float]:
        release = self._await_live(above=before)
        live, flipped = (_seconds(release[name]) for name in ("live_at", "published_at"))
        return (live - flipped) * 1000, (live - began) * 1000

    def _await_live(self, *, above: int) -> dict[str, Any]:
        deadline = time.monotonic() + LIMIT_S
        while True:
            found = self._stage.client.get(ADDRESS)
            release: dict[str, Any] = found["release"] or {"id": 0}
            if release["id"] > above and release["state"] == "live":
                return release
            if time.monotonic() > deadline:
                reason = found["sync"]["reason"]
                raise Unavailable("BENCH001", f"no release within {LIMIT_S} s: {reason}")
            time.sleep(ASK_S)

    def _release_id(self) -> int:
        return int(self._stage.client.get(ADDRESS)["release"]["id"])


def _rows(what: str, lags: list[tuple[float, float]]) -> list[Figures]:
    if not lags:
        return []
    flipped, asked = zip(*lags, strict=True)
    return [
        figures(f"{what}: flipped to live", "ms", flipped),
        figures(f"{what}: asked to live", "ms", asked),
    ]


def _wait_anywhere_in_a_second() -> None:
    """Airflow's processor has a loop of a second: a benchmark in step with it would lie."""
    time.sleep(1 + random.random())  # noqa: S311  # no secret


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
