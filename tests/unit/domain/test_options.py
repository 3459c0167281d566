"""What a repository may choose, as it is stored."""

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
