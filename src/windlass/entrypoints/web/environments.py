"""Environments: each is one Airflow, and how releases reach it."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, SecretStr

from windlass.artifacts.strangers import environment_of
from windlass.database.environments import count_bundles, get_environment, list_environments
from windlass.database.installations import list_installations
from windlass.database.strangers import stored_strangers
from windlass.domain.checkup import Checkup, Condition
from windlass.domain.environment import DEFAULT_BUNDLES, MAX_BUNDLES, Environment, Target
from windlass.domain.identity import TAKEN, Installation, not_deployed
from windlass.domain.options import NewDags, VerdictMode
from windlass.domain.repository import Owner
from windlass.engine.connect import (
    Connected,
    Login,
    add_environment,
    change_environment,
    examine_environment,
    remove_environment,
)
from windlass.engine.context import Context
from windlass.engine.identity import accept_airflow
from windlass.entrypoints.web.callers import Actor, token_check
from windlass.entrypoints.web.inventory import InventoryIn
from windlass.entrypoints.web.models import PROBLEMS, Line, Request
from windlass.entrypoints.web.parameters import Name

Slots = Annotated[int, Field(ge=0, le=MAX_BUNDLES)]


class LoginIn(Request):
    """The user of Airflow's that Windlass is; its password is stored encrypted, never given
    back."""

    username: Line
    password: SecretStr = Field(min_length=1, max_length=4096)


class EnvironmentChange(Request):
    """What to change of an environment; what is left out stays as it is. An `airflow_url` or
    `interpreter` of null takes it away."""

    target: Target = Target.BUNDLE
    airflow_url: Line | None = None
    interpreter: Line | None = None
    bundles: Slots = DEFAULT_BUNDLES
    teams: dict[Line, Slots] = Field(default_factory=dict)
    new_dags: NewDags = NewDags.KEEP
    verdict_mode: VerdictMode = VerdictMode.ALL
    inventory: InventoryIn = Field(default_factory=InventoryIn)
    login: LoginIn | None = None

    def wanted(self, name: str) -> Connected:
        """What was given, and no defaults."""
        given = self.model_dump(exclude_unset=True, exclude={"login", "name", "inventory"})
        if "inventory" in self.model_fields_set:
            given["inventory"] = self.inventory.declared()
        login = self.login
        return Connected(
            name,
            given,
            Login(login.username, login.password.get_secret_value()) if login else None,
        )


class EnvironmentIn(EnvironmentChange):
    """An environment to add. What is left out gets its default."""

    name: Line


class EnvironmentOut(BaseModel):
    """An environment. `bundles_bound` of all its `bundles_total` show a repository's releases.

    `airflow_id` is what its Airflow reported; null where none did. `airflow_refused` says why what
    answers at its address is not asked: it is another Airflow. `not_deployed` says why nothing is
    deployed to it; null where it is. `foreign_files` lie in its folders
    of the store, and nobody knows them.
    """

    name: str
    owner: Owner
    target: Target
    airflow_url: str | None
    airflow_username: str | None
    airflow_id: str | None
    airflow_refused: str | None
    not_deployed: str | None
    interpreter: str | None
    bundles: int
    teams: dict[str, int]
    new_dags: NewDags
    verdict_mode: VerdictMode
    bundles_bound: int
    bundles_total: int
    foreign_files: list[str]

    @classmethod
    def of(
        cls,
        environment: Environment,
        airflow: Installation,
        foreign_files: Iterable[str],
        bound: int,
        total: int,
    ) -> Self:
        return cls(
            name=environment.name,
            owner=environment.owner,
            target=environment.target,
            airflow_url=environment.airflow_url,
            airflow_username=environment.airflow_username,
            airflow_id=airflow.airflow_id,
            airflow_refused=airflow.refused and f"{airflow.refused.code} {airflow.refused.message}",
            not_deployed=_not_deployed(environment, airflow),
            interpreter=environment.interpreter,
            bundles=environment.bundles,
            teams=dict(environment.teams),
            new_dags=environment.new_dags,
            verdict_mode=environment.verdict_mode,
            bundles_bound=bound,
            bundles_total=total,
            foreign_files=[p for p in foreign_files if environment_of(p) == environment.name],
        )


def _not_deployed(environment: Environment, airflow: Installation) -> str | None:
    if airflow.refused is None or airflow.refused.code != TAKEN:
        return None
    why = not_deployed(environment.name, airflow.refused)
    return f"{why.code} {why.message}. {why.hint}"


class CheckupOut(BaseModel):
    """One thing that was looked at, and what to do where it is not ok."""

    subject: str
    condition: Condition
    found: str
    remedy: str

    @classmethod
    def of(cls, row: Checkup) -> Self:
        return cls(subject=row.subject, condition=row.condition, found=row.found, remedy=row.remedy)


def environments_router(context: Context, token: str) -> APIRouter:
    """The addresses of environments."""
    router = APIRouter(
        prefix="/api/v1/environments",
        tags=["environments"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    def shown(name: str) -> EnvironmentOut:
        with context.database.transaction() as connection:
            found = get_environment(connection, name)
            airflow = list_installations(connection)[name]
            foreign = stored_strangers(connection)
            return EnvironmentOut.of(found, airflow, foreign, *count_bundles(connection, name))

    @router.get("")
    def list_all() -> list[EnvironmentOut]:
        """All environments, by name."""
        with context.database.transaction() as connection:
            airflows, foreign = list_installations(connection), stored_strangers(connection)
            return [
                EnvironmentOut.of(
                    one, airflows[one.name], foreign, *count_bundles(connection, one.name)
                )
                for one in list_environments(connection)
            ]

    @router.post("", status_code=HTTPStatus.CREATED)
    def add(given: EnvironmentIn, actor: Actor) -> EnvironmentOut:
        """Add an environment with its pool of bundles."""
        add_environment(context, given.wanted(given.name), actor=actor)
        return shown(given.name)

    @router.get("/{name}")
    def show(name: Name) -> EnvironmentOut:
        """One environment."""
        return shown(name)

    @router.patch("/{name}")
    def change(name: Name, given: EnvironmentChange, actor: Actor) -> EnvironmentOut:
        """Change an environment; the worker follows within a second."""
        change_environment(context, given.wanted(name), actor=actor)
        return shown(name)

    @router.delete("/{name}")
    def remove(name: Name, actor: Actor) -> list[EnvironmentOut]:
        """Forget an environment that no repository is in; those that are left."""
        remove_environment(context, name, actor=actor)
        return list_all()

    @router.post("/{name}/test")
    def test(name: Name) -> list[CheckupOut]:
        """Look at the environment's Airflow from here; changes nothing."""
        return [CheckupOut.of(row) for row in examine_environment(context, name)]

    @router.post("/{name}/accept")
    def accept(name: Name, actor: Actor) -> EnvironmentOut:
        """Accept the Airflow that answers now in the place of the one before."""
        accept_airflow(context, name, actor=actor)
        return shown(name)

    return router
