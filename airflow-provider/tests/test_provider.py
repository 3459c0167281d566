"""How Airflow finds this distribution."""

import json
import tomllib
from importlib.resources import files
from pathlib import Path

from windlass_airflow import get_provider_info

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def test_the_description_is_one_that_airflow_accepts() -> None:
    from jsonschema import validate

    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())

    validate(get_provider_info(), schema)


def test_the_description_names_the_distribution_it_is_in() -> None:
    assert get_provider_info()["package-name"] == PROJECT["name"]


def test_airflow_finds_the_description_by_its_entry_point() -> None:
    assert PROJECT["entry-points"]["apache_airflow_provider"] == {
        "provider_info": "windlass_airflow:get_provider_info"
    }
