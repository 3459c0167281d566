"""Webhooks and deliveries over HTTP, for people: what Git hosts call is in `calls.py`."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from windlass.database.deliveries import PastDelivery, get_delivery, list_deliveries
from windlass.database.repositories import get_past_repository
from windlass.domain.delivery import DeliveryId, DeliveryState, ForgeKind, Proof
from windlass.domain.forge import HookReport
from windlass.domain.webhook import HookState, Webhook
from windlass.engine.context import Context
from windlass.engine.deliveries import replay
from windlass.engine.hooks_there import register, remove_there, repair, rotate_there, verify
from windlass.engine.webhooks import KEEP, add, list_of, remove, rotate
from windlass.entrypoints.web.callers import Actor, token_check
from windlass.entrypoints.web.models import PROBLEMS, Line, Request
from windlass.entrypoints.web.parameters import Limit, Name
from windlass.forges.verify import FORGES

Kind = Annotated[str, Path(max_length=100, description="The kind of Git host.")]
AtForge = Annotated[bool, Query(description="At the Git host too, and there first.")]
DeliveryNumber = Annotated[int, Path(ge=1, lt=2**63)]  # a BIGINT


class WebhookIn(Request):
    """A webhook to add. `kind` left out: by the name of the repository's host. `secret` left out:
    one is made, which is the better choice."""

    kind: Line | None = None
    secret: SecretStr | None = Field(None, max_length=1000)


class RotateIn(Request):
    """Another secret for a webhook; the ones before it stay valid for `keep`."""

    keep: Line = KEEP
    secret: SecretStr | None = Field(None, max_length=1000)


class RegisterIn(Request):
    """A webhook for the Git host to call; `kind` left out: that of the only one there is, else by
    the name of the repository's host."""

    kind: Line | None = None


class RotateThereIn(Request):
    """Another secret, here and at the Git host; the ones before it stay valid for `keep`."""

    keep: Line = KEEP


class ProtectionOut(BaseModel):
    """What the Git host makes of pushes to the branch; null: it does not tell."""

    is_protected: bool | None
    needs_review: bool | None
    words: str


class HookReportOut(BaseModel):
    """The hook at the Git host: `problem` is what is wrong with it, in one line, null where nothing
    is. `protection` is null where no branch is followed, and after a repair."""

    ok: bool
    problem: str | None
    protection: ProtectionOut | None

    @classmethod
    def of(cls, report: HookReport) -> Self:
        told = report.protection
        shown = told and ProtectionOut(
            is_protected=told.is_protected, needs_review=told.needs_review, words=told.words
        )
        return cls(ok=report.problem is None, problem=report.problem, protection=shown)


class SecretOut(BaseModel):
    """When a secret began to be valid, and until when it is; null: until it is rotated."""

    model_config = ConfigDict(from_attributes=True)

    created_at: datetime
    expires_at: datetime | None


class WebhookOut(BaseModel):
    """A webhook without its secrets. `url` is its own address and `shared_url` that of all
    repositories of the kind; either will do. Both are paths where WINDLASS_PUBLIC_URL is not set.

    `proof` is what the host's calls show: `signature`, or `token`, which is authenticated and not
    signed. `secret_field` and `events` are what the host's form for webhooks wants.
    """

    repository: str
    kind: ForgeKind
    url: str
    shared_url: str
    proof: Proof
    secret_field: str
    events: str
    state: HookState
    heard_at: datetime | None
    silent_at: datetime | None
    created_at: datetime
    created_by: str
    secrets: list[SecretOut]

    @classmethod
    def of(cls, webhook: Webhook, public_url: str | None) -> Self:
        setup, root = FORGES[webhook.kind].SETUP, (public_url or "").rstrip("/")
        return cls(
            repository=webhook.repository,
            kind=webhook.kind,
            url=f"{root}/webhooks/r/{webhook.address}",
            shared_url=f"{root}/webhooks/{webhook.kind}",
            proof=setup.proof,
            secret_field=setup.secret_field,
            events=setup.events,
            state=webhook.hook.state,
            heard_at=webhook.hook.heard_at,
            silent_at=webhook.hook.silent_at,
            created_at=webhook.created_at,
            created_by=webhook.created_by,
            secrets=[SecretOut.model_validate(one) for one in webhook.secrets],
        )


class WebhookMadeOut(BaseModel):
    """A webhook with its new secret, which is given back this once."""

    webhook: WebhookOut
    secret: str


class DeliveryOut(BaseModel):
    """A call of a Git host, and how far it came.

    `proof` is null where it showed none. `event` and `host_id` are the host's own words for what it
    tells and for the call; `digest` is the SHA-256 of the body. `times`: how often the same came.
    `tries`: how many syncs for it failed. `has_body`: it is kept, encrypted, and never given back.
    """

    model_config = ConfigDict(from_attributes=True)

    id: int
    repository: str
    kind: ForgeKind
    proof: Proof | None
    event: str
    host_id: str | None
    digest: str
    size_bytes: int
    state: DeliveryState
    words: str
    reason: str
    ref: str | None
    revision: str | None
    times: int
    tries: int
    received_at: datetime
    ended_at: datetime | None
    has_body: bool

    @classmethod
    def of(cls, delivery: PastDelivery) -> Self:
        return cls.model_validate(delivery)


def webhooks_router(context: Context, token: str) -> APIRouter:
    """The endpoint of all webhooks and those below /api/v1/deliveries."""
    router = APIRouter(
        prefix="/api/v1",
        tags=["webhooks"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    @router.get("/webhooks")
    def webhooks() -> list[WebhookOut]:
        """All webhooks, by repository and kind."""
        return [WebhookOut.of(one, context.public_url) for one in list_of(context)]

    @router.get("/deliveries")
    def deliveries(
        repository: Annotated[Line | None, Query(description="Of this repository only.")] = None,
        state: Annotated[DeliveryState | None, Query(description="In this state only.")] = None,
        limit: Limit = 50,
    ) -> list[DeliveryOut]:
        """The newest calls of Git hosts, newest first."""
        with context.database.transaction() as connection:
            found = get_past_repository(connection, repository) if repository else None
            rows = list_deliveries(
                connection, repository_id=found.id if found else None, state=state, limit=limit
            )
        return [DeliveryOut.of(row) for row in rows]

    @router.get("/deliveries/{delivery}")
    def delivery(delivery: DeliveryNumber) -> DeliveryOut:
        """One call of a Git host."""
        with context.database.transaction() as connection:
            return DeliveryOut.of(get_delivery(connection, DeliveryId(delivery)))

    @router.post("/deliveries/{delivery}/replay", status_code=HTTPStatus.ACCEPTED)
    def again(delivery: DeliveryNumber, actor: Actor) -> DeliveryOut:
        """Answer a call once more, as it is read now; nobody need send it again."""
        return DeliveryOut.of(replay(context, DeliveryId(delivery), actor=actor))

    return router


def add_webhooks(router: APIRouter, context: Context) -> None:
    """Add the addresses to the router of repositories."""

    @router.get("/{name}/webhooks")
    def webhooks_of(name: Name) -> list[WebhookOut]:
        """The webhooks of a repository, by kind."""
        return [WebhookOut.of(one, context.public_url) for one in list_of(context, name)]

    @router.post("/{name}/webhooks", status_code=HTTPStatus.CREATED)
    def add_one(name: Name, given: WebhookIn, actor: Actor) -> WebhookMadeOut:
        """Give a repository an address that its Git host may call."""
        made, secret = add(context, name, given.kind, secret=_bare(given.secret), actor=actor)
        return WebhookMadeOut(webhook=WebhookOut.of(made, context.public_url), secret=secret)

    @router.post("/{name}/webhooks/{kind}/rotate")
    def rotate_one(name: Name, kind: Kind, given: RotateIn, actor: Actor) -> WebhookMadeOut:
        """Give a webhook another secret; the one before it stays valid for a while."""
        made, secret = rotate(
            context, name, kind, keep=given.keep, secret=_bare(given.secret), actor=actor
        )
        return WebhookMadeOut(webhook=WebhookOut.of(made, context.public_url), secret=secret)

    @router.delete("/{name}/webhooks/{kind}")
    def remove_one(
        name: Name,
        kind: Kind,
        actor: Actor,
        at_forge: Annotated[
            bool, Query(description="At the Git host too, and there first.")
        ] = False,
    ) -> list[WebhookOut]:
        """Remove a webhook; those that are left. What was delivered stays."""
        take_away = remove_there if at_forge else remove
        take_away(context, name, kind, actor=actor)
        return webhooks_of(name)

    add_webhooks_there(router, context)


def add_webhooks_there(router: APIRouter, context: Context) -> None:
    """Add what asks the API of the Git host."""

    @router.post("/{name}/webhooks/register")
    def register_one(name: Name, given: RegisterIn, actor: Actor) -> WebhookOut:
        """Have the Git host call at each push and pull request, by its API; again mends it."""
        return WebhookOut.of(register(context, name, given.kind, actor=actor), context.public_url)

    @router.get("/{name}/webhooks/{kind}/verify")
    def verify_one(name: Name, kind: Kind) -> HookReportOut:
        """Ask the Git host what it has, and what is wrong with it."""
        return HookReportOut.of(verify(context, name, kind))

    @router.post("/{name}/webhooks/{kind}/repair")
    def repair_one(name: Name, kind: Kind, actor: Actor) -> HookReportOut:
        """Make the hook at the Git host be as it should; `problem` is what was wrong."""
        return HookReportOut.of(repair(context, name, kind, actor=actor))

    @router.post("/{name}/webhooks/{kind}/rotate-at-forge")
    def rotate_there_one(name: Name, kind: Kind, given: RotateThereIn, actor: Actor) -> WebhookOut:
        """Give a webhook another secret, here and at the Git host; nobody is shown it."""
        made = rotate_there(context, name, kind, keep=given.keep, actor=actor)
        return WebhookOut.of(made, context.public_url)


def _bare(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
