"""A change of a helper module alone, and its rollback, as Airflow shows them."""

from pathlib import Path

import pytest

from tests.acceptance.conftest import BothTargets, Team
from tests.waiting import wait_until
from windlass.entrypoints.demo.questions import DemoAirflow

DAG = """
from airflow.sdk import DAG
{helper}
dag = DAG({dag_id!r}, schedule=None, tags=[{tag}])
"""
FILES = {
    "direct.py": DAG.format(dag_id="direct", helper="from rates import TAG", tag="TAG"),
    "through.py": DAG.format(dag_id="through", helper="from sums import TAG", tag="TAG"),
    "apart.py": DAG.format(dag_id="apart", helper="", tag="'v1'"),
    "sums.py": "from rates import TAG\n\n__all__ = ['TAG']\n",
    "rates.py": "TAG = 'v1'\n",
}
DAG_IDS = ("apart", "direct", "through")


@pytest.fixture(scope="module")
def team(stage: BothTargets) -> Team:
    return Team(stage, "rates", FILES)


def own_tags(airflow: DemoAirflow) -> dict[str, list[str]]:
    """dag_id → its tags, without those that the cluster policy adds."""
    return {i: [tag for tag in airflow.tags(i) if ":" not in tag] for i in DAG_IDS}


def times(stage: BothTargets, release: int) -> dict[str, int]:
    """path → modification time in a release's tree."""
    tree: Path = stage.settings.home / "store" / "releases" / str(release) / "tree"
    return {path: (tree / path).stat().st_mtime_ns for path in FILES}


def test_a_changed_helper_is_seen_in_each_dag_that_imports_it_and_nothing_else_is_parsed_again(
    stage: BothTargets, airflow: DemoAirflow, team: Team
) -> None:
    second = team.wait_live(team.push("helper only", {"rates.py": "TAG = 'v2'\n"}))

    assert own_tags(airflow) == {"apart": ["v1"], "direct": ["v2"], "through": ["v2"]}
    before, after = times(stage, team.first), times(stage, second)
    renewed = {path for path in FILES if after[path] != before[path]}
    assert renewed == {"rates.py", "direct.py", "through.py"}


def test_a_rollback_is_live_and_the_next_polls_do_not_undo_it(
    airflow: DemoAirflow, team: Team
) -> None:
    done = team.windlass("release", "rollback", "rates", "--reason", "wrong rate")
    assert done.returncode == 0, done.stdout + done.stderr

    def is_back() -> bool:
        release = team.status["release"]
        return (release["content_of"], release["state"]) == (team.first, "live")

    wait_until(is_back, "the old content is live")
    rolled_back = team.status["release"]["id"]
    team.wait_polls(3)

    assert own_tags(airflow) == {"apart": ["v1"], "direct": ["v1"], "through": ["v1"]}
    assert (team.status["release"]["id"], team.status["sync"]["state"]) == (rolled_back, "held")
