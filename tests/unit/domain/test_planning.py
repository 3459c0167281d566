"""Plans of two snapshots: empty where nothing differs, and naming exactly what an edit did."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.domain.dag_shape import DagShape, Snapshot, TaskShape
from windlass.domain.plan import ABSENT, DagChange, Field, Plan, Reached, TaskChange, What
from windlass.domain.planning import make_plan

NAMES = ["extract", "load", "check", "report", "clean", "notify"]
VALUES = st.one_of(st.integers(0, 9), st.sampled_from(["a", "b", "x y"]), st.booleans())


@st.composite
def dags(draw: Callable[..., object], dag_id: str) -> DagShape:
    """A DAG whose tasks all differ: each has a number of its own among its arguments."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True))
    assert isinstance(names, list)
    tasks = {}
    for number, name in enumerate(names):
        later = names[number + 1 :]
        after = draw(st.sets(st.sampled_from(later))) if later else set()
        assert isinstance(after, set)
        arguments = {"command": f"{dag_id} {name} {number}", "extra": draw(VALUES)}
        tasks[name] = TaskShape(name, "BashOperator", arguments, frozenset(after))
    settings = {"schedule": draw(st.sampled_from(["@daily", "0 3 * * *"])), "tags": ["x"]}
    path = f"{dag_id}.py"
    return DagShape(dag_id, path, {path: str(draw(st.integers(0, 9)))}, settings, tasks)


@st.composite
def snapshots(draw: Callable[..., object]) -> Snapshot:
    ids = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    assert isinstance(ids, list)
    made = {dag_id: draw(dags(dag_id)) for dag_id in ids}
    return Snapshot("base", made)  # type: ignore[arg-type]


def with_dag(tree: Snapshot, dag: DagShape) -> Snapshot:
    return replace(tree, digest="head", dags={**tree.dags, dag.dag_id: dag})


def with_task(dag: DagShape, task: TaskShape) -> DagShape:
    return replace(dag, tasks={**(dag.tasks or {}), task.task_id: task})


def first(tree: Snapshot) -> DagShape:
    return tree.dags[min(tree.dags)]


def only(plan: Plan) -> DagChange:
    (change,) = plan.dags
    return change


@settings(max_examples=30, deadline=None)
@given(snapshots())
def test_a_plan_from_a_tree_to_itself_is_empty(tree: Snapshot) -> None:
    again = replace(tree, dags={k: replace(dag) for k, dag in tree.dags.items()})

    plan = make_plan(tree, again)

    assert (plan.is_empty, plan.same, plan.reached) == (True, len(tree.dags), ())


@settings(max_examples=30, deadline=None)
@given(snapshots(), VALUES)
def test_a_changed_argument_is_all_that_is_named(tree: Snapshot, value: object) -> None:
    dag = first(tree)
    task = next(iter((dag.tasks or {}).values()))
    new = replace(task, arguments={**task.arguments, "extra": ["new", value]})

    plan = make_plan(tree, with_dag(tree, with_task(dag, new)))

    field = Field("extra", task.arguments["extra"], ["new", value])
    change = TaskChange(task.task_id, What.CHANGED, "BashOperator", (field,))
    assert plan.dags == (DagChange(dag.dag_id, What.CHANGED, dag.path, tasks=(change,)),)


@settings(max_examples=30, deadline=None)
@given(snapshots())
def test_an_added_dag_is_all_that_is_named(tree: Snapshot) -> None:
    task = TaskShape("only", "EmptyOperator", {"owner": "ann"})
    dag = DagShape("new", "new.py", {}, {"schedule": "none"}, {"only": task})

    plan = make_plan(tree, with_dag(tree, dag))

    assert (plan.same, [one.what for one in plan.dags]) == (len(tree.dags), [What.ADDED])
    assert only(plan).fields == (Field("schedule", new="none"),)
    added = TaskChange("only", What.ADDED, "EmptyOperator", (Field("owner", new="ann"),))
    assert only(plan).tasks == (added,)


@settings(max_examples=30, deadline=None)
@given(snapshots())
def test_a_removed_dag_is_all_that_is_named(tree: Snapshot) -> None:
    gone = first(tree)
    left = {dag_id: dag for dag_id, dag in tree.dags.items() if dag_id != gone.dag_id}

    plan = make_plan(tree, replace(tree, dags=left))

    assert [(one.dag_id, one.what) for one in plan.dags] == [(gone.dag_id, What.REMOVED)]
    assert {t.task_id for t in only(plan).tasks} == (gone.tasks or {}).keys()
    assert {*only(plan).edges_removed} == gone.edges


@settings(max_examples=30, deadline=None)
@given(snapshots())
def test_a_renamed_dag_is_all_that_is_named(tree: Snapshot) -> None:
    old = first(tree)
    left = {dag_id: dag for dag_id, dag in tree.dags.items() if dag_id != old.dag_id}
    new = replace(old, dag_id="renamed")

    plan = make_plan(tree, replace(tree, dags={**left, "renamed": new}))

    expected = DagChange("renamed", What.RENAMED, old.path, was=old.dag_id)
    assert plan.dags == (expected,)


@settings(max_examples=30, deadline=None)
@given(snapshots())
def test_a_renamed_task_is_all_that_is_named(tree: Snapshot) -> None:
    dag = first(tree)
    tasks = dag.tasks or {}
    old = min(tasks)
    new = {
        ("renamed" if name == old else name): replace(
            task,
            task_id="renamed" if name == old else name,
            downstream=frozenset("renamed" if t == old else t for t in task.downstream),
        )
        for name, task in tasks.items()
    }

    plan = make_plan(tree, with_dag(tree, replace(dag, tasks=new)))

    renamed = TaskChange("renamed", What.RENAMED, "BashOperator", was=old)
    expected = DagChange(dag.dag_id, What.CHANGED, dag.path, tasks=(renamed,))
    assert (plan.dags, only(plan).history_lost) == ((expected,), ((old, "renamed"),))


@settings(max_examples=30, deadline=None)
@given(snapshots())
def test_an_edge_is_all_that_is_named(tree: Snapshot) -> None:
    dag = first(tree)
    names = [*(dag.tasks or {})]
    task = (dag.tasks or {})[names[0]]
    after = task.downstream ^ {names[-1]}

    plan = make_plan(tree, with_dag(tree, with_task(dag, replace(task, downstream=after))))

    edge = ((names[0], names[-1]),)
    is_new = names[-1] in after
    assert plan.dags == (
        DagChange(
            dag.dag_id,
            What.CHANGED,
            dag.path,
            edges_added=edge if is_new else (),
            edges_removed=() if is_new else edge,
        ),
    )


@settings(max_examples=30, deadline=None)
@given(snapshots(), st.sampled_from(["schedule", "tags", "params.day"]))
def test_a_setting_is_all_that_is_named(tree: Snapshot, name: str) -> None:
    dag = first(tree)

    plan = make_plan(tree, with_dag(tree, replace(dag, settings={**dag.settings, name: "new"})))

    field = Field(name, dag.settings.get(name, ABSENT), "new")
    assert plan.dags == (DagChange(dag.dag_id, What.CHANGED, dag.path, fields=(field,)),)


@settings(max_examples=30, deadline=None)
@given(snapshots())
def test_code_that_differs_is_told_where_airflow_stores_the_same(tree: Snapshot) -> None:
    dag = first(tree)

    plan = make_plan(tree, with_dag(tree, replace(dag, code={**dag.code, "lib.py": "1"})))

    assert plan.dags == (DagChange(dag.dag_id, What.CHANGED, dag.path, code=("lib.py",)),)
    assert only(plan).is_of_code_only


def test_a_file_that_only_moves_is_no_other_code() -> None:
    old = DagShape("a", "a.py", {"a.py": "1", "lib.py": "2"})
    new = replace(old, path="etl/a.py", code={"etl/a.py": "1", "lib.py": "2"})

    plan = make_plan(Snapshot("1", {"a": old}), Snapshot("2", {"a": new}))

    assert plan.dags == (DagChange("a", What.CHANGED, "etl/a.py", was_in="a.py"),)


def test_two_tasks_that_look_alike_are_no_rename() -> None:
    def tree(*names: str) -> Snapshot:
        tasks = {name: TaskShape(name, "EmptyOperator") for name in names}
        return Snapshot("", {"a": DagShape("a", "a.py", tasks=tasks)})

    plan = make_plan(tree("a", "b"), tree("c", "d"))

    assert [(one.task_id, one.what) for one in only(plan).tasks] == [
        ("a", What.REMOVED),
        ("b", What.REMOVED),
        ("c", What.ADDED),
        ("d", What.ADDED),
    ]


def test_a_task_that_is_renamed_and_changed_is_one_task_still() -> None:
    def tree(name: str, retries: int) -> Snapshot:
        given = {"command": "run", "retries": retries}
        tasks = {name: TaskShape(name, "BashOperator", given)}
        return Snapshot("", {"a": DagShape("a", "a.py", tasks=tasks)})

    plan = make_plan(tree("old", 1), tree("new", 2))

    renamed = TaskChange("new", What.RENAMED, "BashOperator", (Field("retries", 1, 2),), "old")
    assert only(plan).tasks == (renamed,)


def test_a_dag_whose_file_cannot_be_imported_is_not_said_to_be_removed() -> None:
    old = Snapshot("1", {"a": DagShape("a", "a.py")})
    new = Snapshot("2", {}, {"a.py": "NameError: x"})

    reason = "a.py cannot be imported: NameError: x"
    assert make_plan(old, new).dags == (DagChange("a", What.UNKNOWN, "a.py", reason=reason),)


def test_a_dag_whose_file_could_not_be_imported_before_is_not_said_to_be_new() -> None:
    old = Snapshot("1", {}, {"a.py": "NameError: x"})
    new = Snapshot("2", {"a": DagShape("a", "a.py")})

    reason = "a.py could not be imported before: NameError: x"
    assert make_plan(old, new).dags == (DagChange("a", What.UNKNOWN, "a.py", reason=reason),)


def test_where_one_side_was_not_imported_nothing_is_said_of_tasks() -> None:
    tasks = {"t": TaskShape("t", "EmptyOperator")}
    old = DagShape("a", "a.py", {}, {"schedule": "@daily"}, tasks, uses=frozenset({("pool", "p")}))
    new = DagShape("a", "a.py", {}, {"schedule": "@hourly"}, None)

    plan = make_plan(Snapshot("1", {"a": old}), Snapshot("2", {"a": new}))

    field = Field("schedule", "@daily", "@hourly")
    expected = DagChange("a", What.CHANGED, "a.py", fields=(field,), looked_into=False)
    assert plan.dags == (expected,)


def test_names_that_nobody_used_before_are_told_once_for_the_tree() -> None:
    def dag(dag_id: str, *uses: tuple[str, str]) -> DagShape:
        return DagShape(dag_id, f"{dag_id}.py", uses=frozenset(uses))

    old = {"a": dag("a", ("connection", "dw")), "b": dag("b", ("variable", "x"))}
    new = {"a": dag("a", ("variable", "x")), "b": dag("b", ("pool", "big"), ("variable", "x"))}

    plan = make_plan(Snapshot("1", old), Snapshot("2", new))

    assert (plan.uses_added, plan.uses_removed) == (((("pool", "big")),), (("connection", "dw"),))
    assert plan.dags[0].uses_added == (("variable", "x"),)


def test_dags_are_reached_through_others_and_into_other_repositories() -> None:
    orders = DagShape("orders", "o.py", makes=frozenset({("asset", "s3://orders")}))
    totals = DagShape(
        "totals",
        "t.py",
        makes=frozenset({("asset", "s3://totals"), ("trigger", "mails")}),
        awaits=frozenset({("asset", "s3://orders")}),
    )
    mails = DagShape("mails", "m.py", awaits=frozenset({("trigger", "mails")}))
    base = Snapshot("1", {dag.dag_id: dag for dag in (orders, totals, mails)})
    head = with_dag(base, replace(orders, settings={"schedule": "@daily"}))
    elsewhere = {"report": ("finance", frozenset({("asset", "s3://totals")}))}

    assert make_plan(base, head, elsewhere).reached == (
        Reached("mails", "totals", ("trigger", "mails")),
        Reached("totals", "orders", ("asset", "s3://orders")),
        Reached("report", "totals", ("asset", "s3://totals"), "finance"),
    )


def test_an_asset_that_nobody_makes_any_more_still_says_who_waits_for_it() -> None:
    orders = DagShape("orders", "o.py", makes=frozenset({("asset", "s3://orders")}))
    totals = DagShape("totals", "t.py", awaits=frozenset({("asset", "s3://orders")}))
    base = Snapshot("1", {"orders": orders, "totals": totals})

    plan = make_plan(base, with_dag(base, replace(orders, makes=frozenset())))

    assert plan.reached == ()  # nothing that a plan tells of `orders` differs
    plan = make_plan(base, Snapshot("2", {"totals": totals}))
    assert plan.reached == (Reached("totals", "orders", ("asset", "s3://orders")),)


def test_a_secret_is_masked_and_its_change_is_told() -> None:
    def tree(secret: str) -> Snapshot:
        given = {"env": {"API_KEY": secret}, "uri": f"postgres://me:{secret}@db/x"}
        tasks = {"t": TaskShape("t", "BashOperator", given)}
        return Snapshot("", {"a": DagShape("a", "a.py", tasks=tasks)})

    plan = make_plan(tree("hunter2"), tree("hunter3"))

    uri = "postgres://me:***@db/x"
    fields = (Field("env.API_KEY", "***", "***"), Field("uri", uri, uri))
    assert only(plan).tasks[0].fields == fields
    assert "hunter" not in repr(plan.to_json())


def mixed_plan() -> Plan:
    names = ["b", "a", "d", "c"]
    uses = frozenset(("connection", name) for name in names)
    tasks = {n: TaskShape(n, "E", {"k": n}, frozenset(names) - {n}) for n in names}
    base = Snapshot("1", {"x": DagShape("x", "x.py", uses=uses)})
    made = {n: DagShape(n, f"{n}.py", {}, {}, tasks, uses=uses) for n in names}
    return make_plan(base, Snapshot("2", made))


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_digest_is_the_same_in_every_process(seed: str) -> None:
    script = f"from {__name__} import mixed_plan; print(mixed_plan().digest)"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    told = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert told.stdout.strip() == mixed_plan().digest


def test_seconds_are_no_part_of_the_digest() -> None:
    dag = {"a": DagShape("a", "a.py")}

    def timed(seconds: float) -> Snapshot:
        return Snapshot("1", dag, {}, {"a.py": seconds})

    plans = [make_plan(timed(seconds), timed(1.0)) for seconds in (0.1, 3.0)]

    assert plans[0].digest == plans[1].digest
    assert plans[1].circumstances.import_s == {"a.py": (3.0, 1.0)}
