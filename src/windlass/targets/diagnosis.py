"""Looks at an Airflow as a physician would: from outside, in order, changing nothing."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from windlass.domain.airflow import OLDEST, parse_version, version_words
from windlass.domain.checkup import Checkup, Condition, failed, ok, unknown, warning
from windlass.domain.clock import WARN, Ahead
from windlass.domain.environment import Environment, Target
from windlass.domain.errors import AppError
from windlass.stack.airflow import Mounted, airflow_settings, folder_settings
from windlass.stack.shown import compare_settings
from windlass.targets.airflow import AirflowClient


def examine(
    airflow: AirflowClient, environment: Environment, database_ahead: Ahead
) -> list[Checkup]:
    """What was found, in the order it was looked at; nothing more after Airflow did not answer.
    `database_ahead` is how far the database's clock is ahead of ours: what Airflow's is held
    against."""
    target = environment.target
    try:
        version = airflow.version()
    except AppError as error:
        return [failed("address", f"{error.code} {error.message}", error.hint)]
    found = [ok("address", f"{airflow.url} answers"), _version(version, target)]
    if (parse_version(version) or OLDEST) < (3, 0):
        remedy = (
            "It gets its DAGs all the same. Upgrade Airflow, or take its address away: "
            "windlass environment set NAME --no-airflow"
        )
        return [*found, warning("observation", "Airflow 2 is not asked: nothing is seen", remedy)]
    try:
        began = time.monotonic()
        airflow.sign_in()
        took_ms = (time.monotonic() - began) * 1000
    except AppError as error:
        return [*found, failed("sign-in", f"{error.code} {error.message}", error.hint)]
    found.append(ok("sign-in", f"a token was given in {took_ms:.0f} ms"))
    looks = (_rights, _deletion, partial(_settings, environment), _components)
    found += [row for look in looks for row in _try(look, airflow)]
    return [*found, _clock(airflow, database_ahead)]  # last, when it has told the time often


def _try(look: Callable[[AirflowClient], list[Checkup]], airflow: AirflowClient) -> list[Checkup]:
    try:
        return look(airflow)
    except AppError as error:
        subject = getattr(look, "func", look).__name__.strip("_")
        return [unknown(subject, f"{error.code} {error.message}", error.hint)]


def _version(version: str, target: Target) -> Checkup:
    serves, words = version_words(version)
    text = "; ".join((version, *words))
    if target is Target.FOLDER:
        return ok("version", version)
    if not serves:
        return failed("version", text, "Upgrade Airflow, or use --target folder.")
    if words:
        return warning("version", text, "Nothing has to be done; a newer Airflow can do it.")
    return ok("version", version)


def _rights(airflow: AirflowClient) -> list[Checkup]:
    refused = airflow.missing_rights()
    if not refused:
        return [ok("rights", "it may read DAGs, runs and import errors, and ask for a parse")]
    return [
        failed(
            "rights",
            f"{airflow.username!r} may not {', '.join(refused)}",
            "Give the Airflow user the role `user`, or another one that may.",
        )
    ]


def _deletion(airflow: AirflowClient) -> list[Checkup]:
    may = "may" if airflow.may_delete_dags() else "may not"
    return [ok("deletion", f"it {may} delete DAGs, as `repo remove --delete-dags` needs")]


def _settings(environment: Environment, airflow: AirflowClient) -> list[Checkup]:
    """Its own settings, where it tells them; it does not as it comes."""
    shown = airflow.settings()
    if shown is None:
        words = "it does not tell them: [api] expose_config is off, or the user may not read them"
        way = f"Compare them by hand: windlass airflow config --environment {environment.name}"
        return [unknown("settings", words, way)]
    here = Path()  # whose value is Airflow's own affair
    if environment.target is Target.FOLDER:
        wanted = folder_settings(dags=here, is_airflow_2=False)
    else:
        wanted = airflow_settings(
            source=Mounted(here),
            environment=environment.name,
            bundles=environment.pool,
            public_key=None,
        )
    return list(compare_settings(wanted, shown, environment.name))


def _clock(airflow: AirflowClient, database_ahead: Ahead) -> Checkup:
    """As what is seen live is judged (domain/clock.py)."""
    if not airflow.clock.is_known:
        return unknown("clock", "Airflow's answers carry no Date")
    ahead = airflow.clock.ahead(database_ahead)
    if abs(ahead) <= WARN:
        return ok("clock", "Airflow's clock and the database's agree within 2 s")
    way = "ahead of" if ahead > timedelta() else "behind"
    words = f"Airflow's clock is {abs(ahead).total_seconds():.0f} s {way} the database's"
    return warning("clock", words, "Let both machines follow a time server (NTP).")


def _components(airflow: AirflowClient) -> list[Checkup]:
    now = datetime.now(UTC)
    rows = []
    for name, (status, beat) in sorted(airflow.status().components.items()):
        if status is None:
            continue  # not part of this installation, such as a triggerer that nobody started
        age = f", heard of {(now - beat).total_seconds():.0f} s ago" if beat else ""
        healthy = status == "healthy"
        row = Checkup(name, Condition.OK if healthy else Condition.FAILED, f"{status}{age}")
        if not healthy:
            row = failed(name, row.found, f"Look at the log of Airflow's {name}.")
        rows.append(row)
    return rows
