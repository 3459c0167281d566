"""Releases that wait for a person: nothing of them is deployed before somebody says so."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, deployed_files, register, run_sync
from tests.integration.test_holds import state, tags
from tests.integration.test_sync import roll_back
from windlass.database import tables as t
from windlass.database.approvals import find_approval, list_waiting
from windlass.database.repositories import unsettle
from windlass.database.status import list_releases
from windlass.domain.approval import ApprovalState
from windlass.domain.errors import Conflict, Forbidden
from windlass.domain.finding import Severity
from windlass.domain.options import Options
from windlass.domain.policy import Policy
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Repository, SyncState
from windlass.engine.context import Context
from windlass.engine.holds import hold, unhold
from windlass.engine.register import Registration, request_sync
from windlass.engine.review import approve, deploy_what_is_approved, expire, reject, tell_overdue
from windlass.engine.worker import handlers

ONE = "from airflow.sdk import DAG\ndag = DAG('orders')\n"
TWO = ONE + "X = 2\n"
THREE = ONE + "X = 3\n"
BAD = "from airflow.sdk import DAG\ndag = DAG('orders'\n"


@pytest.fixture
def dags(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A repository with the release #1 deployed, whose next ones need approval."""
    origin.push("first", {"orders.py": ONE})
    repository = register(context, registration)
    run_sync(context, repository)
    set_options(context, Options(auto_deploy=False))
    return repository


def set_options(context: Context, options: Options) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.repository).values(options=options.to_json()))


def waiting(context: Context, repository: Repository) -> list[int]:
    with context.database.transaction() as connection:
        return [one.approval.release_id for one in list_waiting(connection, repository.id)]


def propose(context: Context, origin: Origin, dags: Repository, text: str) -> ReleaseId:
    origin.push("change", {"orders.py": text})
    run_sync(context, dags)
    return ReleaseId(waiting(context, dags)[-1])


def answer(context: Context, release: ReleaseId) -> tuple[ApprovalState, str | None]:
    with context.database.transaction() as connection:
        approval = find_approval(connection, release)
    assert approval is not None
    return approval.state, approval.reason


def run_deploy(context: Context, repository: Repository, release: ReleaseId) -> None:
    handlers(context)["deploy"](repository.id, release=release, should_abort=lambda: False)


def test_an_allowed_push_waits_with_its_tree_written_and_nothing_deployed(
    context: Context, origin: Origin, dags: Repository
) -> None:
    release = propose(context, origin, dags, TWO)

    assert deployed_files(context) == {"orders.py": ONE}
    assert (context.store.tree(release) / "orders.py").read_text() == TWO
    expected = (SyncState.WAITING_APPROVAL, f"release #{release} waits for approval")
    assert state(context) == expected
    with context.database.transaction() as connection:
        states = [one.state for one in list_releases(connection, dags.id, 5)]
    assert states == [ApprovalState.WAITING, DeploymentState.PUBLISHED]


def test_an_approved_release_is_deployed_as_it_was_looked_at(
    context: Context, origin: Origin, dags: Repository
) -> None:
    release = propose(context, origin, dags, TWO)

    approve(context, "dags", release, reason="looks right", actor="bob")
    run_deploy(context, dags, release)

    assert deployed_files(context) == {"orders.py": TWO}
    assert answer(context, release) == (ApprovalState.APPROVED, "looks right")
    assert tags(context, dags)[-2:] == ["release:approved", "release:published"]


def test_the_files_of_an_approved_release_are_new_to_airflow(
    context: Context, origin: Origin, dags: Repository
) -> None:
    release = propose(context, origin, dags, TWO)
    time.sleep(0.01)
    parsed_at = time.time()

    approve(context, "dags", release, reason="looks right", actor="bob")
    run_deploy(context, dags, release)

    assert (context.store.tree(release) / "orders.py").stat().st_mtime > parsed_at


def test_syncing_again_asks_nothing_again(
    context: Context, origin: Origin, dags: Repository
) -> None:
    release = propose(context, origin, dags, TWO)

    run_sync(replace(context, policy=Policy()), dags)

    assert waiting(context, dags) == [release]


def test_a_newer_head_supersedes_nothing_under_review(
    context: Context, origin: Origin, dags: Repository
) -> None:
    first = propose(context, origin, dags, TWO)
    second = propose(context, origin, dags, THREE)

    approve(context, "dags", first, reason="this one", actor="bob")
    run_deploy(context, dags, first)

    assert deployed_files(context) == {"orders.py": TWO}
    reason = f"release #{first} was deployed meanwhile"
    assert answer(context, second) == (ApprovalState.SUPERSEDED, reason)


def test_a_head_whose_base_moved_is_proposed_again(
    context: Context, origin: Origin, dags: Repository
) -> None:
    first = propose(context, origin, dags, TWO)
    second = propose(context, origin, dags, THREE)
    approve(context, "dags", first, reason="this one", actor="bob")
    run_deploy(context, dags, first)

    run_sync(context, dags)

    (third,) = waiting(context, dags)
    assert third > second
    assert (context.store.tree(ReleaseId(third)) / "orders.py").read_text() == THREE


def test_a_rollback_supersedes_what_waits(
    context: Context, origin: Origin, dags: Repository
) -> None:
    approved = propose(context, origin, dags, TWO)
    approve(context, "dags", approved, reason="fine", actor="bob")
    run_deploy(context, dags, approved)
    release = propose(context, origin, dags, THREE)

    roll_back(context)

    assert answer(context, release)[0] is ApprovalState.SUPERSEDED
    with pytest.raises(Conflict, match=r"REL010 .* was superseded by windlass"):
        approve(context, "dags", release, reason="fine", actor="bob")


def test_a_rollback_never_goes_to_a_release_that_was_never_deployed(
    context: Context, origin: Origin, dags: Repository
) -> None:
    propose(context, origin, dags, TWO)

    with pytest.raises(Conflict, match="REL004"):
        roll_back(context)
    with pytest.raises(Conflict, match="REL014 release #2 of 'dags' was never deployed"):
        roll_back(context, to=2)


def test_a_changed_policy_supersedes_and_the_head_is_judged_by_it(
    context: Context, origin: Origin, dags: Repository
) -> None:
    release = propose(context, origin, dags, TWO)
    stricter = replace(context, policy=Policy(deny_at=Severity.CRITICAL))

    with pytest.raises(Conflict, match=r"REL011 .*: the release policy has changed"):
        approve(stricter, "dags", release, reason="fine", actor="bob")
    run_sync(stricter, dags)

    (again,) = waiting(context, dags)
    assert again > release
    assert answer(context, release)[0] is ApprovalState.SUPERSEDED


@pytest.fixture
def thief(context: Context, dags: Repository) -> Callable[[], None]:
    """Gives the dag_id of `dags` to another repository."""

    def steal() -> None:
        columns = ["namespace", "environment_id", "url", "path", "sync_interval_s", "next_poll_at"]
        with context.database.transaction() as connection:
            row = connection.execute(sa.select(*(t.repository.c[name] for name in columns))).one()
            values = {**row._mapping, "ref": "main", "name": "thief"}
            query = sa.insert(t.repository).values(**values).returning(t.repository.c.id)
            other = connection.execute(query).scalar_one()
            connection.execute(sa.update(t.dag_claim).values(repository_id=other))

    return steal


def test_an_id_that_was_claimed_meanwhile_supersedes_at_approval(
    context: Context, origin: Origin, dags: Repository, thief: Callable[[], None]
) -> None:
    release = propose(context, origin, dags, TWO)
    thief()

    with pytest.raises(Conflict, match=r"REL011 .* a check fails now: STR001 the dag_id 'orders'"):
        approve(context, "dags", release, reason="fine", actor="bob")

    assert answer(context, release)[0] is ApprovalState.SUPERSEDED


def test_a_head_that_is_denied_later_is_withdrawn(
    context: Context, origin: Origin, dags: Repository, thief: Callable[[], None]
) -> None:
    release = propose(context, origin, dags, TWO)
    thief()
    with context.database.transaction() as connection:
        unsettle(connection, dags.id)

    run_sync(context, dags)

    expected = (ApprovalState.SUPERSEDED, "a check fails now: STR001 orders.py")
    assert answer(context, release) == expected
    assert state(context)[0] is SyncState.DENIED


def test_an_id_that_is_claimed_after_the_approval_supersedes_too(
    context: Context, origin: Origin, dags: Repository, thief: Callable[[], None]
) -> None:
    release = propose(context, origin, dags, TWO)
    approve(context, "dags", release, reason="fine", actor="bob")
    thief()

    run_deploy(context, dags, release)

    assert deployed_files(context) == {"orders.py": ONE}
    assert answer(context, release)[0] is ApprovalState.SUPERSEDED


def test_what_newer_checks_deny_is_not_deployed_though_it_was_approved(
    context: Context, origin: Origin, dags: Repository
) -> None:
    bad = origin.push("bad", {"orders.py": BAD})
    run_sync(context, dags)
    release = propose(context, origin, dags, TWO)
    with context.database.transaction() as connection:  # as if older checks had let it pass
        connection.execute(sa.update(t.verdict).values(inputs="older checks"))
        made_of = sa.update(t.release).where(t.release.c.id == release)
        connection.execute(made_of.values(revision=bad))
    approve(context, "dags", release, reason="fine", actor="bob")

    run_deploy(context, dags, release)

    assert deployed_files(context) == {"orders.py": ONE}
    found = answer(context, release)
    assert found[0] is ApprovalState.SUPERSEDED
    assert str(found[1]).startswith("a check fails now: SYN001 orders.py:2:10")


def test_a_rejected_head_stays_where_it_is_and_says_why(
    context: Context, origin: Origin, dags: Repository
) -> None:
    release = propose(context, origin, dags, TWO)

    reject(context, "dags", release, reason="too risky", actor="bob")
    run_sync(context, dags)

    assert waiting(context, dags) == []
    assert deployed_files(context) == {"orders.py": ONE}
    why = f"its content is that of release #{release}, rejected by bob: too risky"
    assert state(context)[0] is SyncState.HELD
    assert state(context)[1].endswith(why)


def test_rejected_content_is_asked_about_again_on_another_base(
    context: Context, origin: Origin, dags: Repository
) -> None:
    rejected = propose(context, origin, dags, TWO)
    reject(context, "dags", rejected, reason="not before THREE", actor="bob")
    other = propose(context, origin, dags, THREE)
    approve(context, "dags", other, reason="fine", actor="bob")
    run_deploy(context, dags, other)

    again = propose(context, origin, dags, TWO)

    assert again > other


def test_the_author_may_not_approve_where_four_eyes_are_asked_for(
    context: Context, origin: Origin, dags: Repository
) -> None:
    set_options(context, Options(auto_deploy=False, require_other_approver=True))
    release = propose(context, origin, dags, TWO)

    for actor in ("Alice", "alice via admin", "alice@example.org"):
        with pytest.raises(Forbidden, match="REL012 release #2 is by Alice"):
            approve(context, "dags", release, reason="mine", actor=actor)
    approve(context, "dags", release, reason="fine", actor="bob via admin")

    assert answer(context, release)[0] is ApprovalState.APPROVED


def test_nothing_is_approved_while_held(context: Context, origin: Origin, dags: Repository) -> None:
    release = propose(context, origin, dags, TWO)
    hold(context, "dags", reason="freeze", actor="alice")

    with pytest.raises(Conflict, match="HOLD004 'dags' is held by alice: freeze"):
        approve(context, "dags", release, reason="fine", actor="bob")

    assert waiting(context, dags) == [release]


def test_an_approval_before_a_hold_is_deployed_after_it(
    context: Context, origin: Origin, dags: Repository
) -> None:
    release = propose(context, origin, dags, TWO)
    approve(context, "dags", release, reason="fine", actor="bob")
    hold(context, "dags", reason="freeze", actor="alice")
    run_deploy(context, dags, release)
    assert deployed_files(context) == {"orders.py": ONE}

    unhold(context, "dags", reason="over", actor="alice")
    assert deploy_what_is_approved(context) == 1
    run_deploy(context, dags, release)

    assert deployed_files(context) == {"orders.py": TWO}


def test_waiting_for_long_is_told_once_and_ends_nothing(
    context: Context, origin: Origin, dags: Repository
) -> None:
    release = propose(context, origin, dags, TWO)

    told = [tell_overdue(context), tell_overdue(context, 0.0), tell_overdue(context, 0.0)]

    assert told == [0, 1, 0]
    assert waiting(context, dags) == [release]


def test_what_nobody_decides_in_time_expires_and_is_asked_again_by_whoever_wants_a_sync(
    context: Context, origin: Origin, dags: Repository
) -> None:
    set_options(context, Options(auto_deploy=False, approval_expires_h=2))
    release = propose(context, origin, dags, TWO)
    early = expire(context)
    with context.database.transaction() as connection:
        past = sa.func.now() - timedelta(hours=2)
        connection.execute(sa.update(t.approval).values(created_at=past))

    ended = [expire(context), expire(context)]

    run_sync(context, dags)
    run_sync(context, dags)
    assert (early, ended, waiting(context, dags)) == (0, [1, 0], [])
    assert answer(context, release) == (ApprovalState.EXPIRED, "nobody decided in time")
    held, why = state(context)
    assert held is SyncState.HELD
    assert why.endswith(
        f"its content is that of release #{release}, whose approval has expired: nobody decided in "
        "time. `windlass repo sync dags` asks again"
    )
    with pytest.raises(Conflict, match="has expired, nobody decided in time") as refused:
        approve(context, "dags", release, reason="late", actor="bob")
    assert (refused.value.code, refused.value.hint) == (
        "REL010",
        "Ask again: windlass repo sync dags",
    )

    request_sync(context, "dags")
    run_sync(context, dags)

    (again,) = waiting(context, dags)
    assert again > release
    approve(context, "dags", ReleaseId(again), reason="now", actor="bob")
    run_deploy(context, dags, ReleaseId(again))
    assert deployed_files(context) == {"orders.py": TWO}


def test_a_question_of_a_repository_without_a_limit_never_expires(
    context: Context, origin: Origin, dags: Repository
) -> None:
    release = propose(context, origin, dags, TWO)
    with context.database.transaction() as connection:
        past = sa.func.now() - timedelta(days=400)
        connection.execute(sa.update(t.approval).values(created_at=past))

    assert (expire(context), waiting(context, dags)) == (0, [release])


def test_deploying_an_approved_release_twice_changes_nothing(
    context: Context, origin: Origin, dags: Repository
) -> None:
    release = propose(context, origin, dags, TWO)
    approve(context, "dags", release, reason="fine", actor="bob")
    run_deploy(context, dags, release)
    before = tags(context, dags)

    run_deploy(context, dags, release)

    assert tags(context, dags) == before


def test_the_first_release_of_a_repository_can_wait_too(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ONE})
    repository = register(context, registration)
    set_options(context, Options(auto_deploy=False))
    run_sync(context, repository)
    assert deployed_files(context) == {}
    (release,) = waiting(context, repository)

    approve(context, "dags", ReleaseId(release), reason="welcome", actor="bob")
    run_deploy(context, repository, ReleaseId(release))

    assert deployed_files(context) == {"orders.py": ONE}
