"""What was found in the settings of another tool, before and after it is understood."""

from collections.abc import Iterable
from dataclasses import dataclass

from windlass.compiler.declaration import DeclaredRepository


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of another tool; `value` None where it stands elsewhere, as in a secret.

    `name` is that of the flag, `written` what stood there.
    """

    name: str
    value: str | None
    line: int | None = None
    written: str = ""

    @property
    def spot(self) -> str:
        """How it was written and its line, as notes tell it."""
        shown = self.written or self.name
        return f"{shown} (line {self.line})" if self.line else shown


@dataclass(frozen=True, slots=True)
class Group:
    """The settings of one git-sync, or of one bundle; `where` says in words which."""

    where: str
    settings: tuple[Setting, ...]

    def find(self, *names: str) -> Setting | None:
        """The first of these settings that is there with a value."""
        by_name = {one.name: one for one in self.settings if one.value}
        return next((by_name[name] for name in names if name in by_name), None)

    def value(self, *names: str) -> str | None:
        """The value of the first of these settings that has one."""
        found = self.find(*names)
        return found.value if found else None


@dataclass(frozen=True, slots=True)
class Adopted:
    """A repository as Windlass would register it. `notes` are lines on what has no counterpart;
    `needs_login`: the other tool had a login for it."""

    where: str
    repository: DeclaredRepository
    notes: tuple[str, ...] = ()
    needs_login: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """What cannot be taken over, and why; `is_git` False: it serves nothing of Git, so nothing is
    missing."""

    where: str
    why: str
    is_git: bool = True


def left_among(found: Iterable[Adopted | Left]) -> list[Left]:
    """Those that cannot be taken over."""
    return [one for one in found if isinstance(one, Left)]


def adopted_among(found: Iterable[Adopted | Left]) -> list[Adopted]:
    """Those that can."""
    return [one for one in found if isinstance(one, Adopted)]
