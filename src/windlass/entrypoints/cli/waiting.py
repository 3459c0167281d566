"""Waits for a release to be live, or as far as anybody will ever tell."""

import time
from typing import TYPE_CHECKING, Any

import typer

from windlass.domain.errors import Conflict, Unavailable
from windlass.entrypoints.cli.render import badge, say
from windlass.entrypoints.failures import EXIT_FAILED

if TYPE_CHECKING:
    from collections.abc import Callable

    from windlass.entrypoints.cli.client import Client  # late: it imports httpx

_WAIT_S = 60


def await_release(
    client: "Client",
    name: str,
    is_wanted: "Callable[[dict[str, Any]], bool]",
    *,
    what: str,
    failed_before: dict[str, Any] | None,
) -> None:
    """Say how the deployment of the release that `is_wanted` came out. Conflict where the job
    failed meanwhile, Unavailable REL005 where it takes longer than a minute; exit 1 where Airflow
    cannot import it."""
    from windlass.entrypoints.cli.client import address_of

    began = time.monotonic()
    while True:
        found = client.get(address_of(name))
        release, failure = found["release"], found["failure"]
        if release and is_wanted(release) and _is_settled(found):
            break
        if failure and failure != failed_before:
            raise Conflict(failure["code"], failure["message"], failure["hint"])
        if time.monotonic() > began + _WAIT_S:
            raise Unavailable(
                "REL005",
                f"{what} of {name!r} was not seen in Airflow within {_WAIT_S} s",
                f"It goes on. Look at it: windlass repo show {name}",
            )
        time.sleep(0.1)
    if not found["watched"]:
        say_nobody_looks(found)
        return
    seconds = time.monotonic() - began
    say(f"{badge(release['state'])} as release #{release['id']} after {seconds:.1f} s.")
    if release["state"] == "failed":
        raise typer.Exit(EXIT_FAILED)


def say_nobody_looks(found: dict[str, Any]) -> None:
    """What is told in place of *live* where no Airflow can be asked."""
    say(f"Published as release #{found['release']['id']}. No Airflow address is known for")
    say(f"{found['environment']}, so nobody looks whether it is live: windlass environment set -h")


def _is_settled(found: dict[str, Any]) -> bool:
    """Whether the release is as far as it can be told: live, or failed, in Airflow's words."""
    state = found["release"]["state"]
    return state in ("live", "failed") or (state == "published" and not found["watched"])
