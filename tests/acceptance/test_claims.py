"""Two repositories want one dag_id on the real Airflow, a hundred times: it is always one that has
it, and never both."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.conftest import Team
from tests.waiting import wait_until
from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.entrypoints.demo.stage import USER, Clone, Stage

ROUNDS = 5
IDS = 20  # in each round


class Racer:
    """One of the two; it is registered when its first commit is there."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage, self.name = stage, name
        self.clone: Clone = stage.clone(name)
        self.address = f"/api/v1/repositories/{name}"

    def push(self, number: int) -> None:
        names = [f"race_{number}_{one}" for one in range(IDS)]
        lines = [f"{name} = DAG('{name}', schedule=None)\n" for name in names]
        text = "from airflow.sdk import DAG\n" + "".join(lines)
        self.sha = self.clone.commit_and_push(f"round {number}", {"race.py": text})

    def register(self) -> None:
        auth = {"username": USER, "password": self.stage.password}
        body = {"url": self.clone.url, "name": self.name, "sync_interval": "1s", "auth": auth}
        self.stage.client.post("/api/v1/repositories", body)

    def sync(self) -> None:
        self.stage.client.post(f"{self.address}/sync")

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.stage.client.get(self.address)
        return found

    def state(self) -> str:
        """Of the newest push; empty while it was not looked at."""
        found = self.status
        is_new = found["head"] and found["head"]["sha"] == self.sha
        return str(found["sync"]["state"]) if is_new else ""

    def shown(self, airflow: DemoAirflow) -> set[str]:
        bundle = self.status["bundle"]
        return {dag.dag_id for dag in airflow.list_dags(bundle)} if bundle else set()


def at_once(call: Callable[[Racer], None], racers: list[Racer]) -> None:
    with ThreadPoolExecutor(len(racers)) as threads:
        list(threads.map(call, racers))


@pytest.mark.timeout(300)
def test_a_hundred_ids_that_two_repositories_want_at_once_have_one_owner_each(
    stage: Stage, airflow: DemoAirflow
) -> None:
    racers = [Racer(stage, name) for name in ("race-zeta", "race-alpha")]
    won = []
    for number in range(ROUNDS):
        at_once(lambda racer: racer.push(number), racers)  # noqa: B023  # it is waited for
        at_once(Racer.sync if number else Racer.register, racers)

        def is_decided() -> bool:
            return sorted(racer.state() for racer in racers) == ["denied", "live"]

        wait_until(is_decided, f"round {number} is decided")
        winner, loser = sorted(racers, key=lambda racer: racer.state() != "live")
        won.append(winner.name)
        wanted = {f"race_{number}_{one}" for one in range(IDS)}
        assert (winner.shown(airflow), loser.shown(airflow) & wanted) == (wanted, set())
        told = {finding["message"] for finding in loser.status["findings"]}
        belongs = f"belongs to the repository {winner.name!r} (its file race.py)"
        assert told == {f"the dag_id {dag_id!r} {belongs}" for dag_id in wanted}
    assert won[0] == "race-alpha"  # both were new: the lower name has them, whoever is quicker


MADE = """\
from airflow.sdk import DAG
for number in (1, 2):
    dag_id = f"made_{number}"
    globals()[dag_id] = DAG(dag_id, schedule=None)
"""


def test_ids_that_a_file_builds_belong_to_who_declared_their_prefix(
    stage: Stage, airflow: DemoAirflow
) -> None:
    owner = Team(stage, "prefix-owner", {"made.py": MADE}, dag_id_prefixes=["made_"])
    other = Racer(stage, "prefix-other")
    text = "from airflow.sdk import DAG\ndag = DAG('made_3', schedule=None)\n"
    other.sha = other.clone.commit_and_push("first", {"three.py": text})
    other.register()

    wait_until(lambda: other.state() == "denied", "what begins with the prefix is denied")

    assert {dag.dag_id for dag in airflow.list_dags(owner.bundle)} == {"made_1", "made_2"}
    assert [finding["message"] for finding in other.status["findings"]] == [
        "the dag_id 'made_3' belongs to the repository 'prefix-owner', whose option "
        "dag_id_prefixes has 'made_'"
    ]
