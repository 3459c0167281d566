"""Counts and times of this process, kept in memory until they are added to the database."""

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from windlass.database.connection import Database
from windlass.database.measures import add_measures
from windlass.domain.errors import AppError
from windlass.domain.measures import Measure, Series, bucket_of

_P = ParamSpec("_P")
_T = TypeVar("_T")
_phases: ContextVar[dict[str, float] | None] = ContextVar("phases", default=None)


class Measures:
    """Numbers that were not stored yet. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._growth: dict[Series, float] = defaultdict(float)
        self._latest: dict[Series, float] = {}

    def count(self, measure: Measure, *labels: str) -> None:
        """One more."""
        self._grow({Series(measure.name, labels): 1})

    def add(self, measure: Measure, by: float, *labels: str) -> None:
        """So many more."""
        self._grow({Series(measure.name, labels): by})

    def observe(self, measure: Measure, value: float, *labels: str) -> None:
        """One more observation of a histogram."""
        parts = {bucket_of(measure, value): 1.0, "sum": value}
        self._grow({Series(measure.name, labels, part): by for part, by in parts.items()})

    def set(self, measure: Measure, value: float, *labels: str) -> None:
        """The newest value of a gauge."""
        with self._lock:
            self._latest[Series(measure.name, labels)] = value

    def flush(self, database: Database) -> None:
        """Add everything to the database; where that fails it is kept, and the error raised."""
        with self._lock:
            growth, latest = self._growth, self._latest
            self._growth, self._latest = defaultdict(float), {}
        if not growth and not latest:
            return
        try:
            with database.transaction() as connection:
                add_measures(connection, growth, latest)
        except AppError:
            self._grow(growth)
            with self._lock:
                self._latest = latest | self._latest
            raise

    def _grow(self, growth: dict[Series, float]) -> None:
        with self._lock:
            for series, by in growth.items():
                self._growth[series] += by


@contextmanager
def recording() -> Iterator[dict[str, float]]:
    """Within, the steps that this thread takes add their seconds to the dictionary, by phase, in
    the order in which they end."""
    phases: dict[str, float] = {}
    token = _phases.set(phases)
    try:
        yield phases
    finally:
        _phases.reset(token)


def phase(name: str) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Decorate a step so that its seconds are recorded, whether it ends well or not."""

    def decorate(step: Callable[_P, _T]) -> Callable[_P, _T]:
        @functools.wraps(step)
        def timed(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            began = time.perf_counter()
            try:
                return step(*args, **kwargs)
            finally:
                phases = _phases.get()
                if phases is not None:
                    phases[name] = phases.get(name, 0.0) + time.perf_counter() - began

        return timed

    return decorate
