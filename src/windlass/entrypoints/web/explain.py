"""Why a DAG is, or is not, visible, over HTTP."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel

from windlass.domain.explanation import Visibility
from windlass.engine.context import Context
from windlass.engine.explain import Explanation, explain_dag
from windlass.entrypoints.web.callers import token_check
from windlass.entrypoints.web.models import PROBLEMS

_DagId = Annotated[str, Path(max_length=500, pattern=r"^[^\x00]*$")]
_Environment = Annotated[str | None, Query(max_length=63, pattern=r"^[^\x00]*$")]


class MomentOut(BaseModel):
    """One step on the way from the push to the first run."""

    at: datetime
    what: str


class ExplanationOut(BaseModel):
    """One sentence, what it rests on, what to do next, and the way from the push to the first run.

    `release` is the current one of the repository that has the DAG; null where there is none.
    `near` are ids that are written alike, where this one is unknown.
    """

    dag_id: str
    state: Visibility
    sentence: str
    evidence: list[str]
    next_step: str
    repository: str | None
    environment: str | None
    release: int | None
    timeline: list[MomentOut]
    near: list[str]

    @classmethod
    def of(cls, found: Explanation) -> Self:
        return cls(
            dag_id=found.dag_id,
            state=found.answer.state,
            sentence=found.answer.sentence,
            evidence=list(found.answer.evidence),
            next_step=found.answer.next_step,
            repository=found.repository,
            environment=found.environment,
            release=found.release_id,
            timeline=[MomentOut(at=m.at, what=m.what) for m in found.timeline],
            near=list(found.near),
        )


def explain_router(context: Context, token: str) -> APIRouter:
    """The address, for callers who show the token."""
    router = APIRouter(
        prefix="/api/v1/dags",
        tags=["dags"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    @router.get("/{dag_id:path}/explain")
    def explain(dag_id: _DagId, environment: _Environment = None) -> ExplanationOut:
        """Why this DAG is, or is not, visible in Airflow. Always answers: any id will do."""
        return ExplanationOut.of(explain_dag(context, dag_id, environment))

    return router
