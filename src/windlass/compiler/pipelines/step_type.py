"""What a step type is: its keys, and how one of its steps becomes an operator."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from windlass.compiler.pipelines.code import Code
from windlass.compiler.reading import Fields, Reading
from windlass.compiler.shapes import Key

Config: TypeAlias = Mapping[str, Any]
"""The keys of a step's type, as plain values: records are dicts, what is not there is missing."""


@dataclass(frozen=True, slots=True)
class Part:
    """One operator of a step. `arguments` are literals or expressions by the operator's names. A
    step of several parts becomes a group of that many tasks, one after the other, by `name`."""

    operator: ast.expr
    arguments: Mapping[str, Any]
    name: str = ""


@dataclass(frozen=True, slots=True)
class StepType:
    """One type. `version` is raised whenever the same step gives another operator; `needs` are the
    distributions that its operators come from. `mappable`: key → the operator's argument, of those
    that `map` may fill. `check` tells what a shape cannot say. `alternatives` as in Record.
    """

    name: str
    version: str
    about: str
    keys: Mapping[str, Key]
    emit: Callable[[Config, Code], tuple[Part, ...]]
    needs: tuple[str, ...] = ("apache-airflow-providers-standard",)
    mappable: Mapping[str, str] = field(default_factory=dict)
    alternatives: tuple[tuple[str, ...], ...] = ()
    check: Callable[[Fields, Reading], None] | None = None
