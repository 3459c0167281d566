"""Syntax: whether the interpreter that runs this code can compile a file, and its outline."""

import ast
import re
import warnings

from windlass.checks.outline import outline_of
from windlass.domain.artifact import Outline
from windlass.domain.finding import Finding, FindingType, Severity


def check_python(path: str, content: bytes) -> tuple[list[Finding], Outline]:
    """Compile one UTF-8 file; its outline is empty where that fails.

    Judges by the grammar of the running interpreter. May exhaust memory or crash on hostile text:
    call it only in a child process that may die.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a SyntaxWarning is advice, not a failure
            tree = ast.parse(content, filename=path)
            compile(tree, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        return [_syntax_finding(path, error)], Outline()
    except (ValueError, RecursionError, MemoryError) as error:
        return [_too_deep(path, error)], Outline()
    return [], outline_of(path, content, tree)


def _syntax_finding(path: str, error: SyntaxError) -> Finding:
    # Literals are left out: an unterminated string is where passwords are shown by mistake.
    quoted = re.sub(r"['\"].*", "…", (error.text or "").strip())[:80]
    where = f" in {quoted!r}" if quoted else ""
    return Finding(
        "SYN001",
        Severity.CRITICAL,
        FindingType.SYNTAX,
        path,
        f"{error.msg}{where}",
        "Python cannot read the file; every DAG in it would vanish from Airflow.",
        error.lineno,
        error.offset,
    )


def _too_deep(path: str, error: Exception) -> Finding:
    return Finding(
        "SYN002",
        Severity.CRITICAL,
        FindingType.SYNTAX,
        path,
        f"Python gives up on the file: {type(error).__name__}",
        "Split expressions that are nested very deeply.",
    )
