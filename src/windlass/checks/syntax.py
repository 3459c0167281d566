"""Syntax: whether the interpreter that runs this code can compile a file, and its outline."""

import ast
import re
import warnings

from windlass.checks.outline import outline_of
from windlass.domain.artifact import Outline
from windlass.domain.finding import Finding, FindingType, Severity

# Not the path of the file: where Python has only a name, it reads the line that it quotes from a
# file of that name on *this* machine (PyErr_ProgramText).
_NAME = "<checked>"
_LITERAL_OR_COMMENT = re.compile(
    r"""
    \#[^\n]*
    | (?P<triple>\"{3}|'{3}) (?:\\.|[^\\])*? (?: (?P=triple) | \\?\Z )
    | (?P<single>["']) (?:\\.|(?!(?P=single))[^\\\n])* (?: (?P=single) | (?=\n) | \\?\Z )
    """,
    re.DOTALL | re.VERBOSE,
)


def check_python(path: str, content: bytes) -> tuple[list[Finding], Outline]:
    """Compile one UTF-8 file; its outline is empty where that fails.

    Judges by the grammar of the running interpreter. May exhaust memory or crash on hostile text:
    call it only in a child process that may die.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a SyntaxWarning is advice, not a failure
            tree = ast.parse(content, filename=_NAME)
            compile(tree, _NAME, "exec", dont_inherit=True)
    except SyntaxError as error:
        return [_syntax_finding(path, content, _in_characters(content, error))], Outline()
    except (ValueError, RecursionError, MemoryError) as error:
        return [_too_deep(path, error)], Outline()
    return [], outline_of(path, content, tree)


def _in_characters(content: bytes, error: SyntaxError) -> SyntaxError:
    """The same error, its column in characters: given bytes, Python before 3.13 counts bytes."""
    try:
        ast.parse(content.decode("utf-8-sig"), filename=_NAME)
    except SyntaxError as same:
        return same
    except (ValueError, RecursionError, MemoryError):
        pass
    return error


def _syntax_finding(path: str, content: bytes, error: SyntaxError) -> Finding:
    quoted = _line_without_literals(content, error.lineno or 0)
    where = f" in {quoted!r}" if quoted else ""
    return Finding(
        "SYN001",
        Severity.CRITICAL,
        FindingType.SYNTAX,
        path,
        f"{error.msg}{where}",
        "Mend it; `python -m py_compile FILE` says the same. Its DAGs would vanish from Airflow.",
        error.lineno or None,
        error.offset or None,
    )


def _line_without_literals(content: bytes, number: int) -> str:
    """The line as far as its first string or comment: strings are where passwords are shown by
    mistake, also when they begin on an earlier line."""
    text = re.sub(r"\r\n?", "\n", content.decode("utf-8", "replace"))
    blanked = _LITERAL_OR_COMMENT.sub(lambda found: "…" + "…\n" * found[0].count("\n"), text)
    lines = ["", *blanked.split("\n")]
    code, cut, _ = (lines[number] if number < len(lines) else "").strip().partition("…")
    return (code + cut)[:80]


def _too_deep(path: str, error: Exception) -> Finding:
    return Finding(
        "SYN002",
        Severity.CRITICAL,
        FindingType.SYNTAX,
        path,
        f"Python gives up on the file: {type(error).__name__}",
        "Split expressions that are nested very deeply.",
    )
