"""Reads DAGs as Airflow 2.11 and 3.1 to 3.3 serialise them.

The forms differ in names (`_task_type`, `dataset`) and in which defaults are left out; both are
read to the same plain values. Their schema: airflow/serialization/schema.json.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.domain.dag_shape import DagShape, Link, TaskShape, Use

EXTRA = "windlass"
"""Where the sandbox puts what Airflow does not keep: task_id → its other arguments and its uses."""
_VOLATILE = frozenset(
    {"fileloc", "relative_fileloc", "_processor_dags_folder", "last_loaded", "is_paused"}
    | {"dag_dependencies", "default_args", "edge_info", "bundle_name", "bundle_version"}
)
_APART = frozenset(
    {"dag_id", "_dag_id", "tasks", "task_group", "_task_group", "tags", "params", "timetable"}
    | {"schedule_interval", "dataset_triggers"}
)
# What a class says of itself: it changes with the provider, not with the DAG.
_OF_THE_CLASS = frozenset(
    {"ui_color", "ui_fgcolor", "template_ext", "template_fields", "template_fields_renderers"}
    | {"deps", "operator_extra_links", "_operator_extra_links", "_log_config_logger_name"}
    | {"start_trigger_args", "start_from_trigger", "has_retry_policy", "subdag"}
    | {"_is_empty", "_is_sensor", "_is_mapped", "_needs_expansion", "_disallow_kwargs_override"}
    | {"_expand_input_attr", "_can_skip_downstream", "is_setup", "is_teardown", "_operator_name"}
)
_TASK_APART = frozenset(
    {"task_id", "task_type", "_task_type", "_task_module", "downstream_task_ids", "label"}
)
_SPANS = frozenset({"retry_delay", "max_retry_delay", "execution_timeout", "dagrun_timeout", "sla"})
_MOMENTS = frozenset({"start_date", "end_date"})
_DEFAULT_OWNER = "airflow"
_DEFAULT_POOL = "default_pool"
# What 3.x leaves out and 2.11 writes down, as does 3.x of a task that was given it.
_DEFAULTS: Mapping[str, Any] = {
    "pool": _DEFAULT_POOL,
    "owner": _DEFAULT_OWNER,
    "weight_rule": "downstream",
    "trigger_rule": "all_success",
    "on_failure_fail_dagrun": False,
    "retries": 0,
}
_NOT_SET = "NOTSET"  # airflow/serialization/definitions/notset.py
_NOT_SET_2 = "<airflow.utils.types.ArgNotSet object"  # as 2.11 has it
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{4,16}")
_MAX_DEPTH = 30
_CONDITIONS = {"asset_all": " and ", "dataset_all": " and ", "asset_any": " or "} | {
    "dataset_any": " or "
}
_TIMETABLES = {
    "NullTimetable": "none",
    "OnceTimetable": "@once",
    "ContinuousTimetable": "@continuous",
}
_MADE_FROM_CRON = ("CronTriggerTimetable", "CronDataIntervalTimetable")
_MADE_FROM_SPAN = ("DeltaTriggerTimetable", "DeltaDataIntervalTimetable")


def read_dag(
    dag_id: str, data: Mapping[str, Any], path: str, code: Mapping[str, str], asked: Iterable[Use]
) -> DagShape:
    """A DAG of the file `path`; `asked` is what importing that file asked for."""
    dag = _mapping(data.get("dag"))
    extra = _mapping(_mapping(data.get(EXTRA)).get("tasks"))
    params = {name: _param(value) for name, value in _params(dag.get("params"))}
    rows = [_mapping(_mapping(row).get("__var", row)) for row in _rows(dag.get("tasks"))]
    tasks = [_task(row, _mapping(extra.get(str(row.get("task_id")))), params) for row in rows]
    settings = {
        name: _value(name, value)
        for name, value in dag.items()
        if name not in _VOLATILE and name not in _APART
    }
    owners = {str(task.arguments.get("owner", _DEFAULT_OWNER)) for task in tasks}
    settings |= {
        "schedule": schedule_of(dag),
        "tags": sorted(str(tag) for tag in _rows(_bare(dag.get("tags")))),
        "owners": sorted(owners - {_DEFAULT_OWNER}),
        **{f"params.{name}": value for name, value in params.items()},
    }
    uses = {use for one in extra.values() for use in _uses(_mapping(one).get("uses"))}
    uses |= {("pool", p) for t in tasks if (p := t.arguments.get("pool")) and isinstance(p, str)}
    makes, awaits = links_of(data)
    return DagShape(
        dag_id,
        path,
        dict(code),
        {name: value for name, value in settings.items() if value not in (None, [], {}, "")},
        {task.task_id: task for task in sorted(tasks, key=lambda task: task.task_id)},
        makes,
        awaits,
        frozenset((uses | {*asked}) - {("pool", _DEFAULT_POOL)}),
    )


def links_of(data: Mapping[str, Any]) -> tuple[frozenset[Link], frozenset[Link]]:
    """What a serialised DAG makes that others may wait for, and what it waits for."""
    dag = _mapping(data.get("dag"))
    dag_id = str(dag.get("dag_id") or dag.get("_dag_id") or "")
    makes: set[Link] = {("dag", dag_id)}
    awaits: set[Link] = {("trigger", dag_id)}
    awaits |= {("asset", one) for one in _assets_in(dag.get("timetable"))}
    for row in _rows(dag.get("tasks")):
        task = _mapping(_mapping(row).get("__var", row))
        given = {**_mapping(_bare(task.get("partial_kwargs"))), **task}
        makes |= {("asset", one) for one in _assets_in(given.get("outlets"))}
        kind = str(task.get("task_type") or task.get("_task_type") or "")
        if kind == "TriggerDagRunOperator" and _is_plain(given.get("trigger_dag_id")):
            makes.add(("trigger", str(given["trigger_dag_id"])))
        if kind == "ExternalTaskSensor" and _is_plain(given.get("external_dag_id")):
            awaits.add(("dag", str(given["external_dag_id"])))
    return frozenset(makes), frozenset(awaits)


def schedule_of(dag: Mapping[str, Any]) -> str:
    """When a serialised DAG runs, in one line.

    >>> schedule_of({"timetable": {"__type": "airflow.timetables.simple.NullTimetable"}})
    'none'
    """
    timetable = _mapping(dag.get("timetable"))
    if timetable:
        return _timetable(timetable)
    interval = _bare(dag.get("schedule_interval"))
    if isinstance(interval, int | float):
        return f"every {_span(interval)}"
    return str(interval) if interval else "none"


def _timetable(timetable: Mapping[str, Any]) -> str:
    kind = str(timetable.get("__type", "")).rpartition(".")[2]
    told = _mapping(timetable.get("__var"))
    if kind in _TIMETABLES:
        return _TIMETABLES[kind]
    known: str | None = None
    if kind in _MADE_FROM_CRON:
        known = str(told.get("expression"))
        told = {name: one for name, one in told.items() if name != "expression"}
        if kind == _MADE_FROM_CRON[1]:
            known += " (data intervals)"
    elif kind in _MADE_FROM_SPAN:
        known = f"every {_value('retry_delay', told.get('delta'))}"
        told = {name: one for name, one in told.items() if name != "delta"}
        if kind == _MADE_FROM_SPAN[1]:
            known += " (data intervals)"
    elif kind in ("AssetTriggeredTimetable", "DatasetTriggeredTimetable"):
        condition = told.get("asset_condition") or told.get("dataset_condition")
        return f"when {_condition(condition)} changes"
    elif kind in ("AssetOrTimeSchedule", "DatasetOrTimeSchedule"):
        condition = told.get("asset_condition") or told.get("dataset_condition")
        return f"{_timetable(_mapping(told.get('timetable')))}, or when {_condition(condition)}"
    rest = [
        f"{name} {_text(_value(name, one))}"
        for name, one in sorted(told.items())
        if one not in (None, 0, 0.0, False, "", "UTC", [], {})
    ]
    if known is None:
        return ", ".join([kind or "unknown", *rest])
    return ", ".join([known, *rest])


def _condition(value: Any, *, is_inner: bool = False) -> str:
    found = _mapping(value)
    kind = str(found.get("__type", ""))
    if kind in _CONDITIONS:
        parts = [_condition(one, is_inner=True) for one in _rows(found.get("objects"))]
        text = _CONDITIONS[kind].join(parts)
        return f"({text})" if is_inner and len(parts) > 1 else text
    return _asset(found) or "nothing"


def _assets_in(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for one in value:
            yield from _assets_in(one, depth + 1)
    elif isinstance(value, dict):
        kind = value.get("__type", "")
        if kind in ("asset", "dataset", "asset_ref", "asset_alias", "asset_uri_ref"):
            yield _asset(value)
        elif kind != "dict":
            for one in value.values():
                if isinstance(one, dict | list):
                    yield from _assets_in(one, depth + 1)


def _asset(found: Mapping[str, Any]) -> str:
    told = {**found, **_mapping(found.get("__var"))}
    return str(told.get("uri") or told.get("name") or "")


def _task(row: Mapping[str, Any], extra: Mapping[str, Any], params: Mapping[str, Any]) -> TaskShape:
    arguments = {
        name: _value(name, value)
        for name, value in row.items()
        if name not in _OF_THE_CLASS and name not in _TASK_APART and name != "params"
    }
    partial = arguments.pop("partial_kwargs", None)  # of a mapped task: what each of them is given
    if isinstance(partial, dict):
        given = {n: _value(n, one) for n, one in partial.items() if n not in _OF_THE_CLASS}
        arguments = {**given, **arguments}
    for name, value in _mapping(extra.get("arguments")).items():
        arguments.setdefault(name, _value(name, value))
    own = {name: _param(value) for name, value in _params(row.get("params"))}
    own = {name: value for name, value in own.items() if params.get(name) != value}
    if own:
        arguments["params"] = own
    for flag in ("is_setup", "is_teardown"):
        if row.get(flag):
            arguments[flag] = True
    kind = str(row.get("task_type") or row.get("_task_type") or "")
    decorator = row.get("_operator_name")
    return TaskShape(
        str(row.get("task_id")),
        str(decorator or kind),
        {name: value for name, value in sorted(arguments.items()) if not _is_default(name, value)},
        frozenset(str(one) for one in _rows(_bare(row.get("downstream_task_ids")))),
    )


def _is_default(name: str, value: Any) -> bool:
    """Whether an argument says nothing."""
    if value in (None, [], {}, _NOT_SET) or (name in _DEFAULTS and _DEFAULTS[name] == value):
        return True
    return isinstance(value, str) and value.startswith(_NOT_SET_2)


def _params(value: Any) -> Iterator[tuple[str, Any]]:
    for pair in _rows(value):
        if isinstance(pair, list) and len(pair) == 2:
            yield str(pair[0]), pair[1]


def _param(value: Any) -> Any:
    """The default of a param; with its schema and description where there are any."""
    found = _mapping(value)
    if "__class" not in found:
        return _value("", value)
    default = _value("", found.get("default"))
    schema = _value("", found.get("schema"))
    more = {"schema": schema, "description": found.get("description")}
    more = {name: one for name, one in more.items() if one not in (None, {}, "")}
    return {"default": default, **more} if more else default


def _uses(value: Any) -> Iterator[Use]:
    for row in _rows(value):
        if isinstance(row, list) and len(row) == 2:
            yield str(row[0]), str(row[1])


def _value(name: str, value: Any, depth: int = 0) -> Any:
    """A serialised value as plain JSON that people can read."""
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        if "__type" in value:
            return _typed(value, depth)
        return {str(key): _value(str(key), one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_value("", one, depth + 1) for one in value]
    if isinstance(value, str):
        return _ADDRESS.sub("at 0x…", value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _span(value) if name in _SPANS else _moment(value) if name in _MOMENTS else value
    return value


def _typed(value: Mapping[str, Any], depth: int) -> Any:
    kind, told = str(value["__type"]), value.get("__var")
    if kind in ("asset", "dataset"):
        return _asset(value)
    if kind in _CONDITIONS:
        return _condition(value)
    if kind == "timedelta" and isinstance(told, int | float):
        return _span(told)
    if kind == "datetime" and isinstance(told, int | float):
        return _moment(told)
    if kind in ("set", "frozenset") and isinstance(told, list):
        return sorted((_value("", one, depth + 1) for one in told), key=_text)
    if told is None:
        rest = {key: one for key, one in value.items() if key != "__type"}
        return {"type": kind, **_value("", rest, depth + 1)} if rest else kind
    return _value("", told, depth + 1)


def _span(seconds: float) -> str:
    """A length of time, as Airflow's users write it.

    >>> _span(5400.0), _span(86400), _span(0.5)
    ('1h 30m', '1d', '0.5s')
    """
    whole = timedelta(seconds=seconds)
    hours, rest = divmod(whole.seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(whole.days, "d"), (hours, "h"), (minutes, "m")]
    words = [f"{number}{unit}" for number, unit in parts if number]
    exact = left + whole.microseconds / 1_000_000
    if exact or not words:
        words.append(f"{exact:g}s")
    return " ".join(words)


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def _bare(value: Any) -> Any:
    """Without the envelope of a type."""
    return value["__var"] if isinstance(value, dict) and "__var" in value else value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "{" not in value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
