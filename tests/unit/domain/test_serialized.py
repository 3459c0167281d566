"""DAGs as three versions of Airflow serialised them: tests/cases/serialized has what the sandbox
said of dags_2.py under 2.11.2, and of dags_3.py under 3.1.8 and 3.3.2."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from windlass.domain.dag_shape import DagShape, TaskShape
from windlass.domain.serialized import links_of, read_dag, schedule_of

CASES = Path(__file__).parents[2] / "cases" / "serialized"
COMMON = {"owner": "ann", "retries": 2, "retry_delay": "5m"}


def stored(version: str, dag_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CASES / f"{version}.json").read_text())[dag_id]
    return found


def shape(version: str, dag_id: str) -> DagShape:
    return read_dag(dag_id, stored(version, dag_id), "a.py", {"a.py": "1"}, [])


def test_a_dag_of_3_3_is_read_whole() -> None:
    def task(task_id: str, operator: str, *after: str, **given: Any) -> TaskShape:
        return TaskShape(task_id, operator, {**COMMON, **given}, frozenset(after))

    tasks = [
        task(
            "g.a",
            "BashOperator",
            "g.b",
            bash_command="echo {{ var.value.foo }}",
            env={"X": "y"},
            pool="big",
        ),
        task(
            "g.b",
            "PythonOperator",
            "q",
            op_kwargs={"k": "zzz", "x": "y"},
            outlets=["s3://x/y"],
            python_callable_name="f",
        ),
        task(
            "m",
            "@task",
            op_kwargs_expand_input={"type": "dict-of-lists", "value": {"x": [1, 2, 3]}},
            python_callable_name="m",
        ),
        task("q", "SQLExecuteQueryOperator", conn_id="dw", execution_timeout="1h", sql="select 1"),
        task("s", "ExternalTaskSensor", external_dag_id="up", reschedule=False),
        task(
            "t",
            "TriggerDagRunOperator",
            skip_when_already_exists=False,
            trigger_dag_id="down",
            wait_for_completion=False,
        ),
    ]
    assert shape("3.3.2", "orders") == DagShape(
        "orders",
        "a.py",
        {"a.py": "1"},
        {
            "catchup": False,
            "disable_bundle_versioning": False,
            "doc_md": "hello",
            "max_active_runs": 2,
            "max_active_tasks": 16,
            "max_consecutive_failed_dag_runs": 0,
            "owners": ["ann"],
            "params.day": {"default": "x", "schema": {"type": "string"}},
            "schedule": "0 3 * * *",
            "start_date": "2024-01-01T00:00:00Z",
            "tags": ["a", "b"],
            "timezone": "UTC",
        },
        {one.task_id: one for one in tasks},
        makes=frozenset({("asset", "s3://x/y"), ("dag", "orders"), ("trigger", "down")}),
        awaits=frozenset({("dag", "up"), ("trigger", "orders")}),
        uses=frozenset({("connection", "dw"), ("variable", "foo"), ("pool", "big")}),
    )


@pytest.mark.parametrize("dag_id", ["orders", "down"])
@pytest.mark.parametrize("version", ["2.11.2", "3.1.8"])
def test_other_versions_say_the_same_but_for_defaults_they_leave_out(
    version: str, dag_id: str
) -> None:
    old, new = shape(version, dag_id), shape("3.3.2", dag_id)
    left_out = {name: new.settings[name] for name in new.settings.keys() - old.settings.keys()}
    if version == "2.11.2":
        # Its cron is a timetable of data intervals; of mapped tasks it stores less, and of a retry
        # delay that nobody gave, nothing.
        left_out |= {"schedule": new.settings["schedule"]}
        tasks = {
            name: replace(task, arguments={**(new.tasks or {})[name].arguments, **task.arguments})
            for name, task in (old.tasks or {}).items()
        }
        old = replace(old, tasks=tasks)

    assert replace(old, settings={**old.settings, **left_out}) == new
    assert left_out.keys() <= {
        *("catchup", "disable_bundle_versioning", "max_active_runs", "max_active_tasks"),
        *("max_consecutive_failed_dag_runs", "schedule"),
    }


def test_the_asset_condition_of_each_version_reads_the_same() -> None:
    schedules = {shape(v, "down").settings["schedule"] for v in ("2.11.2", "3.1.8", "3.3.2")}

    assert schedules == {"when s3://x/y and s3://z/ changes"}
    assert links_of(stored("2.11.2", "down")) == (
        frozenset({("dag", "down")}),
        frozenset({("asset", "s3://x/y"), ("asset", "s3://z/"), ("trigger", "down")}),
    )


def timetable(kind: str, **told: Any) -> str:
    return schedule_of({"timetable": {"__type": f"airflow.timetables.{kind}", "__var": told}})


def test_every_timetable_has_words() -> None:
    assert [
        timetable("simple.NullTimetable"),
        timetable("simple.OnceTimetable"),
        timetable("simple.ContinuousTimetable"),
        timetable("trigger.CronTriggerTimetable", expression="0 3 * * *", timezone="UTC"),
        timetable("trigger.CronTriggerTimetable", expression="@hourly", timezone="Asia/Tokyo"),
        timetable("interval.CronDataIntervalTimetable", expression="0 3 * * *", timezone="UTC"),
        timetable("interval.DeltaDataIntervalTimetable", delta=5400.0),
        timetable("events.EventsTimetable", event_dates=["2024-01-01"], description=""),
        schedule_of({"schedule_interval": {"__type": "timedelta", "__var": 3600.0}}),
        schedule_of({"schedule_interval": "@daily"}),
        schedule_of({}),
    ] == [
        "none",
        "@once",
        "@continuous",
        "0 3 * * *",
        "@hourly, timezone Asia/Tokyo",
        "0 3 * * * (data intervals)",
        "every 1h 30m (data intervals)",
        "EventsTimetable, event_dates ['2024-01-01']",
        "every 1h",
        "@daily",
        "none",
    ]


def test_a_custom_timetable_is_named_with_what_it_was_given() -> None:
    assert timetable("company.Workdays", region="de") == "Workdays, region de"


def test_any_and_all_are_told_apart() -> None:
    def asset(name: str) -> dict[str, Any]:
        return {"__type": "asset", "name": name, "uri": f"s3://{name}"}

    inner = {"__type": "asset_any", "objects": [asset("b"), asset("c")]}
    condition = {"__type": "asset_all", "objects": [asset("a"), inner]}

    told = timetable("simple.AssetTriggeredTimetable", asset_condition=condition)
    assert told == "when s3://a and (s3://b or s3://c) changes"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"dag": None},
        {"dag": {"tasks": [None, 3, {"__var": 1}], "params": [1, [2]], "timetable": "x"}},
        {"dag": {"tasks": "x", "tags": {"__var": 3}}, "windlass": {"tasks": {"a": 3}}},
    ],
)
def test_what_is_no_dag_is_read_as_an_empty_one(data: dict[str, Any]) -> None:
    assert read_dag("a", data, "a.py", {}, []).dag_id == "a"


def test_addresses_of_objects_are_no_difference() -> None:
    def command(address: str) -> object:
        row = {"task_id": "t", "task_type": "B", "cmd": f"<function f at {address}>"}
        dag = read_dag("a", {"dag": {"tasks": [{"__var": row}]}}, "a.py", {}, [])
        return (dag.tasks or {})["t"].arguments

    assert command("0x7f0012345678") == command("0x7fff87654321")
