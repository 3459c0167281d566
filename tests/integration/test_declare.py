"""The declarative file, applied to a real database: what it says becomes so, and nothing else."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.integration.conftest import PASSWORD, Origin, register, run_sync, status_of
from tests.integration.test_notice import poll_due, waiting
from tests.waiting import wait_until
from windlass.compiler.declaration_plan import Act, Step
from windlass.database import tables as t
from windlass.database.credentials import StoredCredential, put_credential
from windlass.database.declarations import (
    claim_declaration,
    find_declaration,
    lock_registrations,
)
from windlass.database.environments import list_environments
from windlass.database.history import list_events
from windlass.database.policies import list_policies
from windlass.database.removals import list_removals
from windlass.database.repositories import get_repository, list_repositories, set_owner
from windlass.domain.environment import Environment
from windlass.domain.errors import Conflict
from windlass.domain.finding import Severity
from windlass.domain.options import DEFAULTS
from windlass.domain.ref import Ref, RefChoice, RefKind
from windlass.domain.repository import Owner, Repository
from windlass.engine.context import Context
from windlass.engine.declare import FileRules, Outcome, apply_file
from windlass.engine.lifecycle import remove
from windlass.engine.ownership import adopt, check_owner, disown, export, try_again
from windlass.engine.policies import set_policy
from windlass.engine.register import Registration
from windlass.engine.watch import FileWatch

RULES = FileRules()
HEAD = "repositories:\n"
EMPTY = "repositories: []\n"


def item(name: str, more: str = "") -> str:
    return f"  - name: {name}\n    url: https://git.example/{name}\n{more}"


def apply(context: Context, text: str, rules: FileRules = RULES) -> Outcome | None:
    return apply_file(context, "windlass.yaml", text.encode(), rules)


def steps_of(outcome: Outcome | None) -> list[str]:
    assert outcome is not None
    assert outcome.findings == ()
    return [str(step) for step in outcome.steps]


def problems_of(outcome: Outcome | None) -> list[str]:
    assert outcome is not None
    assert outcome.steps == ()
    return [f"{one.place} {one.code} {one.message}" for one in outcome.findings]


def repositories(context: Context) -> list[Repository]:
    with context.database.transaction() as connection:
        return list_repositories(connection)


def names(context: Context) -> list[str]:
    return [one.name for one in repositories(context) if one.removing_at is None]


def audited(context: Context) -> list[tuple[str, str, str]]:
    a = t.audit.c
    with context.database.transaction() as connection:
        rows = connection.execute(sa.select(a.actor, a.action, a.subject).order_by(a.id))
        return [(row.actor, row.action, row.subject) for row in rows]


def test_a_file_registers_what_it_says_and_its_repositories_sync(
    context: Context, origin: Origin
) -> None:
    with context.database.transaction() as connection:
        ciphertext = context.keyring.encrypt(PASSWORD)
        put_credential(connection, "ci", StoredCredential("ci", ciphertext))
    origin.push("first", {"dags/a.py": "x = 1\n"})
    text = (
        f"{HEAD}  - name: dags\n    url: {origin.url}\n    path: dags\n    credential: ci\n"
        "    namespace: team\n    sync_interval: 5m\n    priority: 3\n"
    )

    assert steps_of(apply(context, text)) == ["add repository dags"]

    (added,) = repositories(context)
    assert added == Repository(
        id=added.id,
        name="dags",
        namespace="team",
        environment="default",
        url=origin.url,
        ref=Ref(RefKind.BRANCH, "main"),
        path="dags",
        credential="ci",
        sync_interval_s=300,
        options=replace(DEFAULTS, priority=3),
        owner=Owner.FILE,
        ref_choice=RefChoice.MAIN,
    )
    run_sync(context, added)
    assert status_of(context).facts.deployed is not None


def test_applying_a_file_twice_changes_nothing(context: Context) -> None:
    apply(context, HEAD + item("a"))
    before = repositories(context), audited(context)

    assert apply(context, HEAD + item("a")) is None
    assert steps_of(apply(context, "# a comment\n" + HEAD + item("a"))) == []
    assert (repositories(context), audited(context)) == before


def test_a_change_keeps_the_repository_and_tells_what_changed(context: Context) -> None:
    apply(context, HEAD + item("a"))
    (before,) = repositories(context)

    outcome = apply(context, HEAD + item("a", "    branch: develop\n    auto_deploy: false\n"))

    assert steps_of(outcome) == ["change repository a: ref, options"]
    assert repositories(context) == [
        replace(
            before,
            ref=Ref(RefKind.BRANCH, "develop"),
            ref_choice=RefChoice.GIVEN,
            options=replace(DEFAULTS, auto_deploy=False),
        )
    ]
    with context.database.transaction() as connection:
        events = list_events(connection, before.id, 10)
    assert [event.tag for event in events] == ["repository:added", "repository:changed"]
    assert events[-1].facts == {"actor": "windlass.yaml", "changed": ["ref", "options"]}


def test_every_change_is_in_the_audit_once(context: Context) -> None:
    apply(context, "environments: {prod: {}}\n" + HEAD + item("a"))
    apply(context, HEAD + item("b", "    environment: default\n"))

    assert audited(context) == [
        ("windlass.yaml", "environment:added", "environment/prod"),
        ("windlass.yaml", "repository:added", "repository/a"),
        ("windlass.yaml", "configuration:applied", "configuration/windlass.yaml"),
        ("windlass.yaml", "environment:changed", "environment/prod"),
        ("windlass.yaml", "repository:added", "repository/b"),
        ("windlass.yaml", "repository:removed", "repository/a"),
        ("windlass.yaml", "configuration:applied", "configuration/windlass.yaml"),
    ]


def test_a_bad_file_changes_nothing_and_its_problems_are_kept(context: Context) -> None:
    apply(context, HEAD + item("a"))

    outcome = apply(context, HEAD + item("b", "    brnach: main\n"))

    told = ['windlass.yaml:4:5 FILE001 the repository has no key "brnach"']
    assert problems_of(outcome) == told
    assert names(context) == ["a"]
    with context.database.transaction() as connection:
        stored = find_declaration(connection)
    assert stored is not None
    assert [f"{one.place} {one.code} {one.message}" for one in stored.findings] == told
    assert stored.text == HEAD + item("a")
    assert stored.places == {"a": "windlass.yaml:2:5"}


def test_a_repository_that_leaves_the_file_is_on_its_way_out(context: Context) -> None:
    apply(context, HEAD + item("a") + item("b"))

    assert steps_of(apply(context, HEAD + item("a"))) == ["remove repository b"]
    assert names(context) == ["a"]


def test_the_file_says_beforehand_what_becomes_of_the_dags(context: Context) -> None:
    apply(context, HEAD + item("a") + "    on_removal: delete_dags\n" + item("b") + item("c"))

    apply(context, HEAD + item("c"))

    with context.database.transaction() as connection:
        wished = {one.repository.name: one.delete_dags for one in list_removals(connection)}
    assert wished == {"a": True, "b": False}


def test_one_that_comes_back_while_it_is_removed_must_wait(context: Context) -> None:
    apply(context, HEAD + item("a") + item("b"))
    apply(context, HEAD + item("a"))

    assert problems_of(apply(context, HEAD + item("a") + item("b"))) == [
        'windlass.yaml:4:5 FILE032 the repository "b" is being removed'
    ]


def many(*wanted: str) -> str:
    return HEAD + "".join(item(name) for name in wanted)


def test_a_file_sets_policies_and_takes_them_away(context: Context) -> None:
    policy = "policies:\n  strict: {deny_at: medium, applies_to: {namespaces: [a]}}\n"

    assert steps_of(apply(context, policy + EMPTY)) == ["add policy strict"]
    assert steps_of(apply(context, policy.replace("medium", "low") + EMPTY)) == [
        "change policy strict"
    ]
    with context.database.transaction() as connection:
        [(stored, owner)] = list_policies(connection)
    assert (stored.deny_at, owner) == (Severity.LOW, Owner.FILE)
    assert steps_of(apply(context, HEAD + item("a"))) == [
        "remove policy strict",
        "add repository a",
    ]


def test_a_file_does_not_change_the_policies_of_the_api(context: Context) -> None:
    set_policy(context, "strict", "applies_to: {namespaces: [a]}", actor="alice")
    two = "policies:\n  strict: {deny_at: low}\n  other: {applies_to: {namespaces: [a]}}\n" + EMPTY

    assert problems_of(apply(context, two)) == [
        'windlass.yaml:2:11 FILE036 the policy "strict" belongs to the API, so the file cannot '
        "change it",
        'windlass.yaml:3:10 FILE037 the policies "strict" and "other" are both for the namespace a',
    ]
    apply(context, "policies: {mine: {deny_at: low}}\n" + EMPTY)
    with pytest.raises(Conflict, match="POL008"):
        set_policy(context, "mine", "deny_at: high", actor="alice")


def test_a_file_that_lost_most_of_its_repositories_is_not_believed(context: Context) -> None:
    apply(context, many(*"abcdef"))

    assert problems_of(apply(context, many("a", "b"))) == [
        "windlass.yaml:1:1 FILE030 the file no longer names 4 of its 6 repositories: c, d, e, f"
    ]
    assert names(context) == list("abcdef")


@pytest.mark.parametrize(
    ("before", "after"), [("abcdef", "abc"), ("ab", ""), ("abc", "c"), ("abcdef", "abcde")]
)
def test_half_of_them_or_two_may_go_without_asking(
    context: Context, before: str, after: str
) -> None:
    apply(context, many(*before))

    outcome = apply(context, many(*after) if after else "repositories: []\n")

    assert len(steps_of(outcome)) == len(before) - len(after)
    assert names(context) == list(after)


def test_a_person_may_allow_the_removals_of_the_file_that_was_shown(context: Context) -> None:
    apply(context, many(*"abcdef"))
    apply(context, many("a"))
    try_again(context, may_remove=True, actor="alice")

    assert problems_of(apply(context, many("b")))[0].startswith("windlass.yaml:1:1 FILE030 ")
    assert len(steps_of(apply(context, many("a")))) == 5
    assert names(context) == ["a"]


def test_a_setting_lifts_the_brake_for_every_file(context: Context) -> None:
    apply(context, many(*"abcdef"))

    apply(context, many("a"), FileRules(may_remove=True))

    assert names(context) == ["a"]


def test_what_the_api_owns_the_file_cannot_take(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {})
    register(context, registration)

    assert problems_of(apply(context, many("dags", "b"))) == [
        'windlass.yaml:2:5 FILE031 the repository "dags" belongs to the API, so the file cannot '
        "change it"
    ]
    assert names(context) == ["dags"]


def test_what_a_person_hands_over_the_file_takes(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {})
    register(context, registration)
    apply(context, many("dags"))
    adopt(context, ["dags"], actor="alice")

    outcome = apply(context, many("dags"))

    assert steps_of(outcome) == ["change repository dags: url, credential, owner"]
    assert repositories(context)[0].owner is Owner.FILE


def test_what_the_file_owns_the_api_is_refused_with_its_place(context: Context) -> None:
    apply(context, many("a", "b"))
    with context.database.transaction() as connection, pytest.raises(Conflict) as refused:
        check_owner(connection, get_repository(connection, "b"))

    assert str(refused.value) == (
        "REPO012 the repository 'b' belongs to windlass.yaml:4:5 "
        "Change it there, or take it over: windlass config disown b"
    )


def test_what_the_api_owns_the_api_may_change(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {})
    repository = register(context, registration)

    with context.database.transaction() as connection:
        check_owner(connection, repository)


def test_what_is_given_to_the_api_the_file_must_stop_naming(context: Context) -> None:
    apply(context, many("a", "b"))
    disown(context, ["b"], actor="alice")

    refused = problems_of(apply(context, "# again\n" + many("a", "b")))

    assert [one.split()[1] for one in refused] == ["FILE031"]
    assert steps_of(apply(context, many("a"))) == []
    assert names(context) == ["a", "b"]


def test_handing_over_is_in_the_audit(context: Context) -> None:
    apply(context, many("a"))
    before = len(audited(context))

    disown(context, ["a"], actor="alice")
    adopt(context, ["a"], actor="alice")
    try_again(context, may_remove=True, actor="alice")

    assert audited(context)[before:] == [
        ("alice", "repository:disowned", "repository/a"),
        ("alice", "repository:adopted", "repository/a"),
        ("alice", "configuration:removals_allowed", "configuration/windlass.yaml"),
    ]


def test_without_a_file_there_is_nothing_to_hand_over_to(context: Context) -> None:
    with pytest.raises(Conflict) as refused:
        try_again(context, may_remove=True, actor="alice")

    assert refused.value.code == "FILE042"


def test_what_is_exported_is_what_is_there(context: Context) -> None:
    text = (
        "environments: {prod: {bundles: 2, teams: {ml: 1}}}\n"
        + HEAD
        + item("a", "    environment: prod\n    team: ml\n    tag_pattern: v*\n")
        + item("b", "    environment: default\n    validation: {enabled: false}\n")
    )
    apply(context, text)

    whole = export(context, None)
    apply(context, whole)  # takes the environment of the API too

    assert steps_of(apply(context, "# again\n" + whole)) == []
    assert export(context, None) == whole
    assert export(context, ["b"]) == (
        "  - name: b\n    url: https://git.example/b\n    branch: main\n"
        "    environment: default\n"
        "    sync_interval: 60s\n    validation: {enabled: false}\n"
    )


def test_a_repository_stays_in_its_environment(context: Context) -> None:
    environments = "environments: {prod: {}, stage: {}}\n"
    apply(context, environments + HEAD + item("a", "    environment: prod\n"))

    outcome = apply(context, environments + HEAD + item("a", "    environment: stage\n"))

    assert problems_of(outcome) == [
        'windlass.yaml:3:5 FILE033 the repository "a" is in the environment "prod", and cannot '
        'move to "stage"'
    ]


def test_environments_get_their_pool_and_their_pointers(context: Context) -> None:
    text = "environments: {prod: {bundles: 1, teams: {ml: 1}}}\nrepositories: []\n"

    assert steps_of(apply(context, text)) == ["add environment prod"]

    with context.database.transaction() as connection:
        prod = Environment("prod", bundles=1, teams={"ml": 1}, owner=Owner.FILE)
        assert prod in list_environments(connection)
    assert context.store.points_to("prod", "windlass-00", None)
    assert context.store.points_to("prod", "windlass-ml-00", None)


def test_an_environment_that_leaves_the_file_stays_and_belongs_to_the_api(
    context: Context,
) -> None:
    apply(context, "environments: {prod: {bundles: 1}}\nrepositories: []\n")

    assert steps_of(apply(context, "repositories: []\n")) == ["leave environment prod"]

    with context.database.transaction() as connection:
        assert Environment("prod", bundles=1) in list_environments(connection)


def test_a_credential_that_is_added_later_ends_the_refusal(context: Context) -> None:
    text = HEAD + item("a", "    credential: ci\n")
    assert problems_of(apply(context, text)) == [
        'windlass.yaml:2:5 FILE020 the credential of repository "a" does not exist'
    ]
    with context.database.transaction() as connection:
        put_credential(connection, "ci", StoredCredential("ci", b"x"))
        connection.execute(
            sa.update(t.declaration).values(seen_at=sa.func.now() - sa.text("interval '31 s'"))
        )

    assert steps_of(apply(context, text)) == ["add repository a"]


def test_only_one_of_two_workers_applies_a_file(context: Context) -> None:
    first = apply(context, many("a"))
    second = apply(context, many("a"))

    assert (steps_of(first), second) == (["add repository a"], None)


# ---- the loop ------------------------------------------------------------------------------


def watch(context: Context, room: Path, names: Sequence[str] = ("windlass.yaml",)) -> FileWatch:
    return FileWatch(context, [room / name for name in names], RULES)


def test_what_gets_in_the_way_half_way_undoes_all_of_the_file(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"a.py": ""})
    register(context, registration, name="b")
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.repository).values(removed_at=sa.func.now()))
        connection.execute(  # what a plan does not see, and the name's index does
            sa.text("DROP INDEX uq_repository_name_there; CREATE UNIQUE INDEX ON repository (name)")
        )

    found = problems_of(apply(context, HEAD + item("a") + item("b")))

    assert found == ["windlass.yaml:4:5 REPO010 there is a repository 'b' already"]
    assert names(context) == []
    assert audited(context)[-1][1] == "repository:added"


def test_an_api_change_waits_for_the_file_and_is_refused_then(
    context: Context, registration: Registration
) -> None:
    apply(context, HEAD + item("a"))
    disown(context, ["a"], actor="alice")
    adopt(context, ["a"], actor="alice")
    with ThreadPoolExecutor(1) as aside, context.database.transaction() as connection:
        lock_registrations(connection, "")
        change_it = aside.submit(remove, context, "a", reason="x", actor="bob")
        wait_for_a_lock(context)
        set_owner(connection, get_repository(connection, "a").id, Owner.FILE)
        connection.commit()

        with pytest.raises(Conflict, match="REPO012"):
            change_it.result(timeout=60)


def test_who_claimed_an_older_file_changes_nothing_any_more(context: Context) -> None:
    with context.database.transaction() as connection:
        claim_declaration(connection, "w.yaml", "older", again_after=timedelta())
        claim_declaration(connection, "w.yaml", "newer", again_after=timedelta())

        assert lock_registrations(connection, "older") is False
        assert lock_registrations(connection, "newer") is True


def wait_for_a_lock(context: Context) -> None:
    """Until somebody waits for what another transaction holds."""
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with context.database.transaction() as connection:
        wait_until(lambda: connection.execute(waiting).scalar_one(), "somebody waits")


def test_a_file_is_applied_when_it_stopped_changing(context: Context, room: Path) -> None:
    loop, file = watch(context, room), room / "windlass.yaml"
    file.write_text(many("a"))
    loop.look()
    file.write_text(many("a", "b"))
    loop.look()
    assert names(context) == []

    loop.look()

    assert names(context) == ["a", "b"]


def test_a_change_is_applied_while_all_runs(context: Context, room: Path) -> None:
    loop, file = watch(context, room), room / "windlass.yaml"
    for text in (many("a"), many("a", "b", "c")):
        file.write_text(text)
        loop.look()
        loop.look()

    assert names(context) == ["a", "b", "c"]


def test_a_bad_change_keeps_what_runs_until_it_is_mended(context: Context, room: Path) -> None:
    loop, file = watch(context, room), room / "windlass.yaml"
    for text in (many("a"), "repositories: [\n", many("b", "a")):
        file.write_text(text)
        pauses = [loop.look(), loop.look()]
        if text.endswith("[\n"):
            assert (names(context), pauses) == (["a"], [0.5, 2.0])

    assert names(context) == ["a", "b"]


def test_a_bad_file_that_never_was_in_force_is_forgotten_with_it(
    context: Context, room: Path
) -> None:
    loop, file = watch(context, room), room / "windlass.yaml"
    file.write_text("repositories: [\n")
    loop.look()
    loop.look()
    file.unlink()

    loop.look()

    with context.database.transaction() as connection:
        assert find_declaration(connection) is None


def test_a_file_that_vanishes_removes_nothing_and_is_told(context: Context, room: Path) -> None:
    loop, file = watch(context, room), room / "windlass.yaml"
    file.write_text(many("a"))
    loop.look()
    loop.look()
    file.unlink()

    loop.look()

    with context.database.transaction() as connection:
        stored = find_declaration(connection)
    assert stored is not None
    assert [f"{one.place} {one.code}" for one in stored.findings] == ["windlass.yaml FILE041"]
    assert names(context) == ["a"]
    file.write_text(many("a"))
    loop.look()
    loop.look()
    with context.database.transaction() as connection:
        again = find_declaration(connection)
    assert again is not None
    assert again.findings == ()


def test_a_worker_that_starts_with_a_bad_file_keeps_what_runs(context: Context, room: Path) -> None:
    apply(context, many("a"))
    (room / "windlass.yaml").write_text("repositories: [\n")
    loop = watch(context, room)

    loop.look()
    loop.look()

    assert names(context) == ["a"]


def test_a_mounted_link_that_is_switched_is_a_change(context: Context, room: Path) -> None:
    (room / "one").write_text(many("a"))
    (room / "two").write_text(many("b"))
    link = room / "windlass.yaml"
    link.symlink_to("one")
    loop = watch(context, room)
    loop.look()
    loop.look()
    (room / "new").symlink_to("two")
    os.replace(room / "new", link)  # noqa: PTH105  # as the kubelet does

    loop.look()
    loop.look()

    assert names(context) == ["b"]


def test_the_first_name_that_is_there_is_the_file(context: Context, room: Path) -> None:
    (room / "airflow-repos.yaml").write_text(many("a"))
    loop = watch(context, room, ("windlass.yaml", "airflow-repos.yaml"))

    loop.look()
    loop.look()

    with context.database.transaction() as connection:
        stored = find_declaration(connection)
    assert stored is not None
    assert (stored.path, names(context)) == ("airflow-repos.yaml", ["a"])


def test_without_a_file_nothing_is_noted(context: Context, room: Path) -> None:
    watch(context, room).look()

    with context.database.transaction() as connection:
        assert find_declaration(connection) is None


def test_a_step_reads_as_a_sentence() -> None:
    assert str(Step(Act.CHANGE, "repository", "a", ("url", "ref"))) == (
        "change repository a: url, ref"
    )


@pytest.fixture
def only_develop(context: Context, origin: Origin) -> str:
    """The text of a file that names no ref, for a remote without main, and its credential."""
    with context.database.transaction() as connection:
        ciphertext = context.keyring.encrypt(PASSWORD)
        put_credential(connection, "ci", StoredCredential("ci", ciphertext))
    origin.push("first", {"a.py": "x = 1\n"})
    origin.git("push", "--quiet", "origin", "HEAD:develop")
    bare = Origin(origin.url, origin.clone.parent / "git/team/dags.git")
    bare.git("symbolic-ref", "HEAD", "refs/heads/develop")
    bare.git("update-ref", "-d", "refs/heads/main")
    return f"{HEAD}  - name: dags\n    url: {origin.url}\n    credential: ci\n"


def test_a_file_without_a_ref_follows_the_remotes_head_where_there_is_no_main(
    context: Context, only_develop: str
) -> None:
    apply(context, only_develop)
    [added] = repositories(context)
    run_sync(context, added)

    [found] = repositories(context)
    assert (added.ref, added.ref_choice) == (Ref(RefKind.BRANCH, "main"), RefChoice.MAIN)
    assert (found.ref, found.ref_choice) == (Ref(RefKind.BRANCH, "develop"), RefChoice.HEAD)
    assert status_of(context).facts.deployed is not None
    with context.database.transaction() as connection:
        events = list_events(connection, found.id, 20)
    [told] = [one.facts for one in events if one.tag == "repository:changed"]
    assert told["reason"] == ("no ref was given, and the remote has no main: its HEAD names this")


def test_a_branch_that_was_chosen_stays_while_the_file_names_none(
    context: Context, only_develop: str
) -> None:
    apply(context, only_develop)
    run_sync(context, repositories(context)[0])

    again = apply(context, only_develop + "    priority: 3\n")
    named = apply(context, only_develop + "    priority: 3\n    branch: develop\n")
    chosen = repositories(context)[0].ref_choice
    silent = apply(context, only_develop + "    priority: 3\n")

    assert [steps_of(one) for one in (again, named, silent)] == [
        ["change repository dags: options"],
        ["change repository dags: ref"],
        ["change repository dags: ref"],
    ]
    assert (chosen, repositories(context)[0].ref_choice) == (RefChoice.GIVEN, RefChoice.MAIN)


def test_an_export_writes_the_chosen_branch_down(context: Context, only_develop: str) -> None:
    apply(context, only_develop)
    run_sync(context, repositories(context)[0])

    assert "    branch: develop\n" in export(context, ["dags"])


def test_a_poll_that_finds_no_main_has_the_fetch_choose(
    context: Context, only_develop: str
) -> None:
    apply(context, only_develop)
    with context.database.transaction() as connection:
        connection.execute(sa.text("DELETE FROM procrastinate_jobs"))

    poll_due(context)

    assert [name for name, _ in waiting(context)] == ["sync"]
    assert status_of(context).facts.failure is None
