"""The arguments of a DAG that say when it runs, with one meaning in Airflow 2.11 and 3.

A cron expression fires at its moments in both: Airflow 2 would otherwise run it one interval later.
"""

import ast
from datetime import datetime
from functools import reduce
from typing import Any

from windlass.compiler.pipelines.code import Code, attribute, call, literal
from windlass.domain.pipeline import Asset, Schedule

_FIRST = "2024-01-01"  # Airflow 2 wants a start; without catchup nothing else hangs on it


def schedule_arguments(schedule: Schedule, code: Code) -> dict[str, Any]:
    """`schedule`, `start_date`, `end_date` and `catchup`, in this order."""
    start = schedule.start or (_FIRST if code.is_airflow_2 else None)
    given: dict[str, Any] = {"schedule": _schedule(schedule, code)}
    if start is not None:
        given["start_date"] = _moment(start, schedule.timezone, code)
    if schedule.end is not None:
        given["end_date"] = _moment(schedule.end, schedule.timezone, code)
    return {**given, "catchup": schedule.catchup}


def asset_call(asset: Asset, code: Code) -> ast.Call:
    """An asset; in Airflow 2 a dataset, which has no name of its own."""
    if code.is_airflow_2:
        return call(code.use("airflow.datasets", "Dataset"), asset.uri)
    return (
        call(code.use("airflow.sdk", "Asset"), asset.uri)
        if asset.name is None
        else call(code.use("airflow.sdk", "Asset"), name=asset.name, uri=asset.uri)
    )


def _schedule(schedule: Schedule, code: Code) -> ast.expr:
    match schedule.type:
        case "cron" | "preset":
            return _cron(schedule, code)
        case "interval":
            return call(_timetable("DeltaTriggerTimetable", code), code.delta(schedule.every))
        case "timetable":
            module, _, name = schedule.timetable.rpartition(".")
            return call(code.use(module, name), **schedule.arguments)
        case "asset":
            return _assets(schedule, code)
        case "continuous" | "once":
            return literal(f"@{schedule.type}")
    return literal(None)


def _timetable(name: str, code: Code, *, within: bool = False) -> ast.Name:
    """A timetable; that of `airflow.sdk`, from 3.3 on, is made in a fraction of the time when the
    file is parsed, and cannot stand within another timetable."""
    is_public = code.airflow >= (3, 3) and not within
    return code.use("airflow.sdk" if is_public else "airflow.timetables.trigger", name)


def _cron(schedule: Schedule, code: Code, *, within: bool = False) -> ast.expr:
    expression = schedule.expression
    if expression in ("@once", "@continuous"):
        return literal(expression)
    timetable = _timetable("CronTriggerTimetable", code, within=within)
    return call(timetable, expression, timezone=schedule.timezone)


def _assets(schedule: Schedule, code: Code) -> ast.expr:
    operator = ast.BitAnd() if schedule.all_of else ast.BitOr()
    made: list[ast.expr] = [asset_call(one, code) for one in schedule.assets]
    wanted: Any = made
    if len(made) > 1:
        wanted = reduce(lambda one, other: ast.BinOp(one, operator, other), made)
    if not schedule.expression:
        return literal(wanted)
    both = {"timetable": _cron(schedule, code, within=True)}
    if code.is_airflow_2:
        module = "airflow.timetables.datasets"
        return call(code.use(module, "DatasetOrTimeSchedule"), **both, datasets=wanted)
    return call(code.use("airflow.timetables.assets", "AssetOrTimeSchedule"), **both, assets=wanted)


def _moment(text: str, timezone: str, code: Code) -> ast.Call:
    """A local time in its zone."""
    known = datetime.fromisoformat(text)
    parts = [known.year, known.month, known.day]
    if known.hour or known.minute or known.second:
        parts += [known.hour, known.minute, *([known.second] if known.second else [])]
    if timezone == "UTC":
        zone: ast.expr = attribute(code.use("datetime", "timezone"), "utc")
        return call(code.use("datetime", "datetime"), *parts, tzinfo=zone)
    return call(code.use("pendulum", "datetime"), *parts, tz=timezone)
