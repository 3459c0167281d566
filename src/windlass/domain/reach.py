"""What a file says of itself so that others can be judged by it: what importing it calls elsewhere,
and what harm its functions do that are meant for tasks."""

from dataclasses import astuple, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Harm:
    """A function at the top of a file that, itself or through others of the file, calls what does
    harm at import: `does` is the dotted name of that, called at `line`."""

    function: str
    does: str
    code: str
    line: int


@dataclass(frozen=True, slots=True)
class Reach:
    """`calls` are dotted names of functions of other modules that importing the file calls, each
    with its line."""

    calls: tuple[tuple[str, int], ...] = ()
    harms: tuple[Harm, ...] = ()

    def to_json(self) -> list[Any]:
        return [self.calls, [[*astuple(harm)] for harm in self.harms]]

    @classmethod
    def from_json(cls, row: list[Any]) -> "Reach":
        """The inverse of `to_json`."""
        calls, harms = row
        return cls(
            tuple((name, line) for name, line in calls), tuple(Harm(*harm) for harm in harms)
        )


NO_REACH = Reach()
