"""The interpreter that is tried at the moment: kept from one repository to the next, since an
Airflow takes seconds to start."""

import threading
from dataclasses import dataclass
from pathlib import Path

from windlass.sandbox.checker import Checker
from windlass.sandbox.importer import Importer


@dataclass(frozen=True, slots=True)
class Trial:
    """What judges files under an interpreter that is no environment's."""

    python: Path
    checker: Checker
    importer: Importer


class Trials:
    """The newest trial. Safe for threads; its processes end by themselves when they idle, or with
    the next trial of another interpreter."""

    def __init__(self) -> None:
        self._trial: Trial | None = None
        self._lock = threading.Lock()

    def of(self, python: Path, like: Importer | None) -> Trial:
        """The trial of an interpreter, with the plugins and limits of the importer it is to be
        compared with."""
        with self._lock:
            if self._trial is None or self._trial.python != python:
                if self._trial is not None:
                    self._trial.checker.close()
                    self._trial.importer.close()
                plugins = like.interpreter.plugins if like else None
                limits = like.limits if like else None
                importer = Importer(python, plugins=plugins, limits=limits)
                self._trial = Trial(python, Checker(python), importer)
            return self._trial
