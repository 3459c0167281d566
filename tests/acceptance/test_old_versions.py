"""What happens to versions that were not used for long, in Airflow and in the store."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.conftest import BothTargets, Team
from tests.waiting import wait_until
from windlass.app import build_context, open_database
from windlass.engine.cleanup import clean_up
from windlass.engine.context import Context
from windlass.entrypoints.demo.questions import DemoAirflow

VERSIONS = 12
KEPT_BY_AIRFLOW = 10
"""[dag_processor] stale_bundle_cleanup_min_versions, as it comes (Airflow 3.1 to 3.3)."""
DAG = """
from airflow.sdk import DAG, task

with DAG("aging", schedule=None):

    @task
    def age() -> int:
        return {number}

    age()
"""
# What a task does to the bundle of its run (task_runner.py: startup, main).
USE = """
from airflow.dag_processing.bundles.base import BundleVersionLock
from airflow.dag_processing.bundles.manager import DagBundlesManager

for version in {versions!r}:
    with BundleVersionLock({bundle!r}, version):
        DagBundlesManager().get_bundle({bundle!r}, version).initialize()
"""


class Aging(Team):
    """A repository with twelve releases; a run of the first one has ended."""

    def __init__(self, stage: BothTargets, airflow: DemoAirflow) -> None:
        super().__init__(stage, "aging", {"aging.py": DAG.format(number=0)})
        self.run_id = airflow.trigger("aging")
        airflow.wait_for_run("aging", self.run_id)
        self.releases = [self.first, *(self.publish(n) for n in range(1, VERSIONS))]
        self.wait_live(self.status["head"]["sha"])

    def publish(self, number: int) -> int:
        """Push and sync; the number of the release, which Airflow need not be seen with."""
        sha = self.push(str(number), {"aging.py": DAG.format(number=number)})
        self.stage.client.post(f"/api/v1/repositories/{self.name}/sync")
        wait_until(lambda: self.status["release"]["revision"] == sha, f"{number} is published")
        return int(self.status["release"]["id"])

    def in_store(self) -> list[int]:
        folder = self.stage.settings.home / "store" / "releases"
        return [release for release in self.releases if (folder / str(release)).exists()]


@pytest.fixture(scope="module")
def team(stage: BothTargets, airflow: DemoAirflow) -> Aging:
    return Aging(stage, airflow)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def tracked(stage: BothTargets, team: Aging) -> Path:
    """Where Airflow tracks the versions of the bundle: each was used, a week ago."""
    bundle = str(team.status["bundle"])
    versions = [str(release) for release in team.releases]
    stage.run_in_airflow(USE.format(bundle=bundle, versions=versions))
    folder = stage.folder / "airflow" / "bundles" / "_tracking" / bundle
    assert names(folder) == {*versions}
    for number, version in enumerate(versions):
        at = datetime.now(UTC) - timedelta(days=7, minutes=-number)
        aside = folder.with_name(f"{version}.aside")
        aside.write_text(at.isoformat())
        aside.replace(folder / version)
    return folder


def test_the_scheduler_outlives_airflows_collector_of_stale_versions(
    airflow: DemoAirflow, team: Aging, tracked: Path
) -> None:
    newest = {str(release) for release in team.releases[-KEPT_BY_AIRFLOW:]}

    wait_until(lambda: names(tracked) == newest, "Airflow collected the oldest")

    run = airflow.wait_for_run("aging", airflow.trigger("aging"))
    assert (run["state"], run["bundle_version"]) == ("success", str(team.releases[-1]))


@pytest.fixture
def context(stage: BothTargets) -> Iterator[Context]:
    """What a worker of this Windlass has."""
    database = open_database(stage.settings)
    settings = stage.settings.model_copy(update={"allowed_hosts": ("127.0.0.1",)})
    context = build_context(settings, database)
    yield context
    for client in context.airflows.values():
        client.close()
    context.checker.close()
    database.close()


def test_old_releases_leave_the_store_but_those_that_a_run_may_need_again(
    airflow: DemoAirflow, team: Aging, context: Context
) -> None:
    clean_up(context, keep=2, kept_s=0)

    can_tell = not airflow.version().startswith("3.1.")  # it filters neither DAGs nor runs
    first, *between, previous, newest = team.releases
    assert team.in_store() == [first, *([] if can_tell else between), previous, newest]
    airflow.clear("aging", team.run_id)
    run = airflow.wait_for_run("aging", team.run_id)
    assert (run["state"], run["bundle_version"]) == ("success", str(first))
    assert airflow.returned("aging", team.run_id, "age") == 0
