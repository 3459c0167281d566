"""Which Airflow an environment is: told by the id that its provider reports, else by address."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from windlass.domain.errors import AppError, Conflict

TAKEN = "AIR005"
"""The code of an Airflow that is another environment's."""
NOT_DEPLOYED = "DEP007"
"""The code of what is not deployed for that."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The Airflow of an environment. `airflow_id` is what it was known by so far, None where
    nothing was reported yet; `order` tells which environment came first. `refused` is why nothing
    is asked of what answers there."""

    environment: str
    order: int
    url: str | None
    airflow_id: str | None = None
    refused: AppError | None = field(default=None, compare=False)


def is_same_address(one: str | None, other: str | None) -> bool:
    """Whether two addresses are written for the same place.

    >>> is_same_address("https://Airflow.example/", "https://airflow.example")
    True
    """
    return None not in (one, other) and _plain(one) == _plain(other)


def _plain(url: str | None) -> str:
    return (url or "").rstrip("/").lower()


def refusal(
    mine: Installation, reported: str | None, others: Iterable[Installation]
) -> AppError | None:
    """Why what answers at `mine.url` is not the environment's Airflow; None where it is.

    AIR005 where it is another environment's, known by its id or, where it reports none, by an
    address that another environment had first; AIR006 where it is not the one it was before.
    """
    for other in others:
        if reported is not None and other.airflow_id == reported:
            return _taken(mine, other, f"it reports the same id, {reported}")
        is_first = other.order < mine.order
        if reported is None and is_first and is_same_address(mine.url, other.url):
            return _taken(mine, other, "it has the same address")
    if None in (reported, mine.airflow_id) or reported == mine.airflow_id:
        return None
    return Conflict(
        "AIR006",
        f"the Airflow at {mine.url} is not the one that {mine.environment!r} was connected to: it "
        f"reports the id {reported}, that one {mine.airflow_id}",
        "If it was made anew: windlass environment accept "
        f"{mine.environment}. Else mend the address, or what answers at it.",
    )


def not_deployed(environment: str, refused: AppError) -> AppError:
    """Why nothing is deployed to an environment whose Airflow is another one's."""
    return Conflict(
        "DEP007",
        f"nothing is deployed to the environment {environment!r}: {refused.message}",
        f"{refused.hint} What is deployed there stays meanwhile; what waits is tried again as soon "
        "as that is settled.",
    )


def _taken(mine: Installation, other: Installation, why: str) -> AppError:
    return Conflict(
        "AIR005",
        f"the Airflow at {mine.url} is that of the environment {other.environment!r} already: "
        f"{why}",
        f"Two environments would bind the same bundles and dag_ids. Use {other.environment!r}, or "
        f"give {mine.environment!r} another Airflow. Where one database is a copy of the other, "
        "delete the variable windlass_airflow_id in the copy.",
    )
