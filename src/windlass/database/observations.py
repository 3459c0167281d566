"""What Airflow was seen with: deployments that are looked at, and where each DAG is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.database.repositories import get_repository_by_id
from windlass.domain.clock import Ahead
from windlass.domain.options import Options
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Repository, RepositoryId

_OBSERVED = [state for state in DeploymentState if state.is_observed]


@dataclass(frozen=True, slots=True)
class ImportErrorRow:
    """An import error as it is stored; `at` is when Airflow first met it, by Airflow's clock."""

    path: str
    text: str
    at: datetime

    def to_json(self) -> dict[str, str]:
        return {"path": self.path, "text": self.text, "at": self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class OpenDeployment:
    """A published deployment that Airflow was not yet seen with, or was seen failing on.

    `replaces` and what belongs to it are of the release before: None or empty for the first one.
    Times are the database's clock; `now` is when it was claimed.
    """

    id: int
    repository_id: RepositoryId
    repository: str
    environment: str
    bundle: str
    options: Options
    release_id: ReleaseId
    artifact: str
    is_rollback: bool
    published_at: datetime
    state: DeploymentState
    failed_at: datetime | None
    failure_answer: str | None
    import_errors: tuple[ImportErrorRow, ...]
    not_made: frozenset[str]
    replaces: ReleaseId | None
    replaces_artifact: str | None
    failed_before: frozenset[str]
    not_made_before: frozenset[str]
    now: datetime

    @property
    def age(self) -> timedelta:
        return self.now - self.published_at


def claim_observations(
    connection: Connection, environments: Collection[str], limit: int
) -> list[OpenDeployment]:
    """Take deployments of these environments that are due for a look at Airflow, and set when the
    next is: often in the first seconds and until a failure is answered, every ten seconds after
    two minutes or that answer."""
    d = t.deployment.c
    age_s = sa.func.extract("epoch", sa.func.now() - d.published_at)
    is_answered = sa.and_(d.state == DeploymentState.FAILED, d.failure_answer.is_not(None))
    is_failing = d.state == DeploymentState.FAILED
    pause_s = sa.case(
        (is_answered, 10.0),
        (is_failing, 0.5),
        (age_s < 3, 0.05),
        (age_s < 15, 0.15),
        (age_s < 120, 1.0),
        else_=10.0,
    )
    claim = (
        sa.update(t.deployment)
        .where(d.id.in_(_due(environments, limit)))
        .values(
            next_observation_at=sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, pause_s)
        )
        .returning(d.id)
    )
    claimed = list(connection.execute(claim).scalars())
    if not claimed:
        return []
    rows = connection.execute(_observed().where(d.id.in_(claimed)).order_by(d.id))
    return [_open_deployment(row) for row in rows]


def close_deployment(
    connection: Connection,
    deployment_id: int,
    state: DeploymentState,
    import_errors: Sequence[ImportErrorRow] = (),
) -> bool:
    """Note what Airflow was seen with; False if that is no news: the deployment was in that state
    before, where only its import errors are renewed, or nothing can change it any more.

    A release that fails after it was live keeps the time when it was."""
    d = t.deployment.c
    known = sa.select(d.state).where(d.id == deployment_id, d.state.in_(_OBSERVED))
    before = connection.execute(known.with_for_update()).scalar_one_or_none()
    if before is None:
        return False
    is_live = state is DeploymentState.LIVE
    at = sa.func.clock_timestamp()
    query = (
        sa.update(t.deployment)
        .where(d.id == deployment_id)
        .values(
            state=state,
            import_errors=[error.to_json() for error in import_errors],
            missing=[],
            live_at=sa.func.coalesce(d.live_at, at) if is_live else d.live_at,
            failed_at=None if is_live else sa.func.coalesce(d.failed_at, at),
            failure_answer=None if is_live else d.failure_answer,
        )
    )
    connection.execute(query)
    return bool(before != state)


def answer_failure(connection: Connection, deployment_id: int, answer: str) -> bool:
    """Note what a failure was answered with; False where that was noted already."""
    d = t.deployment.c
    query = sa.update(t.deployment).where(
        d.id == deployment_id,
        d.state == DeploymentState.FAILED,
        d.failure_answer.is_distinct_from(answer),
    )
    return bool(connection.execute(query.values(failure_answer=answer)).rowcount)


def record_missing(connection: Connection, deployment_id: int, missing: list[str]) -> None:
    """Note what a look at Airflow missed."""
    query = sa.update(t.deployment).where(t.deployment.c.id == deployment_id)
    connection.execute(query.values(missing=missing))


def record_not_made(connection: Connection, deployment_id: int, dag_ids: Collection[str]) -> None:
    """Note literal ids that their files turned out not to make."""
    query = sa.update(t.deployment).where(t.deployment.c.id == deployment_id)
    connection.execute(query.values(not_made=sorted(dag_ids)))


def record_converged(connection: Connection, deployment_id: int) -> bool:
    """Note that Airflow was seen with all DAGs of the release; False if that was known."""
    d = t.deployment.c
    query = sa.update(t.deployment).where(d.id == deployment_id, d.converged_at.is_(None))
    return bool(connection.execute(query.values(converged_at=sa.func.clock_timestamp())).rowcount)


def observed_dags(connection: Connection, repository_id: RepositoryId) -> dict[str, str]:
    """dag_id → file, of the DAGs that Airflow was last seen to have from this repository."""
    o = t.observed_dag.c
    query = sa.select(sa.func.json_object_agg(o.dag_id, o.path)).where(
        o.repository_id == repository_id, o.gone_at.is_(None)
    )
    return connection.execute(query).scalar_one() or {}


def ever_observed(connection: Connection, repository_id: RepositoryId) -> set[str]:
    """The dag_ids that Airflow was seen to have from this repository, and from no other one since;
    those too that are gone."""
    o = t.observed_dag.c
    query = sa.select(o.dag_id).where(o.repository_id == repository_id)
    return set(connection.execute(query).scalars())


def record_observed(
    connection: Connection, repository: Repository, shown: Mapping[str, str]
) -> None:
    """Note that Airflow shows exactly these DAGs (dag_id → file) from the repository. An id that
    it showed from another one before is that one's no more."""
    known = observed_dags(connection, repository.id)
    gone = known.keys() - shown.keys()
    o = t.observed_dag.c
    if gone:
        query = sa.update(t.observed_dag).where(
            o.repository_id == repository.id, o.dag_id == sa.func.any(_array(gone))
        )
        connection.execute(query.values(gone_at=sa.func.now()))
    news = {dag_id: path for dag_id, path in shown.items() if known.get(dag_id) != path}
    if not news:
        return
    environment_id = connection.execute(
        sa.select(t.environment.c.id).where(t.environment.c.name == repository.environment)
    ).scalar_one()
    rows = [
        {
            "environment_id": environment_id,
            "dag_id": dag_id,
            "repository_id": repository.id,
            "path": path,
        }
        for dag_id, path in sorted(news.items())
    ]
    put = insert(t.observed_dag)
    put = put.on_conflict_do_update(
        index_elements=["environment_id", "dag_id"],
        set_={
            "repository_id": put.excluded.repository_id,
            "path": put.excluded.path,
            "seen_at": sa.func.now(),
            "gone_at": None,
        },
    )
    connection.execute(put, rows)


@dataclass(frozen=True, slots=True)
class Place:
    """Where Airflow was last seen to have a DAG. `is_gone`: it is not there any more."""

    repository_id: RepositoryId
    path: str
    is_gone: bool


def last_places(
    connection: Connection, repository: Repository, dag_ids: Collection[str]
) -> dict[str, Place]:
    """dag_id → where Airflow was last seen to have it, in the repository's environment."""
    o = t.observed_dag.c
    query = (
        sa.select(o.dag_id, o.repository_id, o.path, o.gone_at)
        .join(t.environment, t.environment.c.id == o.environment_id)
        .where(
            t.environment.c.name == repository.environment, o.dag_id == sa.func.any(_array(dag_ids))
        )
    )
    return {
        row.dag_id: Place(row.repository_id, row.path, row.gone_at is not None)
        for row in connection.execute(query)
    }


@dataclass(frozen=True, slots=True)
class LiveDeployment:
    """A deployment that was seen live and whose release its bundle names."""

    id: int
    repository_id: RepositoryId
    repository: str
    bundle: str
    release_id: ReleaseId
    artifact: str
    replaces_artifact: str | None
    published_at: datetime
    age: timedelta
    is_converged: bool
    import_errors: tuple[ImportErrorRow, ...]
    not_made: frozenset[str]


def claim_survey(
    connection: Connection, environments: Collection[str], interval_s: float
) -> list[str]:
    """The environments whose live releases are due for a look, each given to one worker only."""
    e = t.environment.c
    due = (
        sa.select(e.id)
        .where(e.name.in_(environments), e.next_look_at <= sa.func.now())
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    query = (
        sa.update(t.environment)
        .where(e.id.in_(due))
        .values(next_look_at=sa.func.now() + timedelta(seconds=interval_s))
        .returning(e.name)
    )
    return sorted(connection.execute(query).scalars())


def survey_again(connection: Connection, environment: str, in_s: float) -> None:
    """Make the next look at an environment due sooner."""
    query = sa.update(t.environment).where(t.environment.c.name == environment)
    connection.execute(query.values(next_look_at=sa.func.now() + timedelta(seconds=in_s)))


def list_live(connection: Connection, environment: str) -> list[LiveDeployment]:
    """What is live in an environment, by bundle."""
    d, b, old = t.deployment.c, t.bundle.c, t.release.alias("old")
    query = (
        sa.select(
            d.id,
            d.repository_id,
            t.repository.c.name.label("repository"),
            b.name.label("bundle"),
            d.release_id,
            t.release.c.artifact_digest.label("artifact"),
            old.c.artifact_digest.label("replaces_artifact"),
            d.published_at,
            (sa.func.clock_timestamp() - d.published_at).label("age"),
            d.converged_at.is_not(None).label("is_converged"),
            d.import_errors,
            d.not_made,
        )
        .join(t.environment, t.environment.c.id == b.environment_id)
        .join(t.deployment, d.release_id == b.release_id)
        .join(t.release, t.release.c.id == d.release_id)
        .outerjoin(old, old.c.id == d.replaces)
        .join(t.repository, t.repository.c.id == d.repository_id)
        .where(t.environment.c.name == environment, d.state == DeploymentState.LIVE)
        .order_by(b.name)
    )
    rows = (row._asdict() for row in connection.execute(query))
    return [
        LiveDeployment(
            **{
                **row,
                "import_errors": _errors(row["import_errors"]),
                "not_made": frozenset(row["not_made"]),
            }
        )
        for row in rows
    ]


def renew_errors(
    connection: Connection, live: LiveDeployment, errors: Sequence[ImportErrorRow]
) -> bool:
    """Store the import errors of a live release; False where it is not what is live any more."""
    is_current = sa.exists().where(t.bundle.c.release_id == live.release_id)
    query = sa.update(t.deployment).where(
        t.deployment.c.id == live.id, t.deployment.c.state == DeploymentState.LIVE, is_current
    )
    stored = [error.to_json() for error in errors]
    return bool(connection.execute(query.values(import_errors=stored)).rowcount)


def reopen(connection: Connection, live: LiveDeployment, errors: Sequence[ImportErrorRow]) -> bool:
    """Make a live deployment a failed one, which the observer looks at at once; False where it is
    not what is live any more."""
    if not renew_errors(connection, live, errors):
        return False
    query = (
        sa.update(t.deployment)
        .where(t.deployment.c.id == live.id)
        .values(
            state=DeploymentState.FAILED,
            failed_at=sa.func.clock_timestamp(),
            failure_answer=None,
            next_observation_at=sa.func.now(),
        )
    )
    connection.execute(query)
    return True


def database_time(connection: Connection) -> datetime:
    """The database's clock."""
    at: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return at


def database_ahead(connection: Connection) -> Ahead:
    """How far the database's clock is ahead of this machine's."""
    asked_at = datetime.now(UTC)
    said = database_time(connection)
    return Ahead.from_answer(said, asked_at=asked_at, answered_at=datetime.now(UTC))


def record_survey(
    connection: Connection,
    environment: str,
    *,
    error: str | None,
    clock_ahead_s: float,
    ill: Sequence[str],
) -> tuple[str | None, int]:
    """Keep what the last look at an environment saw; looks that failed in a row are counted. The
    error of the look before, and how many had failed in a row by then."""
    e = t.environment.c
    known = sa.select(e.observation).where(e.name == environment).with_for_update()
    last = connection.execute(known).scalar_one_or_none() or {}
    before = sa.func.coalesce(e.observation["failures"].as_integer(), 0)
    seen = sa.func.jsonb_build_object(
        "at",
        sa.func.clock_timestamp(),
        "error",
        sa.cast(error, sa.Text),
        "failures",
        0 if error is None else before + 1,
        "clock_ahead_s",
        clock_ahead_s,
        "ill",
        sa.cast(list(ill), JSONB),
    )
    connection.execute(
        sa.update(t.environment).where(e.name == environment).values(observation=seen)
    )
    return last.get("error"), last.get("failures", 0)


def repository_of(connection: Connection, found: OpenDeployment | LiveDeployment) -> Repository:
    """The repository of a deployment."""
    return get_repository_by_id(connection, found.repository_id)


def _array(dag_ids: Collection[str]) -> sa.ColumnElement[Any]:
    """One parameter for any number of ids."""
    text_array: Any = ARRAY(sa.Text)
    return sa.literal(sorted(dag_ids), text_array)


def _due(environments: Collection[str], limit: int) -> sa.ScalarSelect[int]:
    """Ids of observed deployments whose release their bundle still names, longest due first."""
    d = t.deployment.c
    return (
        sa.select(d.id)
        .join(
            t.bundle,
            sa.and_(
                t.bundle.c.repository_id == d.repository_id, t.bundle.c.release_id == d.release_id
            ),
        )
        .join(t.environment, t.environment.c.id == t.bundle.c.environment_id)
        .where(
            d.state.in_(_OBSERVED),
            d.next_observation_at <= sa.func.now(),
            t.environment.c.name.in_(environments),
        )
        .order_by(d.next_observation_at)
        .limit(limit)
        .with_for_update(of=t.deployment, skip_locked=True)
        .scalar_subquery()
    )


def _observed() -> sa.Select[Any]:
    new, old, before = t.release.alias("new"), t.release.alias("old"), t.deployment.alias("before")
    d = t.deployment.c
    return (
        sa.select(
            d.id,
            d.repository_id,
            t.repository.c.name.label("repository"),
            t.environment.c.name.label("environment"),
            t.bundle.c.name.label("bundle"),
            t.repository.c.options,
            d.release_id,
            new.c.artifact_digest.label("artifact"),
            new.c.content_of.is_not(None).label("is_rollback"),
            d.published_at,
            d.state,
            d.failed_at,
            d.failure_answer,
            d.import_errors,
            d.not_made,
            d.replaces,
            old.c.artifact_digest.label("replaces_artifact"),
            before.c.import_errors.label("failed_before"),
            before.c.not_made.label("not_made_before"),
            sa.func.clock_timestamp().label("now"),
        )
        .join(new, new.c.id == d.release_id)
        .outerjoin(old, old.c.id == d.replaces)
        .outerjoin(before, before.c.release_id == d.replaces)
        .join(t.repository, t.repository.c.id == d.repository_id)
        .join(t.bundle, t.bundle.c.repository_id == t.repository.c.id)
        .join(t.environment, t.environment.c.id == t.bundle.c.environment_id)
    )


def _open_deployment(row: Row[Any]) -> OpenDeployment:
    told = row._asdict()
    return OpenDeployment(
        **{
            **told,
            "options": Options.from_json(row.options),
            "state": DeploymentState(row.state),
            "import_errors": _errors(row.import_errors),
            "not_made": frozenset(row.not_made),
            "failed_before": frozenset(e["path"] for e in row.failed_before or ()),
            "not_made_before": frozenset(row.not_made_before or ()),
        }
    )


def _errors(stored: list[dict[str, str]]) -> tuple[ImportErrorRow, ...]:
    """Rows of before r0003 have no time: they were met long ago."""
    long_ago = "2000-01-01T00:00:00+00:00"
    return tuple(
        ImportErrorRow(e["path"], e["text"], datetime.fromisoformat(e.get("at", long_ago)))
        for e in stored
    )
