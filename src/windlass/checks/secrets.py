"""Secrets in Python: beside names, in calls, in texts that are put together, and in comments.

What is found is never shown whole: see `secret_texts.told`.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from windlass.checks.excerpt import with_excerpts
from windlass.checks.formats import find_formats
from windlass.checks.kinds import is_test
from windlass.checks.literals import Key, Kind, is_placeholder, key_kind, literal_kind
from windlass.checks.module import Module, Scope
from windlass.checks.naming import choices
from windlass.checks.phrases import only_said
from windlass.checks.secret_texts import (
    Searcher,
    Secret,
    distinct,
    find_pairs,
    hints_in,
    may_hold,
    told,
)
from windlass.domain.finding import Finding

_MAX_FINDINGS = 50  # of one file; the next ones say nothing new
_MIN_TEXT = 8
_COMMENT = re.compile("#[^\n]*")  # or what looks like one in a text
_JSON = re.compile(r"\"\s{0,9}:\s{0,9}\"")  # between a key and a text of JSON
_GETTER = re.compile(r"_{0,2}(?:get|load|read|fetch|default)_")
_MADE_ELSEWHERE = (ast.Name, ast.List, ast.Tuple, ast.Subscript, ast.Dict)
# What is beside the password of a login, so that even `password="password"` is one.
_BESIDES = frozenset({"host", "hostname", "login", "user", "username", "server", "database"})
_BESIDES |= {"dbname", "db", "port", "account", "conn_type", "conn_id", "uid", "email"}
_PAIRS = frozenset({"auth", "basic_auth", "http_auth", "credentials", "proxy_auth"})
_LOGINS = frozenset({"HTTPBasicAuth", "HTTPDigestAuth", "HTTPProxyAuth", "BasicAuth", "login"})
_LOGINS |= {"PlainCredentials", "PlainAuthProvider", "basic_auth"}
_DEFAULTS = frozenset({"getenv", "get", "pop"})
_SETTERS = frozenset({"set", "putenv", "setenv", "setdefault", "add_header", "putheader"})
_ROWS, _CHOICES = (ast.Tuple, ast.List), (ast.BoolOp, ast.IfExp)
# What gives back the secret that it is given, or holds it as a default.
_WRAPPERS = frozenset(
    {"SecretStr", "SecretBytes", "quote_plus", "quote", "Field", "field", "Param"}
)
# Functions that take a user and a password by their place, with the place of the password.
_PLACED = {"pymysql.connect": 2, "MySQLdb.connect": 2, "ftplib.FTP": 2, "ftplib.FTP_TLS": 2}
_COMMANDS = frozenset({"sshpass", "curl", "mysql", "mysqldump", "mysqladmin"})
_OPTIONS = frozenset({"--password", "--passwd", "--token", "--secret", "--api-key"})
_LINE = re.compile(  # of YAML or of settings, in a text of several lines
    r"(?mi)^[ \t]{0,40}(?:- )?([\w.-]{0,40}(?:password|passwd|pwd|secret|token|api_?key))[\"']?"
    r"[ \t]{0,9}:[ \t]{1,9}[\"']?([^\s\"'{}$<>]{6,200})[\"']?[ \t]{0,9}$"
)
_SAID = ("passw", "pwd", "secret", "token", "apikey", "api_key")  # of what `_LINE` has one
_NO_SECRET_OF = frozenset({"Secret", "Param", "Column", "Field", "StructField", "SchemaField"})

_Found = Iterator[tuple[ast.expr | int, Secret]]
"""Each secret with its node, or with its line."""


def check_secrets(module: Module) -> list[Finding]:
    """The credentials that are written into one Python file."""
    source = module.content.decode("utf-8-sig", "replace")
    reader = _Reader(module, source)
    if not reader.may_find:
        return []
    secrets: list[Secret] = []
    columns: dict[tuple[int, str], int] = {}
    for where, secret in reader.find():
        line = secret.line + (where if isinstance(where, int) else where.lineno)
        secrets.append(replace(secret, line=line, is_mild=secret.is_mild or is_test(module.path)))
        if not isinstance(where, int) and not secret.line:
            columns[line, secret.value] = module.place(where).column
    kept = distinct(secrets)[:_MAX_FINDINGS]
    findings = [told(module.path, s, s.line, columns.get((s.line, s.value))) for s in kept]
    shown = with_excerpts(findings, module.content)
    return [_without(one, secret.value) for one, secret in zip(shown, kept, strict=True)]


def _without(finding: Finding, value: str) -> Finding:
    """No excerpt where it shows a part of the secret, whatever quoting made it do so."""
    parts = {value[i : i + 5] for i in range(max(1, min(len(value), 500) - 4))}
    is_shown = any(part in finding.excerpt for part in parts)
    return replace(finding, excerpt="") if is_shown else finding


class _Reader:
    def __init__(self, module: Module, source: str) -> None:
        self.module = module
        self.source = source
        self.text = module.names.folder.text
        comments = "\n".join(_COMMENT.findall(source))
        self._hints = hints_in(comments.lower())
        self.searcher = Searcher(f"{module.names.whole}\n{comments}")
        self._has_json = _JSON.search(module.names.whole) is not None

    @property
    def may_find(self) -> bool:
        """Whether there may be anything: names of secrets stand in the code between texts too."""
        if self.searcher.has_formats or self._hints or may_hold(self.source.lower()):
            return True
        if "FTP" in self.source or "SSHClient" in self.source:
            return True
        names = self.module.names
        texts = "\n".join([text for _, text in (*names.made, *names.broken)])
        return may_hold(texts.lower())

    def find(self) -> _Found:
        yield from self._in_texts()
        for call in self.module.all(ast.Call):
            yield from self._in_call(call)
        for dictionary in self.module.all(ast.Dict):
            for key, value in zip(dictionary.keys, dictionary.values, strict=True):
                yield from self._beside(key, value)
        for target, given in self._assignments():
            yield from self._assigned(target, given)
        for arguments in self.module.all(ast.arguments):
            if arguments.defaults or arguments.kw_defaults:
                yield from self._in_defaults(arguments)
        for scope in self.module.scopes:
            yield from self._given_back(scope)
        has_commands = any(word in self.module.names.whole for word in (*_COMMANDS, *_OPTIONS))
        for row in self.module.all(ast.List) if has_commands else ():
            yield from self._in_command(row)
        for compared in self.module.all(ast.Compare):
            yield from self._compared(compared)
        yield from self._in_comments()

    def _in_texts(self) -> _Found:
        if self.searcher.has_formats:
            for name, at, value in find_formats(self.source):
                yield self.source.count("\n", 0, at) + 1, Secret.formatted(name, value)
        texts = self.module.names.texts
        for node, text in texts if self._has_json else ():
            for secret in find_pairs(text, is_program=True) if _JSON.search(text) else ():
                yield node, replace(secret, is_mild=secret.is_weak or id(node) in self._said)
        for node, text in texts if self.searcher.is_useful else ():
            if len(text) >= _MIN_TEXT:
                for secret in self.searcher.find(text):
                    is_mild = secret.is_weak and id(node) in self._said
                    yield node, replace(secret, is_mild=is_mild)

        for node, text in texts if self.searcher.is_useful else ():
            found = [*_in_lines(text)] if "\n" in text and may_hold(text.lower(), _SAID) else ()
            if found and id(node) not in self._said:
                yield from ((node, secret) for secret in found)

    def _in_command(self, row: ast.List) -> _Found:
        """`["sshpass", "-p", "…"]`: a command as a list of its words."""
        words = [one.value for one in row.elts if isinstance(one, ast.Constant)]
        texts = [word for word in words if isinstance(word, str)]
        if texts and (texts[0] in _COMMANDS or not _OPTIONS.isdisjoint(texts)):
            for secret in self.searcher.find(" ".join(texts)):
                if not any(secret.value in text and " " in text for text in texts):
                    yield next(n for n in row.elts if secret.value in (self.text(n) or "")), secret

    @cached_property
    def _said(self) -> set[int]:
        """Texts for people: a word that everybody tries first is an example there."""
        return only_said(self.module)

    def _in_call(self, call: ast.Call) -> _Found:
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if call.keywords and name not in _NO_SECRET_OF:
            yield from self._in_keywords(call)
        if name == "setattr" and len(call.args) == 3:
            yield from self._beside(*call.args[1:])
        if len(call.args) > 2 and name in ("connect", "FTP", "FTP_TLS"):
            yield from self._placed(call)
        if len(call.args) != 2:
            return
        if name in _LOGINS:
            yield from self._pair(call.args)
        elif name in _SETTERS:
            yield from self._beside(*call.args)
        elif name in _DEFAULTS:
            yield from self._fallback(*call.args)

    def _in_keywords(self, call: ast.Call) -> _Found:
        for keyword in call.keywords:
            name = keyword.arg
            if name in _PAIRS and isinstance(keyword.value, ast.Tuple):
                yield from self._pair(keyword.value.elts)
            elif name in ("default", "default_var") and call.args:
                yield from self._fallback(call.args[0], keyword.value)
            elif name and name != "secret" and key_kind(name):  # the name of one, in Kubernetes
                is_login = any(other.arg in _BESIDES for other in call.keywords)
                yield from self._named(name, keyword.value, is_login=is_login)

    def _placed(self, call: ast.Call) -> _Found:
        """`pymysql.connect(host, user, "…")`, and `connect(host, 22, user, "…")` of paramiko."""
        place = _PLACED.get(self.module.names.name_of(call.func) or "")
        if place is None and len(call.args) > 3 and isinstance(call.args[1], ast.Constant):
            place = 3 if type(call.args[1].value) is int else None
        if place is not None and len(call.args) > place:
            found = self._named("password", call.args[place])
            yield from (one for one in found if not one[1].is_weak)

    def _fallback(self, key: ast.expr, value: ast.expr) -> _Found:
        """`os.getenv("DB_PASSWORD", "…")`: what is used where the variable is not set."""
        for node, secret in self._beside(key, value):
            yield node, replace(secret, is_mild=secret.is_weak)

    def _pair(self, nodes: Sequence[ast.expr]) -> _Found:
        """A user and a password beside each other."""
        texts = [self.text(node) or "" for node in nodes]
        if len(texts) != 2 or not all(texts) or any(c.isspace() for c in "".join(texts)):
            return
        if not is_placeholder(texts[1]) and not is_placeholder(texts[0]):
            yield nodes[1], Secret("the password of a login", texts[1])

    def _beside(self, key: ast.expr | None, value: ast.expr) -> _Found:
        name = None if isinstance(value, _MADE_ELSEWHERE) else self.text(key)
        if name and len(name) <= 100:
            yield from self._named(name, value)

    def _assignments(self) -> Iterator[tuple[ast.expr, ast.expr]]:
        for loop in self.module.all(ast.For):
            if isinstance(loop.iter, ast.List | ast.Tuple):
                yield from ((loop.target, one) for one in loop.iter.elts)
        for statement in self.module.all(ast.Assign):
            for target in statement.targets:
                yield target, statement.value
        for one in self.module.all(ast.AnnAssign):
            if one.value is not None:
                yield one.target, one.value
        for named in self.module.all(ast.NamedExpr):
            yield named.target, named.value

    def _assigned(self, target: ast.expr, value: ast.expr) -> _Found:
        if isinstance(target, ast.Name):
            if key_kind(target.id):
                yield from self._named(target.id, value)
        elif isinstance(target, ast.Attribute):
            yield from self._named(target.attr, value)
        elif isinstance(target, ast.Subscript):
            yield from self._beside(target.slice, value)
        elif isinstance(target, _ROWS) and isinstance(value, ast.Call):
            parts = self.module.names.folder.value(value)  # "user:…".split(":")
            for one, part in zip(
                target.elts, parts if isinstance(parts, list) else [], strict=False
            ):
                written: ast.expr = ast.copy_location(ast.Constant(part), value)
                yield from self._assigned(one, written)
        elif isinstance(target, _ROWS) and isinstance(value, _ROWS):
            for one, given in zip(target.elts, value.elts, strict=False):
                yield from self._assigned(one, given)

    def _in_defaults(self, arguments: ast.arguments) -> _Found:
        names = [*arguments.posonlyargs, *arguments.args]
        pairs = list(zip(reversed(names), reversed(arguments.defaults), strict=False))
        only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        pairs += [(one, default) for one, default in only if default is not None]
        for argument, default in pairs:
            yield from self._named(argument.arg, default)

    def _given_back(self, scope: Scope) -> _Found:
        """What a function returns that is named for a secret: `def get_password(): return "…"`."""
        function = scope.function
        if not isinstance(function, ast.FunctionDef):
            return
        is_property = any(getattr(one, "id", "") == "property" for one in function.decorator_list)
        if not is_property and not _GETTER.match(function.name):
            return
        for one in scope.all(ast.Return):
            if isinstance(one.value, ast.Constant):
                found = self._named(function.name, one.value)
                yield from (secret for secret in found if not secret[1].is_weak)

    def _compared(self, node: ast.Compare) -> _Found:
        """`if password == "…"`: a password that whoever reads the file knows."""
        given = node.comparators[0]
        if isinstance(node.ops[0], ast.Eq | ast.NotEq) and isinstance(given, ast.Constant):
            name = node.left.attr if isinstance(node.left, ast.Attribute) else ""
            name = node.left.id if isinstance(node.left, ast.Name) else name
            found = self._named(name, given) if key_kind(name) is Key.CHOSEN else ()
            yield from (one for one in found if not one[1].is_weak)

    def _named(self, name: str, value: ast.expr, *, is_login: bool = False) -> _Found:
        if isinstance(value, _MADE_ELSEWHERE) and not isinstance(
            getattr(value, "slice", None), ast.Slice
        ):
            return  # what it is made of is judged where it is written
        if key_kind(name) is None:
            return
        if isinstance(value, _CHOICES):  # `os.getenv("DB_PASSWORD") or "…"`
            for one in choices(value):
                for node, secret in self._named(name, one, is_login=is_login):
                    yield node, replace(secret, is_mild=secret.is_weak)
            return
        value = _unwrapped(value)
        text = self.text(value)
        if not text:
            return
        kind = literal_kind(name, text)
        if is_login and name == "password" and text.strip().lower() == "password":
            kind = Kind.WEAK
        if kind is not None:
            yield value, Secret.named(name, text, kind)

    def _in_comments(self) -> _Found:
        for number, line in enumerate(self.source.split("\n") if self._hints else (), 1):
            start = line.find("#")
            comment = line[start:]
            if start < 0 or not may_hold(comment.lower(), self._hints):
                continue
            found = (*find_pairs(comment), *self.searcher.find(comment))
            if found and not self._is_in_text((number, start)):
                yield from ((number, replace(one, is_mild=one.is_weak)) for one in found)

    def _is_in_text(self, at: tuple[int, int]) -> bool:
        return any(start <= at < end for start, end in self._spans)

    @cached_property
    def _spans(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Where the texts of the file begin and end."""
        texts: list[ast.expr] = [
            n for n in self.module.all(ast.Constant) if isinstance(n.value, str | bytes)
        ]
        texts += self.module.all(ast.JoinedStr)
        return [
            ((n.lineno, n.col_offset), (n.end_lineno or 0, n.end_col_offset or 0)) for n in texts
        ]


def _in_lines(text: str) -> Iterator[Secret]:
    """What lines of YAML in a text say."""
    for found in _LINE.finditer(text):
        if literal_kind(found[1], found[2]) is Kind.STRONG:
            line = text.count("\n", 0, found.start(1))
            yield replace(Secret.named(found[1], found[2]), line=line)


def _unwrapped(value: ast.expr) -> ast.expr:
    """What a secret is wrapped in taken off: `SecretStr("…")`, `Field(default="…")`."""
    if isinstance(value, ast.Call):
        function = value.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in _WRAPPERS:
            given = [k.value for k in value.keywords if k.arg == "default"] or value.args[:1]
            return given[0] if given else value
    if isinstance(value, ast.Lambda) and isinstance(value.body, ast.Constant):
        return value.body
    return value
