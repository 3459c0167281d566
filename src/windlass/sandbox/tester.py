"""Runs the tests of a staged tree in a confined fork of the process that imports DAG files."""

import secrets
from collections.abc import Mapping

from windlass.domain.tested import SuiteEnd, SuiteResult
from windlass.sandbox.answer import read_tested
from windlass.sandbox.importer import Importer
from windlass.sandbox.stage import Stage
from windlass.sandbox.zygotes import Ended, ZygoteDied

TESTS_VERSION = 1
"""Raised whenever the same run could be told differently: remembered results then lapse."""
LIMIT_S = 120


def run_tests(
    importer: Importer,
    stage: Stage,
    below: str,
    values: Mapping[str, Mapping[str, str]],
    *,
    limit_s: float = LIMIT_S,
) -> SuiteResult:
    """Run pytest on a stage whose DAG root is `below` its top; `values` as for `Importer.run`.

    One run at a time for each interpreter: others wait. Raises EngineFailed as `Importer.run` does.
    """
    token = secrets.token_hex(16)
    request = {
        "tree": stage.name,
        "below": below,
        "limit_s": limit_s,
        "values": values,
        "token": token,
    }
    try:
        ended, tier = importer.ask(request)
    except ZygoteDied:
        return SuiteResult(SuiteEnd.ENDED, why="the process that they were forked from was lost")
    return _told(ended, token, tier, limit_s=limit_s)


def _told(ended: Ended, token: str, tier: str, *, limit_s: float) -> SuiteResult:
    if ended.why == "time" or ended.code == -24:  # SIGXCPU
        return SuiteResult(SuiteEnd.TIME, why=f"they take longer than {limit_s:g} s", tier=tier)
    if ended.why == "flood":
        return SuiteResult(SuiteEnd.ENDED, why="what they say is longer than 32 MB", tier=tier)
    told = read_tested(ended.content, token, tier) if ended.code == 0 else None
    if told is not None:
        return told
    how = f"exit code {ended.code}" if ended.code >= 0 else f"signal {-ended.code}"
    why = f"they end the process that runs them ({how})"
    return SuiteResult(SuiteEnd.ENDED, why=why, tier=tier)
