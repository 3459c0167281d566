"""Several processes of one host share a bundle's link."""

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
from published import STORAGE, Publisher

FLIPS = 200
DEADLINE_S = 60


def _flip_until(stop: Event, store: str, found: "Queue[Any]") -> None:
    """Refresh without pause; hand back the versions seen after each refresh that changed it."""
    from windlass_airflow.bundle import WindlassBundle

    bundle = WindlassBundle(name="orders", store=store)
    bundle.initialize()
    found.put("ready")
    seen = [_version(bundle)]
    stopping = False
    while not stopping:
        stopping = stop.is_set()  # and once more after that, for the last release
        bundle.refresh()
        if _version(bundle) != seen[-1]:
            seen.append(_version(bundle))
    found.put(seen)


def _read_until(stop: Event, store: str, found: "Queue[Any]") -> None:
    """Read through the path without pause; hand back (version, what the file said) pairs."""
    from windlass_airflow.bundle import WindlassBundle

    bundle = WindlassBundle(name="orders", store=store)
    found.put("ready")
    seen: list[tuple[int, int]] = [(42, 42)]
    while not stop.is_set():
        before, text = _version(bundle), (bundle.path / "release.txt").read_text()
        if before == _version(bundle) and (before, int(text)) != seen[-1]:
            seen.append((before, int(text)))
    found.put(seen)


def _version(bundle: Any) -> int:
    found = bundle.get_current_version()
    return int(getattr(found, "version", found))


def _await_link(link: Path, target: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while link.readlink() != target:
        assert time.monotonic() < deadline, f"{link} does not lead to {target}"
        time.sleep(0.001)  # the others need the processor more


@pytest.fixture
def children(
    store: Publisher, make_bundle: Callable[..., Any], tmp_path: Path
) -> "tuple[Event, list[Queue[Any]]]":
    """Two processes that flip and one that reads, all of them at work."""
    make_bundle()
    assert os.environ[STORAGE] == str(tmp_path / "bundles")
    context = multiprocessing.get_context("fork")  # Airflow forks too, and is imported only once
    stop = context.Event()
    queues: list[Queue[Any]] = [context.Queue() for _ in range(3)]
    for act, queue in zip((_flip_until, _flip_until, _read_until), queues, strict=True):
        context.Process(target=act, args=(stop, str(store.root), queue), daemon=True).start()
    for queue in queues:
        assert queue.get(timeout=DEADLINE_S) == "ready"
    return stop, queues


def test_two_processes_flip_and_a_reader_never_sees_a_gap_or_a_step_back(
    children: "tuple[Event, list[Queue[Any]]]", store: Publisher, tmp_path: Path
) -> None:
    stop, queues = children
    for release in range(43, 43 + FLIPS):
        store.publish("orders", str(release))
        _await_link(tmp_path / "bundles/orders/tracking", store.tree(str(release)))
    stop.set()
    first, second, read = (queue.get(timeout=DEADLINE_S) for queue in queues)

    assert all(version == text for version, text in read)
    assert [version for version, _ in read] == sorted(version for version, _ in read)
    assert (first, second) == (sorted(first), sorted(second))
    assert first[-1] == second[-1] == 42 + FLIPS
    assert len(read) > FLIPS / 10  # the reader was at work while the flips happened
