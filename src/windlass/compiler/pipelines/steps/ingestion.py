"""`ingestion` and `transfer`: rows or files go from one place to another, by real providers.

Each pair that works stands in `_PAIRS`; any other is refused when it is compiled. Names of tables
are put into SQL as they are: `words.TABLE` lets nothing else pass.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from windlass.compiler.documents import quoted
from windlass.compiler.nodes import Place
from windlass.compiler.pipelines.code import Code, arguments
from windlass.compiler.pipelines.step_type import Config, Part, StepType
from windlass.compiler.pipelines.steps.endpoints import (
    DATABASES,
    SOURCE,
    TARGET,
    check_table,
    connection_of,
    table_of,
    tell_connection,
)
from windlass.compiler.pipelines.steps.trigger_dag import seconds
from windlass.compiler.reading import Fields, Reading
from windlass.compiler.shapes import Key, Listing

_Pair: TypeAlias = Callable[[Config, Config, Code], tuple[Part, ...]]
_AWS, _GOOGLE = "airflow.providers.amazon.aws", "airflow.providers.google.cloud"
_AZURE = "airflow.providers.microsoft.azure"
_SQL = "airflow.providers.common.sql.operators.sql"
_KAFKA = "airflow.providers.apache.kafka.operators"
_TEXT_OF_MESSAGE = ast.parse(
    "lambda message: message.value() and message.value().decode()", mode="eval"
).body
"""The operator wants a function; this is the one function that is written, the same for all. What
has no value deletes a key, and is no row."""
_BATCH = 1000  # that of the operator


def _query(source: Config) -> str:
    return str(source.get("query") or f"SELECT * FROM {table_of(source)}")  # noqa: S608  # see above


def _own(endpoint: Config, name: str) -> dict[str, str]:
    """The connection, where one is named; else the provider's default holds."""
    return {name: endpoint["connection"]} if "connection" in endpoint else {}


def _either(source: Config, target: Config, name: str) -> dict[str, str]:
    """The connection of a pair that has one for both ends."""
    return {**_own(source, name), **_own(target, name)}


def _rows(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    module = "airflow.providers.common.sql.operators.generic_transfer"
    given = {
        "source_conn_id": connection_of(source),
        "destination_conn_id": connection_of(target),
        "sql": _query(source),
        "destination_table": table_of(target),
    }
    if target.get("mode") == "replace":
        given["preoperator"] = f"DELETE FROM {table_of(target)}"  # noqa: S608  # see above
    return (Part(code.use(module, "GenericTransfer"), given),)


def _rows_to_s3(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    given = {
        "sql_conn_id": connection_of(source),
        "query": _query(source),
        "s3_bucket": target["bucket"],
        "s3_key": target["key"],
        "file_format": target.get("format", "csv"),
        "replace": True,
        **_own(target, "aws_conn_id"),
    }
    if given["file_format"] == "csv":
        given["df_kwargs"] = {"index": False}
    return (Part(code.use(f"{_AWS}.transfers.sql_to_s3", "SqlToS3Operator"), given),)


def _postgres_to_gcs(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    given = {
        "postgres_conn_id": connection_of(source),
        "sql": _query(source),
        "bucket": target["bucket"],
        "filename": target["key"],
        "export_format": target.get("format", "csv"),
        **_own(target, "gcp_conn_id"),
    }
    module = f"{_GOOGLE}.transfers.postgres_to_gcs"
    return (Part(code.use(module, "PostgresToGCSOperator"), given),)


def _fetched(code: Code) -> str:
    """In Jinja: what the task `fetch` of this step returned."""
    return f"ti.xcom_pull(task_ids='{code.task_id}.{code.lead}fetch')"


def _http_to_postgres(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    """The answer is a JSON list of objects with the table's columns as keys."""
    fetched = f"{{{{ {_fetched(code)} }}}}"
    return _fetch_http(source, code), _load_postgres(target, code, fetched)


def _fetch_http(source: Config, code: Code) -> Part:
    fetch = {"http_conn_id": connection_of(source), "method": source.get("method", "GET")}
    fetch |= arguments(source, {"endpoint": "endpoint", "headers": "headers"})
    return Part(code.use("airflow.providers.http.operators.http", "HttpOperator"), fetch, "fetch")


def _load_postgres(target: Config, code: Code, rows: str) -> Part:
    """`rows` is a template of a JSON list of objects."""
    table = table_of(target)
    insert = (
        f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, %(rows)s::json)"  # noqa: S608  # see above
    )
    emptied = [f"DELETE FROM {table}", insert]  # noqa: S608  # see above
    load = {
        "conn_id": connection_of(target),
        "sql": emptied if target.get("mode") == "replace" else insert,
        "parameters": {"rows": rows},
    }
    return Part(code.use(_SQL, "SQLExecuteQueryOperator"), load, "load")


def _fetch_kafka(source: Config, code: Code) -> Part:
    """Each message as a text. The offsets are committed when all of them were read."""
    limit = source.get("limit")
    fetch = {
        "topics": [source["topic"]],
        "apply_function": _TEXT_OF_MESSAGE,
        "return_apply_function_results": True,
        "max_messages": limit,
        "max_batch_size": min(limit, _BATCH) if limit else None,
        "poll_timeout": seconds(source["idle"]) if "idle" in source else None,
        **_own(source, "kafka_config_id"),
    }
    given = {name: value for name, value in fetch.items() if value is not None}
    return Part(code.use(f"{_KAFKA}.consume", "ConsumeFromTopicOperator"), given, "fetch")


def _kafka_to_postgres(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    """Each message is a JSON object with the table's columns as keys."""
    rows = f"[{{{{ {_fetched(code)} | join(',') }}}}]"
    return _fetch_kafka(source, code), _load_postgres(target, code, rows)


def _kafka_to_s3(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    """One message a line."""
    keep = {
        "s3_bucket": target["bucket"],
        "s3_key": target["key"],
        "data": f"{{{{ {_fetched(code)} | join('\\n') }}}}",
        "replace": True,
        **_own(target, "aws_conn_id"),
    }
    made = Part(code.use(f"{_AWS}.operators.s3", "S3CreateObjectOperator"), keep, "load")
    return _fetch_kafka(source, code), made


def _to_kafka(target: Config, code: Code, rows: str, message: str) -> Part:
    """`rows` is an expression of Jinja, `message` one of each `row`: a text in JSON."""
    pairs = f"{{% for row in {rows} %}}[null, {{{{ {message} }}}}]{{{{ ', ' if not loop.last }}}}"
    load = {
        "topic": target["topic"],
        "producer_function": "json.loads",  # to pairs of a key and a message
        "producer_function_args": [f"[{pairs}{{% endfor %}}]"],
        **_own(target, "kafka_config_id"),
    }
    return Part(code.use(f"{_KAFKA}.produce", "ProduceToTopicOperator"), load, "load")


def _postgres_to_kafka(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    """Each row becomes a message, a JSON object with the columns as keys."""
    fetch = {
        "conn_id": connection_of(source),
        "sql": f"SELECT row_to_json(r)::text FROM ({_query(source)}) r",  # noqa: S608  # see above
    }
    read = Part(code.use(_SQL, "SQLExecuteQueryOperator"), fetch, "fetch")
    return read, _to_kafka(target, code, _fetched(code), "row[0] | tojson")


def _http_to_kafka(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    """Each item of the answer, a JSON list, becomes a message."""
    rows = f"macros.json.loads({_fetched(code)})"
    return _fetch_http(source, code), _to_kafka(target, code, rows, "row | tojson | tojson")


def _plain(
    module: str,
    operator: str,
    source_names: Mapping[str, str],
    target_names: Mapping[str, str],
    **fixed: Any,
) -> _Pair:
    """A pair whose operator takes what the endpoints say, under names of its own."""

    def pair(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
        if source["type"] == "http":
            source = {**source, "connection": connection_of(source)}
        given = {**arguments(source, source_names), **arguments(target, target_names), **fixed}
        return (Part(code.use(module, operator), given),)

    return pair


def _s3_to_gcs(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    """All objects whose names begin with the key."""
    given = {
        "bucket": source["bucket"],
        "prefix": source["key"],
        "dest_gcs": f"gs://{target['bucket']}/{target['key']}",
        "replace": True,
        **_own(source, "aws_conn_id"),
        **_own(target, "gcp_conn_id"),
    }
    return (Part(code.use(f"{_GOOGLE}.transfers.s3_to_gcs", "S3ToGCSOperator"), given),)


def _gcs_to_s3(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    """All objects whose names begin with the key."""
    given = {
        "gcs_bucket": source["bucket"],
        "prefix": source["key"],
        "dest_s3_key": f"s3://{target['bucket']}/{target['key']}",
        "replace": True,
        **_own(source, "gcp_conn_id"),
        **_own(target, "dest_aws_conn_id"),
    }
    return (Part(code.use(f"{_AWS}.transfers.gcs_to_s3", "GCSToS3Operator"), given),)


def _gcs_to_bigquery(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    formats = {"csv": "CSV", "json": "NEWLINE_DELIMITED_JSON", "parquet": "PARQUET"}
    replaces = target.get("mode") == "replace"
    given = {
        "bucket": source["bucket"],
        "source_objects": [source["key"]],
        "destination_project_dataset_table": table_of(target),
        "source_format": formats[target.get("format", "csv")],
        "write_disposition": "WRITE_TRUNCATE" if replaces else "WRITE_APPEND",
        **_either(source, target, "gcp_conn_id"),
    }
    return (Part(code.use(f"{_GOOGLE}.transfers.gcs_to_bigquery", "GCSToBigQueryOperator"), given),)


def _bigquery_to_gcs(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    formats = {"csv": "CSV", "json": "NEWLINE_DELIMITED_JSON", "parquet": "PARQUET"}
    given = {
        "source_project_dataset_table": table_of(source),
        "destination_cloud_storage_uris": [f"gs://{target['bucket']}/{target['key']}"],
        "export_format": formats[target.get("format", "csv")],
        **_either(source, target, "gcp_conn_id"),
    }
    return (Part(code.use(f"{_GOOGLE}.transfers.bigquery_to_gcs", "BigQueryToGCSOperator"), given),)


def _bigquery_to_postgres(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    given = {
        "dataset_table": table_of(source),
        "target_table_name": table_of(target),
        "postgres_conn_id": connection_of(target),
        **_own(source, "gcp_conn_id"),
    }
    module = f"{_GOOGLE}.transfers.bigquery_to_postgres"
    return (Part(code.use(module, "BigQueryToPostgresOperator"), given),)


def _blob_to_s3(source: Config, target: Config, code: Code) -> tuple[Part, ...]:
    """All blobs whose names begin with the key."""
    given = {
        "container_name": source["container"],
        "prefix": source["key"],
        "dest_s3_key": f"s3://{target['bucket']}/{target['key']}",
        "replace": True,
        **_own(source, "wasb_conn_id"),
        **_own(target, "aws_conn_id"),
    }
    module = f"{_AWS}.transfers.azure_blob_to_s3"
    return (Part(code.use(module, "AzureBlobStorageToS3Operator"), given),)


_S3_IN = {"bucket": "s3_bucket", "key": "s3_key", "connection": "aws_conn_id"}
_HTTP_IN = {
    "endpoint": "endpoint",
    "method": "method",
    "headers": "headers",
    "connection": "http_conn_id",
}
_SFTP = {"path": "sftp_path", "connection": "sftp_conn_id"}
_PAIRS: Mapping[tuple[str, str], _Pair] = {
    **{(one, other): _rows for one in DATABASES for other in DATABASES},
    **{(one, "s3"): _rows_to_s3 for one in DATABASES},
    ("postgres", "gcs"): _postgres_to_gcs,
    ("http", "postgres"): _http_to_postgres,
    ("http", "kafka"): _http_to_kafka,
    ("kafka", "postgres"): _kafka_to_postgres,
    ("kafka", "s3"): _kafka_to_s3,
    ("postgres", "kafka"): _postgres_to_kafka,
    ("http", "s3"): _plain(
        f"{_AWS}.transfers.http_to_s3",
        "HttpToS3Operator",
        _HTTP_IN,
        _S3_IN,
        replace=True,
    ),
    ("http", "gcs"): _plain(
        f"{_GOOGLE}.transfers.http_to_gcs",
        "HttpToGCSOperator",
        _HTTP_IN,
        {"bucket": "bucket_name", "key": "object_name", "connection": "gcp_conn_id"},
    ),
    ("sftp", "s3"): _plain(
        f"{_AWS}.transfers.sftp_to_s3", "SFTPToS3Operator", _SFTP, _S3_IN, replace=True
    ),
    ("s3", "sftp"): _plain(f"{_AWS}.transfers.s3_to_sftp", "S3ToSFTPOperator", _S3_IN, _SFTP),
    ("sftp", "gcs"): _plain(
        f"{_GOOGLE}.transfers.sftp_to_gcs",
        "SFTPToGCSOperator",
        {"path": "source_path", "connection": "sftp_conn_id"},
        {"bucket": "destination_bucket", "key": "destination_path", "connection": "gcp_conn_id"},
    ),
    ("sftp", "azure_blob"): _plain(
        f"{_AZURE}.transfers.sftp_to_wasb",
        "SFTPToWasbOperator",
        {"path": "sftp_source_path", "connection": "sftp_conn_id"},
        {"container": "container_name", "key": "blob_prefix", "connection": "wasb_conn_id"},
        wasb_overwrite_object=True,
    ),
    ("s3", "s3"): _plain(
        f"{_AWS}.operators.s3",
        "S3CopyObjectOperator",
        {"bucket": "source_bucket_name", "key": "source_bucket_key", "connection": "aws_conn_id"},
        {"bucket": "dest_bucket_name", "key": "dest_bucket_key", "connection": "aws_conn_id"},
    ),
    ("s3", "gcs"): _s3_to_gcs,
    ("s3", "azure_blob"): _plain(
        f"{_AZURE}.transfers.s3_to_wasb",
        "S3ToAzureBlobStorageOperator",
        _S3_IN,
        {"container": "container_name", "key": "blob_name", "connection": "wasb_conn_id"},
        replace=True,
    ),
    ("gcs", "s3"): _gcs_to_s3,
    ("gcs", "gcs"): _plain(
        f"{_GOOGLE}.transfers.gcs_to_gcs",
        "GCSToGCSOperator",
        {"bucket": "source_bucket", "key": "source_object", "connection": "gcp_conn_id"},
        {"bucket": "destination_bucket", "key": "destination_object", "connection": "gcp_conn_id"},
    ),
    ("gcs", "bigquery"): _gcs_to_bigquery,
    ("gcs", "sftp"): _plain(
        f"{_GOOGLE}.transfers.gcs_to_sftp",
        "GCSToSFTPOperator",
        {"bucket": "source_bucket", "key": "source_object", "connection": "gcp_conn_id"},
        {"path": "destination_path", "connection": "sftp_conn_id"},
    ),
    ("gcs", "smb"): _plain(
        "airflow.providers.samba.transfers.gcs_to_samba",
        "GCSToSambaOperator",
        {"bucket": "source_bucket", "key": "source_object", "connection": "gcp_conn_id"},
        {"path": "destination_path", "connection": "samba_conn_id"},
    ),
    ("gcs", "azure_blob"): _plain(
        f"{_AZURE}.transfers.gcs_to_wasb",
        "GCSToAzureBlobStorageOperator",
        {"bucket": "gcs_bucket", "key": "prefix", "connection": "gcp_conn_id"},
        {"container": "container_name", "key": "blob_prefix", "connection": "wasb_conn_id"},
        replace=True,
    ),
    ("bigquery", "gcs"): _bigquery_to_gcs,
    ("bigquery", "postgres"): _bigquery_to_postgres,
    ("azure_blob", "s3"): _blob_to_s3,
    ("mail", "s3"): _plain(
        f"{_AWS}.transfers.imap_attachment_to_s3",
        "ImapAttachmentToS3Operator",
        {
            "attachment": "imap_attachment_name",
            "folder": "imap_mail_folder",
            "connection": "imap_conn_id",
        },
        _S3_IN,
        s3_overwrite=True,
    ),
}
_USED: Mapping[str, frozenset[tuple[str, str]]] = {
    "format": frozenset(
        {
            *((one, "s3") for one in DATABASES),
            *(("postgres", "gcs"), ("gcs", "bigquery"), ("bigquery", "gcs")),
        }
    ),
    "mode": frozenset(
        {
            *((one, other) for one in DATABASES for other in DATABASES),
            *(("http", "postgres"), ("kafka", "postgres"), ("gcs", "bigquery")),
        }
    ),
}
"""The pairs for which a key of the target means something."""
_ONE_CONNECTION = frozenset(
    {("s3", "s3"), ("gcs", "gcs"), ("gcs", "bigquery"), ("bigquery", "gcs")}
)


def _pairs(config: Config) -> Iterator[tuple[Config, Config]]:
    """Each source with its target: one target takes all, else they go by their order."""
    sources, targets = config["inputs"], config["outputs"]
    return zip(sources, targets if len(targets) > 1 else targets * len(sources), strict=True)


def _emit_ingestion(config: Config, code: Code) -> tuple[Part, ...]:
    parts: list[Part] = []
    several = len(config["inputs"]) > 1
    for at, (source, target) in enumerate(_pairs(config), start=1):
        name = _name(source, at) if several else ""
        code.lead = f"{name}-" if several else ""
        for one in _PAIRS[source["type"], target["type"]](source, target, code):
            own = "-".join(filter(None, (name, one.name)))
            parts.append(Part(one.operator, one.arguments, own))
    code.lead = ""
    return tuple(parts)


def _name(source: Config, at: int) -> str:
    return str(source.get("name") or f"{source['type']}-{at}")


def _check_ingestion(found: Fields, reading: Reading) -> None:
    sources = [one for one in found.get("inputs", []) if one is not None]
    targets = [one for one in found.get("outputs", []) if one is not None]
    names = [_name(one.values, at) for at, one in enumerate(sources, start=1)]
    for at, name in enumerate(names):
        if name in names[:at]:
            message = f"two inputs are called {quoted(name)}"
            reading.refuse("PIPE017", message, "Their tasks take that name.", sources[at].place)
    for one in (*sources, *targets):
        check_table(one, reading)
    if not sources or not targets:
        return
    if len(targets) not in (1, len(sources)):
        uneven = f"{len(sources)} inputs cannot go to {len(targets)} outputs"
        hint = "Name one output for all inputs, or one for each."
        reading.refuse("PIPE015", uneven, hint, found.place_of("outputs"))
        return
    all_targets = targets if len(targets) > 1 else targets * len(sources)
    _check_ends([*zip(sources, all_targets, strict=True)], reading)


def _check_ends(ends: Sequence[tuple[Fields, Fields]], reading: Reading) -> None:
    """What is wrong with pairs of source and target; each end's connection is told of once."""
    nameless: dict[Place, Fields] = {}
    served: set[Place] = set()
    for source, target in ends:
        _check_pair(source, target, reading)
        nameless |= {one.place: one for one in (source, target) if not one.get("connection")}
        if _kinds(source, target) in _ONE_CONNECTION and (
            source.get("connection") or target.get("connection")
        ):
            served |= {source.place, target.place}
    for place in sorted(nameless.keys() - served):
        tell_connection(nameless[place], reading)


def _kinds(source: Fields, target: Fields) -> tuple[str, str]:
    return source.get("type"), target.get("type")


def _check_pair(source: Fields, target: Fields, reading: Reading) -> None:
    one, other = source.get("type"), target.get("type")
    if (one, other) in _PAIRS:
        _check_idle(source, target, reading)
        return
    there = sorted(target for source, target in _PAIRS if source == one)
    known = f"From {one}: to {', '.join(there)}." if there else f"Nothing is read from {one} yet."
    hint = f"{known} Or write a step of the type python or operator."
    if "event_hubs" in (one, other):
        hint = (
            "Airflow has no operator for Event Hubs. Write kafka, with a connection to its Kafka "
            "endpoint, NAMESPACE.servicebus.windows.net:9093."
        )
    message = f"no step moves rows from {quoted(one)} to {quoted(other)}"
    reading.refuse("PIPE016", message, hint, target.place)


def _check_idle(source: Fields, target: Fields, reading: Reading) -> None:
    """Tell what would change nothing between these two."""
    kinds = _kinds(source, target)
    for key, used in _USED.items():
        if key in target.places and kinds not in used:
            message = f"{key} changes nothing from {kinds[0]} to {kinds[1]}"
            reading.refuse("PIPE047", message, f"Leave {key} out.", target.place_of(key))
    one, other = source.get("connection"), target.get("connection")
    if kinds in _ONE_CONNECTION and one and other and one != other:
        two = f"{kinds[0]} to {kinds[1]} goes by one connection, not by {one} and {other}"
        reading.refuse("PIPE048", two, "Name one that may do both.", target.place_of("connection"))


def _check_transfer(found: Fields, reading: Reading) -> None:
    source, target = found.get("from"), found.get("to")
    for one in (source, target):
        if one is not None:
            check_table(one, reading)
    if source is not None and target is not None:
        _check_ends([(source, target)], reading)


def _emit_transfer(config: Config, code: Code) -> tuple[Part, ...]:
    source, target = config["from"], config["to"]
    return _PAIRS[source["type"], target["type"]](source, target, code)


_NEEDS = ("apache-airflow-providers-common-sql", "and the providers of both ends")
INGESTION = StepType(
    "ingestion",
    "1.1.0",
    "Rows or files go from each input to the output, or to the output at the same place.",
    {
        "inputs": Key(Listing(SOURCE, "the input", 50), "Where they come from.", required=True),
        "outputs": Key(Listing(TARGET, "the output", 50), "Where they go.", required=True),
    },
    _emit_ingestion,
    needs=_NEEDS,
    check=_check_ingestion,
)
TRANSFER = StepType(
    "transfer",
    "1.1.0",
    "Rows or files go from one place to another.",
    {
        "from": Key(SOURCE, "Where they come from.", required=True),
        "to": Key(TARGET, "Where they go.", required=True),
    },
    _emit_transfer,
    needs=_NEEDS,
    check=_check_transfer,
)


def pairs() -> tuple[tuple[str, str], ...]:
    """Every pair that works, for the pages of docs/."""
    return tuple(_PAIRS)
