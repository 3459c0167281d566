"""A report as one page of HTML that needs nothing else: no script, no font, no other file."""

from html import escape
from itertools import groupby

from windlass.domain.report import Issue
from windlass.domain.rule import Files, Rule
from windlass.domain.rules import find_rule
from windlass.domain.text import plain
from windlass.entrypoints.reports.rules import waiving_text
from windlass.entrypoints.reports.subject import Subject, looked_at, outcome

_STYLE = """
:root { color-scheme: light dark; --line: #d0d4da; --soft: #f4f5f7; --text: #1c1f24;
  --quiet: #5a6270; --deny: #b3261e; --advice: #7a5b00; --excused: #5a6270; --page: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --line: #3a4048; --soft: #1e2227; --text: #e6e8eb;
  --quiet: #a3acb8; --deny: #ff8a80; --advice: #e6c35c; --excused: #a3acb8; --page: #14171a; } }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--page);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2.5rem; overflow-wrap: anywhere; }
h2 code { font-size: 1rem; font-weight: 600; } p code { background: var(--soft); }
article { border-top: 1px solid var(--line); padding: .75rem 0; }
.denies b { color: var(--deny); } .advice b { color: var(--advice); }
.excused b { color: var(--excused); }
p { margin: .25rem 0; overflow-wrap: anywhere; } .quiet { color: var(--quiet); }
pre { background: var(--soft); padding: .5rem .75rem; overflow-x: auto; margin: .5rem 0; }
code, pre { font: .875rem/1.5 ui-monospace, monospace; }
summary { color: var(--quiet); cursor: pointer; }
"""
MAX_ISSUES = 2000


def as_html(subject: Subject) -> str:
    """The whole page. Text of others is escaped wherever it stands."""
    issues = subject.report.issues[:MAX_ISSUES]
    denied = {issue.finding.path for issue in issues if issue.denies}
    ordered = sorted(
        issues,
        key=lambda i: (i.finding.path not in denied, i.finding.path, i.finding.line or 0),
    )
    groups = groupby(ordered, key=lambda i: i.finding.path)
    parts = [_file(subject, path, list(found)) for path, found in groups]
    more = len(subject.report.issues) - len(issues)
    left = f"<p>And {more:,} more, less severe.</p>" if more else ""
    title = f"Windlass: {_text(subject.name)}"
    return page(
        title,
        f"<p>{_text(outcome(subject))}</p>{_undeployed(subject)}"
        f'<p class="quiet">{_text(looked_at(subject))}</p>\n{"".join(parts)}{left}',
    )


def rule_html(rule: Rule) -> str:
    """The page of one rule."""
    title = f"{rule.code}: {_text(rule.what)}"
    parts = {
        "Why": f"<p>{_words(rule.why)}</p>",
        "What to do": f"<p>{_words(rule.mend)}</p>",
        "Gives the finding": _examples(rule.bad),
        "Does not": _examples(rule.good),
        "Who may let it pass": f"<p>{_text(waiving_text(rule))}</p>",
    }
    what = f'<p class="quiet">Severity {rule.severity}, type {rule.type}.</p>'
    return page(title, what + "".join(f"<h2>{head}</h2>{text}" for head, text in parts.items()))


def _examples(files: Files) -> str:
    return "".join(
        f"<p><code>{_text(path)}</code></p><pre>{escape(plain(_shown(content), block=True))}</pre>"
        for path, content in files.items()
    )


def _shown(content: str | bytes) -> str:
    return content if isinstance(content, str) else content[:12].hex(" ") + " …"


def page(title: str, body: str, *, more_style: str = "") -> str:
    """A page of its own; title, body and style are HTML and CSS already."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}{more_style}</style></head>\n<body><main><h1>{title}</h1>"
        f"{body}</main></body></html>\n"
    )


def _undeployed(subject: Subject) -> str:
    report = subject.report
    rows = [
        f"<li><code>{_text(subject.from_top(path))}</code> "
        + (f"stays as in release #{report.kept[path]}" if path in report.kept else "is left out")
        for path in sorted((*report.kept, *report.omitted))[:MAX_ISSUES]
    ]
    return f"<ul>{''.join(rows)}</ul>" if rows else ""


def _file(subject: Subject, path: str, issues: list[Issue]) -> str:
    name = f"<code>{_text(subject.from_top(path))}</code>" if path else "The tree as a whole"
    return f"<section><h2>{name}</h2>{''.join(map(_issue, issues))}</section>\n"


def _issue(issue: Issue) -> str:
    found = issue.finding
    kind = "denies" if issue.denies else "excused" if found.excused else "advice"
    sign = {"denies": "▲ denies", "excused": "◇ excused", "advice": "○ advice"}[kind]
    place = f" · line {found.line}" if found.line else ""
    line = f"<pre>{found.line} │ {_text(found.excerpt)}</pre>" if found.excerpt else ""
    hint = f"<p>{_words(found.hint)}</p>" if found.hint else ""
    head = f"<b>{sign}</b> · {found.severity} · {_text(found.code)}{place}"
    return (
        f'<article class="{kind}"><p>{head}</p>'
        f"<p>{_words(found.message)}</p>{line}{hint}{_excuse(issue)}{_why(found.code)}</article>"
    )


def _excuse(issue: Issue) -> str:
    excused = issue.finding.excused
    if excused is None:
        return ""
    by = f" by {excused.by}" if excused.by else ""
    until = f" until {excused.until}" if excused.until else ""
    return f'<p class="quiet">Let pass{_text(by + until)}: {_text(excused.reason)}</p>'


def _why(code: str) -> str:
    rule = find_rule(code)
    if rule is None:
        return ""
    texts = (rule.what + ". " + rule.why, rule.mend, "Who may let it pass: " + waiving_text(rule))
    return (
        "<details><summary>Why this rule</summary>"
        + "".join(f"<p>{_words(text)}</p>" for text in texts)
        + "</details>"
    )


def _words(text: str) -> str:
    """A sentence of ours, in which code stands between backticks."""
    parts = _text(text).split("`")
    if len(parts) % 2 == 0:  # one of them is somebody's own
        return "`".join(parts)
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(parts))


def _text(text: str) -> str:
    return escape(plain(text))
