"""A plan in every format: for a terminal, as JSON, as Markdown for a pull request, as HTML."""

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Literal

from windlass.domain.text import plain, plain_json
from windlass.entrypoints.reports.html import page
from windlass.entrypoints.reports.plan_lines import Line, lines_of, summary, title

PlanFormat = Literal["text", "json", "markdown", "html"]
WIDTH = 80
MAX_CHARACTERS = 60_000
"""A comment on GitHub holds 65,536 characters; those beyond U+FFFF may count twice."""
_CLASSES = {"+": "added", "-": "removed", "~": "changed", "?": "unknown", "!": "warn"}


def render_plan(form: str, plan: Mapping[str, Any]) -> str:
    """The plan, given as JSON (docs/plan.md), in one of the formats."""
    made: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "text": render_plan_text,
        "json": lambda one: plain_json(json.dumps(one, indent=2, ensure_ascii=False)),
        "markdown": render_plan_markdown,
        "html": render_plan_html,
    }
    return made[form](plan)


def render_plan_text(plan: Mapping[str, Any]) -> str:
    """At most 80 columns wide."""
    body = [row for line in lines_of(plan) for row in _wrapped(line)]
    head = f"{title(plan)}   plan {plan['digest'][:12]}"
    return "\n".join([*textwrap.wrap(head, WIDTH), "", *body, *([""] if body else []), _end(plan)])


def render_plan_markdown(plan: Mapping[str, Any], limit: int = MAX_CHARACTERS) -> str:
    """For the one comment on a pull request: summary first, then the plan as a diff block of at
    most `limit` characters. Nothing in it is markup or a mention but what is ours."""
    lines = [
        f"{_diff_sign(one)} {'    ' * one.level}{plain(one.text)}".rstrip()
        for one in lines_of(plan)
    ]
    kept: list[str] = []
    left = limit
    for line in lines:
        left -= len(line.encode("utf-16-le")) // 2 + 1
        if left < 0:
            kept.append(f"  … and {len(lines) - len(kept)} more lines: windlass plan shows all")
            break
        kept.append(line)
    runs = (len(run) for line in kept for run in re.findall("`+", line))
    fence = "`" * max(3, max(runs, default=0) + 1)
    mark = "▲" if plan["allowed"] is False else "●" if not plan["dags"] else "◆"
    parts = [f"### {mark} {_cell(title(plan))}", "", _cell(summary(plan)), ""]
    if kept:
        parts += [f"{fence}diff", *kept, fence, ""]
    return "\n".join([*parts, f"<sub>plan <code>{_digest(plan)}</code></sub>", ""])


def render_plan_html(plan: Mapping[str, Any]) -> str:
    """One page that needs nothing else. Text of others is escaped wherever it stands."""
    rows = "".join(
        f'<span class="{_CLASSES.get(one.sign, "quiet")}">{escape(plain(_shown(one)))}</span>\n'
        for one in lines_of(plan)
    )
    return page(
        f"Windlass: {escape(plain(title(plan)))}",
        f"<p>{escape(plain(summary(plan)))}</p><pre>{rows}</pre>"
        f'<p class="quiet">plan <code>{_digest(plan)}</code></p>',
        more_style=_STYLE,
    )


_STYLE = """
pre .added { color: var(--added); } pre .removed, pre .warn { color: var(--deny); }
pre .changed, pre .unknown { color: var(--advice); }
:root { --added: #146c2e; }
@media (prefers-color-scheme: dark) { :root { --added: #7ddc93; } }
"""


def _end(plan: Mapping[str, Any]) -> str:
    return "\n".join(textwrap.wrap(summary(plan), WIDTH))


def _shown(line: Line) -> str:
    return f"{'    ' * line.level}{line.sign} {line.text}".rstrip()


def _wrapped(line: Line) -> list[str]:
    if not line.text:
        return [""]
    start = f"{'    ' * line.level}{line.sign} "
    further = " " * (len(start) + 2)
    return textwrap.wrap(
        plain(line.text),
        WIDTH,
        initial_indent=start,
        subsequent_indent=further,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    ) or [start.rstrip()]


def _diff_sign(line: Line) -> str:
    """Code hosts colour lines that begin with these."""
    return {"~": "!", "?": "#"}.get(line.sign, line.sign)


def _digest(plan: Mapping[str, Any]) -> str:
    return re.sub(r"[^0-9a-f]", "", str(plan["digest"]))


def _cell(text: str) -> str:
    """Text of others that is neither markup nor a mention of somebody."""
    return re.sub(r"([\\`*_{}\[\]<>()#!|~])", r"\\\1", plain(text)).replace("@", "@\u200b")
