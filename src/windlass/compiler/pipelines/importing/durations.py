"""Durations and times of dag-factory as pipelines write them."""

import re
from typing import Any

_UNITS = {"weeks": 604_800, "days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}


def duration_of(value: Any) -> str | None:
    """Seconds, or dag-factory's `__type__: datetime.timedelta`, as a duration; None for others.

    >>> duration_of(300), duration_of({"__type__": "datetime.timedelta", "minutes": 5})
    ('5m', '5m')
    """
    if isinstance(value, dict):
        if value.get("__type__") != "datetime.timedelta":
            return None
        given = {key: one for key, one in value.items() if key != "__type__"}
        if not all(key in _UNITS and _is_whole(one) for key, one in given.items()):
            return None
        value = sum(_UNITS[key] * int(one) for key, one in given.items())
    if not _is_whole(value) or value < 1:
        return None
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60)):
        if value % seconds == 0:
            return f"{int(value) // seconds}{unit}"
    return f"{int(value)}s" if value < 10**6 else None


def moment_of(value: Any) -> str | None:
    """A date, or a local time, as pipelines write it; None for "2 days" and other relative ones.

    >>> moment_of("2024-01-01"), moment_of("2024-01-01 06:00:00"), moment_of("2 days")
    ('2024-01-01', '2024-01-01T06:00:00', None)
    """
    text = str(value).strip().replace(" ", "T")
    return text if re.fullmatch(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?", text) else None


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and value == int(value)
