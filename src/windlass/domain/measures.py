"""What workers measure and count, by the names that Prometheus shows (docs/metrics.md).

A worker counts in memory and adds to the database every few seconds, so that one scrape of the API
shows all workers, and a restart loses nothing but those seconds.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a number behaves over time."""

    COUNTER = "counter"  # it only grows
    GAUGE = "gauge"  # the newest value counts
    HISTOGRAM = "histogram"  # how many observations were at most so large


@dataclass(frozen=True, slots=True)
class Measure:
    """A name with its labels. `buckets` are upper bounds, in the unit that the name ends with;
    only histograms have them."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_QUICK_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
# A120: from push to live within 30 s; decision 4 promises about one.
_VISIBLE_S = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0)

SYNC_PHASE = Measure(
    "windlass_sync_phase_seconds",
    Kind.HISTOGRAM,
    "How long the phases of a sync took.",
    ("phase",),
    _QUICK_S,
)
SYNCS = Measure(
    "windlass_syncs", Kind.COUNTER, "Syncs and rollbacks that ended.", ("job", "outcome")
)
VERDICTS = Measure("windlass_verdicts", Kind.COUNTER, "Revisions judged.", ("verdict",))
POLLS = Measure("windlass_polls", Kind.COUNTER, "Questions to remotes.", ("result",))
DELIVERIES = Measure(
    "windlass_deliveries",
    Kind.COUNTER,
    "Calls of Git hosts, by what became of them.",
    ("kind", "outcome"),
)
PULLS = Measure(
    "windlass_pull_requests_checked",
    Kind.COUNTER,
    "Heads of pull requests that were looked at, by what became of it.",
    ("outcome",),
)
FORGE_REPORTS = Measure(
    "windlass_forge_reports",
    Kind.COUNTER,
    "What Git hosts were to be told, by what became of it.",
    ("kind", "outcome"),
)
PUSH_UNNOTICED = Measure(
    "windlass_push_unnoticed_seconds",
    Kind.HISTOGRAM,
    "How long a push that a poll found can have waited for it: since the poll before.",
    (),
    _VISIBLE_S,
)
PUSH_TO_LIVE = Measure(
    "windlass_push_to_live_seconds",
    Kind.HISTOGRAM,
    "From noticing a push to Airflow having been seen with it.",
    ("environment",),
    _VISIBLE_S,
)
PUBLISHED_TO_LIVE = Measure(
    "windlass_published_to_live_seconds",
    Kind.HISTOGRAM,
    "From flipping the pointer to Airflow having been seen with the release.",
    ("environment",),
    _VISIBLE_S,
)
AIRFLOW_UP = Measure(
    "windlass_airflow_up",
    Kind.GAUGE,
    "Whether this Airflow answered when it was last asked.",
    ("environment",),
)
AIRFLOW_COMPONENT_UP = Measure(
    "windlass_airflow_component_up",
    Kind.GAUGE,
    "Whether this part of Airflow is well, by Airflow's own word.",
    ("environment", "component"),
)
DAG_PARSE = Measure(
    "windlass_dag_parse_seconds",
    Kind.HISTOGRAM,
    "How long Airflow took to parse the file of a DAG that a release changed.",
    ("environment",),
    _QUICK_S,
)
STORE_BYTES = Measure("windlass_store_bytes", Kind.GAUGE, "Disk space of the store.")
MIRROR_BYTES = Measure("windlass_mirror_bytes", Kind.GAUGE, "Disk space of the mirrors.")
BACKUP_TIME = Measure(
    "windlass_backup_timestamp_seconds", Kind.GAUGE, "When the newest nightly backup was made."
)

ROWS_FORGOTTEN = Measure(
    "windlass_rows_forgotten",
    Kind.COUNTER,
    "Rows of old history that were removed.",
    ("table",),
)

MEASURES = (
    SYNC_PHASE,
    SYNCS,
    VERDICTS,
    POLLS,
    DELIVERIES,
    FORGE_REPORTS,
    PULLS,
    PUSH_UNNOTICED,
    PUSH_TO_LIVE,
    PUBLISHED_TO_LIVE,
    AIRFLOW_UP,
    AIRFLOW_COMPONENT_UP,
    DAG_PARSE,
    STORE_BYTES,
    MIRROR_BYTES,
    BACKUP_TIME,
    ROWS_FORGOTTEN,
)


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """One stored number: of a measure by these label values, in the order of its labels.

    `part` is "" for a counter or a gauge; of a histogram "sum", or the upper bound of a bucket as
    text, "+Inf" for the last. Buckets are stored apart, not added up.
    """

    measure: str
    labels: tuple[str, ...] = ()
    part: str = ""


def bucket_of(measure: Measure, value: float) -> str:
    """The `part` that an observation falls into.

    >>> bucket_of(PUSH_TO_LIVE, 1.2), bucket_of(PUSH_TO_LIVE, 5000)
    ('1.5', '+Inf')
    """
    return next((str(bound) for bound in measure.buckets if value <= bound), "+Inf")
