"""The line that a finding is about, without what must not be shown.

Strings and comments are where passwords stand by mistake, so no excerpt holds either.
"""

import re
from dataclasses import replace
from functools import lru_cache

from windlass.domain.finding import Finding
from windlass.domain.text import plain

MAX_COLUMNS = 200
_LITERAL_OR_COMMENT = re.compile(
    r"""
    \#[^\n]*
    | (?P<triple>\"{3}|'{3}) (?:\\.|[^\\])*? (?: (?P=triple) | \\?\Z )
    | (?P<single>["']) (?:\\.|(?!(?P=single))[^\\\n])* (?: (?P=single) | (?=\n) | \\?\Z )
    """,
    re.DOTALL | re.VERBOSE,
)
# A value without quotes, as in a file that lacks one, is not told from code.
_NAMED_SECRET = re.compile(
    r"(?i)((?:passw(?:or)?d|pwd|secret|token|api_?key|credential)\w*\s*[=:](?!=)\s*)(.*)"
)


def with_excerpt(finding: Finding, content: bytes) -> Finding:
    """The finding with its line of a Python file, as far as that may be shown.

    >>> from windlass.domain.finding import FindingType, Severity
    >>> found = Finding("X001", Severity.LOW, FindingType.LINT, "a.py", "", line=1)
    >>> with_excerpt(found, b"dsn = 'pg://me:pw@db' # mine").excerpt
    "dsn = '*************** ******"
    """
    return with_excerpts([finding], content)[0]


def with_excerpts(findings: list[Finding], content: bytes) -> list[Finding]:
    """The same for all findings of one file."""
    if not findings:
        return []
    lines = _starred_lines(content)
    return [_with_line(finding, lines) for finding in findings]


@lru_cache(maxsize=1)  # of one file, several families tell something
def _starred_lines(content: bytes) -> list[str]:
    return ["", *_starred(_text(content)).split("\n")]


def _with_line(finding: Finding, lines: list[str]) -> Finding:
    number = finding.line or 0
    line = lines[number] if number < len(lines) else ""
    shown = plain(line.rstrip().replace("\t", " "))
    fits = len(shown) <= MAX_COLUMNS and (finding.column or 0) <= len(shown) + 1
    return replace(finding, excerpt=_NAMED_SECRET.sub(_star_value, shown) if fits else "")


def code_of_line(content: bytes, number: int) -> str:
    """The line as far as its first string or comment, also where that began on an earlier line."""
    blanked = _LITERAL_OR_COMMENT.sub(lambda f: "…" + "…\n" * f[0].count("\n"), _text(content))
    shown = _NAMED_SECRET.sub(r"\1…", _line(blanked, number).strip())
    code, cut, _ = shown.partition("…")
    return (code + cut)[:80]


def _text(content: bytes) -> str:
    return re.sub(r"\r\n?", "\n", content.decode("utf-8-sig", "replace"))


def _line(text: str, number: int) -> str:
    lines = ["", *text.split("\n")]
    return lines[number] if number < len(lines) else ""


def _starred(text: str) -> str:
    """The same text, column for column; of a string or a comment only the first character."""
    parts: list[str] = []
    at = 0
    while found := _LITERAL_OR_COMMENT.search(text, at):
        end = found.end()
        if _is_open(found):  # what stands in its braces may be quoted as it is itself
            line_end = text.find("\n", end)
            end = len(text) if line_end < 0 else line_end
        literal = text[found.start() : end]
        lengths = map(len, literal[1:].split("\n"))
        parts += text[at : found.start()], literal[0], "\n".join(["*" * much for much in lengths])
        at = end
    return "".join([*parts, text[at:]])


def _is_open(found: re.Match[str]) -> bool:
    """Whether an f-string goes on after what looks like its end (PEP 701): `f"{d["key"]}"`."""
    before = found.string[max(0, found.start() - 2) : found.start()].lower()
    return "f" in before and found[0].count("{") > found[0].count("}")


def _star_value(found: re.Match[str]) -> str:
    return found[1] + "*" * len(found[2])
