"""`/metrics` for Prometheus: what the database knows of the whole installation (docs/metrics.md).

Open unless it has a token of its own, because it names no repository and holds no secret, and the
API listens on loopback only.
"""

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from windlass import __version__
from windlass.database.connection import Database
from windlass.database.credentials import count_expiring, oldest_s
from windlass.database.deliveries import count_accepted
from windlass.database.measures import (
    count_slots,
    newest_times,
    poll_lag_s,
    queue_load,
    read_measures,
)
from windlass.database.status import RepositoryStatus, list_statuses
from windlass.domain.login import EXPIRES_SOON
from windlass.domain.measures import MEASURES, Kind, Measure, Series
from windlass.domain.repository import Health, SyncState
from windlass.domain.status import health, sync_state
from windlass.domain.webhook import HookState
from windlass.entrypoints.web.callers import token_check

_Values = TypeVar("_Values", bound=tuple[str, ...])


def metrics_router(database: Database, token: str | None = None) -> APIRouter:
    """The endpoint /metrics; with a `token` it answers 401 to who does not show it."""
    checks = [Depends(token_check(token))] if token else []
    router = APIRouter(tags=["health"], dependencies=checks)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Installation(database))

    @router.get("/metrics", response_class=Response)
    def metrics(request: Request) -> Response:
        """Numbers of the whole installation for Prometheus."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    return router


class _Installation(Collector):
    """Reads everything anew at every scrape, in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[Metric]:
        yield _labelled(
            "windlass_build_info",
            "The version that answers.",
            ("version", "python"),
            {(__version__, platform.python_version()): 1},
        )
        with self._database.transaction() as connection:
            statuses = list_statuses(connection)
            stored = read_measures(connection)
            slots, queue = count_slots(connection), queue_load(connection)
            late_s, newest = poll_lag_s(connection), newest_times(connection)
            secrets_s = oldest_s(connection)
            expiring = count_expiring(connection, datetime.now(UTC).date() + EXPIRES_SOON)
            waiting = count_accepted(connection)
        yield from _of_repositories(statuses)
        for name, text, value in (
            ("windlass_jobs_waiting", "Syncs and rollbacks that wait for a worker.", queue.waiting),
            ("windlass_jobs_running", "Syncs and rollbacks that run.", queue.running),
            ("windlass_jobs_oldest_seconds", "How long the first of them waits.", queue.oldest_s),
            ("windlass_workers", "Workers that are registered.", queue.workers),
            ("windlass_deliveries_waiting", "Deliveries that no sync has answered yet.", waiting),
            ("windlass_poll_lag_seconds", "How late the latest poll is.", late_s),
            ("windlass_secret_oldest_seconds", "The age of the oldest stored secret.", secrets_s),
            ("windlass_secrets_expiring", "Secrets that end within two weeks.", expiring),
        ):
            yield GaugeMetricFamily(name, text, value)
        if queue.heartbeat_s is not None:
            yield GaugeMetricFamily(
                "windlass_worker_heartbeat_age_seconds",
                "How long no worker was heard of.",
                queue.heartbeat_s,
            )
        pools = ("environment", "team")
        used = {(pool.environment, pool.team): pool.used for pool in slots}
        total = {(pool.environment, pool.team): pool.total for pool in slots}
        yield _labelled("windlass_slots_used", "Bundles that are not free.", pools, used)
        yield _labelled("windlass_slots", "Bundles that Airflow was given.", pools, total)
        yield _labelled(
            "windlass_newest_timestamp_seconds",
            "When a poll was last answered, a release made, one seen live.",
            ("what",),
            {(what,): at for what, at in newest.items()},
        )
        yield from _of_workers(stored)


def _of_repositories(statuses: list[RepositoryStatus]) -> Iterator[Metric]:
    facts = [status.facts for status in statuses]
    hooks = Counter(hook.state for status in statuses for hook in status.hooks)
    yield _labelled(
        "windlass_webhooks",
        "Webhooks by whether their Git hosts call.",
        ("state",),
        {(state.value,): hooks[state] for state in HookState},
    )
    syncs = Counter(sync_state(one)[0] for one in facts)
    conditions = Counter(health(one.deployed)[0] for one in facts)
    yield _labelled(
        "windlass_repositories",
        "Repositories by where their head is on its way.",
        ("sync",),
        {(state.value,): syncs[state] for state in SyncState},
    )
    yield _labelled(
        "windlass_repositories_health",
        "Repositories by what Airflow reports of their release.",
        ("health",),
        {(state.value,): conditions[state] for state in Health},
    )


def _of_workers(stored: dict[Series, float]) -> Iterator[Metric]:
    for measure in MEASURES:
        mine = {series: value for series, value in stored.items() if series.measure == measure.name}
        if measure.kind is Kind.HISTOGRAM:
            yield _histogram(measure, mine)
            continue
        family = CounterMetricFamily if measure.kind is Kind.COUNTER else GaugeMetricFamily
        metric = family(measure.name, measure.text, labels=measure.labels)
        for series, value in sorted(mine.items()):
            metric.add_metric(series.labels, value)
        yield metric


def _histogram(measure: Measure, stored: dict[Series, float]) -> Metric:
    metric = HistogramMetricFamily(measure.name, measure.text, labels=measure.labels)
    bounds = [*map(str, measure.buckets), "+Inf"]
    for labels in sorted({series.labels for series in stored}):
        so_far, buckets = 0.0, []
        for bound in bounds:
            so_far += stored.get(Series(measure.name, labels, bound), 0.0)
            buckets.append((bound, so_far))
        total = stored.get(Series(measure.name, labels, "sum"), 0.0)
        metric.add_metric(labels, buckets, total)
    return metric


def _labelled(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[_Values, float]
) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=labels)
    for given, value in values.items():
        metric.add_metric(given, value)
    return metric
