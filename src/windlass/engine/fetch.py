"""Step 1: fetch. What the ref names now into this worker's mirror."""

from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection

from windlass.database.deliveries import told_at
from windlass.database.holds import open_hold
from windlass.database.polls import date_notice, find_fetched, record_failure, record_fetched
from windlass.database.repositories import end_lease, hold_lease, record_revision, set_ref
from windlass.domain.errors import AppError, Invalid
from windlass.domain.events import Event
from windlass.domain.hold import HoldKind
from windlass.domain.options import OnRewrite
from windlass.domain.ref import Head, Ref, RefChoice, RefKind
from windlass.domain.repository import Lease, Repository, Revision
from windlass.domain.rewrite import Rewrite, RewriteKind, find_rewrite
from windlass.engine.context import Context, tell
from windlass.engine.expect import note_asked
from windlass.engine.holds import tell_begun
from windlass.engine.measures import phase
from windlass.git.access import Remote
from windlass.git.mirror import Mirror
from windlass.git.remotes import choose_branch, find_head
from windlass.git.submodules import fetch_submodules

_TOLD_AS = {
    RewriteKind.REWRITTEN: (Event.REVISION_REWRITTEN, HoldKind.REWRITE),
    RewriteKind.UNKNOWN: (Event.REVISION_UNTRACED, HoldKind.REWRITE),
    RewriteKind.MOVED: (Event.TAG_MOVED, HoldKind.REWRITE),
    RewriteKind.DELETED: (Event.REF_DELETED, HoldKind.DELETED_REF),
}
NO_SUCH_REF = "GIT004"


@phase("fetch")
def fetch(context: Context, lease: Lease) -> Revision:
    """The newest revision, its objects in the mirror.

    Tells of history that was rewritten since the last fetch, and holds the repository where its
    options say so. Raises what `git.remotes.find_head` raises, and LeaseLost.
    """
    repository = lease.repository
    with context.database.transaction() as connection:
        remote = context.remote_of(connection, repository)
        before = find_fetched(connection, repository.id)
    mirror = context.mirror_of(repository)
    try:
        revision, head = _bring(context, mirror, repository, remote)
    except Invalid as refused:
        chosen = None if before else _choose_branch(context, lease, remote, refused)
        if chosen is None:
            raise
        return fetch(context, chosen)
    rewrite = before and find_rewrite(repository.ref, before, head, mirror.contains)
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        known: dict[str, Any] = {"tag_name": head.tag} if head.tag else {}
        if record_revision(connection, repository.id, revision):
            # Told by a delivery, pushed after the poll, or before the first one.
            at = told_at(connection, repository.id, revision.sha)
            if at is not None:
                date_notice(connection, repository.id, at)
            tell(
                connection,
                Event.REVISION_NOTICED,
                repository,
                revision=revision.sha,
                by="fetch" if at is None else "webhook",
                **known,
            )
        if before and rewrite:
            _tell_rewrite(connection, repository, rewrite, before, head)
        record_fetched(connection, repository.id, head)
        note_asked(connection, repository, head.sha, mirror.contains)
        tell(
            connection,
            Event.REVISION_FETCHED,
            repository,
            revision=revision.sha,
            subject=revision.subject,
            **known,
        )
    return revision


def note_failure(connection: Connection, repository: Repository, error: AppError) -> None:
    """Record a failed poll or sync; tell once that the ref is gone, where it was there before."""
    earlier = record_failure(connection, repository.id, error)
    if error.code != NO_SUCH_REF or earlier == NO_SUCH_REF:
        return
    before = find_fetched(connection, repository.id)
    if before is not None:
        end_lease(connection, repository.id)
        words = f"{repository.ref} is gone from the remote"
        _tell_rewrite(connection, repository, Rewrite(RewriteKind.DELETED, words), before, None)


def _bring(
    context: Context, mirror: Mirror, repository: Repository, remote: Remote
) -> tuple[Revision, Head]:
    """Fetch; of a pattern, the newest tag that matches now. Submodules too where that is wanted."""
    if remote.ref.kind is RefKind.TAG_PATTERN:
        newest = find_head(remote).tag or ""
        remote = replace(remote, ref=Ref(RefKind.TAG, newest))
    revision = mirror.fetch(remote, context.max_fetch_bytes, context.heads)
    if repository.options.submodules:
        fetch_submodules(mirror, remote, revision.sha, repository.path, context.max_fetch_bytes)
    if repository.options.is_partial:
        mirror.bring_contents(
            remote,
            revision.sha,
            repository.path,
            only=repository.options.paths,
            max_pack_bytes=context.max_fetch_bytes,
        )
    return revision, Head(revision.sha, remote.ref.full_name)


def _choose_branch(
    context: Context, lease: Lease, remote: Remote, refused: Invalid
) -> Lease | None:
    """Follow the branch that the remote's HEAD names, where nobody gave a ref and there is no main;
    None where that is not so. Raises as `find_head` does."""
    if refused.code != NO_SUCH_REF or lease.repository.ref_choice is RefChoice.GIVEN:
        return None
    ref, choice = choose_branch(remote)
    if ref == lease.repository.ref:
        return None
    with context.database.transaction() as connection:
        lease = set_ref(connection, lease, ref, choice)
        why = "no ref was given, and the remote has no main: its HEAD names this"
        tell(
            connection,
            Event.REPOSITORY_CHANGED,
            lease.repository,
            actor="windlass",
            changed=["ref"],
            branch=ref.name,
            reason=why,
        )
    return lease


def _tell_rewrite(
    connection: Connection,
    repository: Repository,
    rewrite: Rewrite,
    before: Head,
    now: Head | None,
) -> None:
    event, kind = _TOLD_AS[rewrite.kind]
    revision = now.sha if now else before.sha
    tell(
        connection,
        event,
        repository,
        revision=revision,
        before=before.sha,
        reason=rewrite.words,
    )
    if repository.options.on_rewrite is OnRewrite.HOLD:
        begun = open_hold(connection, repository.id, kind, reason=rewrite.words, actor="windlass")
        if begun is not None:
            tell_begun(connection, repository, begun)
