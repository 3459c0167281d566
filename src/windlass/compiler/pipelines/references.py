"""What steps say of each other: unique names, dependencies that exist, and no circle."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from windlass.compiler.documents import quoted
from windlass.compiler.nodes import Place
from windlass.compiler.reading import Fields, Reading
from windlass.domain.nearest import suggest
from windlass.domain.pipeline import Step


@dataclass(frozen=True, slots=True)
class ReadStep:
    """A step and where its parts are, for what is told of it."""

    step: Step
    found: Fields


def in_sequence(read: Sequence[ReadStep]) -> list[ReadStep]:
    """The steps, each that waits for none after the one above it."""
    made = list(read[:1])
    for before, one in pairwise(read):
        after = one.step.depends_on or (before.step.name,)
        made.append(replace(one, step=replace(one.step, depends_on=after)))
    return made


def check_references(
    reading: Reading, read: Sequence[ReadStep], *, is_whole: bool
) -> tuple[Step, ...]:
    """The steps; what is wrong between them is told. Where some could not be read, `is_whole` is
    False, and a name that is missing may be one of theirs."""
    _check_names(reading, read)
    steps = [one.step for one in read]
    known = {step.name for step in steps}
    groups = {".".join(step.groups[:n]) for step in steps for n in range(1, len(step.groups) + 1)}
    for one in read if is_whole else ():
        _check_dependencies(reading, one, known, known | groups)
    _check_circles(reading, read, steps)
    return tuple(steps)


def _check_dependencies(
    reading: Reading, one: ReadStep, steps: Collection[str], known: Collection[str]
) -> None:
    own = quoted(one.step.name)
    for name in one.step.depends_on:
        if name not in known:
            message = f"step {own} depends on {quoted(name)}, which no step is"
            place = one.found.place_of("depends_on")
            reading.refuse("PIPE035", message, suggest(name, known), place)
    for name in _mapped_over(one.step):
        if name not in steps:
            unmapped = f"step {own} is mapped over {quoted(name)}, which no step is"
            reading.refuse("PIPE036", unmapped, suggest(name, steps), one.found.place_of("map"))


def _check_names(reading: Reading, read: Sequence[ReadStep]) -> None:
    first: dict[str, Place] = {}
    groups = {group for one in read for group in one.step.groups}
    for one in read:
        name, place = one.step.name, one.found.place_of("name")
        if name in first:
            at = f"{reading.path}:{first[name].line}:{first[name].column}"
            reading.refuse(
                "PIPE037", f"two steps are called {quoted(name)}", f"The first is at {at}.", place
            )
        elif name in groups:
            message = f"{quoted(name)} is a step and a group"
            reading.refuse("PIPE038", message, "Rename one.", place)
        first.setdefault(name, place)


@dataclass(slots=True)
class _Graph:
    """Step → the steps before it, groups taken apart."""

    before: dict[str, list[str]]

    def find_circle(self) -> list[str] | None:
        """The steps of one circle in their order; None where there is none. Walks without
        recursion: a thousand steps may stand in one row."""
        done: set[str] = set()
        for start in self.before:
            path: list[str] = []
            stack = [(start, 0)]
            while stack:
                name, at = stack.pop()
                if at == 0:
                    if name in done:
                        continue
                    if name in path:
                        return path[path.index(name) :]
                    path.append(name)
                following = self.before.get(name, [])
                if at < len(following):
                    stack.append((name, at + 1))
                    stack.append((following[at], 0))
                else:
                    done.add(name)
                    path.remove(name)
        return None


def before_of(steps: Sequence[Step]) -> dict[str, list[str]]:
    """Step → the steps that come before it, those in a group for the group's name; what it is
    mapped over comes before it too."""
    members: dict[str, list[str]] = {}
    for step in steps:
        for length in range(1, len(step.groups) + 1):
            members.setdefault(".".join(step.groups[:length]), []).append(step.name)
    return {
        step.name: [
            name
            for wanted in (*step.depends_on, *_mapped_over(step))
            for name in members.get(wanted, [wanted])
        ]
        for step in steps
    }


def _mapped_over(step: Step) -> tuple[str, ...]:
    over = step.mapped.over if step.mapped else ()
    return (over,) if isinstance(over, str) else ()


def _check_circles(reading: Reading, read: Sequence[ReadStep], steps: Sequence[Step]) -> None:
    circle = _Graph(before_of(steps)).find_circle()
    if circle is None:
        return
    places = {one.step.name: one.found.place for one in read}
    order = " after ".join([*circle, circle[0]])
    message = f"the steps wait for each other: {order}"
    reading.refuse("PIPE039", message, "Take one depends_on away.", places[circle[0]])
