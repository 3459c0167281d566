"""Every exception that Windlass raises on purpose. Anything else that escapes is our bug.

AppError
├── Invalid       the caller can fix it; trying again unchanged is pointless
├── Forbidden     who asks may not do this
├── NotFound      the thing named does not exist
├── Conflict      the state moved, or forbids it; look again, then decide
│   └── LeaseLost another worker took over this repository's sync
└── Unavailable   something outside is away; trying again later may help
    ├── Throttled it asks us to wait, and says how long
    └── EngineFailed what judges a tree cannot work here; what it should have judged is denied

The class says the handling; `entrypoints/failures.py` maps it to HTTP status and exit code.
Bad content in a repository is never an exception: it is a list of findings.
"""

from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


class AppError(Exception):
    """A failure with a stable code, a message in the user's words and what to do about it.

    `message` says where and what is wrong and what was expected; `hint` says what to do and may be
    empty. Neither may hold a secret. Every code is listed in docs/codes.md.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(code, message, hint)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return " ".join(part for part in (self.code, self.message, self.hint) if part)


class Invalid(AppError):
    """The caller can fix it; trying again unchanged is pointless."""


def join(problems: list[Invalid]) -> Invalid:
    """One error for all problems of an input, so that nobody meets them one by one.

    It has the code of the first; each further one has a line of its own that begins with its code,
    and below it its hint.
    `problems` has at least one.
    """
    if len(problems) == 1:
        return problems[0]
    lines = "\n".join(_told(problem) for problem in problems)
    return Invalid(problems[0].code, lines.removeprefix(f"{problems[0].code} "))


def _told(problem: Invalid) -> str:
    return f"{problem.code} {problem.message}" + (f"\n  {problem.hint}" if problem.hint else "")


class Problems:
    """Everything that is wrong with an input, met one by one and told at once."""

    def __init__(self) -> None:
        self._met: list[Invalid] = []

    def take(self, check: Callable[[], _T]) -> _T | None:
        """What `check` returns; None where it raises Invalid, which is kept."""
        try:
            return check()
        except Invalid as problem:
            self._met.append(problem)
            return None

    def raise_all(self) -> None:
        """Raise Invalid for what was met; nothing where there is none."""
        if self._met:
            raise join(self._met)


class Forbidden(AppError):
    """Who asks may not do this."""


class NotFound(AppError):
    """The thing named does not exist."""


class Conflict(AppError):
    """The state moved, or forbids it; look again, then decide."""


class LeaseLost(Conflict):
    """Another worker took over this repository's sync; stop without writing anything more."""

    def __init__(self, repository: str) -> None:
        super().__init__("SYNC001", f"another worker took over the sync of {repository!r}")


class Unavailable(AppError):
    """Something outside is away; trying again later may help."""

    def __init__(
        self, code: str, message: str, hint: str = "", *, retry_after_s: float = 30.0
    ) -> None:
        super().__init__(code, message, hint)
        self.retry_after_s = retry_after_s


class Throttled(Unavailable):
    """Something outside asks us to wait; `retry_after_s` is its own figure."""


class EngineFailed(Unavailable):
    """What judges a tree cannot work here; what it should have judged is denied."""
