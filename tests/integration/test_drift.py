"""Files of a live release that somebody changed: noticed, told once, mended where wanted."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from windlass.artifacts.verify import Drift, Verifier
from windlass.database import tables as t
from windlass.database.history import list_events
from windlass.database.releases import find_current
from windlass.domain.artifact import Artifact
from windlass.domain.errors import Unavailable
from windlass.domain.release import ReleaseId
from windlass.domain.repository import Health, RepositoryId
from windlass.domain.status import health
from windlass.engine.context import Context
from windlass.engine.drift import Inspector
from windlass.engine.register import Registration

FILES: dict[str, str | None] = {
    "orders.py": "import rates\nfrom airflow.sdk import DAG\nwith DAG('orders'):\n    pass\n",
    "other.py": "from airflow.sdk import DAG\nwith DAG('other'):\n    pass\n",
    "rates.py": "VAT = 25\n",
    "sql/load.sql": "select 1",
}


@pytest.fixture
def tree(context: Context, origin: Origin, registration: Registration) -> Path:
    """The live release's tree."""
    origin.push("first", FILES)
    run_sync(context, register(context, registration))
    return context.store.tree(ReleaseId(1))


@pytest.fixture
def without_healing(context: Context, tree: Path) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.repository).values(options={"self_heal": False}))


def look(context: Context) -> None:
    Inspector(context, interval_s=0).look()


def words(context: Context) -> tuple[str, ...]:
    deployed = status_of(context).facts.deployed
    assert deployed is not None
    return deployed.drift


def told(context: Context) -> list[tuple[str, list[str]]]:
    with context.database.transaction() as connection:
        events = list_events(connection, status_of(context).repository.id, 50)
    return [(e.tag, e.facts["files"]) for e in events if e.tag.startswith("drift:")]


def change(path: Path, text: str = "raise SystemExit\n") -> None:
    """As root would: through the mode, into the same inode."""
    path.chmod(0o644)
    path.write_text(text)
    path.chmod(0o444)


def drop_a_file(tree: Path) -> None:
    (tree / "extra").mkdir()
    (tree / "extra/mine.py").write_text("from airflow.sdk import DAG\n")


def swap_folder_for_link(tree: Path) -> None:
    shutil.rmtree(tree / "sql")
    (tree / "sql").symlink_to("/etc")


def put_a_folder_in_place_of_a_file(tree: Path) -> None:
    (tree / "rates.py").unlink()
    drop = tree / "rates.py"
    drop.mkdir()
    (drop / "x.py").write_text("1")


CASES: list[tuple[Callable[[Path], object], tuple[str, ...]]] = [
    (lambda tree: change(tree / "rates.py"), ("changed rates.py",)),
    (lambda tree: change(tree / "rates.py", "VAT = 26\n"), ("changed rates.py",)),
    (lambda tree: (tree / "rates.py").chmod(0o755), ("changed rates.py",)),
    (lambda tree: (tree / "sql/load.sql").unlink(), ("foreign sql", "missing sql/load.sql")),
    (drop_a_file, ("foreign extra/mine.py",)),
    (lambda tree: (tree / "empty").mkdir(), ("foreign empty",)),
    (lambda tree: (tree / "x.py").symlink_to("rates.py"), ("foreign x.py",)),
    (swap_folder_for_link, ("foreign sql", "missing sql/load.sql")),
    (put_a_folder_in_place_of_a_file, ("foreign rates.py/x.py", "missing rates.py")),
    (shutil.rmtree, tuple(sorted(f"missing {path}" for path in FILES))),
]


@pytest.mark.parametrize(("spoil", "expected"), CASES)
@pytest.mark.usefixtures("without_healing")
def test_whatever_differs_is_told_by_file(
    context: Context, tree: Path, spoil: Callable[[Path], object], expected: tuple[str, ...]
) -> None:
    spoil(tree)

    look(context)

    assert tuple(sorted(words(context))) == expected


@pytest.mark.parametrize(("spoil", "_expected"), CASES)
def test_whatever_differs_is_mended(
    context: Context, tree: Path, spoil: Callable[[Path], object], _expected: tuple[str, ...]
) -> None:
    spoil(tree)

    look(context)

    assert deployed_files(context) == FILES
    assert words(context) == ()
    assert [tag for tag, _ in told(context)] == ["drift:found", "drift:mended"]


def test_a_tree_as_it_was_published_is_no_drift(context: Context, tree: Path) -> None:
    look(context)

    assert (words(context), told(context)) == ((), [])


def test_what_was_mended_is_parsed_again_and_nothing_else(context: Context, tree: Path) -> None:
    before = {path: (tree / path).stat().st_mtime_ns for path in FILES}
    change(tree / "rates.py")
    began = time.time_ns()

    look(context)

    after = {path: (tree / path).stat().st_mtime_ns for path in FILES}
    again = {path for path in FILES if after[path] != before[path]}
    assert again == {"rates.py", "orders.py"}
    assert after["orders.py"] > began - 50_000_000


@pytest.mark.usefixtures("without_healing")
def test_drift_is_told_once_and_degrades_the_health(context: Context, tree: Path) -> None:
    change(tree / "rates.py")

    look(context)
    look(context)

    assert told(context) == [("drift:found", ["changed rates.py"])]
    assert health(status_of(context).facts.deployed) == (
        Health.DEGRADED,
        "the store differs from the release: changed rates.py",
    )


def test_an_edit_that_turns_the_clock_back_is_found(context: Context, tree: Path) -> None:
    inspector = Inspector(context, interval_s=0)
    inspector.look()
    at = (tree / "rates.py").stat()
    change(tree / "rates.py", "VAT = 26\n")
    os.utime(tree / "rates.py", ns=(at.st_atime_ns, at.st_mtime_ns))

    inspector.look()

    assert [tag for tag, _ in told(context)] == ["drift:found", "drift:mended"]


def test_a_store_that_is_away_is_no_drift(context: Context, tree: Path) -> None:
    (context.store.root / "store.json").unlink()

    with pytest.raises(Unavailable) as refused:
        look(context)

    assert refused.value.code == "STORE003"
    assert words(context) == ()


def test_a_tree_is_not_looked_at_again_before_its_time(context: Context, tree: Path) -> None:
    inspector = Inspector(context)
    inspector.look()
    change(tree / "rates.py")

    inspector.look()

    assert told(context) == []


ONE = RepositoryId(1)


@pytest.fixture
def artifact(context: Context, tree: Path) -> Artifact:
    with context.database.transaction() as connection:
        digest = connection.execute(sa.select(t.artifact.c.digest)).scalar_one()
        return context.artifacts.get(connection, digest)


def link_all(context: Context, release: int, into: str) -> None:
    """As a publish or a clean-up does: every file's change time is another then."""
    tree = context.store.tree(ReleaseId(release))
    shutil.copytree(tree, context.store.root / into, copy_function=os.link)


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read from now on."""
    read: list[Path] = []
    read_bytes = Path.read_bytes

    def record(path: Path) -> bytes:
        read.append(path)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", record)
    return read


def change_unseen(path: Path, text: str) -> None:
    """Other content of the same size, with the old modification time."""
    at = path.stat()
    change(path, text)
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))


def test_a_file_that_was_read_is_not_read_again(
    context: Context, tree: Path, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier(context.store)
    verifier.verify(ReleaseId(1), artifact, ONE)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail(f"read {self}"))

    assert verifier.verify(ReleaseId(1), artifact, ONE) == Drift()


def test_after_a_link_files_are_read_again_a_few_at_each_look(
    context: Context, tree: Path, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier(context.store, read_again=1)
    verifier.verify(ReleaseId(1), artifact, ONE)
    link_all(context, 1, "linked")
    read = recorded(monkeypatch)

    for _ in range(6):
        assert verifier.verify(ReleaseId(1), artifact, ONE) == Drift()

    assert sorted(str(path.relative_to(tree)) for path in read) == sorted(FILES)


def test_the_next_release_is_known_by_what_it_shares(
    context: Context,
    origin: Origin,
    tree: Path,
    artifact: Artifact,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verifier = Verifier(context.store, read_again=0)
    verifier.verify(ReleaseId(1), artifact, ONE)
    origin.push("second", {"sql/load.sql": "select 2"})
    run_sync(context, status_of(context).repository)
    with context.database.transaction() as connection:
        second = context.artifact_of(connection, find_current(connection, ONE))
    read = recorded(monkeypatch)

    assert verifier.verify(ReleaseId(2), second, ONE) == Drift()
    assert [path.name for path in read] == ["load.sql"]


def test_an_edit_under_cover_of_links_is_found_within_its_turn(
    context: Context, tree: Path, artifact: Artifact
) -> None:
    verifier = Verifier(context.store, read_again=1)
    verifier.verify(ReleaseId(1), artifact, ONE)
    change_unseen(tree / "rates.py", "VAT = 26\n")
    link_all(context, 1, "linked")

    looks = [verifier.verify(ReleaseId(1), artifact, ONE) for _ in FILES]

    assert looks[-1] == Drift(changed=("rates.py",))


def test_an_edit_without_any_link_is_found_at_once_however_many_files_wait(
    context: Context, tree: Path, artifact: Artifact
) -> None:
    verifier = Verifier(context.store, read_again=1)
    verifier.verify(ReleaseId(1), artifact, ONE)
    for path in FILES:
        if path != "sql/load.sql":
            (context.store.root / f"more-{path}").hardlink_to(tree / path)
    change_unseen(tree / "sql/load.sql", "select 9")

    assert verifier.verify(ReleaseId(1), artifact, ONE) == Drift(changed=("sql/load.sql",))


def test_a_file_that_has_the_place_and_the_time_of_another_one_is_read(
    context: Context, tree: Path, artifact: Artifact
) -> None:
    (tree / "sql/other.sql").write_text("select 2")
    verifier = Verifier(context.store)
    verifier.verify(ReleaseId(1), artifact, ONE)
    at = (tree / "sql/load.sql").stat()
    (tree / "sql/other.sql").chmod(0o444)
    os.utime(tree / "sql/other.sql", ns=(at.st_atime_ns, at.st_mtime_ns))
    (tree / "sql/other.sql").rename(tree / "sql/load.sql")

    assert verifier.verify(ReleaseId(1), artifact, ONE) == Drift(changed=("sql/load.sql",))


def test_a_release_of_which_a_record_of_the_gate_is_gone_is_told(
    context: Context, tree: Path
) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.delete(t.artifact_chunk))
    look(context)
    look(context)

    lost = "unjudged: what the gate said of files of this release is gone from the database"
    assert words(context) == (lost,)
    assert told(context) == [("drift:found", [lost])]
    assert health(status_of(context).facts.deployed)[0] is Health.DEGRADED
