"""Compiles pipelines in killable processes of Windlass's own Python."""

import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windlass.compiler.pipelines.tree import died
from windlass.domain.digest import digest_bytes, digest_json
from windlass.domain.finding import Finding
from windlass.domain.pipeline import Bindings, Compiled
from windlass.domain.signature import Called
from windlass.domain.template import NO_TEMPLATES, Templates
from windlass.sandbox.pool import Pool

LIMIT_S = 10.0
_MAX_REMEMBERED = 10_000  # a few kilobytes each
Result = tuple[Compiled | None, tuple[Finding, ...]]


@dataclass(slots=True)
class PipelineCompiler:
    """Compiles documents, and remembers what came of them. The process starts when it is first
    needed and lives until `close`. Safe for threads, which take turns."""

    limit_s: float = LIMIT_S
    _pool: Pool | None = None
    _known: OrderedDict[tuple[str, ...], Result] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def compile(
        self,
        path: str,
        content: bytes,
        bindings: Bindings,
        templates: Templates = NO_TEMPLATES,
    ) -> Result:
        """As `compile_pipeline`; a document that its process does not survive is a finding."""
        named = templates.to_json()
        key = path, digest_bytes(content), bindings.digest, digest_json(named) if any(named) else ""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        made = self._ask(path, content, bindings, named)
        with self._lock:
            self._known[key] = made
            if len(self._known) > _MAX_REMEMBERED:
                self._known.popitem(last=False)
        return made

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.close()

    def _ask(self, path: str, content: bytes, bindings: Bindings, named: list[Any]) -> Result:
        request = {
            "kind": "pipeline",
            "path": path,
            "bindings": bindings.to_json(),
            "templates": named,
        }
        with self._started().borrow() as process:
            answer = process.ask(request, content, limit_s=self.limit_s)
        if answer is None:
            return None, (died(path, self.limit_s),)
        found = answer["compiled"]
        compiled = None
        if found:
            called = tuple(Called.from_json(row) for row in found[5])
            lines, within = tuple(found[3]), tuple(found[4])
            compiled = Compiled(path, found[0], found[1], found[2], lines, within, called)
        return compiled, tuple(Finding.from_json(row) for row in answer["findings"])

    def _started(self) -> Pool:
        with self._lock:
            if self._pool is None:
                self._pool = Pool(Path(sys.executable), 1)
            return self._pool
