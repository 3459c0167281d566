"""A webhook at its Git host: made, looked at, mended, given another secret and removed there."""

from dataclasses import dataclass

from windlass.database.webhooks import get_webhook, list_webhooks, newest_secret
from windlass.domain.audit import Action
from windlass.domain.delivery import ForgeKind
from windlass.domain.errors import AppError, Invalid
from windlass.domain.forge import HookReport, HookThere, Protection, WantedHook, judge_hooks
from windlass.domain.ref import RefKind
from windlass.domain.repository import Repository
from windlass.domain.webhook import Webhook, likely_kind
from windlass.engine.audit import audited
from windlass.engine.context import Context
from windlass.engine.forge import ask_host
from windlass.engine.webhooks import add, check_kind, remove, rotate
from windlass.engine.workable import get_workable
from windlass.forges.clients.client import ForgeClient


@dataclass(frozen=True, slots=True)
class _Host:
    """A webhook of ours, and the client of the host that should have it. Holds a secret."""

    repository: Repository
    webhook: Webhook
    wanted: WantedHook
    client: ForgeClient

    def list_ours(self) -> list[HookThere]:
        """The host's hooks that call this webhook, wherever they think that it is; those that call
        where it is come first."""
        last = self.wanted.url.rpartition("/webhooks/r/")[2]
        ours = [
            hook
            for hook in self.client.list_hooks()
            if hook.url.rstrip("/").endswith(f"/webhooks/r/{last}")
        ]
        return sorted(ours, key=lambda hook: hook.url != self.wanted.url)


def register(context: Context, name: str, kind: str | None, *, actor: str) -> Webhook:
    """Have the Git host call: with the webhook of the repository, which is added where there is
    none. Doing it again mends what is there.

    Raises Invalid FORGE012 without WINDLASS_PUBLIC_URL, HOOK004 and HOOK011, and what `ask_host`
    and the calls of `forges.clients` raise.
    """
    _public_url(context)
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        found = [one.kind for one in list_webhooks(connection, repository.id)]
        chosen = _chosen(repository, found, kind)
        ask_host(context, connection, repository, chosen)  # before anything is added for nothing
    if chosen not in found:
        add(context, name, chosen, secret=None, actor=actor)
    host = _host(context, name, chosen)
    _make_right(host)
    _audit(context, host, actor, Action.WEBHOOK_REGISTERED)
    return host.webhook


def verify(context: Context, name: str, kind: str) -> HookReport:
    """What is wrong with the hook at the host, and how the host protects the branch. Raises as
    `register`, and NotFound HOOK013."""
    host = _host(context, name, check_kind(kind))
    problem = judge_hooks(host.list_ours(), host.wanted.url)
    return HookReport(problem, protection_of(host.client, host.repository))


def repair(context: Context, name: str, kind: str, *, actor: str) -> HookReport:
    """Make the hook at the host be as it should, whatever is wrong with it; what was wrong. The
    host has our newest secret then: what it has is shown to nobody. Raises as `verify`."""
    host = _host(context, name, check_kind(kind))
    found = HookReport(judge_hooks(host.list_ours(), host.wanted.url))
    _make_right(host)
    _audit(context, host, actor, Action.WEBHOOK_REPAIRED)
    return found


def rotate_there(context: Context, name: str, kind: str, *, keep: str, actor: str) -> Webhook:
    """Give the webhook another secret, here and at the host; the older one stays valid for `keep`.

    First here: a host that has it already would be refused. Where the host then fails, the older
    secret is still believed for as long as that, and `repair` brings the new one. Raises as
    `verify`, and Invalid HOOK017.
    """
    checked = check_kind(kind)
    host = _host(context, name, checked)
    host.list_ours()  # a host that cannot be asked keeps its secret
    rotate(context, name, kind, keep=keep, secret=None, actor=actor)
    host = _host(context, name, checked)
    _make_right(host)
    _audit(context, host, actor, Action.WEBHOOK_REPAIRED)
    return host.webhook


def remove_there(context: Context, name: str, kind: str, *, actor: str) -> None:
    """Remove the webhook at the host, and then here. Raises as `verify`."""
    host = _host(context, name, check_kind(kind))
    for hook in host.list_ours():
        host.client.remove_hook(hook)
    remove(context, name, kind, actor=actor)


def protection_of(client: ForgeClient, repository: Repository) -> Protection | None:
    """How the host protects what is followed; None where that is no branch. Not known where the
    host does not tell: that asks for more rights than hooks do."""
    if repository.ref.kind is not RefKind.BRANCH:
        return None
    try:
        return client.protection(repository.ref.name)
    except AppError:
        return Protection(is_protected=None)


def _host(context: Context, name: str, kind: ForgeKind) -> _Host:
    public = _public_url(context)
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        webhook = get_webhook(connection, repository, kind)
        secret = context.keyring.decrypt(newest_secret(connection, webhook.id))
        asked = ask_host(context, connection, repository, kind)
    wanted = WantedHook(f"{public}/webhooks/r/{webhook.address}", secret)
    return _Host(repository, webhook, wanted, asked.client)


def _make_right(host: _Host) -> None:
    """One hook, as it is wanted; what else calls this webhook is removed."""
    ours = host.list_ours()
    if not ours:
        host.client.add_hook(host.wanted)
        return
    host.client.change_hook(ours[0], host.wanted)
    for left in ours[1:]:
        host.client.remove_hook(left)


def _chosen(repository: Repository, found: list[ForgeKind], kind: str | None) -> ForgeKind:
    """The kind that was named, else that of the only webhook, else by the name of the host."""
    if kind is not None:
        return check_kind(kind)
    return found[0] if len(found) == 1 else likely_kind(repository.url)


def _public_url(context: Context) -> str:
    if context.public_url:
        return context.public_url.rstrip("/")
    raise Invalid(
        "FORGE012",
        "a Git host cannot be told where to call: WINDLASS_PUBLIC_URL is not set",
        "Set it to where Git hosts reach this Windlass, such as https://windlass.example.",
    )


def _audit(context: Context, host: _Host, actor: str, action: Action) -> None:
    with context.database.transaction() as connection:
        subject = f"repository/{host.repository.name}"
        audited(connection, actor, action, subject, kind=host.webhook.kind, url=host.wanted.url)
