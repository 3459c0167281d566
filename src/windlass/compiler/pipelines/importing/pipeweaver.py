"""Documents of PipeWeaver (its internal/domain/entity/pipeline.go) as `windlass/v1`.

Windlass reads them as they are, too, as its older form; this says in the newer one what they mean.
"""

from typing import Any

from windlass.compiler.documents import read_document
from windlass.compiler.nodes import ListNode, MapNode, Node, ScalarNode, to_json
from windlass.compiler.pipelines.importing.notes import Import, Imported, Keys, leave, name_of
from windlass.compiler.pipelines.shape import API_VERSION, RUNNING
from windlass.compiler.pipelines.steps import STEP_TYPES
from windlass.compiler.reading import Reading

_END = ("name", "type", "host", "database", "table", "table_name", "connection", "bucket", "key")
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array"}


def import_pipeweaver(path: str, content: bytes) -> Import:
    """The pipeline of a file; its dag_id stays the name that PipeWeaver gave it."""
    document = read_document(path, content)
    reading = Reading(path, None, [])
    reading.findings += document.findings
    root = document.root
    pipeline = root.get("pipeline") if isinstance(root, MapNode) else None
    if not isinstance(root, MapNode) or not isinstance(pipeline, MapNode):
        if not document.findings:
            reading.refuse("PIPE061", "the file has no pipeline", "Name one of PipeWeaver's.", None)
        return Import((), tuple(reading.findings))
    file = Keys(root, reading)
    made: dict[str, Any] = {"apiVersion": API_VERSION, "pipeline": _pipeline(pipeline, reading)}
    file.taken.add("pipeline")
    resources = file.node_of("resources")
    if isinstance(resources, MapNode):
        given = Keys(resources, reading)
        cluster = given.take("compute_cluster")
        given.leave("storage_location", "Name the bucket in the outputs of the steps.")
        given.leave_rest()
        made |= {"resources": {"compute_cluster": cluster}} if cluster else {}
    file.leave_rest()
    ordered = sorted(reading.findings, key=lambda one: (one.line or 0, one.column or 0))
    return Import((Imported(made["pipeline"]["name"], made),), tuple(ordered))


def _pipeline(node: MapNode, reading: Reading) -> dict[str, Any]:
    given = Keys(node, reading)
    name = str(given.take("name") or "pipeline")
    made = {
        "name": name_of(name),
        "domain": name_of(str(given.take("domain") or "pipelines")),
        "dag_id": name,
        "version": given.take("version"),
        "description": given.take("description"),
        "owners": given.take("owners"),
        "schedule": _schedule(given),
        "params": _params(given.take("parameters")),
    }
    steps = given.node_of("steps")
    listed = steps.items if isinstance(steps, ListNode) else ()
    made["steps"] = [_step(one, reading) for one in listed if isinstance(one, MapNode)]
    given.leave_rest()
    return {key: value for key, value in made.items() if value not in (None, {}, "")}


def _schedule(given: Keys) -> Any:
    written = given.node_of("schedule")
    if not isinstance(written, MapNode):
        return to_json(written) if written is not None else None
    inner = Keys(written, given.reading)
    kind, expression = inner.take("type"), str(inner.take("expression") or "")
    inner.leave_rest()
    if not expression:
        return {"type": kind} if kind in ("manual", "once", "continuous") else None
    # PipeWeaver takes the expression, whatever the type.
    return {"type": "preset" if expression.startswith("@") else "cron", "expression": expression}


def _params(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        return {}
    return {
        name: {"type": _TYPES.get(type(value), "object"), "default": value}
        for name, value in given.items()
        if value is not None
    }


def _step(node: MapNode, reading: Reading) -> dict[str, Any]:
    given = Keys(node, reading)
    made: dict[str, Any] = {"name": name_of(str(given.take("name") or "step"))}
    for key in ("type", "description", "depends_on"):
        if value := given.take(key):
            made[key] = value
    for key in ("inputs", "outputs"):
        ends = given.node_of(key)
        if isinstance(ends, ListNode):
            made[key] = [_end(one, reading) for one in ends.items]
    given.leave(
        "config", "PipeWeaver does nothing with it; a step's keys stand in the step itself."
    )
    given.leave(
        "transformation_query", "PipeWeaver does nothing with it; write a step of type sql."
    )
    notifications = given.node_of("notifications")
    if isinstance(notifications, MapNode):
        made |= _notices(notifications, reading)
    known = STEP_TYPES.get(str(made.get("type")))
    for entry in [*given.rest()]:  # what the older form knows beyond PipeWeaver
        if entry.key in RUNNING or (known and entry.key in known.keys):
            made[entry.key] = given.take(entry.key)
    given.leave_rest()
    return made


def _end(node: Node, reading: Reading) -> Any:
    if not isinstance(node, MapNode):
        return to_json(node)
    given = Keys(node, reading)
    made = {key: given.take(key) for key in _END}
    path = given.take("path")
    kind = made["type"]
    if path and kind in ("s3", "gcs"):
        bucket, _, key = str(path).partition("://")[2].partition("/")
        made |= {"bucket": bucket, "key": key} if bucket and key else {}
        if not (bucket and key):
            given.leave("path", f"Write bucket: and key: of the {kind} object.")
    elif path and kind in ("sftp", "smb"):
        made["path"] = path
    elif path:
        given.leave("path", "Ends of this type have none.")
    given.leave_rest()
    return {key: value for key, value in made.items() if value is not None}


def _notices(node: MapNode, reading: Reading) -> dict[str, Any]:
    """The notices of a step, by what they are for."""
    made: dict[str, Any] = {}
    for entry in node.entries:
        if entry.key not in ("on_success", "on_failure") or not isinstance(entry.value, ListNode):
            leave(reading, entry, "Write on_failure or on_success, with a list.")
            continue
        for one in entry.value.items:
            notice = _notice(one)
            if notice is None:
                hint = "Notices go by email, with recipients, or by slack, with channel."
                leave(reading, entry, hint)
            else:
                made.setdefault(entry.key, []).append(notice)
    return made


def _notice(node: Node) -> dict[str, Any] | None:
    said: Any = to_json(node)
    if isinstance(node, ScalarNode) or not isinstance(said, dict):
        return None
    if said.get("method") == "email" and said.get("recipients"):
        return {"email": {"to": said["recipients"]}}
    if said.get("method") == "slack" and said.get("channel"):
        return {"slack": {"channel": said["channel"]}}
    return None
