"""What is done to a document before it is read: its profile laid over it, `${vars.NAME}` filled in,
and `${with.NAME}` in its template.

`${…}` of anything else is left alone: it belongs to shells. `$${vars.` stands for `${vars.`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from windlass.compiler.documents import quoted
from windlass.compiler.nodes import Entry, ListNode, MapNode, Node, ScalarNode, Value
from windlass.compiler.reading import Reading
from windlass.domain.nearest import suggest

_REFERENCE = re.compile(r"(\$?)\$\{(vars|with)\.([^}\n]{0,80})\}")
_MERGED = ("vars", "with", "defaults")  # key by key; the others are replaced as a whole


def with_profile(root: MapNode, environment: str) -> MapNode:
    """The document as it is in an environment; its profile's keys in the place of its own."""
    pipeline = root.get("pipeline")
    profiles = pipeline.get("profiles") if isinstance(pipeline, MapNode) else None
    profile = profiles.get(environment) if isinstance(profiles, MapNode) else None
    if not isinstance(pipeline, MapNode) or not isinstance(profile, MapNode):
        return root
    own = [entry for entry in profile.entries if entry.key != "resources"]
    made = put(root, Entry("pipeline", pipeline.place, _laid_over(pipeline, own)))
    resources = next((entry for entry in profile.entries if entry.key == "resources"), None)
    return made if resources is None else put(made, resources)


def _laid_over(pipeline: MapNode, entries: list[Entry]) -> MapNode:
    for entry in entries:
        pipeline = put(pipeline, _merged(pipeline.get(entry.key), entry))
    return pipeline


def _merged(below: Node | None, entry: Entry) -> Entry:
    if entry.key not in _MERGED or not isinstance(below, MapNode):
        return entry
    for one in entry.value.entries if isinstance(entry.value, MapNode) else ():
        below = put(below, one)
    return replace(entry, value=below)


def put(node: MapNode, entry: Entry) -> MapNode:
    """The node with this entry, in the place of one with its key."""
    there = any(one.key == entry.key for one in node.entries)
    entries = tuple(entry if one.key == entry.key else one for one in node.entries)
    return replace(node, entries=entries if there else (*entries, entry))


def with_variables(root: MapNode, reading: Reading) -> MapNode:
    """The document with its variables filled in, but for where they are defined."""
    pipeline = root.get("pipeline")
    if not isinstance(pipeline, MapNode):
        return root
    given = pipeline.get("vars")
    entries = given.entries if isinstance(given, MapNode) else ()
    values = {e.key: e.value for e in entries if isinstance(e.value, ScalarNode)}
    filling = Filling(values, reading)
    filled = tuple(
        entry
        if entry.key in ("vars", "profiles")
        else replace(entry, value=filling.node(entry.value))
        for entry in pipeline.entries
    )
    for entry in entries:
        if entry.key in values and entry.key not in filling.used:
            message = f"the variable {quoted(entry.key)} is not used"
            reading.advise("PIPE043", message, "Use it, or take it out.", entry.place)
    return put(root, Entry("pipeline", pipeline.place, replace(pipeline, entries=filled)))


def references_in(node: Node) -> Iterator[tuple[ScalarNode, str, str]]:
    """Each variable that texts below a node name: where, `vars` or `with`, and its name."""
    match node:
        case ScalarNode(value=str(text)):
            for found in _REFERENCE.finditer(text):
                if not found[1]:
                    yield node, found[2], found[3]
        case ListNode(items=items):
            for one in items:
                yield from references_in(one)
        case MapNode(entries=entries):
            for entry in entries:
                yield from references_in(entry.value)


@dataclass(slots=True)
class Filling:
    """Fills in `${WORD.NAME}`. What `with` gives keeps the place where it was given; a variable has
    that of its use. In a template, `$${vars.` stands for `${vars.` too."""

    values: Mapping[str, Node]
    reading: Reading
    word: str = "vars"
    used: set[str] = field(default_factory=set)

    def node(self, node: Node) -> Node:
        """The node, filled."""
        match node:
            case ScalarNode(value=str(text)) if "${vars." in text or "${with." in text:
                return self._text(node, text)
            case ListNode(items=items):
                return replace(node, items=tuple(self.node(one) for one in items))
            case MapNode(entries=entries):
                made = tuple(replace(one, value=self.node(one.value)) for one in entries)
                return replace(node, entries=made)
        return node

    def _text(self, node: ScalarNode, text: str) -> Node:
        """A text that is nothing but one variable has its very value: a number stays one."""
        whole = _REFERENCE.fullmatch(text)
        if whole and not whole[1] and whole[2] == self.word and whole[3] in self.values:
            self.used.add(whole[3])
            value = self.values[whole[3]]
            is_given = self.word == "with" or not isinstance(value, ScalarNode)
            return value if is_given else replace(value, place=node.place)
        wrong: dict[str, str] = {}
        refused = False

        def fill(found: re.Match[str]) -> str:
            nonlocal refused
            if found[2] != self.word and self.word == "vars":
                return found[0]
            if found[1]:
                return found[0][1:]
            value = self.values.get(found[3])
            if not isinstance(value, ScalarNode):
                wrong[found[3]] = "no variable is called" if value is None else "a text holds"
                return ""
            self.used.add(found[3])
            refused = refused or value.is_refused
            return _shown(value.value)

        made = _REFERENCE.sub(fill, text)
        for name, what in wrong.items():
            self._refuse(name, what, node)
        return replace(node, value=made, text=made, is_refused=refused or bool(wrong))

    def _refuse(self, name: str, what: str, node: ScalarNode) -> None:
        hint = suggest(name, self.values) or "Define it below vars."
        if name in self.values:
            what += " the param"
            hint = "A list and keys stand by themselves: key: ${with.NAME}."
            self.reading.refuse(
                "PIPE058", f"{what} {quoted(name)}, which is none", hint, node.place
            )
        else:
            self.reading.refuse("PIPE018", f"{what} {quoted(name)}", hint, node.place)


def _shown(value: Value) -> str:
    """A value within a text.

    >>> [_shown(value) for value in (True, None, 5)]
    ['true', '', '5']
    """
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
