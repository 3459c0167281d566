"""What is known of a rule: why it is there, how to mend a finding, who may let one pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from windlass.domain.finding import FindingType, Severity

Files = Mapping[str, "str | bytes | Link"]
"""Path below the DAG root → content."""


class Link(str):
    """The target of a symlink, in the place of a file's content."""

    __slots__ = ()


class Waiving(StrEnum):
    """Who may let a finding pass that would deny."""

    INLINE = "inline"  # its author by a comment, or the control side
    CONTROL = "control"  # only the control side: a waiver, or the release policy
    NEVER = "never"  # nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of finding. `severity` is the worst that its findings have.

    `bad` gives the finding and `good` does not: a test runs both through the gate, unless `untried`
    says why it cannot. `waiving` is for findings that deny; advice needs no waiver. `of_engine`: it
    says that what judges failed, so that the same tree may be judged otherwise later.
    """

    code: str
    family: str
    type: FindingType
    severity: Severity
    what: str
    why: str
    mend: str
    bad: Files
    good: Files
    waiving: Waiving
    untried: str = ""
    of_engine: bool = False
