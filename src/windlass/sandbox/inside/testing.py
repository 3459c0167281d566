"""The repository's own tests, run by pytest in a confined fork, and what came of them.

Tests are code of the repository: they share this process with what is here, and may do to it what
they like. What is said is believed as far as it comes with the token of the request, which was
never in a place that tests are given, and only once pytest has come back by itself.
"""

import contextlib
import importlib
import io
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

_MAX_TOLD = 100
_MAX_MESSAGE = 2000
_MAX_SAID = 20_000
_USELESS = ("cacheprovider", "pastebin", "faulthandler")


def run(tree: str, below: str, tmp: str) -> dict[str, Any]:
    """Run the tests of a tree whose DAG root is `below` it; `tmp` is the only folder to write in.

    What the repository says in `addopts` does not count: it could leave tests out.
    """
    began = time.monotonic()
    try:
        pytest: Any = importlib.import_module("pytest")
    except ImportError as error:
        return {"missing": str(error)[:_MAX_MESSAGE]}
    _look_from(tree, below)
    _let_log()
    told = _Told(tree)
    options = [f"--rootdir={tree}", f"--basetemp={tmp}/pytest", "--capture=sys", "--tb=short"]
    options += ["--continue-on-collection-errors"]
    options += ["-o", "addopts=", *(word for one in _USELESS for word in ("-p", f"no:{one}"))]
    said = _Last()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        code = int(pytest.main(options, plugins=[told]))
    return {
        "pytest": str(pytest.__version__),
        "code": code,
        "said": _complaint(said.text) if code in (3, 4) else "",
        "seconds": time.monotonic() - began,
        "counts": told.counts,
        "failed": told.failed[:_MAX_TOLD],
        "uncollected": told.uncollected[:_MAX_TOLD],
    }


def _complaint(said: str) -> str:
    """Why pytest did not run: the lines that it marks as errors, or the end of its traceback."""
    lines = [line.removeprefix("INTERNALERROR>").strip() for line in said.splitlines()]
    marked = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    others = [line for line in lines if line.strip("^~ =-")]
    return " ".join(marked or others[-1:])[:_MAX_MESSAGE]


def _look_from(tree: str, below: str) -> None:
    """Be where people run tests, and find modules and DAGs where Airflow does."""
    root = f"{tree}/{below}".rstrip("/")
    os.chdir(tree)
    sys.path[:0] = [root]
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = root
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    settings = sys.modules.get("airflow.settings")
    if settings is not None:
        settings.__dict__["DAGS_FOLDER"] = root


def _let_log() -> None:
    """Log again, as tests may ask for it. pytest writes it to /dev/null, which here nobody can open
    to write."""
    logging.disable(logging.NOTSET)
    handlers: Any = logging.FileHandler
    plainly = handlers._open

    def _open(handler: logging.FileHandler) -> Any:
        return _Last() if handler.baseFilename == os.devnull else plainly(handler)

    handlers._open = _open


class _Told:
    """A plugin of pytest that counts what happens, whatever other plugins make of it."""

    def __init__(self, tree: str) -> None:
        self._below = f"{tree}/"
        self.counts = {"passed": 0, "skipped": 0, "failed": 0, "deselected": 0}
        self.failed: list[list[Any]] = []
        self.uncollected: list[list[Any]] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.counts["failed"] += 1
            path, line = self._place(report)
            what = report.nodeid if report.when == "call" else f"{report.nodeid} ({report.when})"
            self.failed.append([what, path, line, self._message(report)])
        elif report.skipped:
            self.counts["skipped"] += 1
        elif report.when == "call":
            self.counts["passed"] += 1

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            path, line = self._place(report)
            self.uncollected.append([report.nodeid, path, line, self._message(report)])

    def pytest_deselected(self, items: Any) -> None:
        self.counts["deselected"] += len(items)

    def _place(self, report: Any) -> tuple[str, int]:
        """The last line in the file of the test that was on the way to the failure."""
        location = getattr(report, "location", None) or (report.nodeid, None, "")
        path, line = str(location[0]).partition("::")[0], (location[1] or 0) + 1
        entries = getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", ())
        for entry in entries:
            place = getattr(entry, "reprfileloc", None)
            if place is None:
                continue
            where = str(Path(self._below, place.path))
            if where == f"{self._below}{path}":
                line = int(place.lineno)
        return path, line

    def _message(self, report: Any) -> str:
        crash = getattr(report.longrepr, "reprcrash", None)
        if crash is not None:
            return str(crash.message)[:_MAX_MESSAGE]
        lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
        told = [line[1:].strip() for line in lines if line.startswith("E")]
        return (" ".join(told) or (lines[-1] if lines else ""))[:_MAX_MESSAGE]


class _Last(io.StringIO):
    """Remembers the end of what is written to it, and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def write(self, text: str) -> int:
        self.text = (self.text + text)[-_MAX_SAID:]
        return len(text)
