"""The settings an Airflow needs: every form says the same, as Airflow reads it."""

import configparser
import json
import shlex
from pathlib import Path

import pytest

from windlass.stack.airflow import (
    AirflowSetting,
    airflow_settings,
    as_cfg,
    as_environment,
    as_helm_values,
    bundle_names,
)

Values = dict[tuple[str, str], str]
STORES = ["/var/lib/windlass/store", '/srv/My "Store"', "/srv/100%/store", "/srv/%(x)s", "/srv/é"]


def settings(store: str = "/srv/store") -> tuple[AirflowSetting, ...]:
    return airflow_settings(store=Path(store), environment="prod", bundles=["one", "two"])


def values(store: str) -> Values:
    return {(s.section, s.key): s.value for s in settings(store)}


def read_cfg(text: str) -> Values:
    """As Airflow does: its parser is a ConfigParser with interpolation."""
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return {
        (section, key): parser[section][key]
        for section in parser.sections()
        for key in parser[section]
    }


def helm_sections(text: str) -> dict[str, dict[str, str]]:
    """The YAML that we write is so plain that JSON reads its scalars (YAML 1.2, section 1.3)."""
    rows = [row for row in text.splitlines() if not row.strip().startswith("#")]
    assert rows[0] == "config:"
    sections: dict[str, dict[str, str]] = {}
    for row in rows[1:]:
        depth = len(row) - len(row.lstrip(" "))
        key, _, value = row.strip().partition(":")
        if depth == 2:
            assert not value
            assert key not in sections
            section = sections.setdefault(key, {})
            continue
        assert depth == 4
        section[key] = json.loads(value)
    return sections


def test_the_pool_names_the_class_the_store_and_the_environment() -> None:
    pool = json.loads(values("/srv/store")["dag_processor", "dag_bundle_config_list"])

    kwargs = {"store": "/srv/store", "environment": "prod", "refresh_interval": 1}
    classpath = "windlass_airflow.bundle.WindlassBundle"
    assert pool == [
        {"name": "one", "classpath": classpath, "kwargs": kwargs},
        {"name": "two", "classpath": classpath, "kwargs": kwargs},
    ]


def test_airflow_looks_every_second_and_collects_nothing_of_ours() -> None:
    rest = {key[1]: value for key, value in values("/x").items() if "bundle_config" not in key[1]}

    assert rest == {
        "refresh_interval": "1",
        "bundle_refresh_check_interval": "1",
        "file_parsing_sort_mode": "modified_time",
        "stale_bundle_cleanup_interval": "0",
        "stale_dag_threshold": "5",
        "parsing_cleanup_interval": "5",
        "min_serialized_dag_update_interval": "0",
    }


@pytest.mark.parametrize("store", STORES)
def test_the_environment_form_reads_back_in_a_shell(store: str) -> None:
    lines = [shlex.split(line) for line in as_environment(settings(store)).splitlines()]

    expected = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": value
        for (section, key), value in values(store).items()
    }
    assert dict(word.split("=", 1) for [word] in lines) == expected


@pytest.mark.parametrize("store", STORES)
def test_the_cfg_form_reads_back_as_airflow_reads_it(store: str) -> None:
    assert read_cfg(as_cfg(settings(store))) == values(store)


@pytest.mark.parametrize("store", STORES)
def test_the_helm_form_becomes_the_cfg_form(store: str) -> None:
    """The chart writes each value as `key = value` into airflow.cfg."""
    parser = configparser.ConfigParser()
    parser.read_dict(helm_sections(as_helm_values(settings(store))))

    assert {(s, k): parser[s][k] for s in parser.sections() for k in parser[s]} == values(store)


def test_no_helm_value_holds_what_the_chart_would_take_for_a_template() -> None:
    assert "{{" not in as_helm_values(settings())


def test_every_option_stands_under_its_reason() -> None:
    for text in (as_cfg(settings()), as_helm_values(settings())):
        lines = [line.strip() for line in text.splitlines()]
        for setting in settings():
            below = lines[lines.index(f"# {setting.why}") + 1]
            assert below.startswith((f"{setting.key} = ", f"{setting.key}: "))


def test_no_option_is_given_twice() -> None:
    names = [setting.variable for setting in settings()]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("count", "names"),
    [(0, []), (2, ["windlass-00", "windlass-01"])],
)
def test_bundles_are_numbered(count: int, names: list[str]) -> None:
    assert bundle_names(count) == names


def test_the_largest_pool_has_names_of_its_own() -> None:
    assert len(set(bundle_names(256))) == 256
    assert bundle_names(256)[-1] == "windlass-255"
