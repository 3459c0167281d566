"""What the demo asks Airflow beside what Windlass asks: to run a DAG, and what the run returned."""

import time
from typing import Any

import httpx

from windlass.domain.errors import Unavailable
from windlass.targets.airflow import AirflowClient

_DONE = ("success", "failed")


class DemoAirflow(AirflowClient):
    """The same client, as a user who may trigger runs; it waits for an Airflow that shares two
    cores with everything else."""

    def __init__(self, url: str, username: str, password: str) -> None:
        super().__init__(url, username, password)
        self._http.timeout = httpx.Timeout(60)

    def trigger(self, dag_id: str) -> str:
        """Start a run; its id."""
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        return str(self._call("POST", path, body={"logical_date": None}).json()["dag_run_id"])

    def clear(self, dag_id: str, run_id: str) -> None:
        """Run every task of a run once more, with the code that the run began with."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/clear"
        self._call("POST", path, body={"dry_run": False, "only_failed": False})

    def get_run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """The run as Airflow shows it; `bundle_version` is the release it runs on."""
        run: dict[str, Any] = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").json()
        return run

    def wait_for_run(self, dag_id: str, run_id: str, *, limit_s: float = 180) -> dict[str, Any]:
        """The run once it ended, well or badly; Unavailable DEMO003 where it does not."""
        deadline = time.monotonic() + limit_s
        while (run := self.get_run(dag_id, run_id))["state"] not in _DONE:
            if time.monotonic() > deadline:
                raise Unavailable(
                    "DEMO003", f"run {run_id} of {dag_id} is {run['state']} after {limit_s:g} s"
                )
            time.sleep(0.1)
        return run

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task of the run returned."""
        path = (
            f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
            "/xcomEntries/return_value"
        )
        return self._call("GET", path).json()["value"]

    def pause(self, dag_id: str) -> None:
        """Have Airflow run nothing of the DAG."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", body={"is_paused": True})

    def tags(self, dag_id: str) -> list[str]:
        """The tags of a DAG, in order."""
        rows = self._call("GET", f"/api/v2/dags/{dag_id}").json()["tags"]
        return sorted(str(row["name"]) for row in rows)

    def count_versions(self, dag_id: str) -> int:
        """How many versions of the DAG Airflow keeps: one more for each change of its content."""
        return int(self._call("GET", f"/api/v2/dags/{dag_id}/dagVersions").json()["total_entries"])
