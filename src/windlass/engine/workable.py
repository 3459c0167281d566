"""Which repositories may be worked on, and what of them may change."""

from sqlalchemy.engine import Connection

from windlass.database.deployments import find_bundle
from windlass.database.environments import get_environment
from windlass.database.repositories import get_repository
from windlass.domain.environment import Environment, Target
from windlass.domain.errors import Conflict, Invalid
from windlass.domain.nearest import suggest
from windlass.domain.options import Options
from windlass.domain.repository import Repository


def get_workable(connection: Connection, name: str) -> Repository:
    """The repository of that name, if work on it may begin: Conflict REPO013 where it is being
    removed, NotFound REPO011 where there is none."""
    repository = get_repository(connection, name)
    if repository.removing_at is not None:
        raise Conflict(
            "REPO013",
            f"the repository {name!r} is being removed",
            f"See how far that is: windlass repo show {name}",
        )
    return repository


def is_suspended(repository: Repository) -> Conflict:
    """What is said to who wants a suspended repository to be synced or deployed."""
    return Conflict(
        "REPO017",
        f"the repository {repository.name!r} is suspended",
        f"End that first: windlass repo resume {repository.name}",
    )


def check_team_exists(environment: Environment, wanted: Options) -> None:
    """Refuse a team that no bundle of the environment is kept for: Invalid REPO022. A folder has
    room for every team."""
    team = wanted.team
    if team is None or team in environment.teams or environment.target is Target.FOLDER:
        return
    raise Invalid(
        "REPO022",
        f"the environment {environment.name!r} has no team {team!r}",
        suggest(team, environment.teams) or "It has bundles of no team only.",
    )


def check_team(connection: Connection, repository: Repository, wanted: Options) -> None:
    """Refuse another team for a repository that has a bundle: Conflict REPO020. The bundle is that
    of its team, and Airflow would go on to run its DAGs as the old one's. Invalid REPO022 for a
    team that is not there."""
    if wanted.team == repository.options.team:
        return
    bundle = find_bundle(connection, repository.id)
    environment = get_environment(connection, repository.environment)
    if bundle is not None and environment.target is Target.BUNDLE:
        raise Conflict(
            "REPO020",
            f"{repository.name!r} is in the bundle {bundle!r}, so its team stays "
            f"{repository.options.team!r} and cannot become {wanted.team!r}",
            f"Remove it (windlass repo remove {repository.name}), and add it again with that team.",
        )
    check_team_exists(environment, wanted)
