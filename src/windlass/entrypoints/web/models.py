"""What the API takes and gives (docs/contract/openapi.json). Fields are only ever added."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from windlass.database.history import PastEvent
from windlass.database.status import PastRelease, RepositoryStatus
from windlass.domain.finding import Finding, FindingType, Severity, by_severity
from windlass.domain.release import DeploymentState
from windlass.domain.repository import Health, SyncState
from windlass.domain.status import Deployed, Failure, Head, health, sync_state

# No controls and no marks that turn text: what is stored is shown on terminals later.
_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*$"
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=_ONE_LINE)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Every answer that is not a success."""

    code: str
    message: str
    hint: str


class BasicAuthIn(_Request):
    """User and password for a Git host; stored encrypted, never given back."""

    username: Line
    password: SecretStr = Field(min_length=1, max_length=4096)


class RepositoryIn(_Request):
    """A repository to add. What is left out gets its default."""

    url: Line
    name: Line | None = None
    namespace: Line | None = None
    environment: Line | None = None
    branch: Line = "main"
    path: Line = "."
    sync_interval: Line | None = None
    auth: BasicAuthIn | None = None
    actor: Line = "api"


class RollbackIn(_Request):
    """A rollback; `to` left out means the newest earlier release with other content."""

    to: int | None = Field(None, ge=1, lt=2**63)  # a BIGINT
    reason: Line
    actor: Line = "api"


class FindingOut(BaseModel):
    """One problem at one place; line and column count from 1, null means the whole file."""

    code: str
    severity: Severity
    type: FindingType
    path: str
    line: int | None
    column: int | None
    message: str
    hint: str

    @classmethod
    def of(cls, finding: Finding) -> Self:
        return cls(**finding.to_json())


class Badge(BaseModel):
    """A state with its reason in one line."""

    state: str
    reason: str


class SyncBadge(Badge):
    """Where the head of the branch is on its way to Airflow."""

    state: SyncState


class HealthBadge(Badge):
    """What Airflow reports of the deployed release."""

    state: Health


class HeadOut(BaseModel):
    """The newest known revision of the branch; its words are null before it is fetched."""

    sha: str
    author: str | None
    subject: str | None
    committed_at: datetime | None
    noticed_at: datetime

    @classmethod
    def of(cls, head: Head) -> Self:
        return cls(
            sha=head.sha,
            author=head.author,
            subject=head.subject,
            committed_at=head.committed_at,
            noticed_at=head.noticed_at,
        )


class FailureOut(BaseModel):
    """Why the last poll, sync or rollback failed; it is tried again by itself, but a rollback."""

    code: str
    message: str
    hint: str
    at: datetime

    @classmethod
    def of(cls, failure: Failure) -> Self:
        return cls(code=failure.code, message=failure.message, hint=failure.hint, at=failure.at)


class ImportErrorOut(BaseModel):
    """An import error as Airflow reports it."""

    path: str
    text: str


class DeployedOut(BaseModel):
    """The release that the bundle's pointer names."""

    id: int
    revision: str
    content_of: int | None
    state: DeploymentState
    published_at: datetime | None
    live_at: datetime | None
    import_errors: list[ImportErrorOut]

    @classmethod
    def of(cls, deployed: Deployed) -> Self:
        return cls(
            id=deployed.release_id,
            revision=deployed.revision,
            content_of=deployed.content_of,
            state=deployed.state,
            published_at=deployed.published_at,
            live_at=deployed.live_at,
            import_errors=[ImportErrorOut(path=p, text=t) for p, t in deployed.import_errors],
        )


class EventOut(BaseModel):
    """Something that happened; `facts` differ by tag."""

    at: datetime
    tag: str
    revision: str | None
    release: int | None
    facts: dict[str, Any]

    @classmethod
    def of(cls, event: PastEvent) -> Self:
        return cls(
            at=event.at,
            tag=event.tag,
            revision=event.revision,
            release=event.release_id,
            facts=event.facts,
        )


class RepositoryOut(BaseModel):
    """A repository and where it is. `findings` are those of the newest verdict."""

    name: str
    namespace: str
    environment: str
    bundle: str | None
    url: str
    branch: str
    path: str
    sync_interval_s: int
    polled_at: datetime | None
    next_poll_at: datetime
    sync: SyncBadge
    health: HealthBadge
    head: HeadOut | None
    release: DeployedOut | None
    failure: FailureOut | None
    judged_revision: str | None
    findings: list[FindingOut]

    @classmethod
    def of(cls, status: RepositoryStatus) -> Self:
        repository, facts = status.repository, status.facts
        state, reason = sync_state(facts)
        condition, why = health(facts.deployed)
        return cls(
            name=repository.name,
            namespace=repository.namespace,
            environment=repository.environment,
            bundle=status.bundle,
            url=repository.url,
            branch=repository.branch,
            path=repository.path,
            sync_interval_s=repository.sync_interval_s,
            polled_at=status.polled_at,
            next_poll_at=status.next_poll_at,
            sync=SyncBadge(state=state, reason=reason),
            health=HealthBadge(state=condition, reason=why),
            head=HeadOut.of(facts.head) if facts.head else None,
            release=DeployedOut.of(facts.deployed) if facts.deployed else None,
            failure=FailureOut.of(facts.failure) if facts.failure else None,
            judged_revision=facts.judged,
            findings=[FindingOut.of(f) for f in by_severity(facts.findings)],
        )


class ReleaseOut(BaseModel):
    """A release with its deployment. `is_current`: the bundle's pointer names it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    revision: str
    subject: str | None
    author: str | None
    content_of: int | None
    actor: str
    reason: str
    created_at: datetime
    state: DeploymentState
    published_at: datetime | None
    live_at: datetime | None
    is_current: bool
    quarantine_reason: str | None
    file_count: int

    @classmethod
    def of(cls, release: PastRelease) -> Self:
        return cls.model_validate(release)


class SyncOut(BaseModel):
    """`queued` false: one was waiting already, which will do."""

    queued: bool


class RollbackOut(BaseModel):
    """The release whose content will come back, as a new release."""

    content_of: int


class HealthOut(BaseModel):
    """The process answers; `ready` also that the database does."""

    status: Literal["ok", "ready"]
