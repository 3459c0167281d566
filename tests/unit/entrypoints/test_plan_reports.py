"""A plan in every format: the words, the width, and hostile text that stays text."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.domain.dag_shape import DagShape, Snapshot, TaskShape
from windlass.domain.planning import make_plan
from windlass.entrypoints.reports.plan import (
    MAX_CHARACTERS,
    render_plan,
    render_plan_html,
    render_plan_markdown,
    render_plan_text,
)

ABOUT = {
    "name": "team-dags",
    "base": {"shown": "3f9c2d1", "release": 42},
    "head": {"shown": "9ab77e0"},
}
HOSTILE = "</pre><script>alert(1)</script> ``` @everyone [x](http://evil) \x1b[2J \u202e|"


def dag(dag_id: str, *tasks: TaskShape, **more: Any) -> DagShape:
    named = {task.task_id: task for task in tasks}
    return DagShape(dag_id, f"etl/{dag_id}.py", tasks=named, **more)


def planned(base: list[DagShape], head: list[DagShape], **circumstances: Any) -> dict[str, Any]:
    old, new = (
        Snapshot(digest, {one.dag_id: one for one in found})
        for digest, found in (("a" * 64, base), ("b" * 64, head))
    )
    plan = {"about": ABOUT, **make_plan(old, new).to_json()}
    return {**plan, "circumstances": {**plan["circumstances"], **circumstances}}


def orders() -> dict[str, Any]:
    load = TaskShape("load", "SQL", {"retries": 2, "sql": "select 1\nfrom a"})
    old = dag(
        "orders",
        load,
        TaskShape("old", "BashOperator", {"x": 1}),
        settings={"schedule": "0 3 * * *", "tags": ["a", "b"]},
        code={"etl/orders.py": "1"},
    )
    new = dag(
        "orders",
        TaskShape(
            "load", "SQL", {"retries": 3, "sql": "select 1\nfrom b"}, frozenset({"check_rows"})
        ),
        TaskShape("check_rows", "SQLCheckOperator", {"owner": "ann", "conn_id": "dw_rw"}),
        TaskShape("renamed", "BashOperator", {"x": 1}),
        settings={"schedule": "0 * * * *", "tags": ["a", "c"]},
        code={"etl/orders.py": "2"},
        uses=frozenset({("connection", "dw_rw")}),
    )
    return planned(
        [old, dag("gone"), dag("same"), dag("quiet", code={"lib.py": "1"})],
        [new, dag("fresh"), dag("same"), dag("quiet", code={"lib.py": "2"})],
        runs_in_flight={"orders": ["scheduled__1"]},
        next_runs={"orders": {"old": "03:00", "new": "14:00"}},
        environment_has=[{"kind": "connection", "name": "dw_rw", "is": "exists"}],
    )


def test_the_text_says_all_of_it() -> None:
    plan = orders()

    assert (
        render_plan_text(plan)
        == f"""\
team-dags  #42 3f9c2d1 → 9ab77e0   plan {plan["digest"][:12]}

+ fresh   etl/fresh.py

- gone   etl/gone.py

~ orders   etl/orders.py
    ! 1 run in flight: scheduled__1
    ~ next run 03:00 → 14:00
    ~ schedule 0 3 * * * → 0 * * * *
    ~ tags +c -b
    + task check_rows (SQLCheckOperator)
        + conn_id dw_rw
    ~ task load
        ~ retries 2 → 3
        ~ sql (lines: +1 -1)
            - from a
            + from b
    ~ task old → renamed
        ! its history stays under old, where nobody sees it
    + edge load >> check_rows
    + uses connection dw_rw
    ~ code etl/orders.py

~ 1 DAG of which Airflow stores the same
      only what their functions do may differ
    ~ quiet: lib.py

+ newly used: connection dw_rw: exists

Plan: 1 to add, 2 to change, 1 to remove; 1 stay as they are."""
    )


def test_nothing_that_differs_is_said_so() -> None:
    plan = planned([dag("a")], [dag("a")], runs_in_flight={}, next_runs={})

    digest = plan["digest"][:12]
    assert render_plan_text(plan).splitlines() == [
        f"team-dags  #42 3f9c2d1 → 9ab77e0   plan {digest}",
        "",
        "Plan: No DAG changes; 1 stay as they are.",
    ]


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1, max_size=300), st.text(max_size=300))
def test_no_line_is_wider_than_a_terminal(name: str, value: str) -> None:
    task = TaskShape(name, "BashOperator", {"command": value})

    text = render_plan_text(planned([dag("a")], [dag("a", task), dag(f"b{name}", task)]))

    assert max(len(line) for line in text.splitlines()) <= 80


def test_tasks_that_change_alike_are_told_together() -> None:
    def tasks(retries: int) -> list[TaskShape]:
        return [TaskShape(f"t{n}", "BashOperator", {"n": n, "retries": retries}) for n in range(3)]

    text = render_plan_text(planned([dag("a", *tasks(1))], [dag("a", *tasks(2))]))

    assert "    ~ 3 tasks: t0, t1, t2\n        ~ retries 1 → 2\n" in text


def hostile() -> dict[str, Any]:
    task = TaskShape(HOSTILE, HOSTILE, {HOSTILE: HOSTILE, "lines": f"{HOSTILE}\n{HOSTILE}"})
    return {**planned([], [dag(HOSTILE, task)]), "about": {"name": HOSTILE, "base": None}}


def test_markdown_of_hostile_text_has_one_block_that_nothing_ends() -> None:
    text = render_plan_markdown(hostile())

    lines = text.splitlines()
    fences = [n for n, line in enumerate(lines) if line.startswith("````")]
    outside = "\n".join([*lines[: fences[0]], *lines[fences[1] + 1 :]])
    assert len(fences) == 2
    assert "<script>" not in outside
    assert "@everyone" not in outside
    assert "[x](" not in outside
    assert "\x1b" not in text


def test_markdown_fits_into_a_comment() -> None:
    tasks = [TaskShape(f"task_{n}_{'x' * 200}", "B", {"v": "\U0001d4b3" * 300}) for n in range(600)]

    text = render_plan_markdown(planned([dag("a")], [dag("a", *tasks)]))

    assert len(text.encode("utf-16-le")) // 2 < MAX_CHARACTERS + 2000
    assert "more lines: windlass plan shows all" in text


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


def test_html_of_hostile_text_has_no_tag_of_it() -> None:
    tags = Tags()
    tags.feed(render_plan_html(hostile()))

    assert tags.seen == {
        *("html", "head", "meta", "title", "style", "body", "main"),
        *("h1", "p", "pre", "span", "code"),
    }


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_no_format_steers_a_terminal(form: str) -> None:
    assert not {"\x1b", "\u202e"} & {*render_plan(form, hostile())}


def test_json_is_the_plan_itself() -> None:
    plan = orders()

    assert json.loads(render_plan("json", plan)) == plan
