"""An environment: one Airflow, how releases reach it, and what its repositories start from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from windlass.domain.inventory import Declared
from windlass.domain.options import DEFAULTS, NewDags, Options, VerdictMode
from windlass.domain.repository import Owner

DEFAULT_BUNDLES = 16
MAX_BUNDLES = 256
FULL_POOL = 0.8
"""From this share of bundles in use on, people are told that the pool fills."""
FOLDER_BUNDLE = "dags-folder"
"""How Airflow 3 names the bundle of its `dags_folder` (dag_processing/bundles/manager.py)."""


def folder_of(bundle: str) -> str:
    """Where a repository's tree lies in the folder that Airflow reads; "" where that has bundles.

    >>> folder_of("sales/team-dags"), folder_of("windlass-00")
    ('sales/team-dags', '')
    """
    return bundle if "/" in bundle else ""


class Target(StrEnum):
    """How releases reach an Airflow."""

    BUNDLE = "bundle"  # Airflow 3.1 and newer: a pool of DAG bundles
    FOLDER = "folder"  # a folder that Airflow reads DAG files from; Airflow 2.11 and older too


@dataclass(frozen=True, slots=True)
class Environment:
    """One Airflow.

    `airflow_url` None: nobody asks it, so nothing is seen live. `credential` names the stored one
    that opens its REST API. `interpreter` is its Python. `bundles` counts the slots of no team;
    `teams` has the slots of each team beside those. `new_dags` and `verdict_mode` are what a
    repository gets that does not choose. `inventory` is what people say that it has.
    """

    name: str
    target: Target = Target.BUNDLE
    airflow_url: str | None = None
    airflow_username: str | None = None
    credential: str | None = None
    interpreter: str | None = None
    bundles: int = DEFAULT_BUNDLES
    teams: Mapping[str, int] = field(default_factory=dict)
    new_dags: NewDags = DEFAULTS.new_dags
    verdict_mode: VerdictMode = DEFAULTS.verdict_mode
    owner: Owner = Owner.API
    inventory: Declared = field(default_factory=Declared)

    @property
    def defaults(self) -> Options:
        """The options of a repository that chooses nothing."""
        return replace(DEFAULTS, new_dags=self.new_dags, verdict_mode=self.verdict_mode)

    @property
    def pool(self) -> dict[str, str | None]:
        """Bundle name → the team it is kept for; None: any repository of no team.

        >>> Environment("prod", bundles=1, teams={"ml": 2}).pool
        {'windlass-00': None, 'windlass-ml-00': 'ml', 'windlass-ml-01': 'ml'}
        """
        free: dict[str, str | None] = {f"windlass-{n:02d}": None for n in range(self.bundles)}
        kept = {
            f"windlass-{team}-{n:02d}": team for team, k in self.teams.items() for n in range(k)
        }
        return free | kept

    def new_dags_of(self, options: Options) -> NewDags:
        """How new DAGs of a repository with these options begin."""
        return self.new_dags if options.new_dags is NewDags.KEEP else options.new_dags

    def options_to_json(self) -> dict[str, Any]:
        """What has no column of its own."""
        return {
            "bundles": self.bundles,
            "teams": dict(self.teams),
            "new_dags": self.new_dags,
            "verdict_mode": self.verdict_mode,
            "inventory": self.inventory.to_json(),
        }

    def with_options(self, stored: Mapping[str, Any]) -> Self:
        """The inverse of `options_to_json`; what is not stored keeps its value."""
        return replace(
            self,
            bundles=stored.get("bundles", self.bundles),
            teams=stored.get("teams", self.teams),
            new_dags=NewDags(stored.get("new_dags", self.new_dags)),
            verdict_mode=VerdictMode(stored.get("verdict_mode", self.verdict_mode)),
            inventory=Declared.from_json(stored.get("inventory", {})),
        )
