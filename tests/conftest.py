"""What every test starts from: a clean environment, pinned git, no home, loopback only."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2 << 30  # more than both processes of a run were seen to hold at a time


LONG = ("test_worker.py", "test_race.py", "test_crashes.py", "test_canary.py", "test_up.py")
"""Files that take minutes in few tests: they begin first, so that none is waited for alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_configure() -> None:
    for name in [*os.environ]:
        if name.startswith("WINDLASS_TEST_"):  # Windlass would refuse it as a misspelt setting
            os.environ[name.removeprefix("WINDLASS_")] = os.environ[name]
        if name.startswith(("WINDLASS_", "AIRFLOW")):
            del os.environ[name]
    os.environ.update(
        HOME="/nonexistent",
        GIT_CONFIG_NOSYSTEM="1",
        GIT_CONFIG_GLOBAL=os.devnull,
        GIT_AUTHOR_NAME="Alice",
        GIT_AUTHOR_EMAIL="alice@example.org",
        GIT_COMMITTER_NAME="Alice",
        GIT_COMMITTER_EMAIL="alice@example.org",
    )


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process may connect to 127.0.0.1 and to Unix sockets only."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test wanted to connect to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """A folder that any account may enter: as root, pytest's own may be entered by root only.

    It is in memory where there is room: tests make many small files, which ext4 takes its time for.
    """
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    folder = Path(tempfile.mkdtemp(prefix="windlass-test-", dir=MEMORY if in_memory else "/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def room(session_folder: Path) -> Iterator[Path]:
    """A fresh folder of this test, open to any account, gone with it: all at once took minutes."""
    folder = Path(tempfile.mkdtemp(dir=session_folder))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)  # what a dying process still writes goes at the end
