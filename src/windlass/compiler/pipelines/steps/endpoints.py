"""Where rows come from and go to: the endpoints of `ingestion` and `transfer`, by type."""

import re
from collections.abc import Mapping

from windlass.compiler.documents import quoted
from windlass.compiler.pipelines.step_type import Config
from windlass.compiler.pipelines.words import CONNECTION, DURATION, NAME, TABLE
from windlass.compiler.reading import Fields, Reading
from windlass.compiler.shapes import Cases, Choice, Key, Names, Record, Text, Whole

DATABASES = ("postgres", "mysql", "snowflake", "sqlite")
_NO_SECRETS = "Secrets are never in a pipeline: they belong to Airflow's connection."
_FORBIDDEN = dict.fromkeys(("password", "user", "username", "token", "secret"), _NO_SECRETS)
_COMMON = {
    "name": Key(NAME, "What the endpoint is called; tasks of several are named after it."),
    "type": Key(Text(), "What it is.", required=True),
    "description": Key(Text(), "What it holds, for readers."),
    "connection": Key(CONNECTION, "The id of Airflow's connection; derived where left out."),
}
_HOSTED = {
    "host": Key(Text(), "Only to derive the connection's id from; Airflow's connection has it."),
    "port": Key(Whole(1, 65_535), "Likewise, for readers."),
    "database": Key(Text(), "Likewise."),
}
_TABLES = {
    "table": Key(TABLE, "The table."),
    "table_name": Key(TABLE, "The same as table."),
}
_OBJECT = {
    "bucket": Key(Text(), "The bucket.", required=True),
    "key": Key(Text(), "The name of the object, a template.", required=True),
}
_BLOB = {
    "container": Key(Text(), "The container.", required=True),
    "key": Key(Text(), "The name of the blob, a template.", required=True),
}
_PATH = {"path": Key(Text(), "The path of the file, a template.", required=True)}
_FORMAT = {"format": Key(Choice(("csv", "json", "parquet")), "csv where left out.")}
_QUERY = {"query": Key(Text(), "A query in place of a whole table, a template.")}
_MODE = {
    "mode": Key(Choice(("append", "replace")), "replace deletes all rows first; append if left out")
}


def _record(own: Mapping[str, Key], *alternatives: tuple[str, ...]) -> Record:
    return Record({**_COMMON, **own}, alternatives, _FORBIDDEN)


_SOURCES = {
    **dict.fromkeys(
        DATABASES, _record({**_HOSTED, **_TABLES, **_QUERY}, ("table", "table_name", "query"))
    ),
    "bigquery": _record(_TABLES, ("table", "table_name")),
    "s3": _record(_OBJECT),
    "gcs": _record(_OBJECT),
    "azure_blob": _record(_BLOB),
    "http": _record(
        {
            "endpoint": Key(Text(), "The path below the host, a template.", required=True),
            "method": Key(Choice(("GET", "POST")), "GET where left out."),
            "headers": Key(Names(Text(), Text()), "Headers, templates."),
        }
    ),
    "sftp": _record(_PATH),
    "smb": _record(_PATH),
    "mail": _record(
        {
            "attachment": Key(Text(), "The name of the attachment.", required=True),
            "folder": Key(Text(), "The folder of the mailbox; INBOX where left out."),
        }
    ),
    "kafka": _record(
        {
            "topic": Key(Text(), "The topic, a template.", required=True),
            "limit": Key(Whole(1, 1_000_000), "How many messages a run reads; all if left out."),
            "idle": Key(DURATION, "How long without a message is the end; 1m if left out."),
        }
    ),
    "event_hubs": _record({"topic": Key(Text(), "The event hub.", required=True)}),
}
_TARGETS = {
    **dict.fromkeys(DATABASES, _record({**_HOSTED, **_TABLES, **_MODE}, ("table", "table_name"))),
    "bigquery": _record({**_TABLES, **_MODE, **_FORMAT}, ("table", "table_name")),
    "s3": _record({**_OBJECT, **_FORMAT}),
    "gcs": _record({**_OBJECT, **_FORMAT}),
    "azure_blob": _record(_BLOB),
    "sftp": _record(_PATH),
    "smb": _record(_PATH),
    "kafka": _record({"topic": Key(Text(), "The topic, a template.", required=True)}),
    "event_hubs": _record({"topic": Key(Text(), "The event hub.", required=True)}),
}
SOURCE, TARGET = Cases("type", _SOURCES), Cases("type", _TARGETS)
_TABULAR = (*DATABASES, "bigquery")
_DERIVED = (*DATABASES, "http")  # of the others, the provider's default is meant


def table_of(endpoint: Config) -> str:
    """Its table; `table` and `table_name` mean the same."""
    return str(endpoint.get("table") or endpoint.get("table_name") or "")


def connection_of(endpoint: Config) -> str:
    """Its connection, or the id that is derived: from type, host and database, else type and name.

    >>> connection_of({"type": "postgres", "host": "db.example.com", "database": "Shop"})
    'postgres_db_example_com_shop'
    """
    if "connection" in endpoint:
        return str(endpoint["connection"])
    parts = [endpoint[key] for key in ("host", "database") if key in endpoint]
    words = [endpoint["type"], *(parts or [endpoint.get("name", "default")])]
    return re.sub(r"[^a-z0-9]+", "_", "_".join(words).lower()).strip("_")[:200]


def check_table(found: Fields, reading: Reading) -> None:
    """What a shape cannot say: that a database needs a table."""
    kind = found.get("type")
    tables = {"table", "table_name", "query"} & found.places.keys()
    if kind in _TABULAR and not tables:
        reading.refuse(
            "PIPE013", f"{quoted(kind)} has no table", "Add table: its name.", found.place
        )


def tell_connection(found: Fields, reading: Reading) -> None:
    """Which connection is used, where an endpoint names none."""
    kind = found.get("type")
    used = "the default of its provider"
    if kind in _DERIVED:
        used = quoted(connection_of(found.values))
    message = f"the {kind} endpoint names no connection; {used} is used"
    hint = "Add connection: the id of a connection of Airflow."
    reading.advise("PIPE014", message, hint, found.place)
