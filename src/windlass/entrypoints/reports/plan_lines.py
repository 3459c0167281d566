"""A plan as lines, for every format: a sign, how far it is indented, and words.

It takes the plan as JSON (docs/plan.md), so that one from a server reads like one made here.
"""

import difflib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from windlass.domain.text import plain

ADDED, REMOVED, CHANGED, UNKNOWN, QUIET = "+", "-", "~", "?", " "
_SIGNS = {
    "added": ADDED,
    "removed": REMOVED,
    "changed": CHANGED,
    "renamed": CHANGED,
    "unknown": UNKNOWN,
}
_MAX_VALUE = 160
_MAX_TEXT_LINES = 12
_MAX_NAMED = 12
_MAX_FIELDS = 40
_FIRST = ("schedule", "owners", "tags", "start_date", "catchup")
_INHERITED = frozenset({"owner", "retry_delay"})
_QUIET_WHEN_NEW = frozenset(
    {"max_active_runs", "max_active_tasks", "max_consecutive_failed_dag_runs", "timezone"}
    | {"disable_bundle_versioning", "catchup", "start_date", "doc_md"}
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `level` 0 is a heading or a DAG."""

    sign: str
    level: int
    text: str


def title(plan: Mapping[str, Any]) -> str:
    """What is planned, in one line."""
    about = plan.get("about", {})
    sides = [_side(about.get(name) or {}, plan[name]) for name in ("base", "head")]
    return f"{plain(about.get('name') or 'plan')}  {sides[0]} → {sides[1]}"


def _side(side: Mapping[str, Any], digest: str) -> str:
    release = f"#{side['release']} " if side.get("release") else ""
    return release + plain(side.get("shown") or digest[:7] or "nothing")


def summary(plan: Mapping[str, Any]) -> str:
    """The last line: how many DAGs become what."""
    counts = plan["summary"]
    words = [
        (counts["added"], "to add"),
        (counts["changed"], "to change"),
        (counts["removed"], "to remove"),
        (counts["renamed"], "to rename"),
        (counts["unknown"], "not known"),
    ]
    told = ", ".join(f"{n:,} {word}" for n, word in words if n)
    if not told:
        what = "No DAG changes" if is_empty(plan) else "No DAG changes, but what stands above does"
        return f"Plan: {what}; {counts['same']:,} stay as they are."
    return f"Plan: {told}; {counts['same']:,} stay as they are."


def is_empty(plan: Mapping[str, Any]) -> bool:
    """Whether nothing differs that a plan tells."""
    told = (plan["dags"], *plan["uses"].values(), *plan["assets"].values())
    return not any((*told, *plan["findings"].values()))


def lines_of(plan: Mapping[str, Any]) -> list[Line]:
    """Everything but title and summary."""
    dags = [one for one in plan["dags"] if not _is_of_code_only(one)]
    quiet = [one for one in plan["dags"] if _is_of_code_only(one)]
    lines = [line for dag in dags for line in (*_dag(dag, plan), Line(QUIET, 0, ""))]
    if quiet:
        lines += [*_of_code_only(quiet), Line(QUIET, 0, "")]
    for part in (_environment(plan), _reach(plan), _findings(plan), _imports(plan)):
        told = list(part)
        lines += [*told, Line(QUIET, 0, "")] if told else []
    lines += _unknown(plan)
    while lines and not lines[-1].text:
        lines.pop()
    return lines


def _is_of_code_only(dag: Mapping[str, Any]) -> bool:
    told = (dag["fields"], dag["tasks"], *dag["edges"].values(), *dag["uses"].values())
    return dag["what"] == "changed" and not any(told) and not dag["was_in"] and dag["looked_into"]


def _dag(dag: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[Line]:
    what = dag["what"]
    was = f"{dag['was']} → " if dag["was"] else ""
    yield Line(_SIGNS[what], 0, f"{was}{dag['dag_id']}   {dag['path']}")
    if what == "renamed":
        yield Line(QUIET, 1, f"history and runs stay under {dag['was']}")
    if dag["reason"]:
        yield Line(QUIET, 1, f"not known: {dag['reason']}")
    if dag["was_in"]:
        yield Line(CHANGED, 1, f"file {dag['was_in']} → {dag['path']}")
    yield from _circumstances(dag, plan["circumstances"])
    if what in ("added", "removed"):
        yield from _whole(dag)
        return
    for field in dag["fields"]:
        yield from _field(field, 1)
    for task in _grouped(dag["tasks"]):
        yield from _task(*task)
    named = {task["task_id"] for task in dag["tasks"] if task["what"] in ("added", "removed")}
    for sign, which in ((ADDED, "added"), (REMOVED, "removed")):
        edges = [edge for edge in dag["edges"][which] if named.isdisjoint(edge)]
        edges += [edge for edge in dag["edges"][which] if not named.isdisjoint(edge)]
        yield from _some(sign, 1, "edge", [f"{a} >> {b}" for a, b in edges])
    yield from _uses(dag["uses"])
    if dag["code"]:
        yield Line(CHANGED, 1, f"code {_listed(dag['code'])}")


def _whole(dag: Mapping[str, Any]) -> Iterator[Line]:
    sign = _SIGNS[dag["what"]]
    key = "new" if sign == ADDED else "old"
    fields = {one["name"]: one.get(key) for one in dag["fields"]}
    for name in sorted(fields, key=lambda n: (n not in _FIRST, n)):
        if sign == ADDED and name not in _QUIET_WHEN_NEW:
            yield Line(sign, 1, f"{name} {_value(fields[name])}")
        elif name == "schedule":
            yield Line(sign, 1, f"schedule {_value(fields[name])}")
    if dag["tasks"]:
        names = [f"{task['task_id']} ({task['operator']})" for task in dag["tasks"]]
        yield Line(sign, 1, f"{_count(len(names), 'task')}: {_listed(names)}")
    yield from _uses(dag["uses"])


def _circumstances(dag: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[Line]:
    dag_id = dag["was"] or dag["dag_id"]
    if runs := (told["runs_in_flight"] or {}).get(dag_id):
        yield Line("!", 1, f"{_count(len(runs), 'run')} in flight: {_listed(runs)}")
    if (moved := (told["next_runs"] or {}).get(dag_id)) and moved["old"] != moved["new"]:
        old, new = (moved[key] or "none" for key in ("old", "new"))
        yield Line(CHANGED, 1, f"next run {old} → {new}")


def _grouped(tasks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """Each task; tasks that change in the same way together."""
    alike: dict[str, list[str]] = {}
    firsts: dict[str, Mapping[str, Any]] = {}
    for task in tasks:
        key = task["task_id"]
        if task["what"] == "changed":
            key = json.dumps(task["fields"], sort_keys=True)
        alike.setdefault(key, []).append(task["task_id"])
        firsts.setdefault(key, task)
    for key, names in alike.items():
        yield firsts[key], names


def _task(task: Mapping[str, Any], names: list[str]) -> Iterator[Line]:
    sign, what = _SIGNS[task["what"]], task["what"]
    if what == "renamed":
        yield Line(sign, 1, f"task {task['was']} → {task['task_id']}")
        yield Line("!", 2, f"its history stays under {task['was']}, where nobody sees it")
    elif len(names) > 1:
        yield Line(sign, 1, f"{len(names)} tasks: {_listed(names)}")
    else:
        kind = f" ({task['operator']})" if what in ("added", "removed") else ""
        yield Line(sign, 1, f"task {task['task_id']}{kind}")
    shown = task["fields"][:_MAX_FIELDS]
    for field in shown:
        if what == "added":
            if field["name"] not in _INHERITED:
                yield Line(ADDED, 2, f"{field['name']} {_value(field.get('new'))}")
        else:
            yield from _field(field, 2)
    if more := len(task["fields"]) - len(shown):
        yield Line(QUIET, 2, f"and {more} more")


def _field(field: Mapping[str, Any], level: int) -> Iterator[Line]:
    name, has_old, has_new = field["name"], "old" in field, "new" in field
    old, new = field.get("old"), field.get("new")
    lists = [one if isinstance(one, list) else [] for one in (old, new)]
    if _are_words(old, has_old) and _are_words(new, has_new):
        come = [ADDED + _value(one) for one in lists[1] if one not in lists[0]]
        gone = [REMOVED + _value(one) for one in lists[0] if one not in lists[1]]
        if come or gone:
            yield Line(CHANGED, level, f"{name} {' '.join([*come, *gone])}")
            return
    if not has_old:
        yield Line(ADDED, level, f"{name} {_value(new)}")
    elif not has_new:
        yield Line(REMOVED, level, f"{name} {_value(old)}")
    elif isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
        yield from _text(name, old, new, level)
    elif old == new:  # both print as ***
        yield Line(CHANGED, level, f"{name} {_value(old)} (another one)")
    else:
        yield Line(CHANGED, level, f"{name} {_value(old)} → {_value(new)}")


def _are_words(value: Any, is_there: bool) -> bool:
    return not is_there or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _text(name: str, old: str, new: str, level: int) -> Iterator[Line]:
    rows = [
        row
        for row in difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
        if not row.startswith(("---", "+++", "@@"))
    ]
    kinds = Counter(row[0] for row in rows)
    yield Line(CHANGED, level, f"{name} (lines: +{kinds['+']} -{kinds['-']})")
    for row in rows[:_MAX_TEXT_LINES]:
        yield Line(row[0], level + 1, _cut(plain(row[1:].strip())))
    if len(rows) > _MAX_TEXT_LINES:
        yield Line(QUIET, level + 1, f"and {len(rows) - _MAX_TEXT_LINES} more lines")


def _uses(uses: Mapping[str, Any]) -> Iterator[Line]:
    for sign, which in ((ADDED, "added"), (REMOVED, "removed")):
        for kind, found in groupby(uses[which], key=lambda one: one["kind"]):
            yield Line(sign, 1, f"uses {kind} {_listed([one['name'] for one in found])}")


def _of_code_only(dags: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    yield Line(CHANGED, 0, f"{_count(len(dags), 'DAG')} of which Airflow stores the same")
    yield Line(QUIET, 1, "only what their functions do may differ")
    key = lambda dag: dag["code"]  # noqa: E731
    for code, found in groupby(sorted(dags, key=key), key=key):
        names = _listed([dag["dag_id"] for dag in found])
        yield Line(CHANGED, 1, f"{names}: {_listed(code)}")


def _environment(plan: Mapping[str, Any]) -> Iterator[Line]:
    told = plan["circumstances"]["environment_has"]
    has = {(one["kind"], one["name"]): one["is"] for one in told or ()}
    for sign, which, word in ((ADDED, "added", "newly"), (REMOVED, "removed", "no longer")):
        for one in plan["uses"][which]:
            state = has.get((one["kind"], one["name"]))
            known = f": {state}" if state else ""
            yield Line(sign, 0, f"{word} used: {one['kind']} {one['name']}{known}")
        for uri in plan["assets"][which]:
            yield Line(sign, 0, f"{word} used: asset {uri}")


def _reach(plan: Mapping[str, Any]) -> Iterator[Line]:
    if not plan["reached"]:
        return
    yield Line(QUIET, 0, f"Reaches {_count(len(plan['reached']), 'other DAG')}")
    words = {"asset": "by asset", "dag": "waits for", "trigger": "is started by"}
    for one in plan["reached"][:_MAX_FIELDS]:
        where = f" of {one['repository']}" if one["repository"] else ""
        through = f" {one['name']}, which {one['by']} makes"
        if one["through"] != "asset":
            through = f" {one['by']}"
        yield Line(QUIET, 1, f"{one['dag_id']}{where} {words[one['through']]}{through}")
    if (more := len(plan["reached"]) - _MAX_FIELDS) > 0:
        yield Line(QUIET, 1, f"and {more} more")


def _findings(plan: Mapping[str, Any]) -> Iterator[Line]:
    for which, sign, word in (("new", ADDED, "new"), ("gone", REMOVED, "gone")):
        found = plan["findings"][which]
        if not found:
            continue
        yield Line(QUIET, 0, f"{_count(len(found), 'finding')} {word}")
        for one in found[:_MAX_FIELDS]:
            place = f"{one['path'] or '(tree)'}{':' + str(one['line']) if one['line'] else ''}"
            denies = " denies" if one["denies"] else ""
            text = f"{one['code']} {one['severity']}{denies} {place}  {_cut(plain(one['message']))}"
            yield Line(sign, 1, text)
        if (more := len(found) - _MAX_FIELDS) > 0:
            yield Line(QUIET, 1, f"and {more} more")
    if plan["allowed"] is False:
        yield Line("!", 0, "The gate denies this revision as it is.")


def _imports(plan: Mapping[str, Any]) -> Iterator[Line]:
    for path, times in plan["circumstances"]["import_seconds"].items():
        old, new = times["old"] or 0, times["new"] or 0
        if abs(new - old) >= 0.2 and not old / 1.5 < new < old * 1.5:
            yield Line(CHANGED, 0, f"import of {path}: {old:.2f} s → {new:.2f} s")


def _unknown(plan: Mapping[str, Any]) -> Iterator[Line]:
    told, left = plan["circumstances"], [*plan["not_looked_into"]]
    if told["runs_in_flight"] is None:
        left.append("runs in flight")
    if told["next_runs"] is None:
        left.append("next runs")
    if told["environment_has"] is None and plan["uses"]["added"]:
        left.append("whether the environment has what is newly used")
    for one in left:
        yield Line(UNKNOWN, 0, f"not known here: {one}")


def _some(sign: str, level: int, word: str, names: Sequence[str]) -> Iterator[Line]:
    for name in names[:_MAX_NAMED]:
        yield Line(sign, level, f"{word} {name}")
    if len(names) > _MAX_NAMED:
        yield Line(sign, level, f"and {len(names) - _MAX_NAMED} more {word}s")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(plain(name) for name in names[:_MAX_NAMED]) + more


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _value(value: Any) -> str:
    """A value in one line: words as they are, all else as JSON."""
    if isinstance(value, str) and value.strip() == value and value and "\n" not in value:
        return _cut(plain(value))
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return _cut(", ".join(plain(one) for one in value))
    return _cut(plain(json.dumps(value, ensure_ascii=False, sort_keys=True)))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"
