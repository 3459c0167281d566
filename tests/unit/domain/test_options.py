"""What a repository may choose, as it is stored."""

from typing import Any

import pytest

from windlass.domain.errors import Invalid
from windlass.domain.options import DEFAULTS, NewDags, Options, VerdictMode


def test_only_what_differs_from_the_defaults_is_stored() -> None:
    chosen = Options(auto_deploy=False, verdict_mode=VerdictMode.PER_FILE, team="sales")

    assert DEFAULTS.to_json() == {}
    assert chosen.to_json() == {"auto_deploy": False, "verdict_mode": "per_file", "team": "sales"}


def test_what_is_stored_reads_back_the_same() -> None:
    chosen = Options(new_dags=NewDags.PAUSED, priority=7, validation=False)

    assert Options.from_json(chosen.to_json()) == chosen
    assert isinstance(Options.from_json({"new_dags": "paused"}).new_dags, NewDags)


def test_a_stored_name_that_is_not_known_any_more_is_passed_over() -> None:
    assert Options.from_json({"colour": "red", "priority": 1}) == Options(priority=1)


@pytest.mark.parametrize("limit_s", [0, 3601, 1.5, "300", True, None])
def test_tests_have_a_limit_of_whole_seconds(limit_s: object) -> None:
    with pytest.raises(Invalid) as refused:
        DEFAULTS.changed({"tests_limit_s": limit_s})

    assert (refused.value.code, DEFAULTS.changed({"tests_limit_s": 300}).tests_limit_s) == (
        "REPO014",
        300,
    )


@pytest.mark.parametrize(
    "given",
    [
        {"api_url": "https://user:pass@git.example/api"},
        {"api_url": "ftp://git.example"},
        {"api_url": 5},
        {"api_credential": "ghp_Secret"},
        {"api_credential": 5},
    ],
)
def test_where_an_api_is_and_what_it_is_shown_is_checked(given: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        DEFAULTS.changed(given)

    shown = [str(value) for value in given.values() if str(value) in str(refused.value)]
    assert (refused.value.code, shown) == ("REPO014", [])


def test_an_address_of_an_api_loses_its_last_slash() -> None:
    chosen = DEFAULTS.changed({"api_url": "https://git.example/api/v4/", "api_credential": "api"})

    assert (chosen.api_url, chosen.api_credential) == ("https://git.example/api/v4", "api")
    assert chosen.changed({"api_url": None}).api_url is None
