"""Whether a pod has the shape that Kubernetes and its client take: keys, types, quantities."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from windlass.checks.pod_schema import CHOICES, REQUIRED, TYPES, field_of, fields_of
from windlass.checks.pod_values import Value
from windlass.domain.finding import Severity
from windlass.domain.nearest import suggest

# k8s.io/apimachinery/pkg/api/resource: Quantity.
_QUANTITY = re.compile(
    r"([+-]?)([0-9]{1,30}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?"
)
_FACTORS = {
    "": Fraction(1),
    **{s: Fraction(1, 1000**n) for n, s in enumerate("mun", start=1)},
    **{s: Fraction(1000**n) for n, s in enumerate("kMGTPE", start=1)},
    **{f"{s}i": Fraction(1024**n) for n, s in enumerate("KMGTPE", start=1)},
}
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123, as names must be
_WORDS = {"str": "a text", "int": "a whole number", "bool": "true or false", "text": "a text"}
_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong, at the value that it is about."""

    code: str
    severity: Severity
    at: Value
    message: str
    hint: str


def shape_flaws(value: Value, kind: str, where: str) -> Iterator[Flaw]:
    """What is wrong with a value of a type; `where` names it, as `spec.containers[0]`."""
    if value.kind == "unknown" or kind == "any" or _is_rendered(value):
        return
    if value.kind == "scalar" and value.plain is None:
        return  # as if the key were not there
    if kind.endswith("[]"):
        yield from _list_flaws(value, kind[:-2], where)
    elif kind.endswith("{}"):
        yield from _map_flaws(value, kind[:-2], where)
    elif kind in TYPES:
        yield from _model_flaws(value, kind, where)
    else:
        yield from _scalar_flaws(value, kind, where)


def quantity_of(text: str) -> Fraction | None:
    """The number that a quantity is; None where it is none.

    >>> quantity_of("500m"), quantity_of("1Ki"), quantity_of("1GB")
    (Fraction(1, 2), Fraction(1024, 1), None)
    """
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    sign, digits, suffix = found[1], found[2], found[3] or ""
    number = Fraction(digits if not digits.endswith(".") else digits[:-1])
    factor = _FACTORS[suffix] if suffix in _FACTORS else Fraction(10) ** int(suffix[1:])
    return -number * factor if sign == "-" else number * factor


def _is_rendered(value: Value) -> bool:
    """Whether a text is filled in later: Jinja, or a variable of a shell."""
    return isinstance(value.plain, str) and ("{{" in value.plain or "{%" in value.plain)


def _list_flaws(value: Value, kind: str, where: str) -> Iterator[Flaw]:
    if value.kind != "list":
        yield _wrong_type(value, where, "a list")
        return
    for number, item in enumerate(value.items):
        yield from shape_flaws(item, kind, f"{where}[{number}]")
    if kind in ("Container", "Volume"):
        yield from _name_flaws(value, kind)


def _name_flaws(value: Value, kind: str) -> Iterator[Flaw]:
    seen: set[str] = set()
    for item in value.items:
        name = item.get("name")
        if name is None or not isinstance(name.plain, str) or _is_rendered(name):
            continue
        if not _LABEL.fullmatch(name.plain):
            message = f"{name.plain[:60]!r} is no name of a {kind.lower()}"
            hint = "Use lower-case letters, digits and '-', at most 63 of them."
            yield Flaw("POD007", Severity.HIGH, name, message, hint)
        if name.plain in seen:
            message = f"two are named {name.plain[:60]!r}: each {kind.lower()} has its own name"
            yield Flaw("POD007", Severity.HIGH, name, message, "Rename one of them.")
        seen.add(name.plain)


def _map_flaws(value: Value, kind: str, where: str) -> Iterator[Flaw]:
    if value.kind != "map":
        yield _wrong_type(value, where, "a map")
        return
    for key, item in value.entries.items():
        yield from shape_flaws(item, "text" if kind == "str" else kind, f"{where}.{key}")


def _model_flaws(value: Value, kind: str, where: str) -> Iterator[Flaw]:
    if value.kind != "map" or value.model not in ("", kind):
        yield _wrong_type(value, where, f"a {kind}")
        return
    in_python = bool(value.model)
    known: dict[str, Value] = {}
    for key, item in value.entries.items():
        field = field_of(kind, key, in_python=in_python)
        place = f"{where}.{key}".lstrip(".")
        if field is not None:
            known[field] = item
            yield from shape_flaws(item, TYPES[kind][field], place)
        elif key not in {"<<", "local_vars_configuration"}:
            yield _unknown(value, item, kind, key)
    if value.is_open:
        return
    for field in REQUIRED.get(kind, ()):
        found = known.get(field)
        is_empty = found is not None and found.kind == "list" and not found.items
        if found is None or (is_empty and not in_python):
            message = f"{where or 'the ' + kind} has no {field!r}, which Kubernetes asks for"
            yield Flaw("POD005", Severity.HIGH, value, message, "Add it.")
    if kind == "ResourceRequirements":
        yield from _limit_flaws(known)


def _unknown(owner: Value, item: Value, kind: str, key: str) -> Flaw:
    in_python = bool(owner.model)
    near = suggest(key, fields_of(kind, in_python=in_python))
    what = f"V1{kind}" if in_python else kind
    is_near = near.startswith("Did you mean")
    severity = Severity.HIGH if is_near else Severity.MEDIUM
    hint = near if is_near else "Is it of a newer Kubernetes? Else take it away: it does nothing."
    return Flaw("POD005", severity, item, f"{what} has no field {key[:60]!r}", hint)


def _scalar_flaws(value: Value, kind: str, where: str) -> Iterator[Flaw]:
    plain = value.plain
    if value.kind != "scalar":
        yield _wrong_type(value, where, _WORDS.get(kind, "one word"))
    elif kind == "quantity":
        yield from _quantity_flaws(value, where)
    elif kind in CHOICES:
        if plain not in CHOICES[kind]:
            expected = ", ".join(CHOICES[kind])
            message = f"{where} is {str(plain)[:60]!r}: expected one of {expected}"
            hint = suggest(str(plain), CHOICES[kind]) or "Write one of these."
            yield Flaw("POD006", Severity.HIGH, value, message, hint)
    elif kind == "text" and isinstance(plain, bool | int | float):
        message = f"{where} is {plain!r}, which is no text: Kubernetes takes texts only there"
        yield Flaw("POD006", Severity.MEDIUM, value, message, "Put it in quotes.")
    elif (kind == "int" and not _is_int(plain)) or (kind == "bool" and type(plain) is not bool):
        yield _wrong_type(value, where, _WORDS[kind])


def _is_int(plain: object) -> bool:
    if isinstance(plain, int):
        return not isinstance(plain, bool)
    return isinstance(plain, str) and re.fullmatch(r"-?[0-9]{1,18}", plain) is not None


def _quantity_flaws(value: Value, where: str) -> Iterator[Flaw]:
    text = str(value.plain)
    number = None if isinstance(value.plain, bool) else quantity_of(text)
    resource = where.rpartition(".")[2]
    if number is None or number < 0:
        message = f"{where} is {text[:60]!r}, which is no quantity"
        hint = "Write CPU as 500m or 2, memory as 512Mi or 2Gi."
        yield Flaw("POD008", Severity.HIGH, value, message, hint)
    elif resource == "memory" and 0 < number < _MEGABYTE:
        message = f"{where} is {text[:60]!r}: less than a megabyte of memory"
        hint = "m is a thousandth, and a number alone means bytes: write 512Mi."
        yield Flaw("POD008", Severity.MEDIUM, value, message, hint)


def _limit_flaws(known: dict[str, Value]) -> Iterator[Flaw]:
    limits, requests = known.get("limits"), known.get("requests")
    if limits is None or requests is None:
        return
    for name, asked in requests.entries.items():
        limit = limits.entries.get(name)
        if limit is None:
            continue
        least, most = quantity_of(str(asked.plain)), quantity_of(str(limit.plain))
        if least is not None and most is not None and least > most:
            message = f"{name} of {asked.plain!r} is asked for, and the limit is {limit.plain!r}"
            yield Flaw("POD008", Severity.HIGH, asked, message, "Ask for no more than the limit.")


def _wrong_type(value: Value, where: str, expected: str) -> Flaw:
    found = {"map": "a map", "list": "a list"}.get(value.kind, repr(value.plain)[:60])
    if value.model:
        found = f"a V1{value.model}"
    message = f"{where or 'the pod'} is {found}: expected {expected}"
    return Flaw("POD006", Severity.HIGH, value, message, "Kubernetes refuses the pod: mend it.")
