"""Writes the pages of docs/ that are made from the code: `make docs`.

`pages()` makes them in memory; tests/test_docs.py compares them with the files.
"""

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import click
import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from windlass.app import build_context
from windlass.compiler.declaration_shape import declaration_schema
from windlass.compiler.pipelines.bindings import BINDINGS
from windlass.compiler.pipelines.schema import pipeline_schema
from windlass.compiler.pipelines.shape import (
    FILE,
    OLDER_PIPELINE,
    PIPELINE,
    SCHEDULE,
    STEP,
)
from windlass.compiler.pipelines.steps import STEP_TYPES
from windlass.compiler.pipelines.steps.endpoints import SOURCE, TARGET
from windlass.compiler.pipelines.steps.ingestion import pairs
from windlass.compiler.pipelines.templates import ABOUT, PARAM
from windlass.compiler.shapes import (
    Cases,
    Choice,
    Either,
    Flag,
    Key,
    Listing,
    Names,
    Record,
    Shape,
    Text,
    Whole,
)
from windlass.database.connection import Database
from windlass.domain import errors
from windlass.domain.rule import Rule
from windlass.domain.rules import all_rules
from windlass.entrypoints.cli.main import app
from windlass.entrypoints.failures import exit_code, http_status
from windlass.entrypoints.reports.rules import rule_text
from windlass.entrypoints.web.api import create_api
from windlass.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "src/windlass/domain/rules"
SOURCES = ("src/windlass", "airflow-provider/src/windlass_airflow")
MADE = "<!-- Made by `make docs` from the code: do not edit. -->"
PREFIXES = {
    "ADOPT": "The settings of git-sync or GitDagBundle that `windlass repo adopt` reads.",
    "AIR": "Airflow's REST API answers as it should not; from AIR301 on, what Airflow 3 changed.",
    "API": "A request to the API of Windlass, or the way to it.",
    "AUD": "The audit and its signed heads.",
    "ASYNC": "ruff: code that blocks an event loop.",
    "B": "ruff: likely bugs, of flake8-bugbear.",
    "BAK": "Backups and restoring them.",
    "BUNDLE": "The provider cannot serve a bundle; Airflow keeps the DAGs it has and asks again.",
    "BENCH": "A measurement that could not be made.",
    "CFG": "A setting of Windlass is missing or wrong.",
    "CLI": "Options of a command that do not go together.",
    "CLP": "The cluster policy refuses a file or a DAG inside Airflow: an import error.",
    "CMP": "`windlass compile`: the folders that it reads and writes.",
    "CRED": "A stored credential, or the keys that open it.",
    "DB": "The database is away.",
    "DEMO": "The demo and the Git server that it brings.",
    "DEP": "A release cannot be deployed to its environment.",
    "DID": "What a file was seen to do while it was imported.",
    "DNG": "Security: what does harm in Airflow, by when it runs.",
    "ENV": "An environment.",
    "F": "ruff: names and formats, of pyflakes.",
    "FILE": "A file that may hold certain keys only: windlass.yaml, a policy, a pipeline.",
    "FORGE": "The API of a Git host: its hooks, statuses and comments.",
    "GIT": "A repository's URL, its host, or git itself.",
    "HOLD": "Holds: no automatic deployments of a repository.",
    "IMP": "The import of DAG files by Airflow, in a sandbox.",
    "HOOK": "A call of a Git host, or the webhook that it is for.",
    "INT": "Intake: files that are not taken into a release as they are.",
    "NET": "The proxy that leads to other hosts.",
    "LINT": "ruff itself.",
    "ORG": "The origin, which gives releases to Airflow hosts over HTTP.",
    "PIPE": "Pipelines: YAML documents that are compiled to DAG files.",
    "PLAN": "Plans: what a change will do, and what an approval of one refuses.",
    "PKG": "Dependencies: what files import, and what requirements ask for.",
    "PG": "The PostgreSQL that Windlass runs itself.",
    "POD": "Pods: templates and overrides that Kubernetes would refuse, or that are dangerous.",
    "POL": "Release policies: what they demand, how they are written, waivers.",
    "PULL": "Pull requests, whose heads are checked.",
    "PLE": "ruff: errors, of Pylint.",
    "PROC": "Child processes.",
    "PY": "The interpreter that DAG files are checked for.",
    "REF": "References: connections, variables and pools that files name.",
    "REL": "Releases and rollbacks.",
    "REPO": "The registration of a repository.",
    "SEC": "Secrets: credentials that are written into files.",
    "STORE": "The store: the folder of releases and pointers that Airflow mounts.",
    "STR": "Structure: ids, schedules and dependencies, in one file and beside those of others.",
    "SUP": "Comments that should let a finding pass.",
    "SYN": "Syntax: files that Python cannot read.",
    "SYNC": "The sync of a repository.",
    "TST": "The repository's own tests.",
    "YAML": "Text that is not YAML, or that not every reader of YAML reads the same way.",
    "TREE": "A folder on this machine that is checked.",
    "WIND": "A bug of Windlass: please report it.",
}
# Where a call has message and hint, as positions or keywords. Other calls: the second and third.
TEXTS: dict[str, tuple[tuple[int | str, ...], int | str]] = {
    "Finding": ((4,), 5),
    "_finding": ((3,), 4),
    "Flaw": ((3,), 4),
    "bundle_error": (("wrong", "expected"), "remedy"),
    "violation": (("wrong", "expected"), "remedy"),
    "not_vouched": ((2,), 3),
}
REFUSALS = ("_add", "_stop", "refuse")  # how compiler/ makes its findings, which all deny


@dataclass(frozen=True, order=True)
class Site:
    """One place that raises a code. `kind` is the class of the error, or `finding, severity`."""

    code: str
    path: str
    kind: str
    message: str
    hint: str


def pages() -> dict[str, str]:
    """Path below the checkout → its text."""
    return {
        "docs/codes.md": codes_page(),
        **rule_pages(),
        "docs/logs.md": logs_page(),
        "docs/settings.md": settings_page(),
        "docs/cli.md": cli_page(),
        "docs/contract/openapi.json": openapi_page(),
        "docs/contract/windlass.schema.json": declaration_page(),
        "docs/contract/pipeline.schema.json": pipeline_schema_page(),
        "docs/pipelines/reference.md": pipeline_page(),
        ".env.sample": env_sample(),
    }


# ---- codes ---------------------------------------------------------------------------------


def sites() -> list[Site]:
    """Every place in the sources that raises an error or makes a finding, by code. A rule whose
    code stands in no call, such as that of a tool, is its own place."""
    found = set()
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.parent == RULES and path.name != "__init__.py":
                continue
            tree = ast.parse(path.read_text("utf-8"))
            for function, call in _calls(tree):
                if code := _code(call):
                    where = path.relative_to(ROOT).as_posix()
                    found.add(_site(code, where, call, function))
    known = {site.code for site in found}
    return sorted(found | {_site_of(r) for r in all_rules().values() if r.code not in known})


def _site_of(rule: Rule) -> Site:
    where = RULES.relative_to(ROOT).as_posix()
    return Site(rule.code, where, f"finding, {rule.severity}", rule.what, rule.mend)


def codes_page() -> str:
    """docs/codes.md."""
    by_prefix: dict[str, dict[str, list[Site]]] = defaultdict(lambda: defaultdict(list))
    for site in sites():
        by_prefix[site.code.rstrip("0123456789")][site.code].append(site)
    lines = [
        "# Codes",
        "",
        MADE,
        "",
        "Every error and every finding has a code that never changes its meaning. `…` stands for "
        "what differs from case to case.",
        "",
        *_kinds_table(),
    ]
    for prefix, codes in sorted(by_prefix.items()):
        lines += ["", f"## {prefix}", "", PREFIXES.get(prefix, "")]
        for code, places in sorted(codes.items()):
            kinds = sorted({site.kind for site in places})
            files = ", ".join(f"`{path}`" for path in sorted({site.path for site in places}))
            rule = f"; see [its rule](rules/{code}.md)" if code in all_rules() else ""
            lines += ["", f"### {code}", "", f"{' or '.join(kinds)}, from {files}{rule}", ""]
            lines += [f"- {_shown(site)}" for site in places]
    return "\n".join(lines) + "\n"


def _kinds_table() -> list[str]:
    rows = [
        "| Class | HTTP status | Exit code | What it means |",
        "|-------|-------------|-----------|---------------|",
    ]
    for kind in (
        errors.Invalid,
        errors.Forbidden,
        errors.NotFound,
        errors.Conflict,
        errors.Unavailable,
    ):
        example = kind("", "")
        meaning = (kind.__doc__ or "").split("\n")[0]
        status, ends = http_status(example), exit_code(example)
        rows.append(f"| {kind.__name__} | {status} | {ends} | {meaning} |")
    return [
        *rows,
        "| finding | | 1 | Content of a repository; from severity high on it denies a revision. |",
        "| BundleError | | | Inside Airflow: raised by the provider, shown in Airflow's logs. |",
    ]


def _shown(site: Site) -> str:
    text = _oneline(site.message) + (f"<br>{_oneline(site.hint)}" if site.hint else "")
    return re.sub(r"(?<!\\)([*|])", r"\\\1", text)


def _oneline(text: str) -> str:
    return re.sub("…+", "…", " ".join(text.split())).replace("<", "&lt;").replace(">", "&gt;")


def _calls(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.Call]]:
    """Every call with the innermost function around it."""

    def walk(node: ast.AST, function: ast.AST) -> Iterator[tuple[ast.AST, ast.Call]]:
        inner = node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(node, ast.Call):
            yield inner, node
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inner)

    return walk(tree, tree)


def _code(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value if re.fullmatch(r"[A-Z]{2,6}[0-9]{3}", first.value) else None
    return None


def _site(code: str, path: str, call: ast.Call, function: ast.AST) -> Site:
    name = _name(call.func)
    messages, hint = TEXTS.get(name, ((1,), 2))
    texts = [_text(_argument(call, place), function) for place in messages]
    return Site(
        code,
        path,
        _kind(name, call),
        ". Expected ".join(text for text in texts if text),
        _text(_argument(call, hint), function),
    )


def _kind(name: str, call: ast.Call) -> str:
    if name in ("bundle_error", "not_vouched"):
        return "BundleError"
    if name == "violation":
        return "AirflowClusterPolicyViolation"
    if name in REFUSALS:
        return "finding, critical"
    if name == "advise":
        return "finding, low"
    if name == "Flaw":
        return "finding"
    if name in ("Finding", "_finding"):
        severity = call.args[1]
        return f"finding, {_name(severity).lower()}"
    return "Conflict" if name == "__init__" else name  # LeaseLost names its own code


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)


def _argument(call: ast.Call, place: int | str) -> ast.expr | None:
    if isinstance(place, str):
        return next((word.value for word in call.keywords if word.arg == place), None)
    return call.args[place] if place < len(call.args) else None


def _text(node: ast.expr | None, function: ast.AST) -> str:
    """The text with `…` for its changing parts; a name stands for what was assigned to it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, function) for part in parts)
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return _text(left, function) + _text(right, function)
        case ast.IfExp(body=body, orelse=other):
            return " or ".join(filter(None, (_text(body, function), _text(other, function))))
        case ast.Name(id=name):
            return next(
                (
                    _text(one.value, function)
                    for one in ast.walk(function)
                    if isinstance(one, ast.Assign)
                    and [ast.unparse(target) for target in one.targets] == [name]
                ),
                "…",
            )
        case None:
            return ""
    return "…"


# ---- rules ---------------------------------------------------------------------------------


def rule_pages() -> dict[str, str]:
    """docs/rules/: a page for each rule, and one that lists them."""
    rules = all_rules()
    listed = {f"docs/rules/{code}.md": rule_page(rule) for code, rule in rules.items()}
    return {"docs/rules/README.md": _rules_index(list(rules.values())), **listed}


def _rules_index(rules: list[Rule]) -> str:
    lines = [
        "# Rules",
        "",
        MADE,
        "",
        "Every kind of finding, with what it is, why it matters, an example of each side, and who "
        "may let it pass. Unless the release policy says otherwise, critical and high findings "
        "deny; the rest is advice.",
    ]
    for family in dict.fromkeys(rule.family for rule in rules):
        lines += ["", f"## {family.replace('_', ' ').capitalize()}", ""]
        lines += ["| Rule | Severity | What |", "|------|----------|------|"]
        lines += [
            f"| [{rule.code}]({rule.code}.md) | {rule.severity} | {_cell(rule.what)} |"
            for rule in rules
            if rule.family == family
        ]
    return "\n".join(lines) + "\n"


def rule_page(rule: Rule) -> str:
    """The page of one rule."""
    return f"{MADE}\n\n{rule_text(rule)}\n\n[All rules](README.md)\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# ---- logs ----------------------------------------------------------------------------------


def logs_page() -> str:
    """docs/logs.md: what a line holds, and every event with what its comment says."""
    source = (ROOT / "src/windlass/domain/events.py").read_text("utf-8")
    lines = [LOGS.rstrip(), "", "| Event | |", "|-------|-|"]
    member = re.compile(r'^    [A-Z_]+ = "([a-z_:]+)"(?:  # (.*))?$', re.MULTILINE)
    lines += [f"| `{tag}` | {comment} |" for tag, comment in member.findall(source)]
    return "\n".join(lines) + "\n"


LOGS = f"""# Logs

{MADE}

Every process writes its log to standard error, one event a line: JSON, or plain text on a terminal
(`WINDLASS_LOG_FORMAT`). `windlass up` passes on what its API and worker write.

```json
{{"process": "worker", "sync": "3.17", "event": "release:published", "repository": "team-dags",
 "release": 42, "revision": "3f9c2d1…", "bundle": "windlass-03", "parsed_again": 1,
 "level": "info", "timestamp": "2026-11-21T10:00:00.123456Z"}}
```

| Field | What it is |
|-------|------------|
| `timestamp` | ISO 8601, UTC, microseconds |
| `level` | `info`; `warning`: Windlass goes on by itself; `error`: somebody should look |
| `process` | `up`, `api` or `worker` |
| `event` | one of the list below; from a library, its message |
| `sync` | the name of one attempt to sync or roll back; the history's events have it too |
| `repository`, `release`, `revision`, `environment`, `bundle` | what it is about |
| `code` | of an error, as in [codes](codes.md) |
| `exception` | a traceback, where the fault is ours |

Other fields differ by event. No field holds a secret, and nothing that a commit or a file name
holds can forge a line or steer a terminal. What happens to a repository is also kept in its history
(`windlass repo show`, `/api/v1/repositories/NAME/events`); who changed what is in
[the audit](audit.md); how often and how long is in [the metrics](metrics.md).

The events stay within a major version; others may come.
"""


# ---- settings ------------------------------------------------------------------------------


def settings_page() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        MADE,
        "",
        "`.env` in the working folder, then the environment, then flags: the later wins. "
        "`.env.sample` holds every setting, ready to be copied to `.env`. "
        "`windlass config explain` shows what holds, and where it came from.",
        "",
        "A variable that begins with `WINDLASS_` and resembles a setting without being one stops "
        "the start; one that resembles none is told by `config explain`, and does nothing. "
        "Environments and repositories are not settings: see [windlass.yaml](declarative.md).",
        "",
        "| Variable | Default | Values | What it does |",
        "|----------|---------|--------|--------------|",
    ]
    for name, field in Settings.model_fields.items():
        default = f"`{_default(field)}`" if _default(field) else ""
        lines.append(f"| `{variable(name)}` | {default} | {_values(field)} | {field.description} |")
    return "\n".join(lines) + "\n"


def env_sample() -> str:
    """.env.sample: every setting, commented out, with its default."""
    lines = ["# Copy this file to .env and uncomment what you change. Made by `make docs`."]
    for name, field in Settings.model_fields.items():
        values = _values(field)
        lines += ["", f"# {field.description}"]
        lines += [f"# Values: {values.replace('`', '')}"] if values else []
        lines.append(f"#{variable(name)}={_default(field)}")
    return "\n".join(lines) + "\n"


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"WINDLASS_{name.upper()}"


def _default(field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return "" if default is None else str(default)


def _values(field: FieldInfo) -> str:
    limits = {type(one).__name__: one for one in field.metadata}
    if "Ge" in limits and "Le" in limits:
        return f"{limits['Ge'].ge} to {limits['Le'].le}"
    kinds = get_args(field.annotation) or (field.annotation,)
    if all(isinstance(kind, str) for kind in kinds):
        return ", ".join(f"`{kind}`" for kind in kinds)
    if SecretStr in kinds:
        return "a secret: never shown"
    return "a path" if Path in kinds else ""


# ---- the declarative file ------------------------------------------------------------------


def declaration_page() -> str:
    """docs/contract/windlass.schema.json."""
    return json.dumps(declaration_schema(), indent=2, ensure_ascii=False) + "\n"


# ---- pipelines -----------------------------------------------------------------------------


def pipeline_schema_page() -> str:
    """docs/contract/pipeline.schema.json."""
    return json.dumps(pipeline_schema(), indent=1, ensure_ascii=False) + "\n"


def pipeline_page() -> str:
    """docs/pipelines/reference.md: every key, from the description that also reads them."""
    shared = {n: k for n, k in STEP.of["bash"].keys.items() if n not in STEP_TYPES["bash"].keys}
    schedule = SCHEDULE.keys
    assert isinstance(schedule, Cases)
    lines = [
        "# Pipelines: every key",
        "",
        MADE,
        "",
        "One document, one pipeline, one DAG file. The [tutorial](tutorial.md) has whole examples; "
        "the [JSON Schema](../contract/pipeline.schema.json) says the same for editors.",
        *_keys_table("The document", FILE.keys),
        *_keys_table("`pipeline`", PIPELINE.keys),
    ]
    for kind, record in schedule.of.items():
        lines += _keys_table(f"`schedule` of the type {kind}", record.keys)
    lines += _keys_table("Every step", shared)
    for one in STEP_TYPES.values():
        needs = ", ".join(one.needs) or "the provider of the class"
        lines += ["", f"## Steps of the type `{one.name}`", ""]
        lines += [f"{one.about} Version {one.version}; needs {needs}."]
        if one.mappable:
            lines += ["", f"`map` may fill {', '.join(f'`{key}`' for key in one.mappable)}."]
        lines += _table(one.keys)
    lines += _ends_table()
    lines += _keys_table("`template` of a template", ABOUT.keys)
    lines += _keys_table("Each of its `params`", PARAM.keys)
    lines += _keys_table("The older form: `pipeline`", OLDER_PIPELINE.keys)
    lines += _keys_table("Of an inventory, for pipelines", BINDINGS)
    return "\n".join(lines) + "\n"


def _keys_table(title: str, keys: Mapping[str, Key]) -> list[str]:
    return ["", f"## {title}", *_table(keys)]


def _table(keys: Mapping[str, Key]) -> list[str]:
    rows = ["", "| Key | Value | Meaning |", "|-----|-------|---------|"]
    for name, key in keys.items():
        must = " **Required.**" if key.required and not key.unless else ""
        if key.required and key.unless:
            must = f" Required, unless `{key.unless}` is there."
        rows.append(f"| `{name}` | {_cell(_words(key.shape))} | {_cell(key.about)}{must} |")
    return rows


def _words(shape: Shape) -> str:
    """What a value may be, in a few words."""
    match shape:
        case Text():
            return "text"
        case Choice(words=words):
            return ", ".join(f"`{word}`" for word in words)
        case Flag():
            return "true or false"
        case Whole(low=low, high=high):
            return f"{low:,} to {high:,}"
    return _nested_words(shape)


def _nested_words(shape: Shape) -> str:
    match shape:
        case Listing(of=of):
            return f"list: {_words(of)}"
        case Names(of=of):
            return f"names: {_words(of)}"
        case Record(keys=keys):
            return "keys " + ", ".join(f"`{name}`" for name in keys)
        case Cases(by=by, of=records):
            return f"keys, by `{by}`: " + ", ".join(f"`{name}`" for name in records)
        case Either(value=value, items=items, keys=inner):
            return "; or ".join(_words(one) for one in (value, items, inner) if one is not None)
    return "any value"


def _ends_table() -> list[str]:
    lines = ["", "## From where to where", ""]
    lines += ["| From | To |", "|------|----|"]
    found: dict[str, list[str]] = defaultdict(list)
    for one, other in pairs():
        found[one].append(other)
    lines += [f"| {one} | {', '.join(sorted(others))} |" for one, others in sorted(found.items())]
    for title, ends in (("Source", SOURCE), ("Target", TARGET)):
        for kind, record in ends.of.items():
            if kind in found or any(kind in others for others in found.values()):
                lines += ["", f"### {title} `{kind}`", *_table(record.keys)]
    return lines


# ---- the command line ----------------------------------------------------------------------


def cli_page() -> str:
    """docs/cli.md."""
    lines = [
        "# The command line",
        "",
        MADE,
        "",
        "Exit codes: 0 ok; 1 denied, or you can fix it; 2 wrong usage; 3 a bug of Windlass; "
        "75 try again later; 130 interrupted. Errors go to standard error.",
    ]
    for path, command in commands():
        lines += ["", f"## {path}", "", "```", help_text(path, command).rstrip(), "```"]
    return "\n".join(lines) + "\n"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, groups before their commands."""

    def walk(path: str, command: Any) -> Iterator[tuple[str, click.Command]]:
        yield path, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(f"{path} {name}", inner)

    return walk("windlass", typer.main.get_command(app))


def help_text(path: str, command: Any) -> str:
    """What `--help` prints on a terminal of 80 columns."""
    context = command.context_class(
        command,
        info_name=path,
        terminal_width=80,
        max_content_width=80,
        help_option_names=["-h", "--help"],
    )
    text: str = command.get_help(context)
    return "\n".join(line.rstrip() for line in text.splitlines())


# ---- the API -------------------------------------------------------------------------------


def openapi_page() -> str:
    """docs/contract/openapi.json. Nothing is contacted for it."""
    settings = Settings.model_construct()
    context = build_context(settings, Database("postgresql://"))
    api = create_api(
        context,
        token="",
        environment=settings.environment,
        sync_interval=settings.sync_interval,
    )
    return json.dumps(api.openapi(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Write every page that differs."""
    pages_now = pages()
    for name, text in pages_now.items():
        path = ROOT / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"docs: wrote {name}")
    for path in (ROOT / "docs" / "rules").glob("*.md"):
        if path.relative_to(ROOT).as_posix() not in pages_now:
            path.unlink()
            print(f"docs: removed {path.name}")


if __name__ == "__main__":
    sys.exit(main())
