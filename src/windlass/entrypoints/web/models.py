"""What the API takes and gives (docs/contract/openapi.json). Fields are only ever added."""

from collections import defaultdict
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, StringConstraints, Tag

from windlass.database.history import PastEvent
from windlass.database.holds import PastHold
from windlass.database.status import PastRelease, RepositoryStatus
from windlass.domain.approval import ApprovalState
from windlass.domain.delivery import ForgeKind
from windlass.domain.finding import Finding, FindingType, Severity, by_severity
from windlass.domain.hold import Hold, HoldKind
from windlass.domain.login import (
    AppLogin,
    DeployTokenLogin,
    KeyLogin,
    Login,
    PasswordLogin,
    TokenLogin,
)
from windlass.domain.options import OnRewrite
from windlass.domain.ref import RefChoice, RefKind
from windlass.domain.release import DeploymentState
from windlass.domain.repository import Health, SyncState
from windlass.domain.status import (
    Deployed,
    Facts,
    Failure,
    Head,
    health,
    sync_state,
    warnings_of,
)
from windlass.domain.webhook import Hook, HookState

# No controls and no marks that turn text: what is stored is shown on terminals later.
_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*$"
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=_ONE_LINE)]


class Request(BaseModel):
    """A body that is sent; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Every answer that is not a success."""

    code: str
    message: str
    hint: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    # In our words: Python 3.13 has another phrase for 422 than 3.12.
    401: {"model": Problem, "description": "The token is missing or wrong"},
    404: {"model": Problem, "description": "There is no such thing"},
    409: {"model": Problem, "description": "The state forbids it"},
    422: {"model": Problem, "description": "The request must be corrected"},
    503: {"model": Problem, "description": "Something outside is away; try again later"},
}
"""What every endpoint that asks for the token may answer beside success."""


class BasicAuthIn(Request):
    """User and password for a Git host; stored encrypted, never given back."""

    username: Line
    password: SecretStr = Field(min_length=1, max_length=4096)

    def login(self) -> Login:
        return PasswordLogin(self.username, self.password.get_secret_value())


class TokenIn(Request):
    """A token of a Git host; stored encrypted, never given back. Without `username` it is sent
    with the user that the host wants."""

    token: SecretStr = Field(min_length=1, max_length=4096)
    username: Line | None = None

    def login(self) -> Login:
        return TokenLogin(self.token.get_secret_value(), self.username)


class KeyIn(Request):
    """An ssh private key, and how the host is known: by the text of a known_hosts file, or by the
    fingerprint of its key. Stored encrypted and without its passphrase, never given back."""

    private_key: SecretStr = Field(min_length=1, max_length=32768)
    passphrase: SecretStr | None = Field(None, min_length=1, max_length=4096)
    known_hosts: str | None = Field(None, max_length=65536)
    host_key: Line | None = None

    def login(self) -> Login:
        opened = self.passphrase.get_secret_value() if self.passphrase else None
        key = self.private_key.get_secret_value()
        return KeyLogin(key, opened, self.known_hosts, self.host_key)


class DeployTokenIn(Request):
    """A deploy token of GitLab with its user, such as `gitlab+deploy-token-7`; stored encrypted,
    never given back."""

    username: Line
    deploy_token: SecretStr = Field(min_length=1, max_length=4096)

    def login(self) -> Login:
        return DeployTokenLogin(self.username, self.deploy_token.get_secret_value())


class AppIn(Request):
    """A GitHub App: its app id or client id, and its private key in PEM; stored encrypted, never
    given back. `installation_id` left out is that which reads the repository; `api_url` left out is
    that of its host."""

    app_id: Line
    app_private_key: SecretStr = Field(min_length=1, max_length=32768)
    installation_id: Line | None = None
    api_url: Annotated[str, Field(pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$")] | None = None

    def login(self) -> Login:
        key = self.app_private_key.get_secret_value()
        return AppLogin(self.app_id, key, self.installation_id, self.api_url)


def _kind_of_auth(given: Any) -> str:
    names = given if isinstance(given, dict) else vars(given) if hasattr(given, "__dict__") else ()
    return next((kind for name, kind in _AUTH_KINDS.items() if name in names), "basic")


_AUTH_KINDS = {
    "private_key": "ssh_key",
    "app_private_key": "github_app",
    "deploy_token": "deploy_token",
    "token": "token",
}
AUTH_TAGS = ("basic", *_AUTH_KINDS.values())
"""What pydantic adds to the place of a problem, and nobody wrote."""
AuthIn = Annotated[
    Annotated[BasicAuthIn, Tag("basic")]
    | Annotated[TokenIn, Tag("token")]
    | Annotated[DeployTokenIn, Tag("deploy_token")]
    | Annotated[AppIn, Tag("github_app")]
    | Annotated[KeyIn, Tag("ssh_key")],
    Discriminator(_kind_of_auth),
]


OptionsIn = dict[Line, bool | int | Line | list[Line] | None]


class RepositoryIn(Request):
    """A repository to add. What is left out gets its default. At most one of `branch`, `tag`,
    `tag_pattern` and `commit` is given; without any it is main, or the branch that the remote's
    HEAD names where it has no main. `options` by name, those of `on_rewrite` and `submodules` too;
    they hold from the first release on. `credential` names a stored one, in place of `auth`."""

    url: Line
    name: Line | None = None
    namespace: Line | None = None
    environment: Line | None = None
    branch: Line | None = None
    tag: Line | None = None
    tag_pattern: Line | None = None
    commit: Line | None = None
    path: Line = "."
    sync_interval: Line | None = None
    on_rewrite: OnRewrite = OnRewrite.FOLLOW
    submodules: bool = False
    options: OptionsIn = Field(default_factory=dict)
    credential: Line | None = None
    auth: AuthIn | None = None


class RollbackIn(Request):
    """A rollback; `to` left out means the newest earlier release with other content. With `hold`
    nothing is deployed automatically after it, until somebody ends the hold. `override` goes back
    to content that would be denied today, where the release policy lets people decide."""

    to: int | None = Field(None, ge=1, lt=2**63)  # a BIGINT
    reason: Line
    hold: bool = False
    override: bool = False


class ExcuseOut(BaseModel):
    """Why a finding does not count: by a comment beside it (`inline`) or a `waiver`, which `by`
    gave; `until` is the last day."""

    kind: str
    reason: str
    by: str
    until: str


class FindingOut(BaseModel):
    """One problem at one place; line and column count from 1, null means the whole file.

    `excerpt` is the line itself, its strings and comments starred out; empty where there is none.
    `rule` and `fix` are other names of `code` and `hint`. `fingerprint` stays when other lines
    change; empty where it was found before there were any.
    """

    code: str
    rule: str
    severity: Severity
    type: FindingType
    path: str
    line: int | None
    column: int | None
    end_column: int | None
    excerpt: str
    message: str
    hint: str
    fix: str
    fingerprint: str
    excused: ExcuseOut | None

    @classmethod
    def of(cls, finding: Finding) -> Self:
        return cls(**finding.to_json(), rule=finding.code, fix=finding.hint)


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
    """The newest known revision of what is followed; its words are null before it is fetched.
    `tag` is the tag that led to it, null where it is no tag."""

    sha: str
    author: str | None
    subject: str | None
    committed_at: datetime | None
    noticed_at: datetime
    tag: str | None

    @classmethod
    def of(cls, head: Head) -> Self:
        return cls(
            sha=head.sha,
            author=head.author,
            subject=head.subject,
            committed_at=head.committed_at,
            noticed_at=head.noticed_at,
            tag=head.tag,
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
    """The release that the bundle's pointer names.

    `seconds_to_live` count from the moment the push was noticed, null where nothing was pushed for
    it. `converged_at`: all its DAGs were seen, unchanged ones too. `failure_answer`: what its
    import errors were answered with. `drift` says how its tree in the store differs from it, a
    line for each file. `not_made`: dag_ids that a plain reading finds and running the file does
    not make.
    """

    id: int
    revision: str
    content_of: int | None
    state: DeploymentState
    published_at: datetime | None
    live_at: datetime | None
    noticed_at: datetime | None
    seconds_to_live: float | None
    converged_at: datetime | None
    import_errors: list[ImportErrorOut]
    failure_answer: str | None
    drift: list[str]
    not_made: list[str]

    @classmethod
    def of(cls, deployed: Deployed) -> Self:
        return cls(
            id=deployed.release_id,
            revision=deployed.revision,
            content_of=deployed.content_of,
            state=deployed.state,
            published_at=deployed.published_at,
            live_at=deployed.live_at,
            noticed_at=deployed.noticed_at,
            seconds_to_live=deployed.seconds_to_live,
            converged_at=deployed.converged_at,
            import_errors=[ImportErrorOut(path=p, text=t) for p, t in deployed.import_errors],
            failure_answer=deployed.failure_answer,
            drift=list(deployed.drift),
            not_made=list(deployed.not_made),
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


class HoldIn(Request):
    """A hold: nothing is deployed automatically until it ends. `expires`, such as 4h, only tells
    that it has lasted longer than it was meant to."""

    reason: Line
    until_new_head: bool = False
    expires: Line | None = None


class ReasonIn(Request):
    """Why something is done; kept in the history."""

    reason: Line


PlanDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,64}$")]


class ApprovalIn(ReasonIn):
    """Why a release is approved, and the plan that was looked at: its digest, or the first seven
    digits of it or more."""

    plan: PlanDigest | None = None


class HoldOut(BaseModel):
    """A hold. The `ended` fields are null while it is open."""

    kind: HoldKind
    reason: str
    actor: str
    head: str | None
    until_new_head: bool
    expires_at: datetime | None
    created_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    end_reason: str | None = None

    @classmethod
    def of(cls, hold: Hold) -> Self:
        return cls.model_validate(hold, from_attributes=True)

    @classmethod
    def of_past(cls, past: PastHold) -> Self:
        ended = {
            "ended_at": past.ended_at,
            "ended_by": past.ended_by,
            "end_reason": past.end_reason,
        }
        return cls.of(past.hold).model_copy(update=ended)


class DecisionOut(BaseModel):
    """The release that was decided about."""

    id: int


class UnderReviewOut(BaseModel):
    """A release that waits for approval."""

    id: int
    revision: str
    since: datetime


class LiftOut(BaseModel):
    """The release that was quarantined, and is not any more."""

    id: int


class ServedFileOut(BaseModel):
    """A file that is not deployed as the head has it, in verdict mode per_file.

    `kept`: its version of `release` is deployed. `omitted`: it is not deployed; `release` has its
    last good version, null where there is none. `codes` are the findings that say why.
    """

    path: str
    served: Literal["kept", "omitted"]
    release: int | None
    codes: list[str]

    @classmethod
    def all_of(cls, facts: Facts) -> list[Self]:
        """Those of the newest verdict, by path."""
        codes: dict[str, list[str]] = defaultdict(list)
        for finding in by_severity(facts.findings):
            codes[finding.path].append(finding.code)
        made = [
            cls(path=path, served="kept", release=release, codes=codes[path])
            for path, release in facts.kept.items()
        ]
        made += [
            cls(path=path, served="omitted", release=release, codes=codes[path])
            for path, release in facts.omitted.items()
        ]
        return sorted(made, key=lambda file: file.path)


class HookOut(BaseModel):
    """Whether a Git host calls a webhook. `silent_at`: since when a push is known of which no call
    told; polls come sooner from then on."""

    kind: ForgeKind
    state: HookState
    heard_at: datetime | None
    silent_at: datetime | None

    @classmethod
    def of(cls, hook: Hook) -> Self:
        return cls.model_validate(hook, from_attributes=True)


class RepositoryOut(BaseModel):
    """A repository and where it is. `findings`, `validated` and `partial` are those of the newest
    verdict; `validated` false means that only intake, syntax and dag_id ownership were checked.
    `imports` says in words what that verdict imported, or why it did not. `watched` false: no
    Airflow is known that could be asked what is live. `at_work`: a sync of it, or another job,
    waits or runs."""

    name: str
    namespace: str
    environment: str
    bundle: str | None
    url: str
    ref_kind: RefKind
    ref: str
    ref_choice: RefChoice
    branch: str | None
    path: str
    sync_interval_s: int
    polled_at: datetime | None
    next_poll_at: datetime
    at_work: bool
    sync: SyncBadge
    health: HealthBadge
    watched: bool
    head: HeadOut | None
    expected_revision: str | None
    release: DeployedOut | None
    failure: FailureOut | None
    judged_revision: str | None
    validated: bool
    imports: str | None
    partial: list[ServedFileOut]
    findings: list[FindingOut]
    holds: list[HoldOut]
    waiting: list[UnderReviewOut]
    warnings: list[str]
    hooks: list[HookOut]
    untold: str | None
    options: dict[str, Any]

    @classmethod
    def of(cls, status: RepositoryStatus) -> Self:
        repository, facts = status.repository, status.facts
        state, reason = sync_state(facts)
        condition, why = health(facts.deployed, facts.survey, watched=facts.watched)
        return cls(
            name=repository.name,
            namespace=repository.namespace,
            environment=repository.environment,
            bundle=status.bundle,
            url=repository.url,
            ref_kind=repository.ref.kind,
            ref=repository.ref.name,
            ref_choice=repository.ref_choice,
            branch=repository.ref.name if repository.ref.kind is RefKind.BRANCH else None,
            path=repository.path,
            sync_interval_s=repository.sync_interval_s,
            polled_at=status.polled_at,
            next_poll_at=status.next_poll_at,
            at_work=status.is_at_work,
            sync=SyncBadge(state=state, reason=reason),
            health=HealthBadge(state=condition, reason=why),
            watched=facts.watched,
            head=HeadOut.of(facts.head) if facts.head else None,
            expected_revision=repository.expected_revision,
            release=DeployedOut.of(facts.deployed) if facts.deployed else None,
            failure=FailureOut.of(facts.failure) if facts.failure else None,
            judged_revision=facts.judged,
            validated=facts.validated,
            imports=facts.imports,
            partial=ServedFileOut.all_of(facts),
            findings=[FindingOut.of(f) for f in by_severity(facts.findings)],
            holds=[HoldOut.of(hold) for hold in facts.holds],
            waiting=[
                UnderReviewOut(id=one.release_id, revision=one.revision, since=one.since)
                for one in facts.waiting
            ],
            warnings=list(warnings_of(facts)),
            hooks=[HookOut.of(hook) for hook in status.hooks],
            untold=status.untold,
            options=asdict(repository.options),
        )


class ReleaseOut(BaseModel):
    """A release with its deployment; `state` is that of its approval where it was not deployed.
    `is_current`: the bundle's pointer names it.

    `kept` (path → release whose version it is) and `omitted` (path → release with the last good
    version) are the files that the release does not have as its revision has them.
    """

    model_config = ConfigDict(from_attributes=True)

    id: int
    revision: str
    subject: str | None
    author: str | None
    content_of: int | None
    actor: str
    reason: str
    created_at: datetime
    state: DeploymentState | ApprovalState
    published_at: datetime | None
    live_at: datetime | None
    is_current: bool
    quarantine_reason: str | None
    file_count: int
    validated: bool
    kept: dict[str, int]
    omitted: dict[str, int | None]

    @classmethod
    def of(cls, release: PastRelease) -> Self:
        return cls.model_validate(release)


class SyncIn(Request):
    """A sync; of a commit that the remote may not show yet, where `revision` names one."""

    revision: Line | None = None


class SyncOut(BaseModel):
    """`queued` false: one was waiting already, which will do."""

    queued: bool


class RollbackOut(BaseModel):
    """The release whose content will come back, as a new release."""

    content_of: int


class HealthOut(BaseModel):
    """The process answers."""

    status: Literal["ok"]
