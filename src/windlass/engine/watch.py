"""The loop that notices a changed declarative file, and has it applied."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from windlass.compiler.documents import MAX_BYTES
from windlass.database.declarations import find_declaration, forget_refused
from windlass.domain.errors import Invalid
from windlass.engine.context import Context
from windlass.engine.declare import FileRules, apply_file, refuse_file

LOOK_S = 0.5
UNAPPLIED_LOOK_S = 2.0

_Signature = tuple[int, int, int]


class FileWatch:
    """Looks at the first of `candidates` that is there, and applies it when it stopped changing.

    A file that vanishes removes nothing, and is forgotten where it never was in force; where one
    must exist, its absence is told from the start. A device such as /dev/null stands for no file.
    One that was refused is tried again without a change, since what it lacked may be there by then.
    """

    def __init__(
        self,
        context: Context,
        candidates: Sequence[Path],
        rules: FileRules,
        *,
        must_exist: bool = False,
    ) -> None:
        self._context = context
        self._candidates = candidates
        self._rules = rules
        self._must_exist = must_exist
        self._seen: tuple[Path, _Signature] | None = None
        self._settled: tuple[Path, _Signature] | None = None  # applied, or applied by another
        self._has_told_absence = False

    def look(self) -> float:
        """One look; how many seconds to pause until the next."""
        found = self._find()
        if found is None:
            self._tell_absence()
        elif found != self._seen:  # it may still be being written
            self._has_told_absence = False
        elif found != self._settled:
            return self._apply(found)
        self._seen = found
        return LOOK_S

    def _find(self) -> tuple[Path, _Signature] | None:
        for path in self._candidates:
            try:
                found = path.stat()  # of what a link leads to: a mounted ConfigMap is one
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode):
                return path, (found.st_mtime_ns, found.st_size, found.st_ino)
        return None

    def _apply(self, found: tuple[Path, _Signature]) -> float:
        path = found[0]
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            what = f"the file cannot be read: {os.strerror(error.errno or 0)}"
            problem = Invalid("FILE040", what, "What runs stays as it is.")
            refuse_file(self._context, path.name, problem)
            return UNAPPLIED_LOOK_S
        apply_file(self._context, path.name, content, self._rules)
        if self._is_applied():
            self._settled = found
            return LOOK_S
        return UNAPPLIED_LOOK_S

    def _is_applied(self) -> bool:
        with self._context.database.transaction() as connection:
            stored = find_declaration(connection)
        return stored is not None and stored.digest == stored.seen_digest and not stored.findings

    def _tell_absence(self) -> None:
        """Once: a file was in force, or was asked for, and is not there."""
        self._settled = None
        if self._has_told_absence or any(path.exists() for path in self._candidates):
            return
        with self._context.database.transaction() as connection:
            stored = find_declaration(connection)
        if self._must_exist or (stored is not None and stored.digest is not None):
            name = self._candidates[0].name if stored is None else stored.path
            problem = Invalid("FILE041", "the file is not there", "What runs stays as it is.")
            refuse_file(self._context, name, problem)
        else:
            with self._context.database.transaction() as connection:
                forget_refused(connection)
        self._has_told_absence = True
