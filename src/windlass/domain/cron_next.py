"""When a cron expression is due next, for the plain five fields; croniter's own additions, and what
has seconds or years, are left to Airflow."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_ITEM = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")
_MAX_DAYS = 366 * 5  # from one 29 February to the next but one


def next_moment(expression: str, timezone: str, after: datetime) -> datetime | None:
    """The first moment after `after`, an aware one, in UTC; None where that is not known here, or
    never.

    >>> from datetime import UTC
    >>> str(next_moment("0 3 * * *", "UTC", datetime(2024, 2, 28, 12, tzinfo=UTC)))
    '2024-02-29 03:00:00+00:00'
    """
    fields = _PRESETS.get(expression, expression).split()
    sets = [_values(text, *bounds) for text, bounds in zip(fields, _BOUNDS, strict=False)]
    if len(fields) != len(_BOUNDS) or any(not found for found in sets):
        return None
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    minutes, hours, days, months, weekdays = (found or frozenset() for found in sets)
    weekdays = frozenset(day % 7 for day in weekdays)
    either = not fields[2].startswith("*") and not fields[4].startswith("*")  # crontab(5)
    start = after.astimezone(zone)
    for ahead in range(_MAX_DAYS):
        day = start.date() + timedelta(days=ahead)
        by_day, by_weekday = day.day in days, day.isoweekday() % 7 in weekdays
        is_due = by_day or by_weekday if either else by_day and by_weekday
        if day.month not in months or not is_due:
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                found = moment.astimezone(after.tzinfo)
                if found > after and found.astimezone(zone).hour == hour:  # not skipped by DST
                    return found
    return None


def _values(text: str, low: int, high: int) -> frozenset[int] | None:
    found: set[int] = set()
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            return None
        begin = int(match[1]) if match[1] else low
        end = int(match[2]) if match[2] else begin if match[1] and not match[3] else high
        step = int(match[3]) if match[3] else 1
        if not (low <= begin <= end <= high and step):
            return None
        found |= set(range(begin, end + 1, step))
    return frozenset(found)
