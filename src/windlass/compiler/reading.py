"""Reads the nodes of a document by a shape: plain values out, and every problem at its place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.compiler.documents import MAX_FINDINGS, quoted
from windlass.compiler.nodes import ListNode, MapNode, Node, Place, ScalarNode, to_json
from windlass.compiler.shapes import (
    Cases,
    Choice,
    Either,
    Flag,
    Free,
    Listing,
    Names,
    Record,
    Shape,
    Text,
    Whole,
)
from windlass.domain.errors import AppError, Invalid
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.nearest import suggest

_REFERENCE = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_SECRET = re.compile(
    r"(?i)PASS|SECRET|TOKEN|PRIVATE|CREDENTIAL|_KEY$|_DSN$|DATABASE_(?:DIRECT_)?URL|_CONN"
)


@dataclass(frozen=True, slots=True)
class Fields:
    """A record that was read: the values of the keys that are there and good, and their places."""

    values: Mapping[str, Any]
    places: Mapping[str, Place]
    place: Place

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def place_of(self, key: str) -> Place:
        """Where the value of a key is, or else the record."""
        return self.places.get(key, self.place)


@dataclass(slots=True)
class Reading:
    """Reads one file. `variables` are what `${NAME}` may name, None where that means nothing;
    `findings` grows. `entries`: where a value of names begins, and a name → where that name is."""

    path: str
    variables: Mapping[str, str] | None = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    entries: dict[tuple[Place, str], Place] = field(default_factory=dict)

    def refuse(self, code: str, message: str, hint: str, place: Place | None) -> None:
        """Note a problem; without a place it is one of the whole file."""
        self._note(Severity.CRITICAL, code, message, hint, place)

    def advise(self, code: str, message: str, hint: str, place: Place | None) -> None:
        """Note what should be known, and denies nothing."""
        self._note(Severity.LOW, code, message, hint, place)

    def _note(
        self, severity: Severity, code: str, message: str, hint: str, place: Place | None
    ) -> None:
        if len(self.findings) < MAX_FINDINGS:
            spot = (place.line, place.column) if place else (None, None)
            if place and place.within:
                message = f"{message} (in {place.within})"
            kind = severity, FindingType.STRUCTURE
            self.findings.append(Finding(code, *kind, self.path, message, hint, *spot))

    def refuse_as(self, problem: AppError, place: Place | None) -> None:
        """Note what was refused elsewhere, with its code."""
        self.refuse(problem.code, problem.message, problem.hint, place)

    def read(self, shape: Shape, node: Node, what: str) -> Any:
        """The value of a node, None where it is not of that shape; `what` names it in messages."""
        if isinstance(node, ScalarNode) and node.is_refused:
            return None
        match shape:
            case Record() | Listing() | Names() | Either() | Cases():
                return self._nested(shape, node, what)
            case Free():
                return None if _is_refused(node) else to_json(node)
            case Text():
                return self._text(shape, node, what)
            case Choice(words=words):
                return self._choice(words, node, what)
            case Flag():
                return self._flag(node, what)
            case Whole():
                return self._whole(shape, node, what)

    def _nested(
        self, shape: Record | Listing | Names | Either | Cases, node: Node, what: str
    ) -> Any:
        match shape:
            case Record():
                return self._record(shape, node, what)
            case Listing():
                return self._listing(shape, node, what)
            case Names():
                return self._names(shape, node, what)
            case Either():
                return self._either(shape, node, what)
            case Cases():
                return self._case(shape, node, what)

    def _either(self, shape: Either, node: Node, what: str) -> Any:
        ways = {ScalarNode: shape.value, ListNode: shape.items, MapNode: shape.keys}
        words = {"one value": shape.value, "a list": shape.items, "keys": shape.keys}
        of = ways[type(node)]
        if of is not None:
            return self.read(of, node, what)
        self._mistyped(node, what, " or ".join(word for word, one in words.items() if one))
        return None

    def _case(self, shape: Cases, node: Node, what: str) -> Fields | None:
        """The record that its key `by` names; of a record without a good one nothing is read."""
        if not isinstance(node, MapNode):
            self._mistyped(node, what, f"keys such as {shape.by}")
            return None
        by = node.get(shape.by)
        if by is None:
            hint = suggest("", shape.of, f"Add {shape.by}: one of")
            self.refuse("FILE002", f"{what} has no {shape.by}", hint, node.place)
            return None
        word = self._choice(tuple(shape.of), by, shape.by)
        return None if word is None else self._record(shape.of[word], node, what)

    def _listing(self, shape: Listing, node: Node, what: str) -> list[Any] | None:
        if isinstance(node, ListNode):
            if shape.limit is not None and len(node.items) > shape.limit:
                message = f"{what} holds {len(node.items)}, more than {shape.limit}"
                self.refuse("FILE006", message, "Name fewer, above them.", node.place)
            return [self.read(shape.of, item, shape.item) for item in node.items]
        self._mistyped(node, what, "a list, each item after a -")
        return None

    def _flag(self, node: Node, what: str) -> bool | None:
        if isinstance(node, ScalarNode) and isinstance(node.value, bool):
            return node.value
        self._mistyped(node, what, "true or false")
        return None

    def _record(self, shape: Record, node: Node, what: str) -> Fields | None:
        if not isinstance(node, MapNode):
            self._mistyped(node, what, f"keys such as {', '.join(list(shape.keys)[:3])}")
            return None
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        for entry in node.entries:
            key = shape.keys.get(entry.key)
            if key is None:
                self._unknown(shape, entry.key, entry.place, what)
                continue
            places[entry.key] = entry.value.place
            value = self.read(key.shape, entry.value, entry.key)
            if value is not None:
                values[entry.key] = value
        self._check_presence(shape, places, node.place, what)
        return Fields(values, places, node.place)

    def _check_presence(
        self, shape: Record, there: Mapping[str, Place], place: Place, what: str
    ) -> None:
        for name, key in shape.keys.items():
            if key.required and name not in there and key.unless not in there:
                self.refuse("FILE002", f"{what} has no {name}", f"Add {name}: {key.about}", place)
        for group in shape.alternatives:
            given = [name for name in group if name in there]
            for name in given[1:]:
                message = f"{what} has both {given[0]} and {name}"
                self.refuse("FILE003", message, f"Keep one of {', '.join(group)}.", there[name])

    def _unknown(self, shape: Record, key: str, place: Place, what: str) -> None:
        why = shape.forbidden.get(key)
        hint = why or suggest(key, shape.keys)
        self.refuse("FILE001", f"{what} has no key {quoted(key)}", hint, place)

    def _names(self, shape: Names, node: Node, what: str) -> dict[str, Any] | None:
        """Name → its value, where both are good; each `Fields` has its own place."""
        if not isinstance(node, MapNode):
            self._mistyped(node, what, "names, each with a colon and its value")
            return None
        found: dict[str, Any] = {}
        for entry in node.entries:
            name = self._checked(shape.names, entry.key, entry.place)
            value = self.read(shape.of, entry.value, f"{what} {quoted(entry.key)}")
            if name is not None and value is not None:
                found[name] = value
                self.entries[node.place, name] = entry.place
        return found

    def _text(self, shape: Text, node: Node, what: str) -> str | None:
        if isinstance(node, ScalarNode) and isinstance(node.value, str) and node.value:
            text = self._with_variables(node.value, node.place)
            return None if text is None else self._checked(shape, text, node.place)
        if isinstance(node, ScalarNode) and node.value is not None and node.text:
            found = "what is there" if shape.is_hidden else node.text
            hint = f'Write "{"…" if shape.is_hidden else node.text}", in quotes.'
            self.refuse("FILE004", f"{what} must be a text, not {found}", hint, node.place)
            return None
        self._mistyped(node, what, "a text")
        return None

    def _checked(self, shape: Text, text: str, place: Place) -> str | None:
        try:
            return text if shape.check is None else shape.check(text)
        except Invalid as problem:
            self.refuse_as(problem, place)
            return None

    def _choice(self, words: tuple[str, ...], node: Node, what: str) -> str | None:
        if isinstance(node, ScalarNode) and node.value in words:
            return str(node.value)
        if not isinstance(node, ScalarNode) or node.value is None:
            self._mistyped(node, what, "one of " + ", ".join(words))
            return None
        message = f"{quoted(node.text)} is no {what}"
        self.refuse("FILE005", message, suggest(node.text, words), node.place)
        return None

    def _whole(self, shape: Whole, node: Node, what: str) -> int | None:
        expected = f"a whole number from {shape.low} to {shape.high}"
        value = node.value if isinstance(node, ScalarNode) else None
        if shape.word:
            expected = f"{shape.word}, or {expected}"
            if value == shape.word:
                return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
            self._mistyped(node, what, expected)
            return None
        if not shape.low <= value <= shape.high:
            message = f"{what} {value} is out of bounds"
            self.refuse("FILE006", message, f"Expected {expected}.", node.place)
            return None
        return int(value)  # 64.0 is one, as for JSON Schema

    def _mistyped(self, node: Node, what: str, expected: str) -> None:
        match node:
            case ScalarNode(value=None):
                found = "nothing"
            case ScalarNode(text=text):
                found = quoted(text)
            case ListNode():
                found = "a list"
            case _:
                found = "keys with values"
        message = f"{what} holds {found}, expected {expected}"
        hint = "Leave the key out for its default." if found == "nothing" else ""
        self.refuse("FILE007", message, hint, node.place)

    def _with_variables(self, text: str, place: Place) -> str | None:
        """The text with `${NAME}` and `${NAME:-default}` replaced and `$$` as `$`."""
        if self.variables is None:
            return text
        good = True

        def replace(found: re.Match[str]) -> str:
            nonlocal good
            if found[0] == "$$":
                return "$"
            value = self._variable(found[1], place) if found[2] else self._unclosed(found[0], place)
            good = good and value is not None
            return value or ""

        made = _REFERENCE.sub(replace, text)
        return made if good else None

    def _unclosed(self, text: str, place: Place) -> str | None:
        message = f"{quoted(text)} begins a variable and does not end it"
        how = "Write ${NAME} or ${NAME:-default}, and $$ for a dollar."
        self.refuse("FILE008", message, how, place)
        return None

    def _variable(self, reference: str, place: Place) -> str | None:
        parsed = _VARIABLE.fullmatch(reference)
        if parsed is None:
            how = "Write ${NAME} or ${NAME:-default}, and $$ for a dollar."
            self.refuse("FILE008", f"{quoted(reference)} names no variable", how, place)
            return None
        name, default = parsed[1], parsed[2]
        if _SECRET.search(name):
            instead = "Store it as a credential, and name that with credential:."
            message = f"${{{name}}} may be a secret, and this file's values are shown in clear"
            self.refuse("FILE009", message, instead, place)
            return None
        known = self.variables or {}
        value = known.get(name) or default
        if value is None:
            how = "is set, and empty" if name in known else "is not set"
            hint = f"Set {name} where the worker runs, or write ${{{name}:-default}}."
            if name.startswith("WINDLASS_"):
                how = "is not given to this file"
                hint = "Those of Windlass itself are not; give another one the same value."
            self.refuse("FILE010", f"the variable {quoted(name)} {how}", hint, place)
        return value


def _is_refused(node: Node) -> bool:
    """Whether a finding says already what is wrong with it, or with something in it."""
    match node:
        case ScalarNode():
            return node.is_refused
        case ListNode(items=items):
            return any(map(_is_refused, items))
        case MapNode(entries=entries):
            return any(_is_refused(entry.value) for entry in entries)
