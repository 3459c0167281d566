"""The one door to the git program (security rule S1).

Git runs with argv only, configuration from nowhere, no prompts, no hooks and no filters, in a
process group of its own that limits of time and of output end. Secrets reach it through a pipe
that one credential request empties, never by argv, environment, URL or file.
"""

import contextlib
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
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
_CHUNK_BYTES = 65_536
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User and password for one host; the password never shows in a repr."""

    username: str
    password: str = field(repr=False)


class GitFailed(Exception):
    """Git ended with an error; `stderr` holds no secret."""

    def __init__(self, command: str, returncode: int, stderr: str) -> None:
        super().__init__(command, returncode, stderr)
        self.command = command
        self.returncode = returncode
        self.stderr = stderr


class GitTooLong(GitFailed):
    """Git printed more than it may, and was ended; `start` is the beginning of its output."""

    def __init__(self, command: str, limit_bytes: int, start: bytes) -> None:
        super().__init__(command, -signal.SIGKILL, f"git printed more than {limit_bytes:,} bytes")
        self.start = start


def run_git(
    arguments: Sequence[str],
    *,
    git_dir: Path | None = None,
    auth: BasicAuth | None = None,
    config: dict[str, str] | None = None,
    stdin: bytes | None = None,
    limit_s: float = LOCAL_LIMIT_S,
    max_output_bytes: int = OUTPUT_LIMIT_BYTES,
) -> bytes:
    """Run `git ARGUMENTS` and return its standard output.

    Raises GitFailed where git exits with an error, GitTooLong where it prints more than
    `max_output_bytes` as output or as errors, Unavailable GIT010 where it takes longer than
    `limit_s`; nothing of its process group is left running after the last two.
    """
    printed = _Printed(arguments[0], max_output_bytes)
    with _credential_pipe(auth) as (fds, helper), _input_file(stdin) as source:
        process = subprocess.Popen(
            _command(arguments, git_dir, {**(config or {}), **helper}),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            pass_fds=fds,
            start_new_session=True,
        )
        try:
            printed.read(process, limit_s)
        except subprocess.TimeoutExpired:
            raise Unavailable(
                "GIT010", f"git {arguments[0]} took longer than {limit_s:g} s and was ended"
            ) from None
        finally:
            _end_group(process)
    if process.returncode:
        text = redact(printed.stderr.decode("utf-8", "replace"), auth)
        raise GitFailed(arguments[0], process.returncode, text)
    return printed.stdout


def redact(text: str, auth: BasicAuth | None = None) -> str:
    """`text` without the password and without the user part of any URL.

    >>> redact("fatal: https://bob:pw@git.example/x not found")
    'fatal: https://***@git.example/x not found'
    """
    if auth and auth.password:
        text = text.replace(auth.password, "***")
    return _USERINFO.sub("***@", text)


def _command(arguments: Sequence[str], git_dir: Path | None, config: dict[str, str]) -> list[str]:
    settings = {**_CONFIG, **config}
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    place = ["--git-dir", str(git_dir)] if git_dir else []
    return ["git", *options, *place, *arguments]


def _environment() -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin",
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_ALLOW_PROTOCOL": "http:https",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
    }


@contextlib.contextmanager
def _credential_pipe(auth: BasicAuth | None) -> Iterator[tuple[tuple[int, ...], dict[str, str]]]:
    """A pipe that holds the credential for one `git credential` request, and the configuration
    that makes git read it. The helper is git's own shell form (gitcredentials(7)); the only thing
    filled in is a number."""
    if auth is None:
        yield (), {}
        return
    reader, writer = os.pipe()
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(f"username={auth.username}\npassword={auth.password}\n".encode())
        helper = f'!f() {{ test "$1" = get && cat /dev/fd/{reader}; }}; f'
        yield (reader,), {"credential.helper": helper}
    finally:
        os.close(reader)


@contextlib.contextmanager
def _input_file(content: bytes | None) -> Iterator[int]:
    """Standard input from a file, so that writing it can never block on what git prints."""
    if content is None:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file.fileno()


class _Printed:
    """What git printed so far; at most `limit_bytes` and one chunk of each stream are held."""

    def __init__(self, command: str, limit_bytes: int) -> None:
        self._command = command
        self._limit_bytes = limit_bytes
        self._streams = (bytearray(), bytearray())

    @property
    def stdout(self) -> bytes:
        return bytes(self._streams[0])

    @property
    def stderr(self) -> bytes:
        return bytes(self._streams[1])

    def read(self, process: subprocess.Popen[bytes], limit_s: float) -> None:
        """Read both streams to their ends and wait; raises GitTooLong and TimeoutExpired."""
        deadline = time.monotonic() + limit_s
        with selectors.DefaultSelector() as selector:
            for stream, pipe in enumerate((process.stdout, process.stderr)):
                if pipe:
                    selector.register(pipe, selectors.EVENT_READ, stream)
            while selector.get_map():
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready or time.monotonic() > deadline:
                    raise subprocess.TimeoutExpired(process.args, limit_s)
                for key, _ in ready:
                    chunk = os.read(key.fd, _CHUNK_BYTES)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    self._streams[key.data].extend(chunk)
                if max(map(len, self._streams)) > self._limit_bytes:
                    raise GitTooLong(self._command, self._limit_bytes, self.stdout)
        process.wait(timeout=max(0.0, deadline - time.monotonic()))


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End git and whatever it started, where git was not waited for; close its pipes."""
    if process.returncode is None:  # so its number, which is the group's, is not given anew
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
