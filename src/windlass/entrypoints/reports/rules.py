"""A rule as Markdown: the pages of docs/rules, and the help beside findings in SARIF."""

import re

from windlass.domain.rule import Files, Link, Rule, Waiving

_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_WAIVER = '`windlass finding waive {code} PATH --reason "…" --until 2027-01-31`'
_WAIVING = {
    Waiving.INLINE: (
        "Its author, by a comment in the line or above it, with a reason and a last day: "
        '`# windlass: ignore[{code}] reason="…" until=2027-01-31`. Or those who run Windlass: '
        + _WAIVER
        + "."
    ),
    Waiving.CONTROL: f"Those who run Windlass: {_WAIVER}. A comment beside the line does not.",
    Waiving.NEVER: "Nobody: what it is about cannot be deployed, or was not looked at.",
}


def rule_text(rule: Rule) -> str:
    """All that is known of a rule, as one page below a heading."""
    parts = [
        f"# {rule.code}: {rule.what}",
        f"Severity {rule.severity}, type {rule.type}, family {rule.family}.",
        f"## Why\n\n{rule.why}",
        f"## What to do\n\n{rule.mend}",
        f"## Gives the finding\n\n{_files(rule.bad)}",
        f"## Does not\n\n{_files(rule.good)}",
        f"## Who may let it pass\n\n{waiving_text(rule)}",
    ]
    return "\n\n".join(parts)


def waiving_text(rule: Rule) -> str:
    """Who may let a finding of the rule pass, and how."""
    return _WAIVING[rule.waiving].format(code=rule.code)


def _files(files: Files) -> str:
    return "\n\n".join(_file(_shown(path), content) for path, content in files.items())


def _file(path: str, content: str | bytes | Link) -> str:
    if isinstance(content, Link):
        return f"`{path}`, a symlink to `{content}`."
    if isinstance(content, bytes):
        return f"`{path}`, which begins with the bytes `{content[:12].hex(' ')}`."
    text = _shown(content).rstrip("\n")
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    language = {"py": "python", "yaml": "yaml", "yml": "yaml", "json": "json"}
    return f"`{path}`:\n\n{fence}{language.get(path.rpartition('.')[2], '')}\n{text}\n{fence}"


def _shown(text: str) -> str:
    """The text with marks that turn text as escapes, so that a page shows them."""
    return _TURNING.sub(lambda found: ascii(found[0])[1:-1], text)
