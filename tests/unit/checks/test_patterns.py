"""The regular expressions of the checks are linear: no repetition that can be tried again stands
in another one."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest

from windlass import checks
from windlass.checks.formats import FORMATS

PARSER = importlib.import_module("re._parser")  # by name: a library's types may have it or not
UNBOUNDED = PARSER.MAXREPEAT


def patterns() -> list[Any]:
    found = {form.pattern.pattern: form.pattern for form in FORMATS}
    for name in pkgutil.iter_modules(checks.__path__):
        for value in vars(importlib.import_module(f"windlass.checks.{name.name}")).values():
            for one in value if isinstance(value, tuple) else (value,):
                for part in one if isinstance(one, tuple) else (one,):
                    if isinstance(part, re.Pattern):
                        found[part.pattern] = part
    return [pytest.param(one, id=str(text)[:60]) for text, one in found.items()]


def repetitions(parsed: Any, within: bool = False) -> Iterator[tuple[bool, bool]]:
    """Of each repetition: whether it stands in another one, and whether it has no bound."""
    for operator, argument in parsed:
        if str(operator) in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            _, most, inner = argument
            yield within, most == UNBOUNDED and str(operator) != "POSSESSIVE_REPEAT"
            yield from repetitions(inner, within or most == UNBOUNDED or most > 4)
        elif str(operator) == "BRANCH":
            for branch in argument[1]:
                yield from repetitions(branch, within)
        elif isinstance(argument, tuple):
            for part in argument:
                if hasattr(part, "getwidth"):
                    yield from repetitions(part, within)
        elif hasattr(argument, "getwidth"):
            yield from repetitions(argument, within)


@pytest.mark.parametrize("pattern", patterns())
def test_no_repetition_without_a_bound_stands_in_another_one(pattern: re.Pattern[Any]) -> None:
    parsed = PARSER.parse(pattern.pattern, pattern.flags)

    assert [one for one in repetitions(parsed) if one == (True, True)] == []


@pytest.mark.parametrize("text", ["(a+)+", "(a*b?)*", "((a|b+)c)*"])
def test_the_test_knows_a_bad_one(text: str) -> None:
    parsed = PARSER.parse(text)

    assert (True, True) in list(repetitions(parsed))
