"""Versions of Python packages, and whether one is what a requirement wants (PEP 440).

Only as far as it is certain: of anything unusual nothing is said.
"""

import re

_VERSION = re.compile(
    r"v?(?:([0-9]{1,6})!)?([0-9]{1,9}(?:\.[0-9]{1,9}){0,9})"
    r"(?:[-_.]?(a|b|rc|alpha|beta|c|pre|preview)[-_.]?([0-9]{0,9}))?"
    r"(?:[-_.]?post[-_.]?([0-9]{0,9}))?(?:[-_.]?dev[-_.]?([0-9]{0,9}))?(?:\+[a-z0-9._-]{1,60})?",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"(===|~=|==|!=|<=|>=|<|>)\s*([^\s,]{1,60})")
_STAGES = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
_Key = tuple[int, tuple[int, ...], tuple[str, int], int, tuple[int, int]]


def satisfies(version: str, wants: str) -> bool | None:
    """Whether a version is one of those wanted, such as `>=2,<3`; None where that is not certain.

    >>> satisfies("2.1.4", ">=2,<3"), satisfies("2.1.4", "==2.2.*"), satisfies("2.1", "@ url")
    (True, False, None)
    """
    has = _key(version)
    clauses = [part.strip() for part in wants.split(",") if part.strip()]
    answers = [_fits(has, clause) for clause in clauses]
    if has is None or None in answers:
        return None
    return all(answers)


def _fits(has: _Key | None, clause: str) -> bool | None:
    found = _CLAUSE.fullmatch(clause)
    if found is None or has is None or found[1] == "===":
        return None
    sign, text = found[1], found[2]
    if text.endswith(".*") and sign in ("==", "!="):
        prefix = _key(text[:-2])
        if prefix is None:
            return None
        return (_padded(has[1], len(prefix[1])) == prefix[1]) is (sign == "==")
    wanted = _key(text)
    if wanted is None:
        return None
    if sign == "~=":
        least = len(wanted[1]) - 1
        return has >= wanted and _padded(has[1], least) == wanted[1][:least] if least else None
    return _compare(sign, _trimmed(has), _trimmed(wanted))


def _compare(sign: str, has: _Key, wanted: _Key) -> bool:
    return {
        "==": has == wanted,
        "!=": has != wanted,
        "<=": has <= wanted,
        ">=": has >= wanted,
        "<": has < wanted,
        ">": has > wanted,
    }[sign]


def _key(text: str) -> _Key | None:
    """A version as something that is ordered as PEP 440 says; None where it is none."""
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return None
    epoch, release, stage, number, post, dev = found.groups()
    numbers = tuple(int(part) for part in release.split("."))
    early = _STAGES.get((stage or "").lower(), (stage or "").lower())
    ranked = (early, int(number or 0)) if early else ("z", 0)
    if not early and dev is not None and post is None:
        ranked = ("", 0)  # a development release comes before all others of its number
    after = -1 if post is None else int(post or 0)
    return (
        int(epoch or 0),
        numbers,
        ranked,
        after,
        (0, int(dev or 0)) if dev is not None else (1, 0),
    )


def _padded(numbers: tuple[int, ...], length: int) -> tuple[int, ...]:
    return (*numbers, *[0] * length)[:length]


def _trimmed(key: _Key) -> _Key:
    """The same with `2.0` and `2` as one."""
    numbers = key[1]
    while len(numbers) > 1 and not numbers[-1]:
        numbers = numbers[:-1]
    return key[0], numbers, *key[2:]
