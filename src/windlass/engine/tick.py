"""The periodic tick: makes pointers say what the database says, whoever changed or lost them."""

from windlass.database.deployments import declare_environment, environment_uuids, list_bindings
from windlass.domain.errors import Conflict
from windlass.domain.events import Event
from windlass.engine.context import Context, log
from windlass.engine.publish import project_pointer


def declare(context: Context, environment: str, uuid: str, bundles: list[str]) -> None:
    """Make the environment, its pool and the store, all idempotent; every pointer exists after.

    `uuid` is used only where the environment is new. Raises what `Store.prepare` raises.
    """
    with context.database.transaction() as connection:
        declare_environment(connection, environment, uuid, bundles)
        uuids = environment_uuids(connection)
    context.store.prepare(uuids)
    repair_pointers(context)


def repair_pointers(context: Context) -> int:
    """Write each pointer that differs from the database; how many there were.

    A bundle that is new gets its unbound pointer here, which is no repair.
    """
    repaired = 0
    with context.database.transaction() as connection:
        bindings = list_bindings(connection)
    for binding in bindings:
        place = binding.environment, binding.bundle
        if context.store.points_to(*place, binding.release_id) and not binding.is_pending:
            continue
        told = context.store.read_pointer(*place)
        try:
            flipped = project_pointer(context, *place)
        except Conflict as error:  # the others must not wait for a person
            log.error(Event.POINTER_FAILED, bundle=binding.bundle, code=error.code)
            continue
        if flipped and told != binding.release_id:
            repaired += 1
            log.info(Event.POINTER_REPAIRED, bundle=binding.bundle, release=binding.release_id)
    return repaired
