"""Writes the pages of docs/ that are made from the code: `make docs`.

`pages()` makes them in memory; tests/test_docs.py compares them with the files.
"""

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import click
import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from windlass.app import build_context
from windlass.database.connection import Database
from windlass.domain import errors
from windlass.entrypoints.cli.main import app
from windlass.entrypoints.failures import exit_code, http_status
from windlass.entrypoints.web.api import create_api
from windlass.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("src/windlass", "airflow-provider/src/windlass_airflow")
MADE = "<!-- Made by `make docs` from the code: do not edit. -->"
PREFIXES = {
    "AIR": "Airflow's REST API does not answer as it should.",
    "API": "A request to the API of Windlass, or the way to it.",
    "BUNDLE": "The provider cannot serve a bundle; Airflow keeps the DAGs it has and asks again.",
    "BENCH": "A measurement that could not be made.",
    "CFG": "A setting of Windlass is missing or wrong.",
    "CLI": "Options of a command that do not go together.",
    "CRED": "A stored credential, or the keys that open it.",
    "DB": "The database is away.",
    "DEMO": "The demo and the Git server that it brings.",
    "DEP": "A release cannot be deployed to its environment.",
    "ENV": "An environment.",
    "GIT": "A repository's URL, its host, or git itself.",
    "INT": "Intake: files that are not taken into a release as they are.",
    "PG": "The PostgreSQL that Windlass runs itself.",
    "PROC": "Child processes.",
    "PY": "The interpreter that DAG files are checked for.",
    "REL": "Releases and rollbacks.",
    "REPO": "The registration of a repository.",
    "STORE": "The store: the folder of releases and pointers that Airflow mounts.",
    "STR": "Structure: what files of a release may not hold beside those of other releases.",
    "SYN": "Syntax: files that Python cannot read.",
    "SYNC": "The sync of a repository.",
    "WIND": "A bug of Windlass: please report it.",
}
# Where a call has message and hint, as positions or keywords. Other calls: the second and third.
TEXTS: dict[str, tuple[tuple[int | str, ...], int | str]] = {
    "Finding": ((4,), 5),
    "_finding": ((3,), 4),
    "bundle_error": (("wrong", "expected"), "remedy"),
}


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
        "docs/settings.md": settings_page(),
        "docs/cli.md": cli_page(),
        "docs/contract/openapi.json": openapi_page(),
        ".env.sample": env_sample(),
    }


# ---- codes ---------------------------------------------------------------------------------


def sites() -> list[Site]:
    """Every place in the sources that raises an error or makes a finding, by code."""
    found = set()
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            for function, call in _calls(tree):
                if code := _code(call):
                    where = path.relative_to(ROOT).as_posix()
                    found.add(_site(code, where, call, function))
    return sorted(found)


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
            lines += ["", f"### {code}", "", f"{' or '.join(kinds)}, from {files}", ""]
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
    if name == "bundle_error":
        return "BundleError"
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


# ---- settings ------------------------------------------------------------------------------


def settings_page() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        MADE,
        "",
        "`.env` in the working folder, then the environment, then flags: the later wins. "
        "`.env.sample` holds every setting, ready to be copied to `.env`.",
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
    for name, text in pages().items():
        path = ROOT / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"docs: wrote {name}")


if __name__ == "__main__":
    sys.exit(main())
