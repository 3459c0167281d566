"""What the checks say of one file: which of them look at it, by its name and the families asked."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from windlass.checks.comments import text_comments_of
from windlass.checks.disguise import check_disguise
from windlass.checks.excerpt import with_excerpts
from windlass.checks.intake import check_data, check_ignore_file, check_python_bytes
from windlass.checks.lint import lint_findings, unlinted
from windlass.checks.module import Module
from windlass.checks.outline import outline_of
from windlass.checks.pods import check_pod_code, check_pod_file
from windlass.checks.references import check_references
from windlass.checks.requirements import check_requirements, requirements_of
from windlass.checks.secret_texts import check_text_secrets
from windlass.checks.secrets import check_secrets
from windlass.checks.security import check_security
from windlass.checks.structure import check_structure
from windlass.checks.syntax import parse_python
from windlass.domain.artifact import Outline
from windlass.domain.finding import Finding, FindingType
from windlass.domain.names import Names
from windlass.domain.suppression import foreign_in, suppressions_in

_MAX_IGNORE_BYTES = 200_000

PYTHON_CHECKS: dict[str, Callable[[Module], list[Finding]]] = {
    "security": check_security,
    "secrets": check_secrets,
    "structure": check_structure,
    "pods": check_pod_code,
    "references": check_references,
}
"""Family → its check of a Python file. Those without one look at something else than files."""

TEXT_CHECKS: dict[str, Callable[[str, bytes], list[Finding]]] = {
    "secrets": check_text_secrets,
    "pods": check_pod_file,
    "dependencies": check_requirements,
}
"""Family → its check of the path and content of any other file that `intake.is_read` names."""


def check_file(
    path: str,
    content: bytes,
    families: Collection[str],
    lint: Sequence[Sequence[Any]] = (),
    not_linted: str | None = None,
) -> tuple[list[Finding], Outline | None]:
    """The findings of one file, and its outline; None where nothing is to be said of it.

    Intake and syntax look at every file; of the rest, those in `families`. `lint` is what ruff said
    of it, `not_linted` why it said nothing. May exhaust memory or
    crash on hostile text: call it only in a child process that may die.
    """
    if path.rpartition("/")[2] == ".airflowignore":
        text = content.decode("utf-8", "replace") if len(content) <= _MAX_IGNORE_BYTES else ""
        return check_ignore_file(path, content), Outline(names=Names(ignore=text))
    if not path.endswith(".py"):
        found = [*check_data(path, content), *check_disguise(path, content)]
        found += [
            f for n, check in TEXT_CHECKS.items() if n in families for f in check(path, content)
        ]
        return found, _text_outline(path, content)
    if findings := check_python_bytes(path, content):
        return findings, None
    findings, module = parse_python(path, content)
    if module is None:  # of what cannot be parsed ruff says the same once more
        return findings, Outline()
    found = [unlinted(path, not_linted)] if not_linted else lint_findings(path, lint)
    found += [f for n, check in PYTHON_CHECKS.items() if n in families for f in check(module)]
    findings = with_excerpts([f for f in found if not _has_excerpt(f)], content)
    return [*findings, *filter(_has_excerpt, found)], outline_of(module)


def _text_outline(path: str, content: bytes) -> Outline | None:
    """Of a file that is not Python; None where nothing is to be said of it."""
    asked, comments = requirements_of(path, content), text_comments_of(path, content)
    outline = Outline(
        names=Names(requirements=asked),
        suppressions=tuple(suppressions_in(comments)),
        foreign=foreign_in(comments),
    )
    return outline if outline != Outline() else None


def _has_excerpt(finding: Finding) -> bool:
    """Whether a check has chosen what is shown of the line itself."""
    return bool(finding.excerpt) or finding.type is FindingType.HARDCODED_CREDENTIALS
