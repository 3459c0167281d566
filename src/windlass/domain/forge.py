"""What Windlass asks of a Git host, and what the host has: hooks, statuses, protection."""

from dataclasses import dataclass, field
from enum import StrEnum

MAX_STATUS_TEXT = 140
"""GitHub's limit for the description of a commit status, the shortest of all hosts."""


class CommitState(StrEnum):
    """What is told of a commit at its Git host."""

    PENDING = "pending"  # it is being judged
    SUCCESS = "success"  # allowed
    FAILURE = "failure"  # denied


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """A mark beside a commit. `context` tells it from those of others, and of other repositories of
    the same remote; `url` is where more is to be read, None for nowhere."""

    context: str
    state: CommitState
    text: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ApiLogin:
    """What the API of a Git host is shown. `is_password`: the secret is the user's own password,
    and no token."""

    username: str
    secret: str = field(repr=False)
    is_password: bool = False


@dataclass(frozen=True, slots=True)
class WantedHook:
    """The hook that a Git host should have: whom it calls, and what proves that it called."""

    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HookThere:
    """A hook that a Git host has. `missing` are events that it does not tell of and should, in the
    host's own words; `trouble` is what is wrong with it or with its last call, in words of ours."""

    id: str
    url: str
    is_active: bool = True
    missing: tuple[str, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Protection:
    """What a Git host makes of pushes to a branch; None: it does not tell us."""

    is_protected: bool | None
    needs_review: bool | None = None

    @property
    def words(self) -> str:
        """
        >>> Protection(True, False).words
        'protected, but changes need no review'
        """
        if self.is_protected is None:
            return "not known: the host does not tell us"
        if not self.is_protected:
            return "not protected: whoever may write can push without review"
        if self.needs_review is None:
            return "protected; whether changes need review is not known"
        if self.needs_review:
            return "protected, and changes need review"
        return "protected, but changes need no review"


def short_text(text: str) -> str:
    """Text that every host takes as the words of a status.

    >>> len(short_text("x" * 300))
    140
    """
    line = " ".join(text.split())
    return line if len(line) <= MAX_STATUS_TEXT else f"{line[: MAX_STATUS_TEXT - 1]}…"


@dataclass(frozen=True, slots=True)
class HookReport:
    """What a Git host makes of a webhook of ours: `problem` is what is wrong with the hook there,
    None where nothing is; `protection` is what is known of the branch that is followed."""

    problem: str | None
    protection: Protection | None = None


def judge_hooks(ours: list[HookThere], url: str) -> str | None:
    """What is wrong with the hooks of a host that call an address of ours, in one line; None where
    there is one, and it does as it should. The first thing that keeps calls from coming counts.

    >>> judge_hooks([], "https://w.example/webhooks/r/x")
    'absent: the host has no hook that calls here'
    """
    if not ours:
        return "absent: the host has no hook that calls here"
    right = [hook for hook in ours if hook.url == url]
    if not right:
        return f"it calls another address: {ours[0].url[:200]}"
    hook = right[0]
    if not hook.is_active:
        return hook.trouble or "it is switched off"
    if hook.missing:
        return f"it does not tell of {', '.join(hook.missing)}"
    if hook.trouble:
        return hook.trouble
    if len(ours) > 1:
        return f"{len(ours)} hooks call here, where one would do"
    return None
