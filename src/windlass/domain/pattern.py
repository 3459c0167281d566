"""Regular expressions and globs that take time in proportion to the text, whatever they say.

Administrators write them, and names of repositories are held against them: Python's own `re` may
take for ever. Known are literals, `.`, classes, `\\d \\w \\s`, groups, `|`, and the quantifiers
`* + ? {m,n}`; a pattern always is about the whole text. A text is read by a set of states, and the
sets that came up are remembered.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from windlass.domain.errors import Invalid

MAX_STATES = 2000
_REMEMBERED = 10_000
_Test = Callable[[str], bool]


class Pattern:
    """A pattern that is ready to be asked. Safe for threads."""

    def __init__(self, text: str, states: "_States", first: int, last: int) -> None:
        self.text = text
        self._states = states
        self._last = last
        self._first = states.closure({first})
        self._known: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def matches(self, text: str) -> bool:
        """Whether all of the text is as the pattern says."""
        now = self._first
        for character in text:
            following = self._known.get((now, character))
            if following is None:
                following = self._states.step(now, character)
                if len(self._known) < _REMEMBERED:
                    self._known[now, character] = following
            now = following
            if not now:
                return False
        return self._last in now


def regex(text: str) -> Pattern:
    """A regular expression about a whole text; Invalid POL001 says what is wrong with it.

    >>> regex("[a-z]+(_[a-z0-9]+)*").matches("orders_hourly")
    True
    """
    states = _States()
    parser = _Parser(text, states)
    first, last = parser.pattern()
    return Pattern(text, states, first, last)


def glob(text: str) -> Pattern:
    """A glob about a whole path: `*` and `?` stop at a `/`, `**` does not, `**/` may be nothing.

    >>> glob("legacy/**/*.py").matches("legacy/orders.py"), glob("*.py").matches("a/b.py")
    (True, False)
    """
    return regex(glob_as_regex(text))


def words(text: str) -> Pattern:
    """A glob about a name or a tag: `*` is anything, `?` one character, all else is itself.

    >>> words("team:*").matches("team:sales/eu")
    True
    """
    return regex("".join({"*": ".*", "?": "."}.get(one) or _literal(one) for one in text))


def glob_as_regex(text: str) -> str:
    """The regular expression that says the same as a glob."""
    made, rest = "", text
    while rest:
        for sign, meaning in (("**/", "(.*/)?"), ("**", ".*"), ("*", "[^/]*"), ("?", "[^/]")):
            if rest.startswith(sign):
                made, rest = made + meaning, rest[len(sign) :]
                break
        else:
            made, rest = made + _literal(rest[0]), rest[1:]
    return made


def _literal(character: str) -> str:
    return character if character.isalnum() or character in "_-/: @%" else f"\\{character}"


@dataclass(slots=True)
class _States:
    """A machine: from a state on to others by a test of one character, or by none."""

    tests: list[tuple[_Test, int] | None] = field(default_factory=list)
    free: list[list[int]] = field(default_factory=list)

    def add(self) -> int:
        if len(self.tests) >= MAX_STATES:
            raise Invalid("POL001", "the pattern is too long when its counts are written out")
        self.tests.append(None)
        self.free.append([])
        return len(self.tests) - 1

    def closure(self, states: set[int]) -> frozenset[int]:
        """The states, and those that are reached from them without a character."""
        found, waiting = set(states), list(states)
        while waiting:
            for state in self.free[waiting.pop()]:
                if state not in found:
                    found.add(state)
                    waiting.append(state)
        return frozenset(found)

    def step(self, states: Collection[int], character: str) -> frozenset[int]:
        """The states that are reached with this character."""
        reached = {
            test[1]
            for state in states
            if (test := self.tests[state]) is not None and test[0](character)
        }
        return self.closure(reached)


_CLASSES: dict[str, _Test] = {
    "d": lambda c: c in "0123456789",
    "D": lambda c: c not in "0123456789",
    "w": lambda c: c.isalnum() or c == "_",
    "W": lambda c: not (c.isalnum() or c == "_"),
    "s": str.isspace,
    "S": lambda c: not c.isspace(),
}
_Part = tuple[int, int]


class _Parser:
    """Reads a pattern from left to right and makes its states."""

    def __init__(self, text: str, states: _States) -> None:
        self._text = text.removeprefix("^")
        if self._text.endswith("$") and not self._text.endswith("\\$"):
            self._text = self._text[:-1]
        self._states = states
        self._at = 0
        self._depth = 0

    def pattern(self) -> _Part:
        made = self._choice()
        if self._at < len(self._text):
            raise self._wrong(f"{self._text[self._at]!r} closes nothing")
        return made

    def _choice(self) -> _Part:
        first, last = self._states.add(), self._states.add()
        while True:
            begin, end = self._sequence()
            self._states.free[first].append(begin)
            self._states.free[end].append(last)
            if not self._take("|"):
                return first, last

    def _sequence(self) -> _Part:
        first = last = self._states.add()
        while self._peek() not in ("", "|", ")"):
            begin, end = self._counted()
            self._states.free[last].append(begin)
            last = end
        return first, last

    def _counted(self) -> _Part:
        start = self._at
        part = self._one()
        low, high = self._count()
        if (low, high) == (1, 1):
            return part
        after = self._at
        first = last = self._states.add()
        for turn in range(max(low, 1 if high is None else high)):
            begin, end = part if turn == 0 else self._again(start)
            self._states.free[last].append(begin)
            if turn >= low:
                self._states.free[last].append(end)
            last = end
            if high is None and turn >= low - 1:
                self._states.free[end].append(begin)
        self._at = after
        return first, last

    def _again(self, start: int) -> _Part:
        self._at = start
        return self._one()

    def _count(self) -> tuple[int, int | None]:
        sign = self._peek()
        known: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if sign in known:
            self._at += 1
            counts = known[sign]
        elif sign == "{":
            counts = self._bounds()
        else:
            return 1, 1
        if self._peek() in ("*", "+", "?", "{"):
            raise self._wrong("a count cannot follow a count")
        return counts

    def _bounds(self) -> tuple[int, int | None]:
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at + 1 : max(end, 0)].partition(",")
        if end < 0 or not low.isdecimal() or not (high.isdecimal() or high == ""):
            raise self._wrong("expected {3}, {3,} or {3,5}")
        self._at = end + 1
        most = int(high) if high else None if comma else int(low)
        if int(low) > 1000 or (most or 0) > 1000 or (most is not None and most < int(low)):
            raise self._wrong("the counts are out of bounds")
        return int(low), most

    def _one(self) -> _Part:
        """One character, class or group."""
        sign = self._text[self._at]
        self._at += 1
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._test(self._class())
        if sign == "\\":
            return self._test(self._escape())
        if sign == ".":
            return self._test(lambda _: True)
        if sign in "*+?{}^$":
            raise self._wrong(f"{sign!r} means something here; write \\{sign} for itself")
        return self._test(lambda c: c == sign)

    def _group(self) -> _Part:
        if self._peek() == "?":
            if not self._text.startswith("?:", self._at):
                raise self._wrong("groups that begin with (? are not known, but for (?:")
            self._at += 2
        self._depth += 1
        if self._depth > 20:
            raise self._wrong("groups are nested too deeply")
        made = self._choice()
        self._depth -= 1
        if not self._take(")"):
            raise self._wrong("a group is not closed")
        return made

    def _escape(self) -> _Test:
        sign = self._peek()
        self._at += 1
        if sign in _CLASSES:
            return _CLASSES[sign]
        if sign == "" or sign.isalnum():
            raise self._wrong(f"\\{sign} is not known")
        return lambda c: c == sign

    def _class(self) -> _Test:
        """What stands between brackets."""
        is_negative = self._take("^")
        tests: list[_Test] = []
        while (sign := self._peek()) != "]" or not tests:
            if sign == "":
                raise self._wrong("a [ is not closed")
            self._at += 1
            if sign == "\\":
                tests.append(self._escape())
            elif self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                tests.append(self._range(sign))
            else:
                tests.append(lambda c, sign=sign: c == sign)  # type: ignore[misc]
        self._at += 1
        return lambda c: any(test(c) for test in tests) is not is_negative

    def _range(self, low: str) -> _Test:
        high = self._text[self._at + 1]
        if high < low or high == "\\":
            raise self._wrong(f"{low}-{high} is no range")
        self._at += 2
        return lambda c: low <= c <= high

    def _test(self, test: _Test) -> _Part:
        first, last = self._states.add(), self._states.add()
        self._states.tests[first] = (test, last)
        return first, last

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self._at += 1
        return True

    def _wrong(self, what: str) -> Invalid:
        return Invalid(
            "POL001",
            f"the pattern {self._text[:100]!r} is not understood at {self._at + 1}: {what}",
            "Known are literals, ., [a-z], \\d \\w \\s, ( | ), and * + ? {m,n}.",
        )
