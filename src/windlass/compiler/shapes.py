"""What a document may hold, as values: read by `reading.py`, printed as JSON Schema here.

One description serves both, so that an editor and Windlass accept the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
VARIABLE = r"\$\{"
"""A text that holds a variable is judged after the variable is known, so by no pattern before."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text. `check` returns it in its normal form or raises Invalid; `pattern` is the part of
    that check which JSON Schema can say, anchored at both ends. `is_hidden`: what is wrong with it
    is told without it, since people write secrets there."""

    check: Callable[[str], str] | None = None
    pattern: str | None = None
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between two others, both allowed; or `word`, which means the default."""

    low: int
    high: int
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Any number of one shape, up to `limit`; `item` is what one is called."""

    of: "Shape"
    item: str
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Names of the writer's choice → one shape."""

    names: Text
    of: "Shape"


@dataclass(frozen=True, slots=True)
class Free:
    """Any plain value: texts, numbers, truth values, null, lists and names of such."""


@dataclass(frozen=True, slots=True)
class Either:
    """One value, a list or keys, each with a shape of its own; None where that may not be."""

    value: "Shape | None" = None
    items: "Listing | None" = None
    keys: "Record | Names | Cases | None" = None


@dataclass(frozen=True, slots=True)
class Cases:
    """A record of which one key, `by`, says which record it is."""

    by: str
    of: Mapping[str, "Record"]


@dataclass(frozen=True, slots=True)
class Key:
    """What a key of a record holds; `about` is one sentence for the schema and the page. A required
    one may be missing where the key `unless` is there."""

    shape: "Shape"
    about: str
    required: bool = False
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Known keys, no others.

    At most one of each group in `alternatives` may be there. `forbidden` has keys that people try
    → why they must not; `rules` are further conditions for the schema, which the maker of the
    record checks itself.
    """

    keys: Mapping[str, Key]
    alternatives: tuple[tuple[str, ...], ...] = ()
    forbidden: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[Json, ...] = ()


Shape: TypeAlias = Text | Choice | Flag | Whole | Listing | Names | Record | Free | Either | Cases


def schema(shape: Shape) -> Json:
    """The JSON Schema (draft 2020-12) of a shape.

    >>> schema(Whole(1, 9))
    {'type': 'integer', 'minimum': 1, 'maximum': 9}
    """
    match shape:
        case Listing() | Names() | Record() | Either() | Cases():
            return _nested_schema(shape)
        case Free():
            return {}
        case Text(pattern=None):
            return {"type": "string", "minLength": 1}
        case Text(pattern=pattern):
            return {"type": "string", "pattern": f"{pattern}|{VARIABLE}"}
        case Choice(words=words):
            return {"enum": list(words)}
        case Flag():
            return {"type": "boolean"}
        case Whole(low=low, high=high, word=word):
            whole = {"type": "integer", "minimum": low, "maximum": high}
            return {"anyOf": [{"const": word}, whole]} if word else whole


def _nested_schema(shape: Listing | Names | Record | Either | Cases) -> Json:
    match shape:
        case Listing(of=of, limit=limit):
            bound = {"maxItems": limit} if limit else {}
            return {"type": "array", "items": schema(of), **bound}
        case Names(names=names, of=of):
            return {
                "type": "object",
                "propertyNames": {"pattern": names.pattern or ""},
                "additionalProperties": schema(of),
            }
        case Either(value=value, items=items, keys=keys):
            return {"anyOf": [schema(one) for one in (value, items, keys) if one is not None]}
        case Cases(by=by, of=records):
            return {
                "type": "object",
                "required": [by],
                "properties": {by: {"enum": list(records)}},
                "allOf": [
                    {
                        "if": {"required": [by], "properties": {by: {"const": word}}},
                        "then": schema(record),
                    }
                    for word, record in records.items()
                ],
            }
        case Record():
            return _record_schema(shape)


def _record_schema(record: Record) -> Json:
    described = {
        name: {"description": key.about, **schema(key.shape)} for name, key in record.keys.items()
    }
    made: Json = {"type": "object", "additionalProperties": False, "properties": described}
    required = [name for name, key in record.keys.items() if key.required and not key.unless]
    if required:
        made["required"] = required
    unless = [
        {"anyOf": [{"required": [name]}, {"required": [key.unless]}]}
        for name, key in record.keys.items()
        if key.required and key.unless
    ]
    pairs = [
        {"not": {"required": [one, other]}}
        for group in record.alternatives
        for at, one in enumerate(group)
        for other in group[at + 1 :]
    ]
    if pairs or unless or record.rules:
        made["allOf"] = [*pairs, *unless, *record.rules]
    return made
