"""The one door to the git program (security rule S1).

Git runs with argv only, configuration from nowhere, no prompts, no hooks and no filters, in a
process group of its own that limits of time and of output end. How it gets in at a remote, secrets
too, is an `Access`, made by `git.access` alone.
"""

import contextlib
import os
import re
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from windlass.domain.errors import Unavailable

LS_REMOTE_LIMIT_S = 20.0
FETCH_LIMIT_S = 600.0
LOCAL_LIMIT_S = 60.0
OUTPUT_LIMIT_BYTES = 10_000_000

_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.quotePath": "false",
    "credential.helper": "",
    "fetch.fsckObjects": "true",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "protocol.version": "2",
    "transfer.fsckObjects": "true",
}
PATH = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"
_CHUNK_BYTES = 65_536
_STOP_CHECK_S = 0.2
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")


@dataclass(frozen=True, slots=True)
class Access:
    """How one command reaches one remote. `secrets` are taken out of what git prints."""

    config: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = field(default=(), repr=False)


NOWHERE = Access()
"""For commands that ask no remote."""


class GitFailed(Exception):
    """Git ended with an error; `stderr` holds no secret."""

    def __init__(self, command: str, returncode: int, stderr: str) -> None:
        super().__init__(command, returncode, stderr)
        self.command = command
        self.returncode = returncode
        self.stderr = stderr


class GitStopped(Exception):
    """Git was ended because whoever started it is stopping."""


class GitTooLong(GitFailed):
    """Git printed more than it may, and was ended; `start` is the beginning of its output."""

    def __init__(self, command: str, limit_bytes: int, start: bytes) -> None:
        super().__init__(command, -signal.SIGKILL, f"git printed more than {limit_bytes:,} bytes")
        self.start = start


def run_git(
    arguments: Sequence[str],
    *,
    git_dir: Path | None = None,
    access: Access = NOWHERE,
    stdin: bytes | None = None,
    limit_s: float = LOCAL_LIMIT_S,
    max_output_bytes: int = OUTPUT_LIMIT_BYTES,
    max_file_bytes: int | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> bytes:
    """Run `git ARGUMENTS` and return its standard output.

    Raises GitFailed where git exits with an error, GitTooLong where it prints more than
    `max_output_bytes` as output or as errors, GitStopped once `should_stop` says so, Unavailable
    GIT010 where it takes longer than `limit_s`; nothing of its process group is left running after
    the last three. A file that grows over `max_file_bytes` ends git too (Linux only).
    """
    command = _command(arguments, git_dir, access.config)
    environment = {**_environment(), **access.environment}
    return run_program(
        command,
        environment,
        stdin=stdin,
        limit_s=limit_s,
        max_output_bytes=max_output_bytes,
        max_file_bytes=max_file_bytes,
        should_stop=should_stop,
        secrets=access.secrets,
    )


def run_program(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: bytes | None = None,
    limit_s: float = LOCAL_LIMIT_S,
    max_output_bytes: int = OUTPUT_LIMIT_BYTES,
    max_file_bytes: int | None = None,
    should_stop: Callable[[], bool] | None = None,
    secrets: Sequence[str] = (),
) -> bytes:
    """As `run_git`, for git itself and for what comes with ssh."""
    name = _name(command)
    printed = _Printed(name, max_output_bytes, should_stop)
    with _input_file(stdin) as source:
        process = subprocess.Popen(
            command,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        if max_file_bytes and sys.platform == "linux":
            # In time: git has not spoken to the remote yet, and its children inherit the limit.
            with contextlib.suppress(ProcessLookupError):
                limits = (max_file_bytes, max_file_bytes)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)
        try:
            printed.read(process, limit_s)
        except subprocess.TimeoutExpired:
            raise Unavailable(
                "GIT010", f"{name} took longer than {limit_s:g} s and was ended"
            ) from None
        finally:
            _end_group(process)
    if process.returncode:
        text = redact(printed.stderr.decode("utf-8", "replace"), secrets)
        raise GitFailed(name, process.returncode, text)
    return printed.stdout


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """`text` without the secrets and without the user part of any URL.

    >>> redact("fatal: https://bob:pw@git.example/x not found")
    'fatal: https://***@git.example/x not found'
    """
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return _USERINFO.sub("***@", text)


def _name(command: Sequence[str]) -> str:
    """What the command is called in messages: `git fetch`, `ssh-keyscan`."""
    if command[0] != "git":
        return command[0]
    words = iter(command[1:])
    for word in words:
        if word in ("-c", "--git-dir"):
            next(words, None)
        else:
            return f"git {word}"
    return "git"


def _command(
    arguments: Sequence[str], git_dir: Path | None, config: Mapping[str, str]
) -> list[str]:
    settings = {**_CONFIG, **config}
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    place = ["--git-dir", str(git_dir)] if git_dir else []
    return ["git", *options, *place, *arguments]


def _environment() -> dict[str, str]:
    return {
        "PATH": PATH,
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_ALLOW_PROTOCOL": "none",  # git.access names the one that is meant
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
    }


@contextlib.contextmanager
def _input_file(content: bytes | None) -> Iterator[int]:
    """Standard input from a file, so that writing it can never block on what git prints. Raises
    Unavailable GIT027 where the disk refuses it."""
    if content is None:
        yield subprocess.DEVNULL
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile(buffering=0))
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
            file.seek(0)
        except OSError as error:
            raise Unavailable(
                "GIT027",
                f"what git is to read cannot be stored below {tempfile.gettempdir()!r}: "
                f"{error.strerror}",
                "Free disk space there, or set TMPDIR to another folder.",
            ) from error
        yield file.fileno()


class _Printed:
    """What git printed so far; at most `limit_bytes` and one chunk of each stream are held."""

    def __init__(
        self, command: str, limit_bytes: int, should_stop: Callable[[], bool] | None
    ) -> None:
        self._command = command
        self._limit_bytes = limit_bytes
        self._should_stop = should_stop
        self._streams = (bytearray(), bytearray())

    @property
    def stdout(self) -> bytes:
        return bytes(self._streams[0])

    @property
    def stderr(self) -> bytes:
        return bytes(self._streams[1])

    def read(self, process: subprocess.Popen[bytes], limit_s: float) -> None:
        """Read both streams to their ends and wait; raises GitTooLong, GitStopped and
        TimeoutExpired."""
        deadline = time.monotonic() + limit_s
        with selectors.DefaultSelector() as selector:
            for stream, pipe in enumerate((process.stdout, process.stderr)):
                if pipe:
                    selector.register(pipe, selectors.EVENT_READ, stream)
            while selector.get_map():
                ready = selector.select(self._pause_s(deadline))
                if time.monotonic() > deadline:
                    raise subprocess.TimeoutExpired(process.args, limit_s)
                for key, _ in ready:
                    chunk = os.read(key.fd, _CHUNK_BYTES)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    self._streams[key.data].extend(chunk)
                if max(map(len, self._streams)) > self._limit_bytes:
                    raise GitTooLong(self._command, self._limit_bytes, self.stdout)
        process.wait(timeout=max(0.0, deadline - time.monotonic()))

    def _pause_s(self, deadline: float) -> float:
        left_s = max(0.0, deadline - time.monotonic())
        if self._should_stop is None:
            return left_s
        if self._should_stop():
            raise GitStopped
        return min(left_s, _STOP_CHECK_S)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End git and whatever it started, where git was not waited for; close its pipes."""
    if process.returncode is None:  # so its number, which is the group's, is not given anew
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
