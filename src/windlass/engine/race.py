"""Several repositories that want one dag_id which nobody owns (docs/decisions/0010).

The first syncs of repositories that were added together run in any order. So before a newcomer
claims an id, it waits until all that come before it, by priority and then by name, were judged.
"""

from sqlalchemy.engine import Connection

from windlass.database.claims import owners_of
from windlass.database.polls import poll_soon
from windlass.database.releases import find_current
from windlass.database.repositories import get_repository, hold_lease
from windlass.database.wishes import first_syncs_before, rivals_of
from windlass.domain.artifact import Artifact
from windlass.domain.ownership import Claimant, files_by_dag_id
from windlass.domain.repository import Lease, Repository
from windlass.engine.context import Context

RACE_S = 30.0
"""A first sync that takes longer than this is not waited for."""
ASK_AGAIN_S = 1.0


def waits_for_first_syncs(context: Context, lease: Lease, artifact: Artifact) -> bool:
    """Whether a repository in its first sync must let others go first; it is polled again soon."""
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        if not artifact.dag_ids or find_current(connection, lease.repository.id) is not None:
            return False
        if not first_syncs_before(connection, lease.repository, RACE_S):
            return False
        poll_soon(connection, lease.repository.id, after_s=ASK_AGAIN_S)
    return True


def claimants_of(
    context: Context, connection: Connection, repository: Repository, dag_ids: frozenset[str]
) -> dict[str, Claimant]:
    """dag_id → who owns it, or comes first for it, with the file there; of those ids that this
    repository may not have."""
    owners = owners_of(connection, repository, dag_ids)
    places = {name: _files_of(context, connection, name) for name in set(owners.values())}
    owned = {
        i: Claimant(str(one), places[one].get(i), prefix=one.prefix) for i, one in owners.items()
    }
    return rivals_of(connection, repository, dag_ids - owned.keys()) | owned


def _files_of(context: Context, connection: Connection, name: str) -> dict[str, str]:
    current = find_current(connection, get_repository(connection, name).id)
    return files_by_dag_id(context.artifact_of(connection, current))
