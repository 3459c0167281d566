"""What is done to a document before it is read: its profile laid over it, `${vars.NAME}` filled in.

`${…}` of anything else is left alone: it belongs to shells. `$${vars.` stands for `${vars.`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from windlass.compiler.documents import quoted
from windlass.compiler.nodes import Entry, ListNode, MapNode, Node, ScalarNode, Value
from windlass.compiler.reading import Reading
from windlass.domain.nearest import suggest

_REFERENCE = re.compile(r"(\$?)\$\{vars\.([^}\n]{0,80})\}")
_MERGED = ("vars", "defaults")  # key by key; the others are replaced as a whole


def with_profile(root: MapNode, environment: str) -> MapNode:
    """The document as it is in an environment; its profile's keys in the place of its own."""
    pipeline = root.get("pipeline")
    profiles = pipeline.get("profiles") if isinstance(pipeline, MapNode) else None
    profile = profiles.get(environment) if isinstance(profiles, MapNode) else None
    if not isinstance(pipeline, MapNode) or not isinstance(profile, MapNode):
        return root
    own = [entry for entry in profile.entries if entry.key != "resources"]
    made = _put(root, Entry("pipeline", pipeline.place, _laid_over(pipeline, own)))
    resources = next((entry for entry in profile.entries if entry.key == "resources"), None)
    return made if resources is None else _put(made, resources)


def _laid_over(pipeline: MapNode, entries: list[Entry]) -> MapNode:
    for entry in entries:
        pipeline = _put(pipeline, _merged(pipeline.get(entry.key), entry))
    return pipeline


def _merged(below: Node | None, entry: Entry) -> Entry:
    if entry.key not in _MERGED or not isinstance(below, MapNode):
        return entry
    for one in entry.value.entries if isinstance(entry.value, MapNode) else ():
        below = _put(below, one)
    return replace(entry, value=below)


def _put(node: MapNode, entry: Entry) -> MapNode:
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
    values = {e.key: e.value.value for e in entries if isinstance(e.value, ScalarNode)}
    filling = _Filling(values, reading)
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
    return _put(root, Entry("pipeline", pipeline.place, replace(pipeline, entries=filled)))


@dataclass(slots=True)
class _Filling:
    values: Mapping[str, Value]
    reading: Reading
    used: set[str] = field(default_factory=set)

    def node(self, node: Node) -> Node:
        match node:
            case ScalarNode(value=str(text)) if "${vars." in text:
                return self._text(node, text)
            case ListNode(items=items):
                return replace(node, items=tuple(self.node(one) for one in items))
            case MapNode(entries=entries):
                made = tuple(replace(one, value=self.node(one.value)) for one in entries)
                return replace(node, entries=made)
        return node

    def _text(self, node: ScalarNode, text: str) -> ScalarNode:
        """A text that is nothing but one variable has its very value: a number stays one."""
        whole = _REFERENCE.fullmatch(text)
        if whole and not whole[1] and whole[2] in self.values:
            self.used.add(whole[2])
            value = self.values[whole[2]]
            return replace(node, value=value, text=_shown(value))
        missing: dict[str, None] = {}

        def fill(found: re.Match[str]) -> str:
            if found[1]:
                return found[0][1:]
            if found[2] not in self.values:
                missing[found[2]] = None
                return ""
            self.used.add(found[2])
            return _shown(self.values[found[2]])

        made = _REFERENCE.sub(fill, text)
        for name in missing:
            message = f"no variable is called {quoted(name)}"
            hint = suggest(name, self.values) or "Define it below vars."
            self.reading.refuse("PIPE018", message, hint, node.place)
        return replace(node, value=made, text=made, is_refused=bool(missing))


def _shown(value: Value) -> str:
    """A value within a text.

    >>> [_shown(value) for value in (True, None, 5)]
    ['true', '', '5']
    """
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
