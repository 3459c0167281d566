"""Templates: a document with params, put into the pipelines that name it.

Values are put into the tree of nodes, never into text that is read again: whatever a value holds,
it is one value. What a template says is told at the line of the pipeline that names it, with its
own.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from windlass.compiler.documents import quoted, read_document
from windlass.compiler.nodes import Entry, ListNode, MapNode, Node, Place, ScalarNode, to_json
from windlass.compiler.pipelines.shape import API_VERSION, PIPELINE
from windlass.compiler.pipelines.substitute import Filling, put, references_in
from windlass.compiler.pipelines.words import VARIABLE, version_of
from windlass.compiler.reading import Fields, Reading
from windlass.compiler.shapes import Choice, Free, Key, Listing, Names, Record, Text, Whole
from windlass.domain.errors import Invalid
from windlass.domain.finding import Finding, Severity
from windlass.domain.nearest import suggest
from windlass.domain.template import LOCK_PATH, Templates, is_range, template_path

_LOCK_IT = "Run windlass template lock, and commit pipelines.lock."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("a text", lambda value: isinstance(value, str)),
    "integer": ("a whole number", lambda value: _is_number(value) and value % 1 == 0),
    "number": ("a number", _is_number),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "array": ("a list", lambda value: isinstance(value, list)),
    "object": ("keys with values", lambda value: isinstance(value, dict)),
}
_WORDS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "enum": ("one of {}", lambda value, words: value in words),
    "minimum": ("at least {}", lambda value, least: value >= least),
    "maximum": ("at most {}", lambda value, most: value <= most),
    "minLength": ("at least {} characters", lambda value, least: len(value) >= least),
    "maxLength": ("at most {} characters", lambda value, most: len(value) <= most),
    "pattern": ("what matches {}", lambda value, text: re.search(text, value) is not None),
    "minItems": ("at least {} items", lambda value, least: len(value) >= least),
    "maxItems": ("at most {} items", lambda value, most: len(value) <= most),
}
_MEANS: Mapping[str, tuple[str, ...]] = {
    "string": ("enum", "minLength", "maxLength", "pattern"),
    "integer": ("enum", "minimum", "maximum"),
    "number": ("enum", "minimum", "maximum"),
    "boolean": (),
    "array": ("minItems", "maxItems", "items"),
    "object": (),
}


def _regular(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        message = f"{quoted(text)} is no regular expression: {error.msg}"
        raise Invalid("PIPE068", message, "For example ^[a-z_]+$.") from error
    return text


_SCHEMA: Mapping[str, Key] = {
    "type": Key(Choice(tuple(_TYPES)), "What kind of value it is.", required=True),
    "enum": Key(Listing(Free(), "the value", 500), "The values that there are."),
    "minimum": Key(Free(), "The least number."),
    "maximum": Key(Free(), "The greatest number."),
    "minLength": Key(Whole(0, 100_000), "The least length of a text."),
    "maxLength": Key(Whole(0, 100_000), "The greatest length of a text."),
    "pattern": Key(Text(_regular), "A regular expression that is found in the text."),
}
PARAM = Record(
    {
        **_SCHEMA,
        "description": Key(Text(), "What it is for; shown where it is missing."),
        "default": Key(Free(), "Its value where a pipeline gives none; else it must be given."),
        "items": Key(Record(_SCHEMA), "What each item of an array is."),
        "minItems": Key(Whole(0, 100_000), "The least number of items."),
        "maxItems": Key(Whole(0, 100_000), "The greatest number of items."),
    }
)
ABOUT = Record(
    {
        "description": Key(Text(), "What pipelines of it do.", required=True),
        "deprecated": Key(Text(), "Why not to use it any more, and what instead."),
        "params": Key(Names(VARIABLE, PARAM), "What a pipeline gives to it below `with`."),
    }
)
OWN = ("name", "domain", "dag_id", "version", "template", "with", "vars", "profiles")
"""What only a pipeline says."""
TEMPLATE = Record(
    {
        "apiVersion": Key(Choice((API_VERSION,)), "The version of this form.", required=True),
        "template": Key(ABOUT, "What it is.", required=True),
        "pipeline": Key(
            Record(
                {n: Key(Free(), key.about) for n, key in PIPELINE.keys.items() if n not in OWN},
                forbidden=dict.fromkeys(OWN, "Each pipeline says that for itself."),
            ),
            "What it gives to a pipeline; ${with.NAME} stands for a param.",
            required=True,
        ),
        "resources": Key(Record({"compute_cluster": Key(Free(), "The cluster.")}), "Likewise."),
    }
)


@dataclass(frozen=True, slots=True)
class Template:
    """One version. `params`: name → its JSON Schema; `defaults` are nodes, of those that have one.
    The nodes keep their places in the template."""

    description: str
    deprecated: str
    params: Mapping[str, Mapping[str, Any]]
    defaults: Mapping[str, Node]
    pipeline: MapNode
    resources: MapNode | None


@dataclass(frozen=True, slots=True)
class Expanded:
    """A document with its template in it. `used` is NAME@X.Y.Z, empty where there is none;
    `is_whole` is False where a template is named that could not be taken in."""

    root: MapNode
    used: str = ""
    is_whole: bool = True


@lru_cache(maxsize=256)
def read_template(ref: str, content: bytes) -> tuple[Template | None, tuple[Finding, ...]]:
    """The template in a file; None where a finding denies it."""
    path = template_path(ref)
    document = read_document(path, content)
    reading = Reading(path, None, list(document.findings))
    root = document.root
    found: Fields | None = reading.read(TEMPLATE, root, "the template") if root else None
    made = None
    if found is not None and isinstance(root, MapNode):
        made = _template(reading, found, root)
    ordered = tuple(sorted(reading.findings, key=lambda one: (one.line or 0, one.column or 0)))
    denies = any(one.severity is Severity.CRITICAL for one in ordered)
    return None if denies else made, ordered


def _template(reading: Reading, found: Fields, root: MapNode) -> Template | None:
    about: Fields | None = found.get("template")
    body, resources = root.get("pipeline"), root.get("resources")
    if about is None or not isinstance(body, MapNode):
        return None
    head = root.get("template")
    written = head.get("params") if isinstance(head, MapNode) else None
    params: dict[str, Mapping[str, Any]] = {}
    defaults: dict[str, Node] = {}
    for entry in written.entries if isinstance(written, MapNode) else ():
        one: Fields | None = about.get("params", {}).get(entry.key)
        if one is None or not isinstance(entry.value, MapNode):
            continue
        params[entry.key] = _schema_of(reading, one)
        default = entry.value.get("default")
        if default is not None:
            defaults[entry.key] = default
            _check_value(reading, f"the default of {quoted(entry.key)}", default, params[entry.key])
    _check_references(reading, params, written, (body, resources))
    named = about.get("description", ""), about.get("deprecated", "")
    return Template(
        *named, params, defaults, body, resources if isinstance(resources, MapNode) else None
    )


def _schema_of(reading: Reading, one: Fields) -> Mapping[str, Any]:
    kind = one.get("type", "string")
    means = {"type", "description", "default", *_MEANS[kind]}
    for key in one.places:
        if key not in means:
            message = f"{key} means nothing for the type {kind}"
            reading.refuse("PIPE059", message, suggest(key, means), one.place_of(key))
    for key in ("minimum", "maximum"):
        if key in one.values and not _is_number(one.get(key)):
            reading.refuse("PIPE059", f"{key} is no number", "Write one.", one.place_of(key))
    items: Fields | None = one.get("items")
    inner = {"items": _schema_of(reading, items)} if items else {}
    return {key: one.get(key) for key in one.values if key != "items"} | inner


def _check_references(
    reading: Reading,
    params: Mapping[str, Any],
    written: Node | None,
    bodies: tuple[Node | None, ...],
) -> None:
    used: set[str] = set()
    for node, word, name in (one for body in bodies if body for one in references_in(body)):
        if word == "vars":
            message = f"a template has no variable {quoted(name)}"
            hint = "Write ${with.NAME}; a pipeline may give it ${vars.NAME}."
            reading.refuse("PIPE058", message, hint, node.place)
        elif name not in params:
            unknown = f"the template has no param {quoted(name)}"
            hint = suggest(name, params) or "Define it below template.params."
            reading.refuse("PIPE058", unknown, hint, node.place)
        used.add(name)
    for entry in written.entries if isinstance(written, MapNode) else ():
        if entry.key not in used:
            idle = f"the param {quoted(entry.key)} is not used"
            reading.advise("PIPE065", idle, "Use it, or take it out.", entry.place)


# ---- a pipeline with its template ----------------------------------------------------------


def expand(root: MapNode, templates: Templates, reading: Reading) -> Expanded:
    """The document with what its template says in it; what it says itself holds before that."""
    pipeline = root.get("pipeline")
    if not isinstance(pipeline, MapNode) or root.get("apiVersion") is None:
        return Expanded(root)
    named = pipeline.get("template")
    if named is None:
        if (given := pipeline.get("with")) is not None:
            hint = "Name one with template: NAME@X.Y.Z, or take with: out."
            reading.refuse("PIPE056", "with: is for a template", hint, given.place)
        return Expanded(root)
    ref = _resolve(named, templates, reading)
    template = _usable(ref, named.place, templates, reading) if ref else None
    if template is None or ref is None:
        return Expanded(root, is_whole=False)
    values = _values(template, ref, pipeline, named.place, reading)
    filling = Filling(values, reading, "with")

    def placed(node: Node) -> Node:
        return filling.node(_placed(node, named.place, template_path(ref)))

    made = _below(pipeline, placed(template.pipeline))
    whole = put(root, Entry("pipeline", pipeline.place, made))
    if template.resources is not None and root.get("resources") is None:
        resources = placed(template.resources)
        whole = put(whole, Entry("resources", resources.place, resources))
    return Expanded(whole, ref)


def _resolve(named: Node, templates: Templates, reading: Reading) -> str | None:
    """NAME@X.Y.Z of what is named; None where that is told, or is no name at all."""
    text = named.value if isinstance(named, ScalarNode) else None
    name, _, version = text.partition("@") if isinstance(text, str) else ("", "", "")
    if not name or not version:
        return None  # which its shape tells
    if name not in templates.names:
        hint = suggest(name, templates.names, "There are")
        hint = hint or f"It would be {template_path(f'{name}@1.0.0')}."
        reading.refuse("PIPE050", f"no template is called {quoted(name)}", hint, named.place)
        return None
    try:
        wanted = f"{name}@{version if is_range(f'@{version}') else version_of(version)}"
    except Invalid:
        return None
    ref: str | None = wanted
    if is_range(wanted):
        chosen = templates.lock.chosen.get(wanted)
        ref = f"{name}@{chosen}" if chosen else None
    if ref not in templates.digests and (ref or templates.newest(wanted) is None):
        there = templates.versions(name)
        hint = f"It has {', '.join(there[-5:])}."
        missing = f"the template {quoted(name)} has no version {quoted(version)}"
        reading.refuse("PIPE051", missing, hint, named.place)
        return None
    known = templates.lock.digests.get(ref) if ref else None
    if ref is None or known is None:
        unlocked = f"{quoted(wanted)} is not in {LOCK_PATH}"
        reading.refuse("PIPE052", unlocked, _LOCK_IT, named.place)
        return None
    if known != templates.digests[ref]:
        reading.refuse("PIPE053", *_changed(ref), named.place)
        return None
    return ref


def _changed(ref: str) -> tuple[str, str]:
    message = f"the template {quoted(ref)} is another than {LOCK_PATH} holds it to be"
    return message, "Restore it, and put the change into a new version."


def _usable(ref: str, place: Place, templates: Templates, reading: Reading) -> Template | None:
    template, findings = read_template(ref, templates.texts[ref])
    for one in findings:
        if one.severity is Severity.CRITICAL:
            where = replace(place, within=one.place)
            reading.refuse(one.code, one.message, one.hint, where)
    if template is not None and template.deprecated:
        message = f"the template {quoted(ref)} is deprecated: {template.deprecated}"
        hint = f"See windlass template upgrade {ref.partition('@')[0]} --plan."
        reading.advise("PIPE064", message, hint, place)
    return template


def _values(
    template: Template, ref: str, pipeline: MapNode, place: Place, reading: Reading
) -> dict[str, Node]:
    """Param → its value, refused ones for those that are told to be wrong or missing."""
    given = pipeline.get("with")
    refused = ScalarNode(None, "", place, is_refused=True)
    values: dict[str, Node] = {}
    for name in template.params:
        if name in template.defaults:
            default = template.defaults[name]
            values[name] = _placed(default, place, template_path(ref))
    for entry in given.entries if isinstance(given, MapNode) else ():
        schema = template.params.get(entry.key)
        if schema is None:
            unknown = f"the template {quoted(ref)} has no param {quoted(entry.key)}"
            reading.refuse("PIPE056", unknown, suggest(entry.key, template.params), entry.place)
        elif _check_value(reading, entry.key, entry.value, schema):
            values[entry.key] = entry.value
        else:
            values[entry.key] = refused
    for name, schema in template.params.items():
        if name not in values:
            message = f"the template {quoted(ref)} needs the param {quoted(name)}"
            about = schema.get("description") or f"{_TYPES[schema['type']][0]}."
            where = given.place if isinstance(given, MapNode) else place
            reading.refuse("PIPE055", message, f"Add {name}: below with: {about}", where)
            values[name] = refused
    return values


def _check_value(reading: Reading, what: str, node: Node, schema: Mapping[str, Any]) -> bool:
    """Whether a value is as its JSON Schema says; what is wrong is told at its place."""
    if isinstance(node, ScalarNode) and node.is_refused:
        return False
    value = to_json(node)
    expected = next(_unmet(value, schema), None)
    if expected is not None:
        shown = "a list" if isinstance(node, ListNode) else "keys with values"
        shown = quoted(node.text) if isinstance(node, ScalarNode) else shown
        message = f"{what} is {shown}, expected {expected}"
        hint = schema.get("description") or "Correct it."
        reading.refuse("PIPE057", message, hint, node.place)
        return False
    items = schema.get("items")
    if items and isinstance(node, ListNode):
        found = [_check_value(reading, f"an item of {what}", one, items) for one in node.items]
        return all(found)
    return True


def _unmet(value: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    """What is expected of a value that is not so."""
    kind = schema.get("type", "string")
    word, is_one = _TYPES[kind]
    if not is_one(value):
        yield word
        return
    for key, (words, holds) in _WORDS.items():
        if key in schema and key in _MEANS[kind] and not holds(value, schema[key]):
            limit = schema[key]
            yield words.format(", ".join(map(str, limit)) if key == "enum" else limit)


def _placed(node: Node, at: Place, path: str) -> Node:
    """What a template says, where it is named."""
    place = replace(at, within=f"{path}:{node.place.line}:{node.place.column}")
    match node:
        case ScalarNode():
            return replace(node, place=place)
        case ListNode(items=items):
            return ListNode(tuple(_placed(one, at, path) for one in items), place)
        case MapNode(entries=entries):
            made = (
                Entry(
                    one.key,
                    replace(at, within=f"{path}:{one.place.line}:{one.place.column}"),
                    _placed(one.value, at, path),
                )
                for one in entries
            )
            return MapNode(tuple(made), place)


def _below(pipeline: MapNode, template: Node) -> MapNode:
    """The pipeline, and of its template what it does not say itself; its steps come after those of
    the template, its defaults key by key before them."""
    for entry in template.entries if isinstance(template, MapNode) else ():
        own = pipeline.get(entry.key)
        if own is None:
            pipeline = put(pipeline, entry)
        elif entry.key == "steps" and isinstance(own, ListNode):
            first = entry.value.items if isinstance(entry.value, ListNode) else ()
            steps = ListNode((*first, *own.items), own.place)
            pipeline = put(pipeline, Entry("steps", own.place, steps))
        elif entry.key == "defaults" and isinstance(own, MapNode):
            made = own
            for one in entry.value.entries if isinstance(entry.value, MapNode) else ():
                made = made if own.get(one.key) is not None else put(made, one)
            pipeline = put(pipeline, Entry("defaults", own.place, made))
    return pipeline


# ---- all of a tree -------------------------------------------------------------------------


def template_findings(templates: Templates) -> tuple[Finding, ...]:
    """What is wrong with the templates of a tree beside what they say."""
    reading = Reading(LOCK_PATH, None)
    for number in templates.lock.strange:
        hint = "Solve a conflict of a merge; then run windlass template lock."
        place = Place(number, 1)
        reading.refuse("PIPE066", "the line says nothing of a template", hint, place)
    for ref, digest in templates.lock.digests.items():
        if templates.digests.get(ref, digest) != digest:
            reading.path = template_path(ref)
            reading.refuse("PIPE053", *_changed(ref), None)
    for path in templates.misplaced:
        reading.path = path
        message = "the folder is no version of a template"
        how = f"Such as {template_path('copy@1.0.0')}: small letters, and three numbers."
        reading.refuse("PIPE059", message, how, None)
    return tuple(reading.findings)


def held_by(other: str, wanted: str, path: str) -> Finding:
    """That a pipeline is not upgraded, since another one of its range does not compile then."""
    reading = Reading(path)
    message = f"{other} is made with {wanted} too, and does not compile with it"
    reading.refuse("PIPE067", message, "Mend that one, or name another range.", None)
    return reading.findings[0]
