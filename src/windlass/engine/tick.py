"""The periodic tick: makes pointers say what the database says, whoever changed or lost them."""

from windlass.artifacts.folder import make_dags_folder
from windlass.database.deployments import Binding, environment_uuids, list_bindings
from windlass.database.environments import list_environments
from windlass.domain.environment import Target
from windlass.domain.errors import AppError
from windlass.domain.events import Event
from windlass.domain.release import ReleaseId
from windlass.domain.statement import key_text
from windlass.engine.again import is_servable, release_again, told_by
from windlass.engine.context import Context, log
from windlass.engine.publish import project_pointer


def project_environments(context: Context) -> None:
    """Tell the store of the environments there are; every bundle has its pointer, every folder is
    there after. Raises what `Store.prepare` raises."""
    with context.database.transaction() as connection:
        uuids = environment_uuids(connection)
        environments = list_environments(connection)
    context.store.prepare(uuids, key_text(context.release_key.public))
    for one in environments:
        if one.target is Target.FOLDER:
            make_dags_folder(context.store, one.name)
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
        told, is_right = _read(context, binding)
        if is_right and not binding.is_pending and is_servable(context, binding, told):
            continue
        try:
            if not is_servable(context, binding, told):
                release_again(context, binding)
                continue
            flipped = project_pointer(context, *place)
        except AppError as error:  # the others must not wait for a person
            log.error(Event.POINTER_FAILED, bundle=binding.bundle, code=error.code)
            continue
        if flipped and told != binding.release_id:
            repaired += 1
            log.info(Event.POINTER_REPAIRED, bundle=binding.bundle, release=binding.release_id)
    return repaired


def _read(context: Context, binding: Binding) -> tuple[ReleaseId | None, bool]:
    """The release that the pointer or link names, and whether that is what it must say."""
    told = told_by(context, binding)
    if binding.target is Target.FOLDER:
        return told, told == binding.release_id
    return told, context.store.points_to(binding.environment, binding.bundle, binding.release_id)
