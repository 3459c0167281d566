"""Writes a declaration as the text of windlass.yaml, which reads back as the same declaration."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from windlass.compiler.declaration import Declaration, DeclaredRepository
from windlass.compiler.declaration_shape import OPTIONS_IN_VALIDATION
from windlass.compiler.scalars import resolve, trap_in
from windlass.domain.environment import Environment
from windlass.domain.options import DEFAULTS, Options

# No character that begins anything in YAML, none that ends a plain scalar, none that is invisible.
_PLAIN = re.compile(r"[A-Za-z0-9_./+@-](?:[A-Za-z0-9_./+@:*-]*[A-Za-z0-9_./+@*-])?")


def declaration_text(declared: Declaration) -> str:
    """The file, defaults left out: what it does not say means the same on every Windlass.

    >>> print(declaration_text(Declaration((), ())), end="")
    repositories: []
    """
    lines = [line for one in declared.environments for line in _environment_lines(one)]
    if lines:
        lines.insert(0, "environments:")
    lines.append("repositories:" if declared.repositories else "repositories: []")
    for repository in declared.repositories:
        lines += _item(_repository_keys(repository, declared.environments))
    return "\n".join(lines) + "\n"


def repositories_text(
    repositories: Iterable[DeclaredRepository], environments: Iterable[Environment]
) -> str:
    """Items for the list `repositories` of a file that has these environments, or needs none."""
    known = tuple(environments)
    lines = [line for one in repositories for line in _item(_repository_keys(one, known))]
    return "".join(f"{line}\n" for line in lines)


def _environment_lines(environment: Environment) -> list[str]:
    default = Environment(environment.name)
    chosen = {
        name: getattr(environment, name)
        for name in (
            *("target", "airflow_url", "airflow_username", "credential", "interpreter"),
            *("bundles", "teams", "new_dags", "verdict_mode"),
        )
        if getattr(environment, name) != getattr(default, name)
    }
    if not chosen:
        return [f"  {_scalar(environment.name)}: {{}}"]
    keys = [f"    {name}: {_value(value)}" for name, value in chosen.items()]
    return [f"  {_scalar(environment.name)}:", *keys]


def _repository_keys(
    one: DeclaredRepository, environments: Iterable[Environment]
) -> Iterator[tuple[str, Any]]:
    yield "name", one.name
    yield "url", one.url
    if one.ref is not None:
        yield one.ref.kind, one.ref.name
    if one.path != ".":
        yield "path", one.path
    yield "environment", one.environment
    if one.namespace != one.name:
        yield "namespace", one.namespace
    if one.credential is not None:
        yield "credential", one.credential
    yield "sync_interval", f"{one.sync_interval_s}s"  # a setting says what leaving it out means
    default = next((each for each in environments if each.name == one.environment), None)
    yield from _option_keys(one.options, default.defaults if default else DEFAULTS)


def _option_keys(options: Options, default: Options) -> Iterator[tuple[str, Any]]:
    chosen = {
        one.name: getattr(options, one.name)
        for one in fields(Options)
        if getattr(options, one.name) != getattr(default, one.name)
    }
    nested = {
        OPTIONS_IN_VALIDATION[name]: value
        for name, value in chosen.items()
        if name in OPTIONS_IN_VALIDATION
    }
    if nested:
        yield "validation", nested
    yield from (
        (name, value) for name, value in chosen.items() if name not in OPTIONS_IN_VALIDATION
    )


def _item(keys: Iterator[tuple[str, Any]]) -> list[str]:
    first, *rest = [f"{name}: {_value(value)}" for name, value in keys]
    return [f"  - {first}", *(f"    {line}" for line in rest)]


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case tuple():
            return "[" + ", ".join(_value(one) for one in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_scalar(k)}: {_value(v)}" for k, v in value.items()) + "}"
    return _scalar(str(value))


def _scalar(text: str) -> str:
    """A text as a scalar that reads back as itself, in quotes only where it must be."""
    escaped = text.replace("$", "$$")
    is_plain = _PLAIN.fullmatch(escaped) and trap_in(escaped) is None
    if is_plain and resolve(escaped) == escaped and escaped != "---":
        return escaped
    quoted = json.dumps(escaped, ensure_ascii=False)
    # JSON's escapes are YAML's; what neither shows is written as one.
    return re.sub("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", _escape, quoted)


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
