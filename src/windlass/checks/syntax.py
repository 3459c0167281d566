"""Syntax: whether the interpreter that runs this code can compile a file."""

import ast
import warnings

from windlass.checks.compiling import surely_compiles
from windlass.checks.excerpt import code_of_line, with_excerpt
from windlass.checks.module import Module
from windlass.domain.finding import Finding, FindingType, Severity

# Not the path of the file: where Python has only a name, it reads the line that it quotes from a
# file of that name on *this* machine (PyErr_ProgramText).
_NAME = "<checked>"


def parse_python(path: str, content: bytes) -> tuple[list[Finding], Module | None]:
    """Parse and compile one UTF-8 file; None where that fails, and a finding that says why.

    Judges by the grammar of the running interpreter. May exhaust memory or crash on hostile text:
    call it only in a child process that may die.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a SyntaxWarning is advice, not a failure
            module = Module(path, content, ast.parse(content, filename=_NAME))
            if not surely_compiles(module):
                compile(module.tree, _NAME, "exec", dont_inherit=True)
    except SyntaxError as error:
        return [_syntax_finding(path, content, _in_characters(content, error))], None
    except (ValueError, RecursionError, MemoryError) as error:
        return [_too_deep(path, error)], None
    return [], module


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
    quoted = code_of_line(content, error.lineno or 0)
    where = f" in {quoted!r}" if quoted else ""
    finding = Finding(
        "SYN001",
        Severity.CRITICAL,
        FindingType.SYNTAX,
        path,
        f"{error.msg}{where}",
        "Mend it; `python -m py_compile FILE` says the same. Its DAGs would vanish from Airflow.",
        error.lineno or None,
        error.offset or None,
        _end_column(error),
    )
    return with_excerpt(finding, content)


def _end_column(error: SyntaxError) -> int | None:
    """Where the marked part ends; None where Python marks nothing, or more than one line."""
    end = error.end_offset or 0
    return end if error.end_lineno == error.lineno and end > (error.offset or 0) else None


def _too_deep(path: str, error: Exception) -> Finding:
    return Finding(
        "SYN002",
        Severity.CRITICAL,
        FindingType.SYNTAX,
        path,
        f"Python gives up on the file: {type(error).__name__}",
        "Split expressions that are nested very deeply.",
    )
