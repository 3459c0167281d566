"""Which connections, variables and pools a Python file names, and what it should not hold of them.

Only what is written counts: an operator's own default of a `conn_id` is not looked for.
"""

import ast
import re
from collections.abc import Iterator, Mapping

from windlass.checks.aliases import keyword, last_part, text_of
from windlass.checks.excerpt import with_excerpt
from windlass.checks.module import Module
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.jinja import names_in_jinja
from windlass.domain.names import Kind, Reference

_MAX_REFERENCES = 300
_MAX_NAME = 250
# Hooks of databases take a connection as their first argument: airflow.providers.common.sql.
_SQL_HOOKS = frozenset(
    f"{name}Hook"
    for name in ("Postgres", "MySql", "Sqlite", "MsSql", "Oracle", "Jdbc", "Odbc", "DbApi", "Trino")
)
_GETTERS = frozenset({"get_connection", "get_connection_from_secrets", "get_hook"})
_KINDS = {
    "connection": Kind.CONNECTION,
    "conn": Kind.CONNECTION,
    "variable": Kind.VARIABLE,
    "var": Kind.VARIABLE,
    "pool": Kind.POOL,
}
_WRONG_VARIABLE = re.compile(
    r"(?<![A-Z0-9_])AIRFLOW_(?P<kind>CONNECTIONS?|CONNS|VARIABLES?|VARS)_+(?P<name>[A-Z0-9_]{1,100})"
)
_SECRET_NAME = re.compile(
    r"(?i)(?:.*[_.-])?(?:password|passwd|passphrase|secret|token|api_?key|access_?key|private_?key)"
)


def references_of(module: Module) -> tuple[Reference, ...]:
    """Every connection, variable and pool that a file names, each once, by line."""
    if b"airflow" not in module.content.lower():
        return ()
    found: dict[tuple[Kind, str], Reference] = {}
    for one in sorted(_References(module).all(), key=lambda one: one.line):
        known = found.get((one.kind, one.name))
        if known is None or (known.has_default and not one.has_default):
            found[one.kind, one.name] = one
    return tuple(found.values())[:_MAX_REFERENCES]


def check_references(module: Module) -> list[Finding]:
    """Judge how a file names them: wrong environment variables, secrets in plain variables."""
    found = [
        _wrong(module.path, node.lineno, node.col_offset + 1, hit) for node, hit in _hits(module)
    ]
    if b"Variable" in module.content:
        for call, name in module.called:
            if name.endswith("Variable.set"):
                found += _plain_secret(module.path, call)
    return [with_excerpt(one, module.content) for one in found]


class _References:
    def __init__(self, module: Module) -> None:
        self._module = module
        self._texts = _constants(module)

    def all(self) -> Iterator[Reference]:
        for call, whole in self._module.called:
            yield from self._in_call(call, whole)
        for node in self._module.all(ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                name = text_of(key)
                if name is not None and name.endswith("conn_id"):
                    yield from self._reference(Kind.CONNECTION, value)
        for constant in self._module.all(ast.Constant):
            if isinstance(constant.value, str) and "{" in constant.value:
                for kind, name, given in names_in_jinja(constant.value):
                    yield Reference(Kind(kind), name, constant.lineno, given)
        for assign in self._module.all(ast.Assign):
            targets = [t.id for t in assign.targets if isinstance(t, ast.Name)]
            if "REQUIRED_SECRETS" in targets:
                yield from _required(assign.value)

    def _in_call(self, call: ast.Call, name: str) -> Iterator[Reference]:
        own = last_part(name) or (call.func.attr if isinstance(call.func, ast.Attribute) else "")
        if own == "Connection":
            return  # makes one
        is_task, pool = ".task" in f".{name}", None
        for key in call.keywords:
            if key.arg is None:
                continue
            if key.arg.endswith("conn_id"):
                yield from self._reference(Kind.CONNECTION, key.value)
            is_task = is_task or key.arg == "task_id"
            pool = key.value if key.arg == "pool" and pool is None else pool
        if is_task and pool is not None:
            yield from self._reference(Kind.POOL, pool)
        first = call.args[0] if call.args else None
        if first is None:
            return
        is_getter = own in _GETTERS and any(w in name for w in ("Hook", "Connection", "self"))
        if is_getter or own in _SQL_HOOKS or name.endswith("sdk.Connection.get"):
            yield from self._reference(Kind.CONNECTION, first)
        elif name.startswith("airflow") and name.endswith("Variable.get"):
            given = keyword(call, "default", "default_var") is not None or len(call.args) > 1
            yield from self._reference(Kind.VARIABLE, first, has_default=given)

    def _reference(
        self, kind: Kind, node: ast.expr, *, has_default: bool = False
    ) -> Iterator[Reference]:
        text = text_of(node)
        if isinstance(node, ast.Name):
            text = self._texts.get(node.id)
        if isinstance(node, ast.Constant) and text is None:
            return  # None: the operator's own
        if text is not None and "{" in text:
            return  # Jinja: what stands in it is looked at where it stands
        name = "" if text is None else text[:_MAX_NAME]
        if text is None or name:
            yield Reference(kind, name, node.lineno, has_default)


def _constants(module: Module) -> Mapping[str, str]:
    """The names at the top of a file that stand for one text."""
    found: dict[str, str | None] = {}
    for assign in module.top.all(ast.Assign):
        for target in assign.targets:
            if isinstance(target, ast.Name):
                is_new = target.id not in found
                found[target.id] = text_of(assign.value) if is_new else None
    return {name: text for name, text in found.items() if text is not None}


def _required(node: ast.expr) -> Iterator[Reference]:
    """REQUIRED_SECRETS: {"connections": [names], …} or {name: "connection", …}."""
    if not isinstance(node, ast.Dict):
        return
    for key, value in zip(node.keys, node.values, strict=True):
        name = text_of(key)
        if name is None:
            continue
        kind = _KINDS.get(name.lower().removesuffix("s"))
        if kind is not None and isinstance(value, ast.List | ast.Tuple | ast.Set):
            for one in value.elts:
                if (text := text_of(one)) is not None:
                    yield Reference(kind, text[:_MAX_NAME], one.lineno)
        elif (said := text_of(value)) is not None and said.lower().removesuffix("s") in _KINDS:
            yield Reference(_KINDS[said.lower().removesuffix("s")], name[:_MAX_NAME], value.lineno)


def _hits(module: Module) -> Iterator[tuple[ast.Constant, re.Match[str]]]:
    if b"AIRFLOW_" not in module.content:
        return
    for node in module.all(ast.Constant):
        if isinstance(node.value, str) and (hit := _WRONG_VARIABLE.search(node.value)):
            yield node, hit


def _wrong(path: str, line: int, column: int | None, hit: re.Match[str]) -> Finding:
    kind = "CONN" if hit["kind"].startswith("CONN") else "VAR"
    return Finding(
        "REF005",
        Severity.MEDIUM,
        FindingType.REFERENCE,
        path,
        f"Airflow does not read the environment variable {hit[0][:80]!r}",
        f"Write AIRFLOW_{kind}_{hit['name'].strip('_')[:80]}.",
        line,
        column,
    )


def _plain_secret(path: str, call: ast.Call) -> Iterator[Finding]:
    given = [text_of(one) for one in call.args[:2]]
    key = given[0] if given else text_of(keyword(call, "key"))
    value = given[1] if len(given) > 1 else text_of(keyword(call, "value"))
    if key and value and _SECRET_NAME.fullmatch(key) and "{" not in value:
        yield Finding(
            "REF006",
            Severity.HIGH,
            FindingType.REFERENCE,
            path,
            f"the variable {key[:60]!r} is given a secret that is written in the file",
            "Put it into a connection or a secrets backend, and change the secret.",
            call.lineno,
            call.col_offset + 1,
        )
