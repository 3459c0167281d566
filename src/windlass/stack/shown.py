"""What an Airflow says of its own settings, held against what Windlass asks of it."""

import json
from collections.abc import Iterator, Mapping, Sequence

from windlass.domain.checkup import Checkup, ok, warning
from windlass.stack.airflow import BUNDLE_CLASS, AirflowSetting, Wants

Shown = Mapping[tuple[str, str], str]
"""(section, option) → its value, as Airflow's API server has it."""

_BUNDLES = "dag_bundle_config_list"


def compare_settings(
    wanted: Sequence[AirflowSetting], shown: Shown, environment: str
) -> Iterator[Checkup]:
    """A row for each setting that differs and matters, or one that says that none does. Options
    that this Airflow does not have are left out."""
    differing = [one for one in wanted if not _is_met(one, shown)]
    for one in differing:
        found = shown.get((one.section, one.key), "")
        words = f"[{one.section}] {one.key} is {found or 'not set'}, not {one.value}: {one.why}"
        yield warning("setting", words, f"Set {one.variable}={one.value} and restart Airflow.")
    missing = list(_missing_bundles(wanted, shown, environment))
    if missing:
        more = f" and {len(missing) - 3} more" if missing[3:] else ""
        words = f"[dag_processor] {_BUNDLES} lacks {', '.join(missing[:3])}{more}"
        yield warning("setting", words, "What is bound to one that it lacks is never seen there.")
    if differing or missing:
        way = f"windlass airflow config --environment {environment}"
        yield warning("settings", "not all are as Windlass needs them", f"Print them: {way}")
    else:
        yield ok("settings", "what its API server tells of them is as Windlass needs it")


def _is_met(wanted: AirflowSetting, shown: Shown) -> bool:
    place = wanted.section, wanted.key
    if wanted.wants is Wants.OWN or (place not in shown and wanted.section != "windlass"):
        return True
    found = shown.get(place, "")
    try:
        is_more = float(found) > float(wanted.value)
    except ValueError:
        return found.lower() == wanted.value.lower()
    return not is_more if wanted.wants is Wants.AT_MOST else float(found) == float(wanted.value)


def _missing_bundles(
    wanted: Sequence[AirflowSetting], shown: Shown, environment: str
) -> Iterator[str]:
    """The bundles of the pool that Airflow has not, or has for another environment."""
    pool = next((one for one in wanted if one.key == _BUNDLES), None)
    text = shown.get(("dag_processor", _BUNDLES))
    there = None if text is None else _ours(text, environment)
    if pool is not None and there is not None:
        yield from (one["name"] for one in json.loads(pool.value) if one["name"] not in there)


def _ours(text: str, environment: str) -> set[str] | None:
    """The bundles of our class and of this environment in what Airflow says; None where that cannot
    be told, as of a value that it masks."""
    try:
        return {
            str(one["name"])
            for one in json.loads(text)
            if one["classpath"] == BUNDLE_CLASS and one["kwargs"]["environment"] == environment
        }
    except (ValueError, LookupError, TypeError):
        return None
