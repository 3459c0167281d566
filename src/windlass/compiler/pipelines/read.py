"""From the nodes of a document to a `Pipeline`: names, references and what keys mean together."""

from collections.abc import Iterable, Mapping
from typing import Any

from windlass.compiler.documents import quoted
from windlass.compiler.pipelines.references import ReadStep, check_references, in_sequence
from windlass.compiler.pipelines.shape import RUNNING
from windlass.compiler.pipelines.steps import STEP_TYPES
from windlass.compiler.pipelines.templates import Expanded
from windlass.compiler.reading import Fields, Reading
from windlass.domain.nearest import suggest
from windlass.domain.pipeline import (
    Asset,
    Bindings,
    Deadline,
    Mapped,
    Notice,
    Notices,
    Pipeline,
    Schedule,
    Step,
)
from windlass.domain.signature import Called

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def pipeline_of(
    reading: Reading, file: Fields, bindings: Bindings, expanded: Expanded, *, is_older: bool
) -> Pipeline | None:
    """The pipeline that was read; what is wrong with it is told by `reading`. None where a part
    that everything hangs on is missing or wrong."""
    found: Fields | None = file.get("pipeline")
    if found is None:
        return None
    listed = found.get("steps", [])
    read = [one for one in (_step(reading, fields, bindings) for fields in listed if fields) if one]
    if not read and not reading.findings:
        reading.refuse("PIPE019", "the pipeline has no step", "Add one.", found.place_of("steps"))
    if found.get("sequential"):
        read = in_sequence(read)
    is_whole = expanded.is_whole and len(read) == len(listed)
    steps = check_references(reading, read, is_whole=is_whole)
    schedule = _schedule(reading, found, bindings)
    name, domain = found.get("name"), found.get("domain")
    if name is None or (domain is None and not is_older):
        return None
    owners, links = _owners(found, domain)
    return Pipeline(
        dag_id=found.get("dag_id") or (name if is_older else f"{domain}.{name}"),
        line=found.place_of("name").line,
        steps=steps,
        schedule=schedule,
        description=found.get("description", ""),
        documentation=found.get("documentation", ""),
        tags=_tags(found, domain),
        owners=owners,
        owner_links=links,
        defaults=_defaults(reading, file, found, bindings),
        params=_params(reading, found, schedule),
        notices=_notices(found.get("notifications")),
        deadline=_deadline(reading, found, bindings),
        timeout=found.get("timeout", ""),
        max_active_runs=_below(found, "concurrency", "runs"),
        max_active_tasks=_below(found, "concurrency", "tasks"),
        paused=found.get("paused"),
        template=expanded.used,
    )


def _below(found: Fields, record: str, key: str) -> Any:
    inner: Fields | None = found.get(record)
    return inner.get(key) if inner else None


def _tags(found: Fields, domain: str | None) -> tuple[str, ...]:
    """Domain and version are tags; each once, in this order."""
    made = [f"domain:{domain}"] if domain else []
    made += [f"version:{found.get('version')}"] if found.get("version") else []
    return tuple(dict.fromkeys((*made, *filter(None, found.get("tags", ())))))


def _owners(found: Fields, domain: str | None) -> tuple[tuple[str, ...], dict[str, str]]:
    names: list[str] = []
    links: dict[str, str] = {}
    for owner in filter(None, found.get("owners", ())):
        name = owner if isinstance(owner, str) else owner.get("name")
        if name is None:
            continue
        names.append(name)
        if isinstance(owner, Fields) and owner.get("email"):
            links[name] = f"mailto:{owner.get('email')}"
    return tuple(names or ([domain] if domain else [])), links


def _defaults(
    reading: Reading, file: Fields, found: Fields, bindings: Bindings
) -> Mapping[str, Any]:
    """The defaults of all steps, those that the cluster gives below those that are written."""
    inner: Fields | None = found.get("defaults")
    written = dict(inner.values) if inner else {}
    resources: Fields | None = file.get("resources")
    name = resources.get("compute_cluster") if resources else None
    if name is None or resources is None:
        return written
    cluster = bindings.clusters.get(name)
    if cluster is None:
        hint = suggest(name, bindings.clusters, "It has") or "Leave compute_cluster out."
        message = (
            f"environment {bindings.environment} has no cluster {quoted(name)}; Airflow's own pool "
            "and queue are used"
        )
        reading.advise("PIPE020", message, hint, resources.place_of("compute_cluster"))
        return written
    given = {"pool": cluster.pool, "queue": cluster.queue, "executor": cluster.executor}
    return {**{key: one for key, one in given.items() if one is not None}, **written}


# ---- steps ---------------------------------------------------------------------------------


def _step(reading: Reading, found: Fields, bindings: Bindings) -> ReadStep | None:
    kind, name = STEP_TYPES.get(found.get("type", "")), found.get("name")
    if kind is None:
        return None
    if kind.check is not None:
        kind.check(found, reading)
    mapped = _mapped(reading, found, kind.mappable)
    if kind.name == "operator" and found.get("class"):
        _check_class(reading, found, bindings)
    if name is None:
        return None
    depends: Any = found.get("depends_on", [])
    step = Step(
        name=name,
        type=kind.name,
        line=found.place.line,
        config=_plain({key: found.get(key) for key in kind.keys if key in found.values}),
        running={key: found.get(key) for key in RUNNING if key in found.values},
        description=found.get("description", ""),
        groups=tuple(found.get("group", "").split(".")) if found.get("group") else (),
        depends_on=(depends,) if isinstance(depends, str) else tuple(filter(None, depends)),
        produces=_assets(found.get("produces", ())),
        consumes=_assets(found.get("consumes", ())),
        notices=_notices(found),
        mapped=mapped,
        within=found.place.within.rpartition(":")[0],
        called=_called(reading, found) if kind.name == "operator" else None,
    )
    return ReadStep(step, found)


def _called(reading: Reading, found: Fields) -> Called | None:
    if "class" not in found.values:
        return None
    place = found.place_of("arguments")
    at = {name: reading.entries[place, name] for name in found.get("arguments", {})}
    arguments = {name: (one.line, one.column, one.within) for name, one in at.items()}
    named = found.place_of("class")
    return Called(found.get("class"), (named.line, named.column, named.within), arguments)


def _plain(value: Any) -> Any:
    """What was read as plain values, without what was wrong in it."""
    match value:
        case Fields():
            return {key: _plain(one) for key, one in value.values.items()}
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case list():
            return [_plain(one) for one in value]
    return value


def _mapped(reading: Reading, found: Fields, mappable: Mapping[str, str]) -> Mapped | None:
    written: Fields | None = found.get("map")
    if written is None:
        return None
    into = written.get("into")
    if into is None:
        return None
    place = written.place_of("into")
    if into not in mappable:
        can = suggest(into, mappable) or "No key of it can be."
        reading.refuse(
            "PIPE021", f"{found.get('type')} cannot be mapped over {quoted(into)}", can, place
        )
        return None
    if into in found.places:
        hint = f"Leave {into} out of the step."
        reading.refuse("PIPE022", f"{into} is in the step and mapped", hint, place)
    required = [key for key in mappable if key != into and _is_required(found, key)]
    for key in required:
        if key not in found.places:
            message = f"{found.get('type')} needs {key} beside what is mapped"
            reading.refuse("PIPE023", message, f"Add {key}.", written.place)
    over = written.get("over")
    if over is None and "step" not in written.values:
        return None
    return Mapped(into, written.get("step", "") if over is None else tuple(over))


def _is_required(found: Fields, key: str) -> bool:
    return STEP_TYPES[found.get("type")].keys[key].unless == "map"


def _check_class(reading: Reading, found: Fields, bindings: Bindings) -> None:
    path = found.get("class")
    if not any(path.startswith(allowed) for allowed in bindings.operators):
        hint = f"It allows what begins with {', '.join(bindings.operators[:5])}"
        message = f"environment {bindings.environment} does not allow the operator {quoted(path)}"
        reading.refuse("PIPE024", message, hint, found.place_of("class"))


def _assets(listed: Iterable[Any]) -> tuple[Asset, ...]:
    given = [Asset(one) if isinstance(one, str) else one for one in listed if one is not None]
    made = [
        one if isinstance(one, Asset) else Asset(one.get("uri", ""), one.get("name"))
        for one in given
    ]
    return tuple(one for one in made if one.uri)


def _notices(found: Fields | None) -> Notices:
    if found is None:
        return Notices()
    return Notices(
        _listed(found, "on_failure"), _listed(found, "on_success"), _listed(found, "on_retry")
    )


def _listed(found: Fields, key: str) -> tuple[Notice, ...]:
    written = [one for one in found.get(key, ()) if one is not None]
    return tuple(
        Notice(channel, _plain(one.get(channel)))
        for one in written
        for channel in ("email", "slack")
        if one.get(channel) is not None
    )


# ---- when it runs --------------------------------------------------------------------------


def _schedule(reading: Reading, found: Fields, bindings: Bindings) -> Schedule:
    written: Any = found.get("schedule")
    place = found.place_of("schedule")
    if written is None:
        return Schedule()
    if isinstance(written, str):
        return Schedule(type="cron", expression=written)
    kind = written.get("type")
    _check_times(reading, written, kind)
    if kind == "timetable" and written.get("class"):
        _check_timetable(reading, written, bindings)
    any_of, all_of = written.get("any_of"), written.get("all_of")
    if kind == "asset" and not any_of and not all_of:
        reading.refuse("PIPE025", "the schedule names no asset", "Add any_of or all_of.", place)
    return Schedule(
        type=kind,
        expression=written.get("expression", ""),
        every=written.get("every", ""),
        timezone=written.get("timezone", "UTC"),
        start=written.get("start"),
        end=written.get("end"),
        catchup=written.get("catchup", False),
        assets=_assets(any_of or all_of or ()),
        all_of=bool(all_of),
        timetable=written.get("class", ""),
        arguments=written.get("arguments", {}),
    )


def _check_times(reading: Reading, written: Fields, kind: str) -> None:
    start, end = written.get("start"), written.get("end")
    if written.get("catchup") and start is None:
        message = "catchup makes up for runs since start, and there is none"
        reading.refuse("PIPE026", message, "Add start.", written.place_of("catchup"))
    if start and end and end <= start:
        reversed_times = f"end {end} is not after start {start}"
        reading.refuse("PIPE027", reversed_times, "Correct one.", written.place_of("end"))
    expression = written.get("expression", "")
    if kind == "preset" and expression and not expression.startswith("@"):
        place = written.place_of("expression")
        reading.refuse("PIPE028", f"{quoted(expression)} is no preset", "Such as @daily.", place)


def _check_timetable(reading: Reading, written: Fields, bindings: Bindings) -> None:
    path = written.get("class")
    allowed = ("airflow.timetables.", *bindings.operators)
    if not any(path.startswith(one) for one in allowed):
        hint = f"It allows what begins with {', '.join(allowed[:5])}"
        message = f"environment {bindings.environment} does not allow the timetable {quoted(path)}"
        reading.refuse("PIPE029", message, hint, written.place_of("class"))


def _deadline(reading: Reading, found: Fields, bindings: Bindings) -> Deadline | None:
    written: Fields | None = found.get("deadline")
    if written is None:
        return None
    if bindings.airflow < (3, 1):
        version = ".".join(map(str, bindings.airflow))
        message = f"Airflow {version} has no deadlines"
        hint = "Leave it out, or write timeout:, which ends the run."
        reading.refuse("PIPE030", message, hint, found.place_of("deadline"))
    notices = _listed(written, "notify")
    after = written.get("after")
    if len(notices) != 1:
        too_many = f"a deadline has one notice, not {len(notices)}"
        reading.refuse("PIPE031", too_many, "Name one.", written.place_of("notify"))
    if after is None or not notices:
        return None
    return Deadline(after, written.get("since", "queued"), notices[0])


# ---- params --------------------------------------------------------------------------------


def _params(reading: Reading, found: Fields, schedule: Schedule) -> Mapping[str, Mapping[str, Any]]:
    made: dict[str, Mapping[str, Any]] = {}
    for name, value in found.get("parameters", {}).items():
        made[name] = {"default": value}
    for name, one in found.get("params", {}).items():
        missing = {"default": None} if "default" in one.places else {}
        made[name] = {**missing, **_plain(one)}
        _check_param(reading, name, one, schedule)
    return made


def _check_param(reading: Reading, name: str, one: Fields, schedule: Schedule) -> None:
    kinds: Any = one.get("type", ())
    words = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind]
    if "default" not in one.places:
        if schedule.type != "manual" and words:
            message = f"param {quoted(name)} has no default, and the pipeline runs by a schedule"
            reading.refuse("PIPE032", message, "Add default.", one.place)
        return
    value = one.get("default")
    if words and not any(_fits(value, word) for word in words):
        mistyped = f"the default of param {quoted(name)} is no {' or '.join(words)}"
        reading.refuse("PIPE033", mistyped, "Correct one of them.", one.place_of("default"))
    enum = one.get("enum")
    if enum is not None and value not in enum and value is not None:
        not_listed = f"the default of param {quoted(name)} is not in its enum"
        reading.refuse("PIPE034", not_listed, "Correct one of them.", one.place_of("default"))


def _fits(value: Any, word: str) -> bool:
    if isinstance(value, bool):
        return word == "boolean"
    return isinstance(value, _KINDS[word])
