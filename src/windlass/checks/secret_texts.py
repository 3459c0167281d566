"""Secrets in texts: addresses with a password, commands, lines of YAML, JSON, .env and the like.

Read line by line and never parsed: what stands in a file matters, not what it is.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import NamedTuple

from windlass.checks.formats import find_formats
from windlass.checks.kinds import PROGRAMS, PROSE, is_test, is_text
from windlass.checks.literals import Kind, is_placeholder, literal_kind
from windlass.checks.requirements import is_requirements
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.text import plain

_MAX_FINDINGS = 50  # of one file; the next ones say nothing new
_MAX_LINE = 100_000  # in a longer one only known formats are looked for
_NAMES = ("key", "pass", "token", "auth", "secret", "pwd", "cred", "senha")
_HINTS = (*_NAMES, "://", "login", "curl", "mysql", "bearer", "basic ", "identified")

# RFC 3986, 3.2.1: user information.
_ADDRESS = re.compile(
    r"\b([a-z][a-z0-9+.-]{1,30})://([^\s:/@'\"?#<>]{0,100}):([^\s/@'\"<>]{1,200})"
    r"@([\w.{}$%()-]{1,200})"
)
_SAID = re.compile(  # key=value of connection strings, commands and URLs
    r"(?i)\b([a-z_]{0,30}(?:password|passwd|pwd|passphrase|secret_access_key|api_?key|auth_?token"
    r"|client_secret|access_token|secret_key))[ \t]{0,3}=[ \t]{0,3}"
    r"[\"']?([^\s;'\"&,|<>()\[\]]{3,200}+)(?![(\[])"
)
_OPTION = re.compile(
    r"(?i)--(?:[a-z]{1,12}-)?(password|passwd|token|secret|api-?key)[ =][\"']?"
    r"([^\s'\"-][^\s'\"]{2,200})"
)
_MYSQL = re.compile(r"\bmysql(?:dump|admin)?\b[^\n|;]{0,200}?\s-p([^\s'\"]{3,60})")
_SSHPASS = re.compile(r"\bsshpass\s{1,3}-p\s{0,3}[\"']?([^\s'\"]{3,60})")
_CURL = re.compile(
    r"\bcurl\b[^\n|;]{0,200}?\s(?:-u|--user)[ =][\"']?[^\s:'\"]{1,60}:([^\s'\"]{3,100})"
)
_BEARER = re.compile(
    r"(?i)\b(?:bearer|token|basic)\s{1,2}(?=[a-z+/_.~-]{0,400}\d)"
    r"([a-z0-9+/_.~-]{16,500}={0,2})(?![\w{])"
)
_SQL = re.compile(r"(?i)\b(?:identified\s{1,5}by|password)\s{1,5}'([^'\s]{3,100})'")
_PAIR = re.compile(
    r"(?:^|[\s,{;(#\[-])[\"']?([A-Za-z_][\w.-]{1,60})[\"']?\s{0,20}(?:=>|:=|<-|:(?!-)|=)\s{0,20}"
    r"(?:\"([^\"\n]{3,4000})\"|'([^'\n]{3,4000})'"
    r"|([^\s\"',#\[\]{}()][^\s,#\[\]{}()]{2,4000}+)(?![(\[]))"
)
_ENV_NAME = re.compile(
    r"^\s{0,60}(?:-\s{1,4})?[\"']?name[\"']?\s{0,5}:\s{0,5}[\"']?([\w.-]{2,80})[\"']?,?\s*$"
)
_ENV_VALUE = re.compile(
    r"^\s{0,60}[\"']?value[\"']?\s{0,5}:\s{0,5}[\"']?([^\s\"'#]{3,4000})[\"']?,?\s*(?:#|$)"
)
_XML_NAME = re.compile(r"<name>\s{0,9}([\w.-]{2,80})\s{0,9}</name>")  # Hadoop's configuration
_XML_VALUE = re.compile(r"<value>\s{0,9}([^<\s]{3,4000})\s{0,9}</value>")
_TAG = re.compile(r"<([A-Za-z_][\w.-]{1,60})>([^<>\s]{3,4000})</")
_NETRC = re.compile(r"\bpassword\s{1,9}(\S{3,200})")
_PGPASS = re.compile(r"^[^:#\s]{1,200}:[\d*]{1,5}:[^:\s]{1,100}:[^:\s]{1,100}:(\S{3,200})$")
_LOGIN = re.compile(r'"auth"\s{0,5}:\s{0,5}"([A-Za-z0-9+/]{8,2000}={0,2})"')
_SEALED = re.compile(r"(?m)^kind:\s{0,5}SealedSecret|^sops:|\$ANSIBLE_VAULT|\bENC\[AES256_GCM")
_SAMPLE = re.compile(
    r"(?i)\b(?:example|sample|template|dist|tmpl)\b|docker-compose|(?:^|/)\.github/"
)


_Finder = Callable[[str], Iterator["Secret"]]


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret. `line` counts from 0, below where its text begins. It is never shown: `told`."""

    what: str
    value: str
    code: str = "SEC004"
    is_weak: bool = False
    is_mild: bool = False
    line: int = 0

    @classmethod
    def formatted(cls, what: str, value: str) -> "Secret":
        """One of a known format."""
        return cls(what, value, "SEC002" if what == "a private key" else "SEC001")

    @classmethod
    def named(cls, name: str, value: str, kind: Kind = Kind.STRONG) -> "Secret":
        """One that stands beside a name."""
        return cls(f"the value of {name[:60]!r}", value, is_weak=kind is Kind.WEAK)


def may_hold(lowered: str, hints: Iterable[str] = _HINTS) -> bool:
    """Whether a text, lowered, is worth reading for more than known formats; on the safe side."""
    for hint in hints:  # noqa: SIM110  # any() takes three times as long
        if hint in lowered:
            return True
    return False


def hints_in(lowered: str) -> list[str]:
    """What makes a text, lowered, worth reading: of its parts, nothing else does."""
    return [hint for hint in _HINTS if hint in lowered]


class Searcher:
    """Looks for secrets in texts that are parts of one: what all of it lacks, no part has."""

    def __init__(self, whole: str) -> None:
        lowered = whole.lower()
        self.has_formats = any(find_formats(whole))
        self._wanted = [one for one in _SEARCHES if any(need in lowered for need in one.needs)]

    @property
    def is_useful(self) -> bool:
        """Whether any text has what there is to be found."""
        return self.has_formats or bool(self._wanted)

    def find(self, text: str) -> Iterator[Secret]:
        """The secrets in a text of any kind: formats, addresses, commands, connection strings."""
        if self.has_formats:
            for name, at, value in find_formats(text):
                yield replace(Secret.formatted(name, value), line=text.count("\n", 0, at))
        if not self._wanted:
            return
        lines = text.split("\n")
        for number, low in enumerate(text.lower().split("\n")):
            if len(low) <= _MAX_LINE:
                yield from self._find_in_line(low, lines, number)

    def _find_in_line(self, low: str, lines: list[str], number: int) -> Iterator[Secret]:
        for one in self._wanted:
            for need in one.needs:
                if need in low:
                    yield from (replace(s, line=number) for s in one.find(lines[number]))
                    break


def _addresses(line: str) -> Iterator[Secret]:
    for found in _ADDRESS.finditer(line):
        scheme, user, password, host = found.groups()
        if is_placeholder(password) or (len(user) > 2 and is_placeholder(user)):
            continue
        if password.lower() in _USUAL:
            continue
        is_weak = password == user or (host in _LOCAL and password.isalpha())
        yield Secret(f"the password in an address ({scheme})", password, "SEC003", is_weak)


def _said(line: str) -> Iterator[Secret]:
    for found in _SAID.finditer(line):
        kind = literal_kind(found[1], found[2])
        if kind is not None:
            yield replace(Secret.named(found[1], found[2], kind), code="SEC005")


def _command(what: str, pattern: re.Pattern[str], code: str = "SEC005") -> _Finder:
    """Finds the secret that is the last group of a pattern; a first one before it is its name."""

    def find(line: str) -> Iterator[Secret]:
        for found in pattern.finditer(line):
            *option, value = found.groups()
            kind = literal_kind(option[0] if option else "password", value.rstrip(".,"))
            if kind is not None:
                yield Secret(what, value, code, is_weak=kind is Kind.WEAK)

    return find


class _Search(NamedTuple):
    """How secrets of one kind are found in a line, and what it holds, lowered, where it has any."""

    needs: tuple[str, ...]
    find: _Finder


_USUAL = frozenset({"password", "pass", "passwd", "pwd", "pw", "port"})  # of how an address looks
_LOCAL = frozenset({"localhost", "127.0.0.1", "postgres", "db", "redis", "mysql", "rabbitmq"})
_SEARCHES = (
    _Search(("://",), _addresses),
    _Search(("passw", "pwd", "passp", "secret", "api", "token"), _said),
    _Search(("--",), _command("a password on a command line", _OPTION)),
    _Search(("mysql",), _command("a password of MySQL", _MYSQL)),
    _Search(("sshpass",), _command("a password of ssh", _SSHPASS)),
    _Search(("curl",), _command("a password of curl", _CURL)),
    _Search(("identified", "password"), _command("a password in SQL", _SQL)),
    _Search(
        ("bearer", "basic", "token "),
        _command("a token of an Authorization header", _BEARER, "SEC003"),
    ),
)


def find_pairs(text: str, *, is_program: bool = False) -> Iterator[Secret]:
    """The secrets beside their names, in lines such as `password: …` and `"token": "…"`; in a
    program only those in quotes."""
    name_before = ""
    lines = text.split("\n")
    for number, lowered in enumerate(text.lower().split("\n")):
        is_named = any(name in lowered for name in _NAMES)
        if not (is_named or name_before) or len(lowered) > _MAX_LINE:
            name_before = ""
            continue
        line = lines[number]
        for tag in _TAG.finditer(line):
            yield from _pair(tag[1], tag[2], number)
        found = (_ENV_VALUE.match(line) or _XML_VALUE.search(line)) if name_before else None
        if found is not None:  # of a container: `name: X` and then `value: y`
            yield from _pair(name_before, found[1], number)
        named = _ENV_NAME.match(line) or _XML_NAME.search(line)
        name_before = named[1] if named else ""
        if named is not None and (found := _XML_VALUE.search(line, named.end())):
            yield from _pair(name_before, found[1], number)
        for pair in _PAIR.finditer(line) if is_named else ():
            is_tag = pair[4] is not None and pair[4][0] in "!&*|>"  # of YAML
            if not is_tag and not (is_program and pair[4] is not None):
                bare = (pair[4] or "").rstrip("\"'`")  # the end of a text that it is the end of
                yield from _pair(pair[1], pair[2] or pair[3] or bare, number)


def _of_logins(path: str, text: str) -> Iterator[Secret]:
    """What is in files for logins alone: .netrc, .pgpass, and those of Docker."""
    name = path.rpartition("/")[2].lower()
    pattern = {".netrc": _NETRC, ".pgpass": _PGPASS}.get(name)
    is_docker = name.startswith(".docker") or path.endswith(".docker/config.json")
    for number, line in enumerate(text.split("\n") if pattern or is_docker else ()):
        for found in (pattern or _LOGIN).finditer(line[:_MAX_LINE]):
            value = found[1] if pattern else _after_colon(found[1])
            kind = literal_kind("password", value)
            if kind is not None:
                yield replace(Secret.named("password", value, kind), line=number)


def _after_colon(encoded: str) -> str:
    """The password of `user:password` in base64; "" where it is none."""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _pair(name: str, value: str, line: int) -> Iterator[Secret]:
    kind = literal_kind(name, value)
    if kind is not None:
        yield replace(Secret.named(name, value, kind), line=line)


def check_text_secrets(path: str, content: bytes) -> list[Finding]:
    """The credentials in a file that is not Python.

    In it a word that everybody tries first is mostly one of a machine for trying things out.
    """
    text = content.decode("utf-8", "replace") if is_text(path) else ""
    suffix = PurePosixPath(path.lower()).suffix
    if suffix == ".ipynb":  # its lines are texts of JSON
        text = text.replace('\\"', '"').replace("\\n", "")
    searcher, logins = Searcher(text), [*_of_logins(path, text)]
    if not (searcher.has_formats or logins or may_hold(text.lower())):
        return []
    is_prose = suffix in PROSE and not is_requirements(path, content)
    has_pairs = not is_prose and not _SEALED.search(text)
    pairs = find_pairs(text, is_program=suffix in PROGRAMS) if has_pairs else ()
    secrets = [*pairs, *logins, *searcher.find(text)]
    lines = text.split("\n")
    is_sample = is_prose or _SAMPLE.search(path) is not None
    found: list[Finding] = []
    for secret in distinct(secrets)[:_MAX_FINDINGS]:
        is_advice = is_sample and secret.code not in ("SEC001", "SEC002")
        judged = replace(secret, is_mild=is_test(path) or is_advice or secret.is_weak)
        finding = told(path, judged, secret.line + 1)
        found.append(replace(finding, excerpt=_excerpt(lines[secret.line], secret.value)))
    return found


def distinct(secrets: Iterable[Secret]) -> list[Secret]:
    """Without those that are a part of another one in the same line."""
    by_line: dict[int, list[Secret]] = {}
    for secret in sorted(secrets, key=lambda secret: secret.code):  # the surest first
        others = by_line.setdefault(secret.line, [])
        is_key = secret.code == "SEC002" and any(other.code == "SEC002" for other in others)
        if not is_key and not any(secret.value in other.value for other in others):
            others.append(secret)
    return [secret for _, kept in sorted(by_line.items()) for secret in kept]


def _excerpt(line: str, value: str) -> str:
    """The name in a line; all after it starred out."""
    found = re.match(r"\s{0,60}(?:export\s|-\s)?[\"']?[\w.-]{1,60}[\"']?\s{0,20}[:=]", line[:200])
    head = found[0] if found else ""
    if value[:5] in head or len(line) > 200:
        return ""
    return plain(head.replace("\t", " ") + re.sub(r"\S", "*", line[len(head) :].rstrip()))


def told(path: str, secret: Secret, line: int, column: int | None = None) -> Finding:
    """The finding of a secret: a few of its first characters, and never more."""
    severity = Severity.MEDIUM if secret.is_mild else Severity.CRITICAL
    length = len(secret.value)
    first = secret.value[: min(4, length // 5)]
    mark = hashlib.sha256(secret.value.encode("utf-8", "replace")).hexdigest()[:6]
    shown = f"{first}… ({length} characters" + (f", sha256 {mark}…)" if length >= 20 else ")")
    message = f"{secret.what} is written into the file: {shown}"
    kind, code, hint = FindingType.HARDCODED_CREDENTIALS, secret.code, _HINT[secret.code]
    return Finding(code, severity, kind, path, plain(message), hint, line, column)


_REVOKE = "it is in the history of the repository for good"
_HINT = {
    "SEC001": f"Revoke it, since {_REVOKE}, and keep the new one in a connection.",
    "SEC002": f"Make a new key, since {_REVOKE}, and keep it in a connection.",
    "SEC003": 'Keep it in a connection, and name that: PostgresHook("dw").',
    "SEC004": 'Keep it in a connection: BaseHook.get_connection("dw").password in a task.',
    "SEC005": 'Pass it by env from a connection: env={"PGPASSWORD": "{{ conn.dw.password }}"}.',
}
