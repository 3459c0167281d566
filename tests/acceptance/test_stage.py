"""What the demo and the other acceptance tests stand on."""

import stat
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from windlass.domain.errors import Unavailable
from windlass.entrypoints.demo.airflow import LocalAirflow
from windlass.entrypoints.demo.stage import Stage
from windlass.entrypoints.processes import free_port

LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


def open_files(pid: int) -> set[str]:
    found = set()
    with suppress(FileNotFoundError):  # the process, or the file, is gone by now
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found.add(str(link.readlink()))
    return found


def listening_addresses(pids: frozenset[int]) -> set[str]:
    """Return the hexadecimal addresses of proc(5) that these processes listen on."""
    sockets = set().union(*(open_files(pid) for pid in pids))
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {r[1].split(":")[0] for r in rows if r[3] == "0A" and f"socket:[{r[9]}]" in sockets}


def test_all_parts_of_airflow_are_healthy(stage: Stage) -> None:
    health = httpx.get(f"{stage.airflow.endpoint.url}/api/v2/monitor/health").json()

    parts = ("metadatabase", "scheduler", "dag_processor")
    assert {part: health[part]["status"] for part in parts} == dict.fromkeys(parts, "healthy")


def test_everything_listens_on_the_loopback_address_only(stage: Stage) -> None:
    addresses = listening_addresses(stage.pids())

    assert addresses
    assert addresses <= LOOPBACK


def test_passwords_and_keys_of_airflow_are_for_the_owner_only(stage: Stage) -> None:
    home = stage.airflow.endpoint.password_file.parents[1]
    secrets = [home / "airflow.cfg", home / "passwords.json", *(home / "passwords").iterdir()]

    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}


def test_secrets_of_windlass_are_for_the_owner_only(stage: Stage) -> None:
    home = stage.settings.home

    assert stat.S_IMODE((home / "api-token").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700


def test_an_airflow_that_cannot_start_says_which_part_failed_and_why(tmp_path: Path) -> None:
    airflow = LocalAirflow(
        tmp_path / "airflow",
        python=Path("/bin/false"),
        settings={},
        port=free_port(),
        base_env={"PATH": "/usr/bin:/bin"},
    )

    with pytest.raises(Unavailable) as caught:
        airflow.start(deadline_s=5)

    assert str(caught.value) == (
        "DEMO001 the local Airflow did not start: db migrate ended with exit code 1. "
        "Its last lines:\n"
    )
