"""Documents of dag-factory (astronomer/dag-factory 1.x, and the names of 0.x) as pipelines.

Each DAG becomes a document. What cannot be said in one is told at its place, and left out.
"""

import re
from collections.abc import Iterator
from typing import Any

from windlass.compiler.documents import read_document
from windlass.compiler.nodes import Entry, ListNode, MapNode, ScalarNode
from windlass.compiler.pipelines.importing.dag_factory_tasks import (
    asset_of,
    running_of,
    step_of,
)
from windlass.compiler.pipelines.importing.durations import duration_of, moment_of
from windlass.compiler.pipelines.importing.notes import Import, Imported, Keys, name_of
from windlass.compiler.pipelines.shape import API_VERSION
from windlass.compiler.reading import Reading

_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array"}
_SCREEN = "Airflow 3 has none."


def import_dag_factory(path: str, content: bytes) -> Import:
    """Every DAG of a file."""
    document = read_document(path, content)
    reading = Reading(path, None, [])
    reading.findings += document.findings
    root = document.root
    entries = root.entries if isinstance(root, MapNode) else ()
    default = root.get("default") if isinstance(root, MapNode) else None
    below = default if isinstance(default, MapNode) else None
    made = [
        Imported(name_of(entry.key), _document(entry, _laid_over(below, entry.value), reading))
        for entry in entries
        if entry.key != "default" and isinstance(entry.value, MapNode)
    ]
    if not made and not document.findings:
        hint = "Name a file of dag-factory: a key for each DAG, with tasks."
        reading.refuse("PIPE063", "the file has no DAG", hint, None)
    # What `default` holds is told once, not for every DAG.
    findings = dict.fromkeys(
        sorted(reading.findings, key=lambda one: (one.line or 0, one.column or 0))
    )
    return Import(tuple(made), tuple(findings))


def _laid_over(below: MapNode | None, node: MapNode) -> MapNode:
    """A DAG with what `default` gives to it; mappings are merged key by key."""
    if below is None:
        return node
    entries = {entry.key: entry for entry in below.entries}
    for entry in node.entries:
        under = entries.get(entry.key)
        value = entry.value
        if under and isinstance(under.value, MapNode) and isinstance(value, MapNode):
            value = _laid_over(under.value, value)
        entries[entry.key] = Entry(entry.key, entry.place, value)
    return MapNode(tuple(entries.values()), node.place)


def _document(entry: Entry, node: MapNode, reading: Reading) -> dict[str, Any]:
    given = Keys(node, reading)
    args = given.node_of("default_args")
    defaults = Keys(args if isinstance(args, MapNode) else MapNode((), node.place), reading)
    dag_id = str(given.take("dag_id") or entry.key)
    owners = [one.strip() for one in str(defaults.take("owner") or "").split(",") if one.strip()]
    made: dict[str, Any] = {
        "name": name_of(dag_id),
        "domain": name_of(owners[0]) if owners else "pipelines",
        "dag_id": dag_id,
        "description": given.take("description"),
        "documentation": given.take("doc_md"),
        "owners": owners,
        "tags": given.take("tags"),
        "schedule": _schedule(given, defaults),
        "params": _params(given.take("params")),
        "defaults": running_of(defaults),
        "timeout": _timeout(given),
        "concurrency": _concurrency(given),
        "paused": given.take("is_paused_upon_creation"),
    }
    for key in ("default_view", "orientation", "sla_miss_callback"):
        given.leave(key, _SCREEN)
    for key in ("on_failure_callback", "on_success_callback"):
        for one in (key, f"{key}_name", f"{key}_file"):
            given.leave(one, "Write notifications: on_failure or on_success, email or slack.")
    for key in ("render_template_as_native_obj", "template_searchpath", "user_defined_macros"):
        given.leave(key, "Pipelines have none; a step of the type python may do it.")
    made["steps"] = _in_groups(list(_steps(given, reading)), given)
    defaults.leave_rest()
    given.leave_rest()
    empty: tuple[Any, ...] = (None, {}, [], "")
    kept = {key: value for key, value in made.items() if value not in empty}
    return {"apiVersion": API_VERSION, "pipeline": kept}


# ---- when it runs ----------------------------------------------------------------------------


def _schedule(given: Keys, defaults: Keys) -> Any:
    key = "schedule" if given.node.get("schedule") is not None else "schedule_interval"
    written = given.take(key)
    made = _when(written)
    if made is None and written not in (None, "None", "none", ""):
        given.leave(key, "Write schedule: with a type; assets are any_of or all_of URIs.")
    made = made or {"type": "manual"}
    is_timed = made["type"] in ("cron", "preset", "interval")
    for part in (defaults, given):  # what the DAG says holds
        for time, own in (("start_date", "start"), ("end_date", "end")):
            value = part.take(time)
            moment = moment_of(value)
            if value is not None and moment and is_timed:
                made[own] = moment
            elif value is not None:
                part.leave(time, "Write schedule.start, a date, where it runs by the clock.")
        zone = part.take("timezone")
        if isinstance(zone, str) and is_timed:
            made["timezone"] = zone
        elif zone is not None:
            part.leave("timezone", "Write schedule.timezone, where it runs by the clock.")
    catchup = given.take("catchup")
    if catchup and "start" in made:
        made["catchup"] = True
    elif catchup:
        given.leave("catchup", "Write schedule.catchup beside schedule.start.")
    return made


def _when(written: Any) -> dict[str, Any] | None:
    if isinstance(written, str) and written in ("@once", "@continuous"):
        return {"type": written[1:]}
    if isinstance(written, str) and written.startswith("@"):
        return {"type": "preset", "expression": written}
    if isinstance(written, str) and len(written.split()) == 5:
        return {"type": "cron", "expression": written}
    if interval := duration_of(written):
        return {"type": "interval", "every": interval}
    if isinstance(written, dict) and written.keys() == {"datasets"}:
        return _assets(written["datasets"])
    return _assets(written)


def _assets(written: Any) -> dict[str, Any] | None:
    """A list of assets means all of them; so do `__and__` and `__or__` of nothing but assets."""
    word = "all_of"
    if isinstance(written, dict) and len(written) == 1:
        ((operation, written),) = written.items()
        word = {"__and__": "all_of", "__or__": "any_of"}.get(operation, "")
    if not word or not isinstance(written, list) or not written:
        return None
    found = [asset_of(one) for one in written]
    return {"type": "asset", word: found} if all(found) else None


def _params(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        return {}
    known = {name: value for name, value in given.items() if value is not None}
    return {
        name: {"type": _TYPES.get(type(value), "object"), "default": value}
        for name, value in known.items()
    }


def _timeout(given: Keys) -> str | None:
    for key in ("dagrun_timeout", "dagrun_timeout_sec"):
        value = given.take(key)
        if value is not None:
            found = duration_of(value)
            if found:
                return found
            given.leave(key, "Write timeout: such as 2h.")
    return None


def _concurrency(given: Keys) -> dict[str, int]:
    tasks = given.take("max_active_tasks")
    older = given.take("concurrency")
    found = {"runs": given.take("max_active_runs"), "tasks": older if tasks is None else tasks}
    return {key: value for key, value in found.items() if value is not None}


# ---- tasks and groups ------------------------------------------------------------------------


def _steps(given: Keys, reading: Reading) -> Iterator[dict[str, Any]]:
    for entry, node in _listed(given, "tasks", "task_id"):
        yield step_of(entry, node, reading)


def _listed(given: Keys, key: str, own: str) -> Iterator[tuple[Entry, MapNode]]:
    """The mappings below a key, which may be a list of named ones or be keyed by name."""
    node = given.node_of(key)
    if isinstance(node, MapNode):
        for entry in node.entries:
            if isinstance(entry.value, MapNode):
                yield entry, entry.value
    for one in node.items if isinstance(node, ListNode) else ():
        if isinstance(one, MapNode):
            name = one.get(own)
            said = name.text if isinstance(name, ScalarNode) else ""
            yield Entry(said, one.place, one), one


def _in_groups(steps: list[dict[str, Any]], given: Keys) -> list[dict[str, Any]]:
    """The steps with the paths of their groups. What a group waits for, its first steps wait for:
    that is what Airflow makes of it."""
    parents: dict[str, str] = {}
    waits: dict[str, list[str]] = {}
    for entry, node in _listed(given, "task_groups", "group_name"):
        group = Keys(node, given.reading)
        name = str(group.take("group_name") or entry.key)
        parents[name] = str(group.take("parent_group_name") or "")
        waits[name] = group.take_texts("dependencies")
        group.leave("tooltip", "Groups have none; the description of a step is shown.")
        group.leave_rest("Groups have a name only; write it in the steps.")
    paths = {name: _path(name, parents) for name in parents}
    for step in steps:
        if "group" in step:
            step["group"] = paths.get(step["group"], step["group"])
        if "depends_on" in step:
            step["depends_on"] = [paths.get(one, one) for one in step["depends_on"]]
    for name, before in waits.items():
        inside = [one for one in steps if _is_in(one.get("group", ""), paths[name])]
        known = {one["name"] for one in inside}
        for step in inside if before else ():
            own = step.get("depends_on", [])
            if not any(one in known or _is_in(one, paths[name]) for one in own):
                more = [paths.get(one, name_of(one)) for one in before]
                step["depends_on"] = [*dict.fromkeys((*own, *more))]
    return steps


def _path(name: str, parents: dict[str, str]) -> str:
    """The names of a group and of those around it, the outermost first."""
    path = [name]
    while (above := parents.get(path[0], "")) and above not in path:
        path.insert(0, above)
    return ".".join(re.sub(r"[^A-Za-z0-9_-]", "_", one) for one in path)


def _is_in(group: str, path: str) -> bool:
    return group == path or group.startswith(f"{path}.")
