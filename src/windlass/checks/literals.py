"""Whether a literal beside a name such as `password` is a secret, or only stands for one."""

import re
from enum import Enum
from functools import lru_cache

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SPLIT = re.compile(r"[^A-Za-z]+")
_PASSWORDS = frozenset({"password", "passwd", "pwd", "pass", "passphrase", "passcode", "senha"})
_PASSWORDS |= {"pgpassword", "userpass", "dbpass", "dbpassword", "passw", "kennwort", "contrasena"}
_TOKENS = frozenset({"token", "secret", "apikey", "authtoken", "accesstoken", "clientsecret"})
_TOKENS |= {"secretkey", "credential", "apitoken", "bearer", "pat"}
_KEYS = frozenset({"api", "access", "private", "secret", "fernet", "encryption", "signing", "auth"})
_KEYS |= {"account", "storage", "master", "subscription", "license", "app", "application"}
# Names that end in these words and mean no secret: pages of a list, and words of a language model.
_NO_TOKENS = frozenset({"page", "next", "continuation", "pagination", "sync", "pad", "eos", "bos"})
_NO_TOKENS |= {"unk", "sep", "mask", "cls", "stop", "start", "end", "special", "cursor", "delta"}
_NO_TOKENS |= {
    "idempotency",
    "empty",
    "request",
    "csrf",
    "max",
    "min",
    "nextpage",
    "no",
    "is",
    "has",
    "use",
}

_NO_PASSWORDS = frozenset({"no", "is", "has", "use", "reset", "show", "empty"})

_STANDS_FOR = re.compile(
    r"(?i)\{\{|\{%|\$\{|\$\(|%\(|%s|\*{3}|<[^<>]{1,60}>|\.{3}|\[[a-z_ ]{2,40}\]"
    r"|\{[\w.!:\[\]'\"-]{0,60}\}|your[-_ ]?|\bmy[-_ ]?(?:pass|secret|token|key)|replace"
    r"|placeholder|example|dummy|redact|masked|insert[-_ ]|enter[-_ ]|todo|fixme|x{4}"
    r"|change[-_ ]?(?:me|it|this)|fill[-_ ]?(?:me|in)"
    r"|^(?:none|null|nil|true|false|undefined|string|str|varchar|text|required|optional|hidden|n/?a"
    r"|integer|int|yes|tbd|empty|unset|default|disabled|enabled|basic|bearer|oauth2?|jwt|sts|iam)$"
)
_NAMED_FOR = re.compile(  # dev_pass, db-password: what people write before they know it
    r"(?i)^(?:dev|prod|test|stage|staging|local|some|the|db|default|user|admin)[-_]"
    r"(?:user|pass|passwd|password|pwd|secret|token|key)$"
)
_REFERENCE = re.compile(
    r"^(?:[~.]?/|\w:\\|[a-z][\w+.-]{1,20}:|projects/|secrets?/|kv/|\$|@|env[.:]|vars?\.|conn\.)"
)
_VARIABLE = re.compile(r"^[A-Z][A-Z0-9]*+(?:_[A-Z0-9]++)+$")
_DOTTED = re.compile(r"^[A-Za-z_]++(?:\.[A-Za-z_]++)+$")
_WORDY = re.compile(r"^[A-Za-z]++(?:[-_.:/=][A-Za-z]++)*[-_.:/]?$")
_MACHINE = re.compile(r"^[\w.~+/=@:|!$%^&*?#,;-]+$")  # no quotes, brackets or backslashes
_NAMING = re.compile(r"(?i)passw|pwd|secret|token|key|cred|auth|login|conn|env|vault")


class Key(Enum):
    """What a name says of its value."""

    CHOSEN = "chosen by people"  # a password: whatever it is, it is one
    MADE = "made by a machine"  # a token: it looks so


class Kind(Enum):
    """What a literal beside such a name is."""

    STRONG = "strong"
    WEAK = "weak"  # a word that everybody tries first; a secret all the same


@lru_cache(maxsize=4096)
def key_kind(name: str) -> Key | None:
    """What a name says, by its last words: `DB_PASSWORD`, `clientSecret`, not `password_file`.

    >>> key_kind("db_password"), key_kind("next_page_token"), key_kind("password_file")
    (<Key.CHOSEN: 'chosen by people'>, None, None)
    """
    words = [word.lower() for word in _SPLIT.split(_CAMEL.sub("_", name[-80:])) if word]
    if not words:
        return None
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "pass" and "-" in name:  # of several: "single-pass"
        return None
    if last in _PASSWORDS:
        return Key.CHOSEN if before not in _NO_PASSWORDS else None
    if last in _TOKENS:
        return None if before in _NO_TOKENS else Key.MADE
    return Key.MADE if last == "key" and before in _KEYS else None


def literal_kind(name: str, value: str) -> Kind | None:
    """What a literal beside a name is; None where it only stands for a secret, or is none."""
    kind, value = key_kind(name), value.strip()
    if kind is None or not 3 <= len(value) <= 4000 or _stands_for(name, value):
        return None
    is_wordy = _WORDY.match(value) is not None
    if kind is Key.MADE:
        is_wordy = is_wordy or not _MACHINE.match(value)
        return None if is_wordy or len(value) < 8 or value.isdecimal() else Kind.STRONG
    if is_wordy and _NAMING.search(value):  # the name of a secret, in some store of secrets
        return None
    has_both = any(c.isdigit() for c in value) or not value.isalnum()
    return Kind.STRONG if has_both and len(value) >= 6 else Kind.WEAK


def _stands_for(name: str, value: str) -> bool:
    if any(c.isspace() for c in value) or _STANDS_FOR.search(value):
        return True
    if _NAMED_FOR.match(value):
        return True
    if _REFERENCE.match(value) or _VARIABLE.match(value) or _DOTTED.match(value):
        return True
    plain, key = _letters(value), _letters(name)
    return len(set(value)) < 3 or plain == key or (len(plain) > 3 and plain in key)


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def is_placeholder(value: str) -> bool:
    """Whether a password stands for one, whatever it is beside.

    >>> is_placeholder("{password}"), is_placeholder("hunter2")
    (True, False)
    """
    value = value.strip()
    return (
        len(value) < 3
        or bool(_STANDS_FOR.search(value) or _VARIABLE.match(value))
        or (value.startswith("$") or len(set(value)) < 2)
    )
