"""Verdict mode per_file, on real git and a real database: one bad file does not stop the others."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from windlass.database import tables as t
from windlass.database.history import list_events
from windlass.database.status import list_releases
from windlass.domain.finding import Severity
from windlass.domain.options import Options, VerdictMode
from windlass.domain.policy import Policy
from windlass.domain.release import ReleaseId
from windlass.domain.repository import Repository, SyncState
from windlass.domain.status import sync_state
from windlass.engine.context import Context
from windlass.engine.register import Registration, request_rollback
from windlass.engine.worker import handlers

BROKEN = "from airflow.sdk import DAG\nwith DAG('broken'\n    pass\n"


def dag(dag_id: str, version: int = 1) -> str:
    return f"from airflow.sdk import DAG\nd = DAG('{dag_id}')\nV = {version}\n"


def choose(context: Context, repository: Repository, options: Options) -> Repository:
    with context.database.transaction() as connection:
        connection.execute(
            sa.update(t.repository)
            .where(t.repository.c.id == repository.id)
            .values(options=options.to_json())
        )
    return replace(repository, options=options)


@pytest.fixture
def repository(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A repository in mode per_file, with one release: a.py, b.py."""
    origin.push("first", {"a.py": dag("a"), "b.py": dag("b")})
    made = choose(
        context, register(context, registration), Options(verdict_mode=VerdictMode.PER_FILE)
    )
    run_sync(context, made)
    return made


def releases(
    context: Context, repository: Repository
) -> list[tuple[int, dict[str, int], set[str]]]:
    """Number, what is kept, what is omitted; newest first."""
    with context.database.transaction() as connection:
        found = list_releases(connection, repository.id, 50)
    return [(r.id, dict(r.kept), set(r.omitted)) for r in found]


def test_nine_good_dags_go_on_while_the_tenth_is_broken(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("oops", {"a.py": BROKEN, "b.py": dag("b", 2), "c.py": dag("c")})

    run_sync(context, repository)

    assert deployed_files(context) == {"a.py": dag("a"), "b.py": dag("b", 2), "c.py": dag("c")}
    assert releases(context, repository) == [(2, {"a.py": 1}, set()), (1, {}, set())]
    assert sync_state(status_of(context).facts)[0] is not SyncState.DENIED


def test_a_broken_new_file_is_left_out_until_it_is_good(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("oops", {"new.py": BROKEN, "b.py": dag("b", 2)})
    run_sync(context, repository)
    assert set(deployed_files(context)) == {"a.py", "b.py"}
    origin.push("mended", {"new.py": dag("new")})

    run_sync(context, repository)

    assert set(deployed_files(context)) == {"a.py", "b.py", "new.py"}
    told = releases(context, repository)
    assert told == [(3, {}, set()), (2, {}, {"new.py"}), (1, {}, set())]


def test_a_push_that_only_breaks_a_file_makes_no_release_and_says_why(
    context: Context, origin: Origin, repository: Repository
) -> None:
    sha = origin.push("oops", {"a.py": BROKEN})

    run_sync(context, repository)

    facts = status_of(context).facts
    assert [number for number, *_ in releases(context, repository)] == [1]
    assert (facts.judged, facts.settled_revision, facts.kept) == (sha, sha, {"a.py": 1})
    assert [f.code for f in facts.findings] == ["SYN001"]


def test_the_same_head_again_makes_no_other_release(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("oops", {"a.py": BROKEN, "b.py": dag("b", 2)})
    run_sync(context, repository)
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.repository).values(settled_revision=None))

    run_sync(context, repository)

    assert [number for number, *_ in releases(context, repository)] == [2, 1]


def test_a_deleted_file_is_deleted_beside_a_broken_one(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("delete", {"a.py": None, "b.py": BROKEN})

    run_sync(context, repository)

    assert deployed_files(context) == {"b.py": dag("b")}


def test_a_file_that_intake_refuses_keeps_its_version_and_a_link_to_it_is_left_out(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("data", {"data.csv": "1", "x.csv": "2"})
    run_sync(context, repository)
    (origin.clone / "link.csv").symlink_to("data.csv")
    origin.push("large", {"data.csv": "x" * 10_000_001, "x.csv": "3"})

    run_sync(context, repository)

    files = deployed_files(context)
    assert (files["data.csv"], files["x.csv"], "link.csv" in files) == ("1", "3", False)
    assert releases(context, repository)[0] == (3, {"data.csv": 2}, {"link.csv"})


def test_a_file_of_a_forbidden_kind_is_left_out_unread(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("smuggle", {"evil.so": "x", "b.py": dag("b", 2)})

    run_sync(context, repository)

    assert set(deployed_files(context)) == {"a.py", "b.py"}
    assert releases(context, repository)[0] == (2, {}, {"evil.so"})


def test_what_is_kept_is_judged_beside_the_new_head(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("move", {"a.py": BROKEN, "new.py": dag("a", 2)})

    run_sync(context, repository)

    assert deployed_files(context) == {"new.py": dag("a", 2), "b.py": dag("b")}
    codes = [(f.code, f.path) for f in status_of(context).facts.findings]
    assert codes == [("STR002", "a.py"), ("SYN001", "a.py"), ("STR014", "new.py")]


def test_a_kept_version_that_gave_way_comes_back_from_the_store(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("move", {"a.py": BROKEN, "new.py": dag("a", 2)})
    run_sync(context, repository)
    origin.push("move back", {"a.py": BROKEN, "new.py": None})

    run_sync(context, repository)

    assert deployed_files(context) == {"a.py": dag("a"), "b.py": dag("b")}


def test_a_kept_version_that_the_store_lost_comes_from_the_mirror(
    context: Context, origin: Origin, repository: Repository
) -> None:
    (context.store.tree(ReleaseId(1)) / "a.py").unlink()
    origin.push("oops", {"a.py": BROKEN, "b.py": dag("b", 2)})

    run_sync(context, repository)

    assert deployed_files(context)["a.py"] == dag("a")


def test_a_kept_version_is_judged_again_by_a_newer_policy(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("clash", {"c.py": dag("c"), "C.py": dag("d")})  # INT006, medium
    run_sync(context, repository)
    assert set(deployed_files(context)) == {"a.py", "b.py", "c.py", "C.py"}
    strict = replace(context, policy=Policy(deny_at=Severity.MEDIUM))

    run_sync(strict, repository)

    assert set(deployed_files(context)) == {"a.py", "b.py", "C.py"}


def test_an_id_of_another_repository_costs_its_file_only(
    context: Context, origin: Origin, repository: Repository, registration: Registration
) -> None:
    rival = register(context, registration, name="rival", namespace="rival")
    rival = choose(context, rival, Options(verdict_mode=VerdictMode.PER_FILE))
    origin.push("more", {"new.py": dag("new")})

    run_sync(context, rival)

    assert deployed_files(context, "two") == {"new.py": dag("new")}


def test_a_rollback_to_a_partial_release_stays_partial(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("oops", {"a.py": BROKEN, "b.py": dag("b", 2)})
    run_sync(context, repository)
    origin.push("more", {"b.py": dag("b", 3)})
    run_sync(context, repository)
    request_rollback(context, "dags", ReleaseId(2), actor="alice", reason="wrong")

    handlers(context)["rollback"](
        repository.id,
        to=ReleaseId(2),
        bad=ReleaseId(3),
        actor="alice",
        reason="wrong",
        should_abort=lambda: False,
    )

    assert releases(context, repository)[0] == (4, {"a.py": 1}, set())


def test_history_says_what_is_kept(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("oops", {"a.py": BROKEN, "new.py": BROKEN, "b.py": dag("b", 2)})
    run_sync(context, repository)

    with context.database.transaction() as connection:
        events = list_events(connection, repository.id, 50)
    told = [e.facts for e in events if e.tag == "verdict:allowed"][-1]
    assert {name: told[name] for name in ("files", "kept", "omitted")} == {
        "files": 2,
        "kept": ["a.py (#1)"],
        "omitted": ["new.py"],
    }


def test_without_validation_a_release_is_marked_and_syntax_denies_all_the_same(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"a.py": dag("a")})
    made = choose(context, register(context, registration), Options(validation=False))
    run_sync(context, made)
    with context.database.transaction() as connection:
        [release] = list_releases(connection, made.id, 5)
    origin.push("oops", {"a.py": BROKEN})

    run_sync(context, made)

    assert release.validated is False
    facts = status_of(context).facts
    assert (sync_state(facts)[0], facts.validated) == (SyncState.DENIED, False)


def test_switching_validation_on_judges_the_head_again(
    context: Context, origin: Origin, registration: Registration, room: Path
) -> None:
    origin.push("first", {"a.py": dag("a")})
    made = choose(context, register(context, registration), Options(validation=False))
    run_sync(context, made)

    run_sync(context, choose(context, made, Options()))

    assert status_of(context).facts.validated is True


def test_who_imports_a_helper_that_is_left_out_is_left_out_too(
    context: Context, origin: Origin, repository: Repository
) -> None:
    caller = "import helper\n" + dag("caller")
    origin.push("oops", {"helper.py": "x = (\n", "caller.py": caller, "b.py": dag("b", 2)})

    run_sync(context, repository)

    assert deployed_files(context) == {"a.py": dag("a"), "b.py": dag("b", 2)}
    codes = [(f.code, f.path) for f in status_of(context).facts.findings]
    assert codes == [("SYN001", "helper.py"), ("STR004", "caller.py")]


def test_a_bad_helper_keeps_its_version_and_its_callers_go_on(
    context: Context, origin: Origin, repository: Repository
) -> None:
    caller = "import helper\n" + dag("caller")
    origin.push("helper", {"helper.py": "RATE = 1\n", "caller.py": caller})
    run_sync(context, repository)
    origin.push("oops", {"helper.py": "RATE = (\n", "caller.py": caller + "# newer\n"})

    run_sync(context, repository)

    files = deployed_files(context)
    assert (files["helper.py"], files["caller.py"]) == ("RATE = 1\n", caller + "# newer\n")
