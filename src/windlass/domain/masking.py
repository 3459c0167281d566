"""Values of a DAG as they may be shown: what looks like a secret prints as `***`.

The gate denies literal secrets; this is for what it advises on, waives or cannot know.
"""

import re
from typing import Any

HIDDEN = "***"
_NAME = re.compile(
    r"(?i)passw(?:or)?d|passphrase|\bpwd\b|_pwd|secret|token(?!_url|s?_per|izer)|api_?key|credential"
    r"|private_?key|access_?key|account_?key|\bauth\b|authorization|bearer|sas_|connection_?string"
)
_REFERENCE = re.compile(r"(?i)(?:_|\b)(?:conn_id|conn|id|ids|name|path|file|arn|version|key_id)$")
_SHAPES = (
    re.compile(r"(\w{1,30}://[^\s/:@]{0,100}:)[^\s@]{1,500}(?=@)"),
    re.compile(
        r"(?i)((?:passw(?:or)?d|pwd|secret|token|api_?key|credential|access_?key)\w{0,20}"
        r"[\"']?\s{0,3}[=:]\s{0,3}[\"']?)(?!\{\{)[^\s\"'&;,]{1,500}"
    ),
    re.compile(r"(?i)(\b(?:bearer|basic)\s{1,3})[a-z0-9+/_.~=-]{8,1000}"),
    re.compile(
        r"()(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{20,100}|glpat-[\w-]{20,100}"
        r"|xox[abps]-[\w-]{10,100}|eyJ[\w-]{10,2000}\.[\w-]{10,2000}\.[\w-]{0,2000})"
    ),
    re.compile(r"()-----BEGIN [A-Z ]{1,40}-----[^\x00]{0,20000}"),
)
_JINJA_ONLY = re.compile(r"\s*\{\{[^{}]*\}\}\s*\Z")
_MAX_LOOKED_AT = 20_000


def is_secret_name(name: str) -> bool:
    """Whether what has that name is a secret, and no reference to one.

    >>> [is_secret_name(n) for n in ("password", "env.API_KEY", "token_conn_id", "secret_name")]
    [True, True, False, False]
    """
    return _NAME.search(name) is not None and _REFERENCE.search(name) is None


def masked(name: str, value: Any) -> Any:
    """The value that an argument of that name has, without what looks like a secret. A template
    that only names where a secret is stays as it is.

    >>> masked("env", {"PGPASSWORD": "hunter2", "HOST": "db"})
    {'PGPASSWORD': '***', 'HOST': 'db'}
    >>> masked("uri", "postgresql://etl:hunter2@db/dw")
    'postgresql://etl:***@db/dw'
    >>> masked("password", "{{ conn.dw.password }}")
    '{{ conn.dw.password }}'
    """
    if isinstance(value, dict):
        return {key: masked(f"{name}.{key}", one) for key, one in value.items()}
    if isinstance(value, list):
        return [masked(name, one) for one in value]
    if value is None or isinstance(value, bool):
        return value
    if is_secret_name(name):
        is_template = isinstance(value, str) and _JINJA_ONLY.match(value)
        return value if is_template or value == "" else HIDDEN
    return _without_secrets(value) if isinstance(value, str) else value


def _without_secrets(text: str) -> str:
    if len(text) > _MAX_LOOKED_AT:
        text = f"{text[:_MAX_LOOKED_AT]}…"
    for shape in _SHAPES:
        text = shape.sub(rf"\g<1>{HIDDEN}", text)
    return text
