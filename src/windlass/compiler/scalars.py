"""Plain YAML scalars: which value one has, and which ones different readers read differently."""

import math
import re

from windlass.compiler.nodes import Value

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|(0|[1-9][0-9]{0,17})\.[0-9]{0,30})([eE][-+][0-9]{1,3})?")
# What YAML 1.1 and YAML 1.2 (yaml.org/type, and chapter 10.3 of 1.2.2) read as different values,
# or what neither can keep exactly. Each pattern is linear.
_TRAPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF"),
        "a truth value to some readers of YAML and a text to others",
    ),
    (
        re.compile(r"[-+]?0[0-9_]+|[-+]?0o[0-7]+|[-+]?0b[01_]+"),
        "another number to some readers of YAML than to others",
    ),
    (
        re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?|[-+]?0x[0-9a-fA-F_]+"),
        "a number to some readers of YAML and a text to others",
    ),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"),
        "a number with the base 60 to some readers of YAML and a text to others",
    ),
    (
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"),
        "a number that not every reader of YAML keeps as it is written",
    ),
    (
        re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        "no number that can be kept",
    ),
    (re.compile("<<|="), "a word with a meaning of its own to some readers of YAML"),
)


def resolve(text: str) -> Value:
    """The value of a plain scalar. Whether it is a trap is `trap_in`'s answer, asked first.

    >>> [resolve(text) for text in ("5", "5.0", "true", "~", "2026-01-01", "1.2.3")]
    [5, 5.0, True, None, '2026-01-01', '1.2.3']
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def trap_in(text: str) -> str | None:
    """What is wrong with a plain scalar that YAML 1.1 and 1.2 read differently; None for others.

    >>> trap_in("no")
    'a truth value to some readers of YAML and a text to others'
    """
    if len(text) > 400 or _INT.fullmatch(text) or _HEX.fullmatch(text):
        return None
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return None
    return next((why for pattern, why in _TRAPS if pattern.fullmatch(text)), None)
