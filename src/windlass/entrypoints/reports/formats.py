"""Every format that a report can have, by its name."""

import json
from collections.abc import Callable
from typing import Literal

from windlass.domain.text import plain_json
from windlass.entrypoints.reports.html import as_html
from windlass.entrypoints.reports.junit import as_junit
from windlass.entrypoints.reports.markdown import as_markdown
from windlass.entrypoints.reports.sarif import as_sarif
from windlass.entrypoints.reports.subject import Subject
from windlass.entrypoints.reports.text import as_text

Format = Literal["text", "json", "sarif", "junit", "markdown", "html"]
MEDIA_TYPES = {
    "text": "text/plain; charset=utf-8",
    "json": "application/json",
    "sarif": "application/sarif+json",
    "junit": "application/xml",
    "markdown": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
}


def render(form: str, subject: Subject) -> str:
    """The report in one of the formats."""
    made: dict[str, Callable[[Subject], str]] = {
        "text": as_text,
        "json": lambda one: _json(one.to_json()),
        "sarif": lambda one: _json(as_sarif(one)),
        "junit": as_junit,
        "markdown": as_markdown,
        "html": as_html,
    }
    return made[form](subject)


def _json(value: object) -> str:
    return plain_json(json.dumps(value, indent=2, ensure_ascii=False))
