"""What an import does and looks at, told by Python's audit events. Detection, not confinement."""

import functools
import importlib.machinery
import os
import re
import sys
import types
from collections.abc import Callable
from typing import Any

_MAX_EVENTS = 200
_MAX_PATHS = 20_000
_SECRET_PLACES = re.compile(
    r"/(proc|sys|var/run/secrets|run/secrets)(/|$)|/etc/(shadow|passwd|group|hosts)$"
    r"|/(\.ssh|\.aws|\.kube|\.netrc|\.pgpass|\.docker)(/|$)|(^|/)airflow\.cfg$|serviceaccount"
)
_KINDS = {
    **dict.fromkeys(
        (
            *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"),
            *("subprocess.Popen", "pty.spawn"),
        ),
        "process",
    ),
    **dict.fromkeys(
        (
            *("socket.__new__", "socket.connect", "socket.bind", "socket.sendto"),
            *("socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"),
            *("socket.gethostbyaddr", "urllib.Request", "http.client.connect", "ftplib.connect"),
            *("smtplib.connect", "imaplib.open", "poplib.connect"),
        ),
        "network",
    ),
    **dict.fromkeys(
        ("os.remove", "os.rmdir", "os.rename", "os.truncate", "shutil.rmtree", "shutil.move"),
        "delete",
    ),
    **dict.fromkeys(("os.mkdir", "os.link", "os.symlink", "os.chmod", "os.chown"), "write"),
    **dict.fromkeys(("ctypes.dlopen", "ctypes.dlsym", "ctypes.string_at"), "native"),
    **dict.fromkeys(("exec", "compile", "marshal.loads", "code.__new__"), "code"),
}
_IS_LOOKUP = re.compile(r"(^|[/ ])(os|_collections_abc)(\.py)?>?$|sandbox/inside/values\.py$")
_ONLY_DIRECT = {"exec", "compile", "marshal.loads", "code.__new__"}


class Watch:
    """What was seen of one import: of the tree at the path `tree`, which may write in `tmp`."""

    def __init__(self, tree: str, tmp: str) -> None:
        self.tree = tree
        self._tmp = f"{tmp}/"
        self.is_on = False
        self.opened: set[str] = set()
        self.listed: set[str] = set()
        self.searched: set[tuple[str, str]] = set()  # folder, and the module looked for there
        self.events: dict[tuple[str, str, str, int], None] = {}
        self.asked: dict[tuple[str, str], tuple[str, int]] = {}
        self.is_blind = False  # something was looked at that cannot be told
        self._below = f"{tree}/"

    def start(self) -> None:
        """Look from now on, until the process ends."""
        for name in ("stat", "lstat", "access", "readlink"):
            setattr(os, name, self._watched(getattr(os, name)))
        finder: Any = importlib.machinery.FileFinder
        finder.find_spec = self._noting_search(finder.find_spec)
        self.is_on = True
        sys.addaudithook(self._hear)

    def note_asked(self, kind: str, name: str) -> None:
        """Note a value that the tree's own code asked for."""
        if kind == "environment" and not self._is_lookup_by_tree():
            return
        place = self._place() if self.is_on else None
        if place is not None and len(self.asked) < _MAX_EVENTS:
            self.asked.setdefault((kind, name), place)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event == "open":
            self._hear_open(*arguments)
        elif event in ("os.listdir", "os.scandir"):
            by = sys._getframe(1).f_code.co_filename
            if not by.startswith("<frozen importlib"):  # that one searches, and is told apart
                self._remember(self.listed, arguments[0] if arguments[0] is not None else ".")
        elif event in _KINDS:
            self._hear_deed(event, arguments)

    def _hear_open(self, path: object, mode: str | None, flags: int) -> None:
        is_writing = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or bool(
            mode and set(mode) & set("wax+")
        )
        text = self._remember(self.opened, path)
        if text is None or text.startswith((self._below, self._tmp)):
            return
        if is_writing and text != os.devnull:
            self._note("write", text)
        elif _SECRET_PLACES.search(text):
            self._note("read", text)

    def _hear_deed(self, event: str, arguments: tuple[Any, ...]) -> None:
        kind = _KINDS[event]
        if event in _ONLY_DIRECT and not self._is_direct():
            return
        detail = ""
        if kind in ("delete", "write") and arguments:
            detail = self._text(arguments[0]) or ""
            if detail.startswith(self._tmp):
                return
        self.is_blind |= kind in ("native", "process")
        self._note(kind, detail or event)

    def _note(self, kind: str, detail: str) -> None:
        place = self._place()
        if place is not None and len(self.events) < _MAX_EVENTS:
            self.events.setdefault((kind, detail[:200], *place))

    def _is_direct(self) -> bool:
        """Whether the tree's own code did it, not a library for it (dataclasses, attrs)."""
        frame: types.FrameType | None = sys._getframe(3)
        return frame is not None and frame.f_code.co_filename.startswith(self._below)

    def _is_lookup_by_tree(self) -> bool:
        frame: types.FrameType | None = sys._getframe(3)
        while frame is not None and _IS_LOOKUP.search(frame.f_code.co_filename):
            frame = frame.f_back
        return frame is not None and frame.f_code.co_filename.startswith(self._below)

    def _place(self) -> tuple[str, int] | None:
        """Path and line of the tree's code that is at it; None where a library's own import is."""
        frame: types.FrameType | None = sys._getframe(2)
        lines: dict[str, int] = {}  # the innermost of each file
        while frame is not None:
            name = frame.f_code.co_filename
            if name.startswith(self._below):
                line = lines.setdefault(name, frame.f_lineno)
                if frame.f_code.co_name == "<module>":
                    return name[len(self._below) :], line
            elif not lines and name.startswith("<frozen importlib"):
                return None
            frame = frame.f_back
        for name, line in lines.items():
            return name[len(self._below) :], line
        return None

    def _remember(self, seen: set[str], path: object) -> str | None:
        text = self._text(path)
        if text is not None and (text == self.tree or text.startswith(self._below)):
            if len(seen) < _MAX_PATHS:
                seen.add(text[len(self._below) :])
            else:
                self.is_blind = True
        return text

    def _text(self, path: object) -> str | None:
        """The path as text, from the root; None where it is an open file."""
        if isinstance(path, int):
            return None
        try:
            text = os.fsdecode(path)  # type: ignore[arg-type]
        except TypeError:
            return None
        return os.path.normpath(text if text.startswith("/") else f"{os.getcwd()}/{text}")

    def _noting_search(self, find: Callable[..., Any]) -> Callable[..., Any]:
        """The same search, which remembers what it looked for in folders of the tree."""

        def find_spec(finder: Any, fullname: str, target: object = None) -> object:
            folder = finder.path
            if folder == self.tree or folder.startswith(self._below):
                self.searched.add((folder[len(self._below) :], fullname.rpartition(".")[2]))
            return find(finder, fullname, target)

        return find_spec

    def _watched(self, look: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, which remembers what of the tree it was asked about."""

        @functools.wraps(look)
        def watched(path: object, *arguments: object, **further: object) -> object:
            self._remember(self.opened, path)
            return look(path, *arguments, **further)

        return watched
