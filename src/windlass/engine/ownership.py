"""Who owns a registration, the file or the API, and how it changes hands."""

from collections.abc import Collection

from sqlalchemy.engine import Connection

from windlass.compiler.declaration import Declaration, DeclaredRepository
from windlass.compiler.declaration_text import declaration_text, repositories_text
from windlass.database.declarations import StoredDeclaration, find_declaration
from windlass.database.declarations import adopt as let_adopt
from windlass.database.declarations import try_again as retry
from windlass.database.environments import list_environments
from windlass.database.repositories import get_repository, list_repositories, set_owner
from windlass.domain.audit import Action
from windlass.domain.errors import Conflict
from windlass.domain.repository import Owner, Repository
from windlass.engine.audit import audited
from windlass.engine.context import Context


def check_owner(connection: Connection, repository: Repository) -> None:
    """Refuse what the API wants to change where the file owns the registration: Conflict REPO012,
    with the place in the file."""
    if repository.owner is not Owner.FILE:
        return
    stored = find_declaration(connection)
    place = stored.places.get(repository.name, stored.path) if stored else "the declarative file"
    raise Conflict(
        "REPO012",
        f"the repository {repository.name!r} belongs to {place}",
        f"Change it there, or take it over: windlass config disown {repository.name}",
    )


def adopt(context: Context, names: Collection[str], *, actor: str) -> None:
    """Let the file take repositories over from the API. It does as soon as it names them; until
    then they stay as they are. Raises NotFound REPO011, Conflict FILE042 where no file is known.
    """
    with context.database.transaction() as connection:
        _need_file(connection)
        for name in names:
            get_repository(connection, name)
            audited(connection, actor, Action.REPOSITORY_ADOPTED, f"repository/{name}")
        let_adopt(connection, names)


def disown(context: Context, names: Collection[str], *, actor: str) -> None:
    """Give repositories of the file to the API. The file is refused from here on until it does not
    name them any more; nothing is removed by that. Raises NotFound REPO011."""
    with context.database.transaction() as connection:
        repositories = [get_repository(connection, name) for name in names]
        for one in sorted(repositories, key=lambda one: one.id):  # as who locks all of them does
            set_owner(connection, one.id, Owner.API)
            audited(connection, actor, Action.REPOSITORY_DISOWNED, f"repository/{one.name}")


def try_again(context: Context, *, may_remove: bool, actor: str) -> None:
    """Have the file that was seen last applied within seconds; `may_remove` lets that file, and no
    other, remove most of its repositories. Raises Conflict FILE042 where no file is known."""
    with context.database.transaction() as connection:
        stored = _need_file(connection)
        retry(connection, may_remove=may_remove)
        if may_remove:
            action = Action.CONFIGURATION_REMOVALS_ALLOWED
            subject = f"configuration/{stored.path}"
            audited(connection, actor, action, subject, digest=stored.seen_digest)


def export(context: Context, names: Collection[str] | None) -> str:
    """Repositories as items for the list of a file; None: everything, as a whole file.

    It reads back as what is there. What the settings say of an environment stays theirs. Raises
    NotFound REPO011.
    """
    with context.database.transaction() as connection:
        environments = list_environments(connection)
        if names is not None:
            chosen = [_declared(get_repository(connection, name)) for name in names]
            return repositories_text(chosen, environments)
        every = list_repositories(connection)
    kept = tuple(one for one in environments if one.owner is not Owner.SETTINGS)
    staying = tuple(_declared(one) for one in every if one.removing_at is None)
    return declaration_text(Declaration(kept, staying))


def _need_file(connection: Connection) -> StoredDeclaration:
    stored = find_declaration(connection)
    if stored is None:
        raise Conflict(
            "FILE042",
            "no declarative file was seen yet",
            "Write windlass.yaml where the worker runs, or set WINDLASS_FILE.",
        )
    return stored


def _declared(repository: Repository) -> DeclaredRepository:
    return DeclaredRepository(
        name=repository.name,
        url=repository.url,
        environment=repository.environment,
        namespace=repository.namespace,
        ref=repository.ref,
        path=repository.path,
        credential=repository.credential,
        sync_interval_s=repository.sync_interval_s,
        options=repository.options,
    )
