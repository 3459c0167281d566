"""Runs a part of a test in a process of its own, where a folder is a real, small file system.

The process has a mount namespace of its own, so that no other one sees the file system, and it is
gone with the process. Where we may not mount, as in a container, a user namespace lets us; a host
that offers neither fails the test.
"""

import contextlib
import errno
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.integration.dying import FORKSERVER, context_in
from windlass.engine.context import Context
from windlass.sandbox.inside import kernel


@dataclass(frozen=True)
class SmallDisk:
    """A file system of a few megabytes at `place`."""

    place: Path

    @property
    def _ballast(self) -> Path:
        return self.place / "ballast"

    @contextlib.contextmanager
    def full(self, free_bytes: int) -> Iterator[None]:
        """During the block no more than so many bytes are free."""
        with self._ballast.open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            file.truncate(max(0, file.tell() - free_bytes))
        try:
            yield
        finally:
            self._ballast.unlink()


def with_small_disk(
    context: Context, place: str, megabytes: int, part: Callable[..., None], *arguments: Any
) -> None:
    """Call `part(context, disk, *arguments)` where the folder `place` of the test's room is a file
    system of so many megabytes, and TMPDIR where `place` is `tmp`."""
    ours, theirs = FORKSERVER.Pipe()
    room = context.store.root.parent
    given = (theirs, context.database.url, room, place, megabytes, part, arguments)
    process = FORKSERVER.Process(target=_call, args=given)
    process.start()
    theirs.close()
    with contextlib.suppress(EOFError):
        failure = ours.recv()
        raise AssertionError(failure)
    process.join(60)
    assert process.exitcode == 0


def _call(  # noqa: PLR0917  # what a process is started with
    told: Connection,
    url: str,
    room: Path,
    place: str,
    megabytes: int,
    part: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    try:
        disk = SmallDisk(room / place)
        mount_small(disk.place, megabytes)
        if place == "tmp":
            os.environ["TMPDIR"] = str(disk.place)
            tempfile.tempdir = None  # it is remembered
        with context_in(url, room) as context:
            part(context, disk, *arguments)
    except BaseException:
        told.send(traceback.format_exc())
        raise


def mount_small(place: Path, megabytes: int) -> None:
    """Mount a file system of so many megabytes, for this process and its children only."""
    place.mkdir(exist_ok=True)
    uid, gid = os.geteuid(), os.getegid()
    try:
        kernel.unshare(kernel.CLONE_NEWNS)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWUSER)
        kernel.map_own_ids(uid, gid)
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("small", str(place), "tmpfs", kernel.MS_NOSUID, f"size={megabytes}m,mode=0755")
