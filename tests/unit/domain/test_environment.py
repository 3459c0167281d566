"""What is stored of an environment comes back, and its pool has a slot for everyone it names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.environment import Environment
from windlass.domain.options import NewDags, Options, VerdictMode

ENVIRONMENTS = st.builds(
    Environment,
    name=st.sampled_from(["default", "prod"]),
    bundles=st.integers(0, 5),
    teams=st.dictionaries(st.sampled_from(["ml", "data"]), st.integers(1, 3)),
    new_dags=st.sampled_from(NewDags),
    verdict_mode=st.sampled_from(VerdictMode),
)


@given(ENVIRONMENTS)
def test_options_read_back_as_they_were_stored(environment: Environment) -> None:
    bare = Environment(environment.name)

    assert bare.with_options(environment.options_to_json()) == environment


def test_an_environment_of_an_older_version_has_the_defaults() -> None:
    assert Environment("prod").with_options({}) == Environment("prod")


@given(ENVIRONMENTS)
def test_the_pool_has_a_bundle_for_each_slot(environment: Environment) -> None:
    teams = [team for team in environment.pool.values() if team is not None]

    assert len(environment.pool) == environment.bundles + sum(environment.teams.values())
    assert {team: teams.count(team) for team in teams} == dict(environment.teams)


@pytest.mark.parametrize(
    ("environment", "repository", "begins"),
    [
        (NewDags.PAUSED, NewDags.KEEP, NewDags.PAUSED),
        (NewDags.PAUSED, NewDags.UNPAUSED, NewDags.UNPAUSED),
        (NewDags.KEEP, NewDags.KEEP, NewDags.KEEP),
    ],
)
def test_new_dags_begin_as_the_repository_says_or_else_its_environment(
    environment: NewDags, repository: NewDags, begins: NewDags
) -> None:
    found = Environment("prod", new_dags=environment).new_dags_of(Options(new_dags=repository))

    assert found is begins
