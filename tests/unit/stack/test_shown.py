"""An Airflow's own settings, held against what Windlass asks of it."""

import json
from pathlib import Path

from windlass.domain.checkup import Condition
from windlass.stack.airflow import Mounted, airflow_settings
from windlass.stack.shown import compare_settings

POOL: dict[str, str | None] = {"w-00": None, "w-01": None}
WANTED = airflow_settings(
    source=Mounted(Path("/store")), environment="prod", bundles=POOL, public_key=None
)
RIGHT = {(one.section, one.key): one.value for one in WANTED}


def rows(**changed: str) -> list[tuple[Condition, str]]:
    """What is said where options of these names have other values."""
    shown = {place: changed.get(place[1], value) for place, value in RIGHT.items()}
    return [(row.condition, row.found) for row in compare_settings(WANTED, shown, "prod")]


def test_what_windlass_prints_is_found_well() -> None:
    assert rows() == [(Condition.OK, "what its API server tells of them is as Windlass needs it")]


def test_a_value_that_hurts_is_named_with_its_reason() -> None:
    assert rows(min_serialized_dag_update_interval="30")[0] == (
        Condition.WARNING,
        "[core] min_serialized_dag_update_interval is 30, not 0: a second change within 30 s must "
        "not be run with the structure of the first",
    )


def test_sooner_is_well_and_later_is_told() -> None:
    assert len(rows(refresh_interval="0.5")) == 1
    assert "refresh_interval is 300, not 1" in rows(refresh_interval="300")[0][1]


def test_what_is_airflows_own_affair_may_be_anything() -> None:
    assert len(rows(dag_bundle_storage_path="/elsewhere", dagbag_import_timeout="90.0")) == 1


def test_a_policy_that_is_off_is_told() -> None:
    assert "[windlass] policy is not set, not strict" in rows(policy="")[0][1]


def test_an_option_that_this_airflow_does_not_have_is_left_out() -> None:
    shown = {place: value for place, value in RIGHT.items() if place[1] != "stale_dag_threshold"}

    assert len(list(compare_settings(WANTED, shown, "prod"))) == 1


def test_bundles_that_airflow_does_not_have_are_named() -> None:
    listed = [
        one | {"name": "w-00"}
        for one in json.loads(RIGHT["dag_processor", "dag_bundle_config_list"])
    ]
    other = json.dumps(listed).replace('"prod"', '"test"')

    assert rows(dag_bundle_config_list=json.dumps(listed))[0][1].endswith("lacks w-01")
    assert rows(dag_bundle_config_list=other)[0][1].endswith("lacks w-00, w-01")
    assert len(rows(dag_bundle_config_list="< hidden >")) == 1
