"""Cron expressions, as Airflow takes them: its presets, and the grammar of croniter.

Five fields, or six and seven with seconds and years at the end; names of months and days, `L`,
`#`, `W`, `?` and `R` where croniter has them. Nothing here is computed, so nothing can take long.
"""

import re

MAX_LENGTH = 200
# airflow/utils/dates.py: cron_presets, what dag.schedule takes beside them, and croniter's own.
PRESETS = frozenset({"@once", "@continuous", "@hourly", "@daily", "@weekly", "@monthly"}) | {
    *("@quarterly", "@yearly", "@midnight", "@annually")
}
_MONTH_NAMES = "janfebmaraprmayjunjulaugsepoctnovdec"
_MONTHS = {_MONTH_NAMES[3 * n : 3 * n + 3]: n + 1 for n in range(12)}
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
    ("second", 0, 59, {}),
    ("year", 1970, 2099, {}),
)
_DAY, _MONTH, _WEEKDAY = 2, 3, 4
_LENGTHS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_NUMBER = re.compile(r"[0-9]{1,6}")
_RANDOM = re.compile(r"r(\(([0-9]{1,6})-([0-9]{1,6})\))?(/[0-9]{0,5}[1-9][0-9]{0,5})?")


def wrong_with(expression: str) -> str | None:
    """What is wrong with a schedule that is a text, in words; None where nothing is.

    >>> wrong_with("*/5 * * * *"), wrong_with("@daily"), wrong_with("0 25 * * *")
    (None, None, "'25' is no hour: expected 0 to 23")
    """
    if expression.startswith("@"):
        if expression in PRESETS or expression.lower() in ("@midnight", "@annually"):
            return None
        return f"there is no preset {expression[:40]!r}"
    if len(expression) > MAX_LENGTH:
        return f"it has more than {MAX_LENGTH} characters"
    fields = expression.lower().split()
    if not 5 <= len(fields) <= 7:
        return f"it has {len(fields)} fields: expected 5, or 6 and 7 with seconds and years"
    found = (_wrong_field(index, text) for index, text in enumerate(fields))
    return next((words for words in found if words is not None), _never_comes(fields))


def _never_comes(fields: list[str]) -> str | None:
    """What is wrong with a date that no year has, such as the 31st of February."""
    days, months = fields[_DAY].split(","), fields[_MONTH].split(",")
    if fields[_WEEKDAY] not in ("*", "?") or not all(map(_NUMBER.fullmatch, days)):
        return None
    longest = [_LENGTHS.get(_value(_MONTH, month) or 0, 31) for month in months]
    if min(map(int, days)) <= max(longest):
        return None
    return f"no such month has a day {fields[_DAY]}"


def _wrong_field(index: int, text: str) -> str | None:
    if text == "?":
        if index in (_DAY, _WEEKDAY):
            return None
        return "'?' is for a day of the month or of the week only"
    items = text.split(",")
    if index == _DAY and any(_is_nearest(item) for item in items) and len(items) > 1:
        return "'W' stands for one day alone, not in a list"
    if index == _WEEKDAY and _mixes(items):
        return f"{text!r} mixes days with and without '#'"
    found = (_wrong_item(index, item) for item in items)
    return next((words for words in found if words is not None), None)


def _wrong_item(index: int, item: str) -> str | None:
    if item == "*" or (index == _DAY and item == "l") or _is_random(index, item):
        return None
    if index == _DAY and _is_nearest(item):
        item = item.strip("w")
    elif index == _WEEKDAY and "#" in item:
        item, _, number = item.partition("#")
        if number not in ("1", "2", "3", "4", "5"):
            return f"{number!r} is not which one in a month: expected 1 to 5"
    elif index == _WEEKDAY and _is_last(item):
        item = item[1:]
    body, slash, step = item.partition("/")
    if slash and not (_NUMBER.fullmatch(step) and int(step)):
        return f"{step!r} is no step: expected a whole number from 1 on"
    return None if body == "*" and slash else _wrong_range(index, body)


def _wrong_range(index: int, body: str) -> str | None:
    name, low, high, _ = _FIELDS[index]
    bounds = body.split("-")
    values = [_value(index, bound) for bound in bounds]
    if index == _DAY and len(bounds) == 2 and bounds[1] == "l":
        values[1] = high
    for bound, value in zip(bounds, values, strict=True):
        if value is None or not low <= value <= high:
            return f"{bound!r} is no {name}: expected {low} to {high}"
    return None if len(bounds) <= 2 else f"{body!r} is no {name}, and no range of them"


def _value(index: int, text: str) -> int | None:
    if _NUMBER.fullmatch(text):
        return int(text)
    return _FIELDS[index][3].get(text)


def _mixes(items: list[str]) -> bool:
    """Whether some days are meant every week and others once a month: croniter does not take it."""
    once = {i.partition("#")[0] for i in items if "#" in i} | {i[1:] for i in items if _is_last(i)}
    weekly = {i for i in items if "#" not in i and not _is_last(i)}
    return bool(once) and not weekly <= once | {"*"}


def _is_last(item: str) -> bool:
    return item.startswith("l") and _NUMBER.fullmatch(item[1:]) is not None


def _is_nearest(item: str) -> bool:
    digits = item[1:] if item.startswith("w") else item[:-1] if item.endswith("w") else ""
    return _NUMBER.fullmatch(digits) is not None


def _is_random(index: int, item: str) -> bool:
    found = _RANDOM.fullmatch(item)
    if found is None:
        return False
    _, low, high, _ = _FIELDS[index]
    return found[1] is None or low <= int(found[2]) < int(found[3]) <= high
