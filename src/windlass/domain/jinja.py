"""The connections and variables that Jinja in a text names. Standard library only: the sandbox
looks for them in what operators were really given, the checks in what is written."""

import re
from collections.abc import Iterator

_BLOCK = re.compile(r"\{[{%]([^{}]{1,1000})[%}]\}")
_WORD = r"(?:\.(?!get\b)([A-Za-z_]\w{0,249})|\[\s*['\"]([^'\"]{1,250})['\"]\s*\]" + (
    r"|\.get\(\s*['\"]([^'\"]{1,250})['\"]\s*(,)?)"
)
_NAMED = re.compile(rf"(?<![\w.])(conn|var\.value|var\.json){_WORD}")


def names_in_jinja(text: str) -> Iterator[tuple[str, str, bool]]:
    """Kind, name, and whether there is a default, of `{{ conn.x }}`, `{{ var.value.y }}`,
    `{{ var.json['z'] }}` and `.get(…)` of each.

    >>> [*names_in_jinja("{{ conn.crm.host }} {{ var.value.get('size', 5) }}")]
    [('connection', 'crm', False), ('variable', 'size', True)]
    """
    for block in _BLOCK.finditer(text):
        for found in _NAMED.finditer(block[1]):
            kind = "connection" if found[1] == "conn" else "variable"
            yield kind, found[2] or found[3] or found[4], found[5] is not None
