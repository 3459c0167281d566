"""Writing single files and folders so that a reader sees all of a thing or none of it."""

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path

_LINK_FALLS_BACK = {errno.EMLINK, errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP}
_COPY_BYTES = 1 << 20


def share(name: str, source_fd: int, target_fd: int) -> None:
    """Link a file of one open folder into another, or copy it with its mtime where links cannot
    be. Raises FileNotFoundError where it is not there."""
    try:
        os.link(name, name, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _LINK_FALLS_BACK:
            raise
        _copy(name, source_fd, target_fd)


def open_folder(path: str) -> int:
    """A descriptor of the folder, not of one that a symlink leads to; the caller closes it."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def write_new(path: str, content: bytes, mode: int) -> None:
    """Write a file that is not there yet; its mode is `mode` whatever the umask."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        os.fchmod(fd, mode)


def replace_file(
    path: Path, content: bytes, *, mode: int = 0o644, aside: Path | None = None
) -> None:
    """Write aside, fsync, rename: a reader sees the old content or the new, never a part.

    `aside` is where it is written first, a folder of the same file system; else beside `path`.
    """
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=aside or path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            os.fchmod(fd, mode)
            file.flush()
            os.fsync(fd)
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_file(path.parent)


def make_folder(path: str | Path) -> None:
    """Make one folder, which its parent must be there for, open to readers whatever the umask."""
    place = Path(path)
    place.mkdir(exist_ok=True)
    place.chmod(0o755)


def sync_file(path: str | Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _copy(name: str, source_fd: int, target_fd: int) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=source_fd)
    with os.fdopen(source, "rb", buffering=0) as old:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=target_fd), "wb", buffering=0) as new:
            _copy_content(old.fileno(), new.fileno())
            found = os.fstat(old.fileno())
            os.fchmod(new.fileno(), stat.S_IMODE(found.st_mode))
            os.utime(new.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))


def _copy_content(source: int, target: int) -> None:
    """Linux shares the blocks where the file system can (reflinks); elsewhere bytes are copied."""
    if hasattr(os, "copy_file_range"):
        with contextlib.suppress(OSError):
            while os.copy_file_range(source, target, _COPY_BYTES):
                pass
    while content := os.read(source, _COPY_BYTES):
        _write_all(target, content)


def _write_all(target: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(target, rest) :]
