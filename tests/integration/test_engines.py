"""What judges may fail itself: then nothing is let through, and nothing has to be pushed again."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from ruff import find_ruff_bin  # type: ignore[import-untyped]

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from tests.integration.sham import install_sham_airflow, make_sham_airflow
from tests.integration.test_notice import poll_due
from windlass.database import tables as t
from windlass.database.polls import poll_soon
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.sandbox.checker import Checker
from windlass.sandbox.importer import Importer, Limits

ORDERS = {"orders.py": "from airflow.sdk import DAG\nDAG('orders')\n"}


@pytest.fixture(scope="module")
def sham(session_folder: Path) -> Path:
    session_folder.chmod(0o755)
    return make_sham_airflow(session_folder / "sham-for-engines")


@pytest.fixture
def pushed(origin: Origin) -> None:
    origin.push("first", {**ORDERS})


def codes(context: Context) -> list[str]:
    return [finding.code for finding in status_of(context).facts.findings]


def is_asked_for(context: Context) -> bool:
    """Whether the next poll, which sees no new commit, asks for a sync."""
    repository = status_of(context).repository
    with context.database.transaction() as connection:
        poll_soon(connection, repository.id)
        connection.execute(sa.text("DELETE FROM procrastinate_jobs"))
    poll_due(context)
    with context.database.transaction() as connection:
        return bool(connection.execute(sa.text("SELECT 1 FROM procrastinate_jobs")).all())


@pytest.fixture
def importers(sham: Path) -> Iterator[dict[str, Importer]]:
    """One whose host confines too little, and one that is good."""
    made = {
        "weak": Importer(sham, limits=Limits(tiers=("limits",), least="landlock")),
        "good": Importer(sham, limits=Limits(least="limits")),
    }
    yield made
    for one in made.values():
        one.close()


@pytest.mark.usefixtures("pushed")
def test_a_host_that_confines_too_little_denies_until_it_is_mended(
    context: Context, registration: Registration, importers: dict[str, Importer]
) -> None:
    weak = replace(context, importer=importers["weak"])
    repository = register(weak, registration)
    run_sync(weak, repository)
    denied = codes(weak), is_asked_for(weak)

    mended = replace(context, importer=importers["good"])
    is_asked = is_asked_for(mended)
    run_sync(mended, repository)

    assert (denied, is_asked) == ((["IMP010"], True), True)
    assert (codes(mended), deployed_files(mended)) == ([], ORDERS)
    assert not is_asked_for(mended)


@pytest.mark.usefixtures("pushed")
def test_an_interpreter_that_does_not_run_denies_until_it_does(
    context: Context, registration: Registration, room: Path
) -> None:
    checker = Checker(room / "python")
    broken = replace(context, checker=checker)
    repository = register(broken, registration)
    run_sync(broken, repository)
    denied = codes(broken), status_of(broken).facts.findings[0].message

    (room / "python").symlink_to(sys.executable)
    is_asked = is_asked_for(broken)
    run_sync(broken, repository)
    checker.close()

    missing = f"the interpreter '{room}/python' does not run: FileNotFoundError"
    assert denied == (["SYN004"], f"nothing was checked: {missing}")
    assert (is_asked, deployed_files(broken)) == (True, ORDERS)


@pytest.mark.usefixtures("pushed")
def test_an_interpreter_without_airflow_denies_until_one_is_installed(
    context: Context, registration: Registration, session_folder: Path
) -> None:
    session_folder.chmod(0o755)
    python = make_sham_airflow(session_folder / "bare", with_airflow=False)
    importer = Importer(python, limits=Limits(least="limits"))
    importing = replace(context, importer=importer)
    repository = register(importing, registration)
    run_sync(importing, repository)
    denied = codes(importing), deployed_files(importing)

    install_sham_airflow(python)
    is_asked = is_asked_for(importing)
    run_sync(importing, repository)
    importer.close()

    assert (denied, is_asked) == ((["IMP010"], {}), True)
    assert deployed_files(importing) == ORDERS


def linter(place: Path, script: str) -> Path:
    """A program in the place of ruff."""
    place.write_text(f"#!{sys.executable}\nimport os, sys\n{script}\n")
    place.chmod(0o755)
    return place


@pytest.mark.usefixtures("pushed")
@pytest.mark.parametrize("mode", ["all", "per_file"])
def test_a_linter_that_dies_denies_until_it_lives(
    context: Context, registration: Registration, room: Path, mode: str
) -> None:
    program = linter(room / "ruff", "os.abort()")
    checker = Checker(Path(sys.executable), size=1, linter=program)
    linting = replace(context, checker=checker)
    repository = register(linting, registration, options={"verdict_mode": mode})
    run_sync(linting, repository)
    denied = codes(linting)[:1], deployed_files(linting)

    linter(program, f"os.execv({find_ruff_bin()!r}, sys.argv)")
    is_asked = is_asked_for(linting)
    run_sync(linting, repository)
    checker.close()

    assert (denied, is_asked) == ((["LINT001"], {}), True)
    assert (codes(linting), deployed_files(linting)) == ([], ORDERS)
    assert not is_asked_for(linting)


@pytest.mark.usefixtures("pushed")
def test_the_same_failure_is_told_once_and_looked_at_more_seldom(
    context: Context, registration: Registration, room: Path
) -> None:
    broken = replace(context, checker=Checker(room / "python"))
    repository = register(broken, registration)
    for _ in range(5):
        run_sync(broken, repository)

    with context.database.transaction() as connection:
        verdicts = connection.execute(sa.select(t.verdict.c.allowed)).scalars().all()
        wait = sa.select(t.repository.c.next_poll_at - sa.func.now())
        waits_s = connection.execute(wait).scalar_one().total_seconds()
    assert verdicts == [False]
    assert waits_s > 100  # 15 s, doubled four times
