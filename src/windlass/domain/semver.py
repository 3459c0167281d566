"""Semantic versions (https://semver.org, 2.0.0) in the names of tags, and ranges of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

# Points 9 to 11 of semver, but leading zeros are let pass, for dates: 2024.11.02. Anything may
# stand before it that does not end in a digit or a dot: v1.2.3, release-1.2.3, dags/v1.2.3.
_VERSION = re.compile(
    r"(|.*[^0-9.])([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,18})"
    r"(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_BOUND = re.compile(
    r"(\^|~|>=|<=|>|<|=)v?([0-9]{1,18})(?:\.([0-9]{1,18}))?(?:\.([0-9]{1,18})(?:-([0-9A-Za-z.-]+))?)?"
)
_FIRST_OPERATOR = re.compile(r"[\^~<>=]")

_Part = tuple[int, int, str]
Key = tuple[tuple[int, ...], tuple[_Part, ...]]
"""The precedence of a version: keys of versions compare as semver 11 says."""


@dataclass(frozen=True, slots=True)
class Version:
    """The version in a tag's name. `lead` is what stands before it, `early` its pre-release."""

    lead: str
    core: tuple[int, int, int]
    early: str | None

    @property
    def key(self) -> Key:
        """A pre-release before its release, numbers before words, part by part."""
        if self.early is None:
            return self.core, ((2, 0, ""),)
        return self.core, tuple(_part(each) for each in self.early.split("."))


def version_in(name: str) -> Version | None:
    """The version that a tag's name ends with; None where there is none.

    >>> version_in("dags/v1.2.3-rc.1")
    Version(lead='dags/v', core=(1, 2, 3), early='rc.1')
    """
    found = _VERSION.fullmatch(name)
    if found is None:
        return None
    return Version(found[1], (int(found[2]), int(found[3]), int(found[4])), found[5])


@dataclass(frozen=True, slots=True)
class Range:
    """Versions between bounds; `lead` is what stands before them in the names of tags.

    A pre-release is in it only where a bound names one of the same three numbers, as npm has it:
    `^1.2` never means 2.0.0-rc.1, and neither does `<2`.
    """

    lead: str
    bounds: tuple["_Bound", ...]

    def holds(self, name: str) -> bool:
        """Whether the tag is a version within all bounds, after exactly `lead`; where that is
        empty a `v` may stand there."""
        version = version_in(name)
        if version is None or (version.lead != self.lead and (self.lead or version.lead != "v")):
            return False
        if version.early is not None and all(
            bound.early is None or bound.core != version.core for bound in self.bounds
        ):
            return False
        return all(bound.admits(version.key) for bound in self.bounds)


def read_range(pattern: str) -> Range | None:
    """A range such as `^1.2`, `~1.9`, `>=1.2 <2` or `dags/v^1`; None where it is none.

    `^` keeps the first number that is not 0, `~` the first two (the first, where it is alone);
    `=1.2` is any 1.2.x. Bounds are parted by spaces or commas, and hold together.
    """
    start = _FIRST_OPERATOR.search(pattern)
    if start is None:
        return None
    found = [_BOUND.fullmatch(each) for each in re.split(r"[ ,]+", pattern[start.start() :])]
    bounds = [bound for each in found if each for bound in _bounds(each)]
    return Range(pattern[: start.start()], tuple(bounds)) if all(found) else None


@dataclass(frozen=True, slots=True)
class _Bound:
    """One comparison; `early` is the pre-release that it names."""

    operator: str
    core: tuple[int, int, int]
    early: str | None = None

    def admits(self, key: Key) -> bool:
        # What is below 2.0.0 is below its pre-releases too.
        mine = Version("", self.core, self.early).key
        return _COMPARE[self.operator](key, mine)


_COMPARE: dict[str, Callable[[Key, Key], bool]] = {
    ">=": lambda one, other: one >= other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    "<": lambda one, other: one < other,
}


def _bounds(found: re.Match[str]) -> list[_Bound]:
    operator, early = found[1], found[5]
    given = [int(part) for part in found.group(2, 3, 4) if part is not None]
    core = [*given, 0, 0][:3]
    low = _Bound(">=", (core[0], core[1], core[2]), early)
    if operator == "^":
        kept = next((n for n, part in enumerate(given) if part), len(given) - 1)
        return [low, _below(given, kept)]
    if operator == "~":
        return [low, _below(given, min(1, len(given) - 1))]
    is_whole = len(given) == 3
    if operator == "=":
        return [low, _Bound("<=", low.core, early)] if is_whole else [low, _below(given, -1)]
    if operator in (">=", "<"):
        return [_Bound(operator, low.core, early)]
    if is_whole:
        return [_Bound(operator, low.core, early)]
    after = _below(given, -1)  # `>1.2` is from 1.3 on, `<=1.2` all of 1.2.x
    return [_Bound(">=", after.core)] if operator == ">" else [after]


def _below(given: list[int], kept: int) -> _Bound:
    """Below the version after all that have these numbers up to the one at `kept`."""
    kept %= len(given)
    core = [*given[:kept], given[kept] + 1, 0, 0][:3]
    return _Bound("<", (core[0], core[1], core[2]))


def _part(text: str) -> _Part:
    return (0, int(text), "") if text.isdecimal() and text.isascii() else (1, 0, text)
