"""`-O NAME=VALUE`: the options of a repository, as people type them."""

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Any

import typer

from windlass.domain.errors import Invalid, Problems
from windlass.domain.options import Options

NAMES = ", ".join(field.name for field in fields(Options))
Given = Annotated[
    list[str] | None,
    typer.Option(
        "--option", "-O", metavar="NAME=VALUE", help=f"An option, again for each: {NAMES}."
    ),
]


def read_options(given: Sequence[str] | None) -> dict[str, Any]:
    """`auto_deploy=false` as name and value: JSON, else text. Invalid CLI003 names each that is
    none."""
    problems = Problems()
    read = [problems.take(lambda one=one: _read(one)) for one in given or ()]  # type: ignore[misc]
    problems.raise_all()
    return dict(pair for pair in read if pair is not None)


def _read(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise Invalid("CLI003", f"{text!r} is no NAME=VALUE", "For example auto_deploy=false.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
