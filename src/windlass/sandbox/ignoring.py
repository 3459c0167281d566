"""Reads `.airflowignore` as Airflow's regexp syntax does, in processes that may be killed."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from windlass.domain.artifact import Artifact
from windlass.domain.errors import EngineFailed
from windlass.domain.ignores import NO_IGNORES, Hits, Ignores, join_hits, paths_below
from windlass.sandbox.pool import Pool

_MAX_REMEMBERED = 16


class RegexpIgnores:
    """What was read of the trees that were looked at last: most revisions change contents and no
    paths. Safe for threads."""

    def __init__(self, pool: Pool, limit_s: float) -> None:
        self._pool = pool
        self._limit_s = limit_s
        self._known: OrderedDict[Hashable, Ignores] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, artifact: Artifact, root: str) -> Ignores:
        """What the ignore files of a tree say that lies `root` below where Airflow looks."""
        texts = artifact.ignore_texts
        if not texts:
            return NO_IGNORES
        key = (root, frozenset(texts.items()), frozenset(artifact.files))
        with self._lock:
            known = self._known.get(key)
        if known is None:
            hits = {path: self._ask(artifact, path, text, root) for path, text in texts.items()}
            known = join_hits(artifact.files, hits)
            self._keep(key, known)
        return known

    def _keep(self, key: Hashable, ignores: Ignores) -> None:
        """What could not be told is asked again: it may have been the machine's fault."""
        with self._lock:
            if not ignores.unread:
                self._known[key] = ignores
            if len(self._known) > _MAX_REMEMBERED:
                self._known.popitem(last=False)

    def _ask(self, artifact: Artifact, path: str, text: str, root: str) -> Hits | None:
        """What one ignore file matches; None where that cannot be told."""
        paths = paths_below(artifact.files, path)
        request = {"kind": "ignores", "text": text, "paths": paths, "root": root}
        try:
            with self._pool.borrow() as process:
                answer = process.ask(request, None, limit_s=self._limit_s)
        except EngineFailed:
            answer = None
        return None if answer is None else _hits(answer)


def _hits(answer: dict[str, Any]) -> Hits:
    matched = {path: (number, text) for path, (number, text) in answer["matched"].items()}
    idle, invalid = (
        tuple((number, text) for number, text in answer[name]) for name in ("idle", "invalid")
    )
    return Hits(matched, idle, invalid)
