"""Tasks of dag-factory as steps."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.compiler.documents import quoted
from windlass.compiler.nodes import Entry, MapNode, Node, to_json
from windlass.compiler.pipelines.importing.durations import duration_of
from windlass.compiler.pipelines.importing.notes import Keys, name_of
from windlass.compiler.pipelines.shape import TRIGGER_RULES
from windlass.compiler.reading import Reading

_STANDARD = "airflow.providers.standard"
_RUNNING = {
    "retries": "retries",
    "retry_exponential_backoff": "retry_backoff",
    "pool": "pool",
    "pool_slots": "pool_slots",
    "queue": "queue",
    "priority_weight": "priority",
    "depends_on_past": "depends_on_past",
}
_DURATIONS = {
    "retry_delay": "retry_delay",
    "max_retry_delay": "max_retry_delay",
    "execution_timeout": "timeout",
}
_CALLBACKS = [
    f"on_{event}_callback{part}"
    for event in ("failure", "success", "retry", "execute")
    for part in ("", "_name", "_file")
]
_LEFT = {
    **dict.fromkeys(_CALLBACKS, "Write notifications, or on_failure of a step: email or slack."),
    **dict.fromkeys(
        ("email", "email_on_failure", "email_on_retry"),
        "Write notifications: {on_failure: [{email: {to: …}}]}.",
    ),
    **dict.fromkeys(
        ("sla", "sla_sec", "sla_secs"), "Airflow 3 has none; write deadline: in the pipeline."
    ),
}
_PYTHON = {"op_kwargs": "arguments", "op_args": "positional"}
_SQL = {
    "sql": "sql",
    "parameters": "parameters",
    "database": "database",
    "autocommit": "autocommit",
    "split_statements": "split_statements",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """A step type that an operator becomes; argument of the operator → key of the step."""

    type: str
    names: Mapping[str, str]
    connection: tuple[str, ...] = ()


_KINDS = {
    "BashOperator": _Kind(
        "bash",
        {
            "bash_command": "command",
            "env": "env",
            "append_env": "append_env",
            "cwd": "cwd",
            "skip_on_exit_code": "skip_on_exit_code",
        },
    ),
    "PythonOperator": _Kind("python", _PYTHON),
    "BranchPythonOperator": _Kind("branch", _PYTHON),
    "SQLExecuteQueryOperator": _Kind("sql", _SQL, ("conn_id",)),
    "PostgresOperator": _Kind("sql", _SQL, ("postgres_conn_id", "conn_id")),
    "TriggerDagRunOperator": _Kind(
        "trigger_dag",
        {
            "trigger_dag_id": "dag_id",
            "conf": "conf",
            "wait_for_completion": "wait",
            "deferrable": "deferrable",
            "reset_dag_run": "reset",
        },
    ),
}
_MOVED = {
    "EmptyOperator": f"{_STANDARD}.operators.empty.EmptyOperator",
    "DummyOperator": f"{_STANDARD}.operators.empty.EmptyOperator",
    "ExternalTaskSensor": f"{_STANDARD}.sensors.external_task.ExternalTaskSensor",
    "FileSensor": f"{_STANDARD}.sensors.filesystem.FileSensor",
    "LatestOnlyOperator": f"{_STANDARD}.operators.latest_only.LatestOnlyOperator",
}


def running_of(given: Keys) -> dict[str, Any]:
    """How tasks run: of one, or of `default_args`."""
    made = {own: given.take(key) for key, own in _RUNNING.items()}
    made |= _durations(given)
    rule = given.take("trigger_rule")
    if rule in TRIGGER_RULES:
        made["trigger_rule"] = rule
    elif rule is not None:
        given.leave("trigger_rule", "Pipelines have the rules of Airflow 3.")
    for key, hint in _LEFT.items():
        given.leave(key, hint)
    return {key: value for key, value in made.items() if value is not None}


def _durations(given: Keys) -> dict[str, str]:
    made: dict[str, str] = {}
    for key, own in _DURATIONS.items():
        for written in (key, f"{key}_sec", f"{key}_secs"):
            value = given.take(written)
            if value is not None and (duration := duration_of(value)):
                made[own] = duration
            elif value is not None:
                given.leave(written, f"Write {own}: such as 5m.")
    return made


def assets_of(given: Keys, key: str) -> list[Any]:
    """The assets that a key lists, those that are plain."""
    value = given.take(key)
    if value is None:
        return []
    found = [asset for one in value if (asset := asset_of(one))] if isinstance(value, list) else []
    if not found or len(found) < len(value):
        given.leave(key, "Pipelines name assets by their URIs, in a list.")
    return found


def asset_of(value: Any) -> Any:
    """An asset as pipelines write it; None for what is none."""
    if isinstance(value, str) and ":" in value:
        return value
    if isinstance(value, dict) and str(value.get("__type__", "")).endswith((".Asset", ".Dataset")):
        uri, name = value.get("uri"), value.get("name")
        return {"uri": uri, **({"name": name} if name else {})} if uri else None
    return None


def step_of(entry: Entry, node: MapNode, reading: Reading) -> dict[str, Any]:
    """One task as a step; `entry` is where it begins, for what is told of it."""
    given = Keys(node, reading)
    name = str(given.take("task_id") or entry.key)
    made: dict[str, Any] = {"name": name_of(name)}
    if made["name"] != name:
        message = f"the task {quoted(name)} becomes {quoted(made['name'])}"
        reading.advise("PIPE062", message, "Its history in Airflow begins anew.", entry.place)
    path = str(given.take("operator") or "")
    is_decorated = not path and given.node.get("decorator") is not None
    kind = _KINDS.get("PythonOperator" if is_decorated else path.rpartition(".")[2])
    given.leave(
        "decorator", "It becomes a step of the type python; its function may not be decorated."
    )
    made["type"] = kind.type if kind else "operator"
    depends = given.take_texts("dependencies")
    made |= {"depends_on": [name_of(one) for one in depends]} if depends else {}
    group = given.take("task_group_name")
    made |= {"group": str(group)} if group else {}
    doc = given.take("doc_md")
    made |= {"description": doc} if isinstance(doc, str) else {}
    for key, own in (("inlets", "consumes"), ("outlets", "produces")):
        if assets := assets_of(given, key):
            made[own] = assets
    made |= running_of(given)
    given.leave("params", "Write params: in the pipeline.")
    for key in ("task_display_name", "map_index_template", "start_date", "end_date", "owner"):
        given.leave(key, "Steps have none; the pipeline has.")
    if kind is not None:
        made |= _of_kind(given, kind)
        given.leave_rest(f"Steps of the type {kind.type} have no such key; operator: has any.")
    else:
        made |= _any_operator(given, path)
    return made


def _of_kind(given: Keys, kind: _Kind) -> dict[str, Any]:
    """The keys of a step type; those of `partial` are the step's own."""
    made: dict[str, Any] = {}
    if kind.type in ("python", "branch") and (function := _callable(given)):
        made["callable"] = function
    for key in kind.connection:
        if (connection := given.take(key)) is not None:
            made["connection"] = connection
    inner = given.node_of("partial")
    parts = [given, Keys(inner, given.reading)] if isinstance(inner, MapNode) else [given]
    for part in parts:
        values = {own: part.take(key) for key, own in kind.names.items()}
        made |= {own: value for own, value in values.items() if value is not None}
    for part in parts[1:]:
        part.leave_rest()
    poll = given.take("poke_interval")
    if poll is not None and kind.type == "trigger_dag" and (interval := duration_of(poll)):
        made["poke_interval"] = interval
    elif poll is not None:
        given.leave("poke_interval", "Write a duration, such as 30s, where the step has one.")
    return made | _mapped(given, kind.names)


def _mapped(given: Keys, names: Mapping[str, str]) -> dict[str, Any]:
    expand = given.take("expand")
    if expand is None:
        return {}
    if isinstance(expand, dict) and len(expand) == 1:
        ((key, value),) = expand.items()
        into = names.get(key)
        found = re.fullmatch(r"([\w-]+)\.output|XcomArg\(([\w-]+)\)", str(value))
        if into and found:
            return {"map": {"into": into, "step": found[1] or found[2]}}
        if into and isinstance(value, list):
            return {"map": {"into": into, "over": value}}
    given.leave("expand", "A step is mapped over one key, with values or what one step returns.")
    return {}


def _callable(given: Keys) -> str | None:
    """The function; of `python_callable_file` the module is guessed, and that is told."""
    path, name, file = (
        given.take(key)
        for key in ("python_callable", "python_callable_name", "python_callable_file")
    )
    if isinstance(path, str):
        return path
    if isinstance(name, str) and isinstance(file, str):
        module = re.sub(r"\.py$", "", file.rpartition("/")[2])
        given.leave("python_callable_file", f"Write where {module} is, below the DAG root.")
        return f"{module}.{name}"
    return None


def _any_operator(given: Keys, path: str) -> dict[str, Any]:
    given.leave("expand", "Steps of the type operator are not mapped.")
    given.leave("partial", "Steps of the type operator are not mapped.")
    arguments: dict[str, Any] = {}
    for entry in given.rest():
        if _is_plain(entry.value):
            arguments[entry.key] = to_json(entry.value)
            given.taken.add(entry.key)
    given.leave_rest("Arguments are plain values; write what makes this one in Python.")
    made = {"class": _MOVED.get(path.rpartition(".")[2], path)}
    return {**made, "arguments": arguments} if arguments else made


def _is_plain(node: Node) -> bool:
    """Whether there is no `__type__`, which dag-factory makes an object of."""
    return "__type__" not in str(to_json(node))
