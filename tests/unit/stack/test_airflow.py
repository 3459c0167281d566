"""The settings an Airflow needs: every form says the same, as Airflow reads it."""

import configparser
import json
import shlex
from pathlib import Path

import pytest
import yaml

from windlass.stack.airflow import (
    AirflowSetting,
    Mounted,
    Origin,
    airflow_settings,
    as_cfg,
    as_environment,
    as_helm_values,
    folder_settings,
)

_DIR_LIST = "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL"
Values = dict[tuple[str, str], str]
STORES = [
    "/var/lib/windlass/store",
    '/srv/My "Store"',
    "/srv/100%/store",
    "/srv/%(x)s",
    "/srv/é",
    "/srv/O'Neil",
]


def settings(store: str = "/srv/store") -> tuple[AirflowSetting, ...]:
    return airflow_settings(
        source=Mounted(Path(store)),
        environment="prod",
        bundles={"one": None, "two": None},
        public_key="ed25519:AAAA",
        storage=Path(store, "local"),
    )


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
    _, _, config = text.partition("config:\n")
    rows = ["config:", *(r for r in config.splitlines() if not r.strip().startswith("#"))]
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

    kwargs = {
        "store": "/srv/store",
        "environment": "prod",
        "public_key": "ed25519:AAAA",
        "refresh_interval": 1,
    }
    classpath = "windlass_airflow.bundle.WindlassBundle"
    assert pool == [
        {"name": "one", "classpath": classpath, "kwargs": kwargs},
        {"name": "two", "classpath": classpath, "kwargs": kwargs},
    ]


def test_without_a_mount_the_pool_names_the_origin_its_token_and_the_cache() -> None:
    origin = Origin("https://windlass.example", Path("/etc/token"), Path("/var/cache"))
    [pool] = [
        json.loads(setting.value)
        for setting in airflow_settings(
            source=origin, environment="prod", bundles={"one": None}, public_key=None
        )
        if setting.key == "dag_bundle_config_list"
    ]

    assert pool[0]["kwargs"] == {
        "url": "https://windlass.example",
        "token_file": "/etc/token",
        "cache": "/var/cache",
        "environment": "prod",
        "refresh_interval": 1,
    }


def test_airflow_looks_every_second_and_collects_nothing_of_ours() -> None:
    rest = {key[1]: value for key, value in values("/x").items() if "bundle_config" not in key[1]}

    assert rest == {
        "dag_bundle_storage_path": "/x/local",
        "refresh_interval": "1",
        "bundle_refresh_check_interval": "1",
        "file_parsing_sort_mode": "modified_time",
        "stale_bundle_cleanup_interval": "0",
        "stale_dag_threshold": "5",
        "parsing_cleanup_interval": "5",
        "min_serialized_dag_update_interval": "0",
        "dagbag_import_timeout": "30",
        "dag_file_processor_timeout": "50",
        "policy": "strict",
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


def test_a_bundle_of_a_team_names_it_and_airflow_is_told_of_teams() -> None:
    settings = airflow_settings(
        source=Mounted(Path("/store")),
        environment="prod",
        bundles={"windlass-00": None, "windlass-ml-00": "ml"},
        public_key=None,
    )

    pool = json.loads(settings[0].value)
    assert [row.get("team_name") for row in pool] == [None, "ml"]
    assert (settings[-1].key, settings[-1].value) == ("multi_team", "True")


@pytest.mark.parametrize(
    ("is_airflow_2", "listing"),
    [(False, "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL"), (True, _DIR_LIST)],
)
def test_a_folder_is_named_and_looked_through_often(is_airflow_2: bool, listing: str) -> None:
    settings = folder_settings(dags=Path("/store/dags"), is_airflow_2=is_airflow_2)

    values = {setting.variable: setting.value for setting in settings}
    assert (values["AIRFLOW__CORE__DAGS_FOLDER"], values[listing]) == ("/store/dags", "30")


@pytest.mark.parametrize("own", [False, True])
def test_an_airflow_2_has_a_processor_of_its_own_where_that_is_wanted(own: bool) -> None:
    found = folder_settings(dags=Path("/dags"), is_airflow_2=True, own_processor=own)

    told = {setting.variable: setting.value for setting in found}
    assert told.get("AIRFLOW__SCHEDULER__STANDALONE_DAG_PROCESSOR") == ("True" if own else None)
    assert told["AIRFLOW__CORE__DAG_FILE_PROCESSOR_TIMEOUT"] == "50"


def test_the_helm_form_restarts_a_processor_only_after_longer_than_a_file_may_take() -> None:
    processor = yaml.safe_load(as_helm_values(settings()))["dagProcessor"]

    probe = processor["livenessProbe"]
    longest_s = int(values("/x")["dag_processor", "dag_file_processor_timeout"])
    assert processor["enabled"] is True
    assert probe["periodSeconds"] * probe["failureThreshold"] > longest_s
