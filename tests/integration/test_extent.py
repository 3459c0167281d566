"""Depth, blob:none and paths: what a mirror holds, what is deployed, and what history is told."""

from dataclasses import replace

import pytest

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from tests.integration.test_notice import make_due, poll_due
from tests.integration.test_refs import events, failure, holds
from windlass.database.releases import find_current
from windlass.domain.options import DEFAULTS, Filter, OnRewrite, Options
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.lifecycle import Change, change
from windlass.engine.register import Registration
from windlass.git.process import run_git
from windlass.git.upkeep import pack

ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"
SHALLOW = Options(depth=1)
PARTIAL = Options(filter=Filter.BLOB_NONE)
NARROW = Options(paths=("team_a", "shared/rates.py"))
TREE: dict[str, str | None] = {
    "team_a/orders.py": ORDERS,
    "team_a/deep/x.sql": "select 1",
    "team_b/big.bin": "x" * 50_000,
    "shared/rates.py": "RATE = 1\n",
    "shared/other.py": "OTHER = 1\n",
    "top.py": "TOP = 1\n",
}


@pytest.fixture(autouse=True)
def lets_contents_be_left_out(origin: Origin) -> None:
    """As GitHub, GitLab, Bitbucket, Gitea and Azure DevOps do."""
    bare = Origin(origin.url, origin.clone.parent / "git/team/dags.git")
    bare.git("config", "uploadpack.allowFilter", "true")


def synced(context: Context, registration: Registration, options: Options) -> Repository:
    repository = register(context, registration, options=options.to_json())
    run_sync(context, repository)
    assert status_of(context).facts.failure is None
    return repository


def held(context: Context, repository: Repository) -> dict[str, int]:
    """How many objects of each kind the mirror holds."""
    command = ["cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"]
    kinds = run_git(command, git_dir=context.mirror_of(repository).git_dir).decode().split()
    return {kind: kinds.count(kind) for kind in ("commit", "blob")}


def push_many(origin: Origin, number: int) -> list[str]:
    """Commits of one file, no two with the same content."""
    count = int(origin.git("rev-list", "--all", "--count"))
    texts = [f"{ORDERS}# {count + n}\n" for n in range(number)]
    return [origin.push("more", {"orders.py": text}) for text in texts]


def test_depth_bounds_the_first_fetch_and_later_pushes_come_whole(
    context: Context, origin: Origin, registration: Registration
) -> None:
    push_many(origin, 5)
    repository = synced(context, registration, Options(depth=2))
    first = held(context, repository)
    push_many(origin, 3)

    run_sync(context, repository)

    assert (first, held(context, repository)) == (
        {"commit": 2, "blob": 2},
        {"commit": 5, "blob": 5},
    )
    assert events(context, repository, "revision:rewritten", "revision:untraced") == []


def test_at_depth_1_a_forced_push_is_still_told_from_a_push(
    context: Context, origin: Origin, registration: Registration
) -> None:
    push_many(origin, 3)
    repository = synced(context, registration, SHALLOW)
    shas = push_many(origin, 2)
    run_sync(context, repository)
    origin.git("reset", "--quiet", "--hard", shas[0])
    origin.git("push", "--quiet", "--force", "origin", "HEAD:main")

    run_sync(context, repository)

    [told] = events(context, repository, "revision:rewritten")
    assert (told["before"], told["revision"]) == (shas[1], shas[0])


def test_a_forced_push_to_before_where_the_mirror_begins_is_told(
    context: Context, origin: Origin, registration: Registration
) -> None:
    old, _, newest = push_many(origin, 3)
    repository = synced(context, registration, SHALLOW)
    origin.git("reset", "--quiet", "--hard", old)
    other = origin.push_force("other", {"orders.py": ORDERS + "# other\n"})

    run_sync(context, repository)

    [told] = events(context, repository, "revision:rewritten")
    assert (told["before"], told["revision"]) == (newest, other)


@pytest.mark.parametrize("on_rewrite", OnRewrite)
def test_an_ancestor_that_cannot_be_traced_is_told_as_that(
    context: Context, origin: Origin, registration: Registration, on_rewrite: OnRewrite
) -> None:
    before = push_many(origin, 2)[-1]
    repository = synced(context, registration, replace(SHALLOW, on_rewrite=on_rewrite))
    context.mirror_of(repository).delete()
    now = push_many(origin, 3)[-1]

    run_sync(context, repository)

    reason = (
        f"whether branch main still contains {before[:7]} cannot be told: the mirror does not "
        "reach back so far (option depth)"
    )
    assert events(context, repository, "revision:rewritten") == []
    [told] = events(context, repository, "revision:untraced")
    assert (told["revision"], told["before"], told["reason"]) == (now, before, reason)
    wanted = [("rewrite", reason)] if on_rewrite is OnRewrite.HOLD else []
    assert holds(context, repository) == wanted


def test_blob_none_fetches_what_the_newest_revision_holds_and_no_more(
    context: Context, origin: Origin, registration: Registration
) -> None:
    shas = push_many(origin, 5)
    repository = synced(context, registration, PARTIAL)
    first = held(context, repository)
    push_many(origin, 1)

    run_sync(context, repository)

    assert (first, held(context, repository)) == (
        {"commit": 5, "blob": 1},
        {"commit": 6, "blob": 2},
    )
    assert context.mirror_of(repository).contains(shas[0]) is True  # type: ignore[arg-type]


def test_paths_deploy_what_they_name_and_fetch_nothing_else(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", dict(TREE))
    repository = synced(context, registration, NARROW)

    assert set(deployed_files(context)) == {
        "team_a/orders.py",
        "team_a/deep/x.sql",
        "shared/rates.py",
    }
    assert held(context, repository) == {"commit": 1, "blob": 3}


def test_paths_are_below_the_dag_root(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {f"dags/{path}": text for path, text in TREE.items()})
    repository = synced(context, replace(registration, path="dags"), NARROW)

    assert "team_a/orders.py" in deployed_files(context)
    assert held(context, repository)["blob"] == 3


def test_what_changes_elsewhere_makes_no_release(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", dict(TREE))
    repository = synced(context, registration, NARROW)
    before = context.store.read_pointer("default", "one")
    sha = origin.push("second", {"team_b/big.bin": "y"})

    run_sync(context, repository)

    assert context.store.read_pointer("default", "one") == before
    facts = status_of(context).facts
    assert (facts.head.sha if facts.head else None, held(context, repository)["blob"]) == (sha, 3)


def test_a_path_that_is_not_there_stops_the_sync_and_keeps_what_is_live(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", dict(TREE))
    repository = synced(context, registration, NARROW)
    gone: dict[str, str | None] = {"team_a/orders.py": None, "team_a/deep/x.sql": None}
    origin.push("second", gone)

    run_sync(context, repository)

    failed = status_of(context).facts.failure
    assert failed is not None
    assert (failed.code, "'team_a'" in failed.message) == ("GIT026", True)
    assert "team_a/orders.py" in deployed_files(context)


@pytest.mark.parametrize("options", [SHALLOW, PARTIAL, NARROW, replace(NARROW, depth=1)])
def test_an_existing_repository_is_switched_there_and_back(
    context: Context, origin: Origin, registration: Registration, options: Options
) -> None:
    origin.push("zero", {"team_a/old.py": "OLD = 1\n"})
    origin.push("first", dict(TREE) | {"team_a/old.py": None})
    repository = synced(context, registration, DEFAULTS)
    whole, files = held(context, repository), deployed_files(context)

    there = change(context, "dags", Change(options=options.to_json()), actor="alice")
    run_sync(context, there)
    less, fewer = held(context, there), deployed_files(context)
    back = change(
        context,
        "dags",
        Change(options={"depth": "full", "filter": "none", "paths": []}),
        actor="alice",
    )
    run_sync(context, back)

    assert sum(less.values()) < sum(whole.values())
    assert (len(fewer) < len(files)) == bool(options.paths)
    assert (held(context, back), deployed_files(context)) == (whole, files)
    assert events(context, back, "revision:rewritten", "revision:untraced") == []


def test_contents_that_a_rollback_needs_are_fetched_when_they_are_wanted(
    context: Context, origin: Origin, registration: Registration
) -> None:
    import shutil

    origin.push("first", {"orders.py": ORDERS + "# first\n"})
    repository = synced(context, registration, PARTIAL)
    first = context.store.read_pointer("default", "one")
    assert first is not None
    origin.push("second", {"orders.py": ORDERS + "# second\n"})
    run_sync(context, repository)
    shutil.rmtree(context.store.tree(first).parent)
    context.mirror_of(repository).delete()
    run_sync(context, repository)
    assert held(context, repository) == {"commit": 2, "blob": 1}

    from windlass.engine.worker import handlers

    with context.database.transaction() as connection:
        current = find_current(connection, repository.id)
    assert current is not None
    handlers(context)["rollback"](
        repository.id,
        to=first,
        bad=current.id,
        actor="alice",
        reason="bad",
        should_abort=lambda: False,
    )

    assert deployed_files(context) == {"orders.py": ORDERS + "# first\n"}
    assert held(context, repository) == {"commit": 2, "blob": 2}


def test_packing_keeps_a_partial_mirror_as_it_is(
    context: Context, origin: Origin, registration: Registration
) -> None:
    push_many(origin, 3)
    repository = synced(context, registration, replace(PARTIAL, depth=2))
    for _ in range(3):
        push_many(origin, 1)
        run_sync(context, repository)
    before, git_dir = held(context, repository), context.mirror_of(repository).git_dir

    assert pack(git_dir)

    push_many(origin, 1)
    run_sync(context, repository)
    after = held(context, repository)
    assert (after["commit"], after["blob"]) == (before["commit"] + 1, before["blob"] + 1)
    assert status_of(context).facts.failure is None


def test_no_local_command_asks_the_remote_for_what_was_left_out(
    context: Context, origin: Origin, registration: Registration, git_server: object
) -> None:
    origin.push("first", dict(TREE))
    repository = synced(context, registration, NARROW)
    mirror = replace(context.mirror_of(repository), origin=None)
    big = origin.git("rev-parse", "HEAD:team_b/big.bin")
    requests = git_server.requests.total()  # type: ignore[attr-defined]

    found = mirror.find_blob(big)

    config = (mirror.git_dir / "config").read_text()
    assert (found, git_server.requests.total()) == (None, requests)  # type: ignore[attr-defined]
    assert ("promisor" in config, origin.url in config) == (False, False)


def test_a_host_that_leaves_nothing_out_still_works(
    context: Context, origin: Origin, registration: Registration
) -> None:
    bare = Origin(origin.url, origin.clone.parent / "git/team/dags.git")
    bare.git("config", "uploadpack.allowFilter", "false")
    origin.push("first", dict(TREE))

    repository = synced(context, registration, NARROW)

    assert set(deployed_files(context)) >= {"team_a/orders.py"}
    assert held(context, repository)["blob"] == len(TREE)


def test_submodules_go_with_depth_and_not_with_parts(
    context: Context, origin: Origin, registration: Registration
) -> None:
    for given in ({"filter": "blob:none"}, {"paths": ["a"]}):
        refused = failure(lambda given=given: DEFAULTS.changed({"submodules": True} | given))  # type: ignore[misc]
        assert refused.code == "REPO021"
    assert DEFAULTS.changed({"submodules": True, "depth": 1}).depth == 1


def test_polls_of_a_shallow_repository_find_pushes(
    context: Context, origin: Origin, registration: Registration
) -> None:
    push_many(origin, 2)
    repository = synced(context, registration, SHALLOW)
    sha = push_many(origin, 1)[-1]
    make_due(context)
    poll_due(context)

    run_sync(context, repository)

    facts = status_of(context).facts
    assert facts.deployed is not None
    assert facts.deployed.revision == sha


def test_a_named_file_with_wildcards_in_its_name_is_that_file(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"[a]*.py": "A = 1\n", "b.py": "B = 1\n", "a.py": "C = 1\n"})

    synced(context, registration, Options(paths=("[a]*.py",)))

    assert set(deployed_files(context)) == {"[a]*.py"}
