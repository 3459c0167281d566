"""A full disk, real and small: it is told with what to do, what was live stays live, and with space
again the next try succeeds."""

import random
import shutil

import pytest
from structlog.testing import capture_logs

from tests.integration.conftest import (
    Origin,
    deployed_files,
    register,
    run_sync,
    status_of,
    whole,
)
from tests.integration.smalldisk import SmallDisk, with_small_disk
from tests.integration.test_crashes import FILES, assert_no_leftovers, assert_whole
from windlass.database.connection import Database
from windlass.database.embedded import EmbeddedPostgres
from windlass.domain.errors import Unavailable
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.engine.tick import project_environments

NO_SPACE = "No space left on device"
TOLD = {
    "store": (
        "STORE003",
        f"the store {{room}}/store cannot be used: {NO_SPACE}",
        "Free some space, or check the mount and who owns it.",
    ),
    "mirrors": (
        "GIT029",
        f"the mirror of the repository cannot be written: {NO_SPACE}",
        "Free disk space below WINDLASS_HOME/mirrors, or check the mount and who owns it.",
    ),
    "tmp": (
        "GIT027",
        f"what git is to read cannot be stored below '{{room}}/tmp': {NO_SPACE}",
        "Free disk space there, or set TMPDIR to another folder.",
    ),
}


def noise(seed: int) -> str:
    """300 kB that cannot be compressed."""
    return random.Random(seed).randbytes(150_000).hex()


def told(context: Context) -> tuple[str, str, str]:
    failure = status_of(context).facts.failure
    assert failure is not None
    return failure.code, failure.message, failure.hint


@pytest.mark.parametrize("place", TOLD)
def test_a_full_disk_is_told_and_the_next_sync_goes_on(
    context: Context, origin: Origin, registration: Registration, place: str
) -> None:
    origin.push("first", FILES)
    repository = register(context, registration)
    shutil.rmtree(context.store.root)  # for a small one in its place

    with_small_disk(context, place, 4, _syncs_on_full_disk, origin, repository)


def _syncs_on_full_disk(
    context: Context, disk: SmallDisk, origin: Origin, repository: Repository
) -> None:
    project_environments(context)
    run_sync(context, repository)
    live = dict(FILES)
    code, message, hint = TOLD[disk.place.name]
    for number, free_bytes in enumerate([0, 20_000, 100_000]):
        more: dict[str, str | None] = {"big.sql": noise(number), "rates.py": f"VAT = {number}\n"}
        origin.push(f"{number}", more)

        with disk.full(free_bytes):
            run_sync(context, repository)

        assert told(context) == (code, message.format(room=disk.place.parent), hint)
        assert deployed_files(context) == live
        live |= more
        run_sync(context, repository)
        assert_whole(context, live)
    assert_no_leftovers(context)


def test_a_first_sync_that_finds_no_space_for_its_mirror_is_told(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", FILES)
    repository = register(context, registration)

    with_small_disk(context, "mirrors", 1, _first_sync_on_full_disk, repository)

    assert told(context) == TOLD["mirrors"]


def _first_sync_on_full_disk(context: Context, disk: SmallDisk, repository: Repository) -> None:
    with disk.full(0):
        run_sync(context, repository)


def test_a_database_on_a_full_disk_is_told_and_the_next_sync_goes_on(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", FILES)

    with_small_disk(context, "postgres", 150, _database_on_full_disk, origin, registration)


def _database_on_full_disk(
    context: Context, disk: SmallDisk, origin: Origin, registration: Registration
) -> None:
    server = EmbeddedPostgres(disk.place / "server", durable=False)
    database = Database(server.start())
    database.migrate()
    context = whole(database, context.store.root.parent, context.checker)
    repository = register(context, registration)
    run_sync(context, repository)
    names = [random.Random(number).randbytes(80).hex() for number in range(300)]
    many: dict[str, str | None] = {f"{name}.sql": "select 1\n" for name in names}
    origin.push("many", many)

    with disk.full(0):
        with capture_logs() as logs:
            run_sync(context, repository)
        server.stop()
        with pytest.raises(Unavailable, match=r"PG007 .+ did not start\. Its disk is full: free"):
            server.start()

    codes = [line["code"] for line in logs if line["event"] == "sync:failed"]
    assert codes == ["DB003"]
    assert deployed_files(context) == FILES
    server.start()
    run_sync(context, repository)
    assert_whole(context, {**FILES, **many})
    assert_no_leftovers(context)
    database.close()
    server.stop()
