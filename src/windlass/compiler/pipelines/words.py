"""The kinds of text in a pipeline: each is judged where it is read, and told with an example."""

import re
import sys
from collections.abc import Callable
from datetime import datetime
from functools import cache
from zoneinfo import available_timezones

from windlass.compiler.documents import quoted
from windlass.compiler.shapes import Either, Key, Listing, Record, Text
from windlass.domain.cron import wrong_with
from windlass.domain.errors import Invalid
from windlass.domain.nearest import suggest
from windlass.domain.pipeline import duration_parts

_VERSION = re.compile(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?")


def matching(pattern: str, what: str, example: str) -> Text:
    """A text of a linear pattern, anchored at both ends."""

    def check(text: str) -> str:
        if re.fullmatch(pattern.strip("^$"), text):
            return text
        raise Invalid("PIPE002", f"{quoted(text)} cannot be a {what}", f"For example {example}.")

    return Text(check, pattern)


def checked(check: Callable[[str], None], pattern: str | None = None) -> Text:
    """A text for which `check` raises nothing."""

    def told(text: str) -> str:
        check(text)
        return text

    return Text(told, pattern)


NAME = matching(r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$", "name", "load-orders")
GROUP = matching(
    r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,99}){0,4}$",
    "name of a group",
    "extract, or extract.eu for a group within another",
)
DAG_ID = matching(r"^[A-Za-z0-9_.-]{1,250}$", "dag_id", "sales.orders")
CONNECTION = matching(r"^[A-Za-z0-9_.@:/-]{1,200}$", "id of a connection", "warehouse")
POOL = matching(r"^[^\x00-\x1f]{1,256}$", "name of a pool", "etl")
QUEUE = matching(r"^[^\x00-\x1f]{1,256}$", "name of a queue", "default")
TAG = matching(r"^[^\x00-\x1f,]{1,100}$", "tag", "nightly")
EMAIL = matching(r"^[^\s@<>,;:]{1,64}@[^\s@<>,;:/]{1,190}$", "e-mail address", "data@example.com")
TABLE = matching(
    r"^[A-Za-z_][A-Za-z0-9_$-]{0,127}(?:\.[A-Za-z_][A-Za-z0-9_$-]{0,127}){0,3}$",
    "name of a table",
    "sales.orders",
)
ENVIRONMENT = matching(r"^[a-z0-9][a-z0-9-]{0,62}$", "name of an environment", "prod")
TEMPLATE = matching(
    r"^[a-z0-9][a-z0-9_-]{0,62}@[~^]?v?[0-9]{1,9}(?:\.[0-9]{1,9}){0,2}$",
    "template",
    "copy@1.2.0, or copy@^1.2 for what the lock says that is",
)
VARIABLE = matching(r"^[A-Za-z_][A-Za-z0-9_]{0,62}$", "name of a variable", "region")
DOTTED = r"^[A-Za-z_][A-Za-z0-9_]{0,99}(?:\.[A-Za-z_][A-Za-z0-9_]{0,99}){1,9}$"
CLASS = matching(
    DOTTED, "dotted path of a class", "airflow.providers.ssh.operators.ssh.SSHOperator"
)


def _duration(text: str) -> None:
    parts = duration_parts(text)
    if not parts or not any(parts.values()):
        example = "For example 30s, 5m, 1h30m or 2d."
        raise Invalid("PIPE004", f"{quoted(text)} is no duration", example)


DURATION = checked(_duration, r"^(?:[0-9]{1,6}[wdhms]){1,5}$")


def _cron(text: str) -> None:
    if wrong := wrong_with(text):
        hint = "Five fields: minute, hour, day of month, month, day of week."
        raise Invalid("PIPE003", f"{quoted(text)} is no schedule: {wrong}", hint)


CRON = checked(_cron)


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _timezone(text: str) -> None:
    known = _timezones()
    if known and text not in known:
        hint = suggest(text, known, "For example UTC or Europe/Berlin; some are")
        raise Invalid("PIPE005", f"no time zone is called {quoted(text)}", hint)


TIMEZONE = checked(_timezone, r"^[A-Za-z0-9_+/-]{1,64}$")


def _moment(text: str) -> None:
    try:
        known = datetime.fromisoformat(text)
    except ValueError:
        known = None
    if known is None or known.tzinfo is not None:
        hint = "For example 2026-01-31 or 2026-01-31T06:00; its zone is `timezone`."
        raise Invalid("PIPE006", f"{quoted(text)} is no date and no local time", hint)


MOMENT = checked(_moment, r"^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?$")


def version_of(text: str) -> str:
    """The three numbers of a version as people write it.

    >>> [version_of(text) for text in ("1.0.0", "v1.0", "1.0", "2")]
    ['1.0.0', '1.0.0', '1.0.0', '2.0.0']
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        raise Invalid("PIPE007", f"{quoted(text)} is no version", 'For example "1.0.0".')
    return ".".join(str(int(part or 0)) for part in found.groups())


VERSION = Text(version_of, r"^v?\d{1,9}(?:\.\d{1,9}){0,2}$")


def _callable(text: str) -> None:
    if not re.fullmatch(DOTTED.strip("^$"), text):
        example = "For example company.orders.load: a module of the repository and its function."
        raise Invalid("PIPE008", f"{quoted(text)} names no function", example)
    module = text.partition(".")[0]
    if module in sys.stdlib_module_names or module == "airflow":
        owner = "Airflow" if module == "airflow" else "Python"
        hint = "Write a function in the repository that does it, and name that."
        raise Invalid("PIPE009", f"{quoted(text)} is a function of {owner} itself", hint)


CALLABLE = checked(_callable, DOTTED)


def _uri(text: str) -> None:
    """As Airflow checks it (airflow/sdk/definitions/asset): printable ASCII, not its own scheme."""
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > 1500:
        hint = "Printable ASCII without spaces, at most 1,500 characters."
        raise Invalid("PIPE010", f"{quoted(text)} is no URI of an asset", hint)
    if text.lower().startswith("airflow:"):
        raise Invalid("PIPE010", "the scheme airflow: is Airflow's own", "Name another one.")


URI = checked(_uri, r"^[!-~]{1,1500}$")
ASSET = Either(
    URI,
    keys=Record(
        {
            "uri": Key(URI, "Its address, such as s3://bucket/orders.", required=True),
            "name": Key(TAG, "Its name in Airflow; the URI where left out."),
        }
    ),
)
ASSETS = Listing(ASSET, "the asset", 100)
TEXTS = Listing(Text(), "the text", 500)
ONE_OR_MORE = Either(Text(), items=TEXTS)
