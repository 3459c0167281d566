"""`sensor`: waits until something is there."""

from collections.abc import Mapping
from dataclasses import dataclass

from windlass.compiler.pipelines.code import Code, arguments
from windlass.compiler.pipelines.step_type import Config, Part, StepType
from windlass.compiler.pipelines.steps.http import METHODS
from windlass.compiler.pipelines.steps.trigger_dag import seconds
from windlass.compiler.pipelines.words import CONNECTION, DAG_ID, DURATION
from windlass.compiler.reading import Fields, Reading
from windlass.compiler.shapes import Choice, Flag, Key, Text
from windlass.domain.nearest import suggest


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of sensor: `keys` are required, but those in `free`; key → the operator's name."""

    module: str
    operator: str
    keys: Mapping[str, str]
    free: frozenset[str] = frozenset()
    classic: str = ""


_KINDS = {
    "file": _Kind(
        "airflow.providers.standard.sensors.filesystem",
        "FileSensor",
        {"path": "filepath", "connection": "fs_conn_id"},
        frozenset({"connection"}),
        "airflow.sensors.filesystem",
    ),
    "dag": _Kind(
        "airflow.providers.standard.sensors.external_task",
        "ExternalTaskSensor",
        {"dag_id": "external_dag_id", "task_id": "external_task_id", "behind": "execution_delta"},
        frozenset({"task_id", "behind"}),
        "airflow.sensors.external_task",
    ),
    "http": _Kind(
        "airflow.providers.http.sensors.http",
        "HttpSensor",
        {"connection": "http_conn_id", "endpoint": "endpoint", "method": "method"},
        frozenset({"method"}),
    ),
    "sql": _Kind(
        "airflow.providers.common.sql.sensors.sql",
        "SqlSensor",
        {"connection": "conn_id", "sql": "sql"},
    ),
    "s3": _Kind(
        "airflow.providers.amazon.aws.sensors.s3",
        "S3KeySensor",
        {"bucket": "bucket_name", "key": "bucket_key", "connection": "aws_conn_id"},
        frozenset({"connection"}),
    ),
    "gcs": _Kind(
        "airflow.providers.google.cloud.sensors.gcs",
        "GCSObjectExistenceSensor",
        {"bucket": "bucket", "key": "object", "connection": "google_cloud_conn_id"},
        frozenset({"connection"}),
    ),
    "sftp": _Kind(
        "airflow.providers.sftp.sensors.sftp",
        "SFTPSensor",
        {"path": "path", "connection": "sftp_conn_id"},
        frozenset({"connection"}),
    ),
}
_OWN = frozenset(key for kind in _KINDS.values() for key in kind.keys)


def _check(found: Fields, reading: Reading) -> None:
    """Whether the keys are those of the kind."""
    kind = _KINDS.get(found.get("for", ""))
    if kind is None:
        return
    word = found.get("for")
    for key in sorted(_OWN & found.places.keys() - kind.keys.keys()):
        hint = suggest(key, kind.keys)
        message = f"a sensor for {word} has no key {key}"
        reading.refuse("PIPE011", message, hint, found.place_of(key))
    for key in sorted(kind.keys.keys() - kind.free - found.places.keys()):
        lacking = f"a sensor for {word} needs {key}"
        reading.refuse("PIPE012", lacking, f"Add {key}.", found.place)


def _emit(config: Config, code: Code) -> tuple[Part, ...]:
    kind = _KINDS[config["for"]]
    given = arguments(config, kind.keys)
    if "behind" in config:
        given["execution_delta"] = code.delta(config["behind"])
    given |= arguments(config, {"mode": "mode", "deferrable": "deferrable"})
    given |= arguments(config, {"soft_fail": "soft_fail"})
    for key, own in (("poke_interval", "poke_interval"), ("give_up_after", "timeout")):
        if key in config:
            given[own] = seconds(config[key])
    module = kind.classic if code.is_airflow_2 and kind.classic else kind.module
    return (Part(code.use(module, kind.operator), given),)


SENSOR = StepType(
    "sensor",
    "1.0.0",
    "Waits until something is there: a file, an object, a row, an answer, a run of another DAG.",
    {
        "for": Key(Choice(tuple(_KINDS)), "What it waits for.", required=True),
        "path": Key(Text(), "file, sftp: the path, a template."),
        "dag_id": Key(DAG_ID, "dag: the other DAG."),
        "task_id": Key(Text(), "dag: one task of it; the whole run where left out."),
        "behind": Key(DURATION, "dag: how much earlier the other run's date is."),
        "endpoint": Key(Text(), "http: the path below the host; an error status is waited out."),
        "method": Key(Choice(METHODS), "http: GET where left out."),
        "sql": Key(Text(), "sql: the query whose first cell must be true, a template."),
        "bucket": Key(Text(), "s3, gcs: the bucket."),
        "key": Key(Text(), "s3, gcs: the name of the object, a template."),
        "connection": Key(CONNECTION, "The connection; the provider's default where left out."),
        "mode": Key(Choice(("poke", "reschedule")), "Whether it keeps its slot between looks."),
        "deferrable": Key(Flag(), "Whether it waits in the triggerer; where the sensor can."),
        "poke_interval": Key(DURATION, "How often it looks."),
        "give_up_after": Key(DURATION, "When it fails; a week where left out."),
        "soft_fail": Key(Flag(), "Whether giving up skips the step instead of failing it."),
    },
    _emit,
    needs=("apache-airflow-providers-standard", "and the provider of what it waits for"),
    check=_check,
)
