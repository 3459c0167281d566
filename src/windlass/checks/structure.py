"""Structure of one file: ids, schedules and dependencies that Airflow would refuse at import."""

import ast
import re
from collections.abc import Iterator

from windlass.checks.aliases import dotted, keyword, last_part, text_of
from windlass.checks.cycles import cycles_of
from windlass.checks.excerpt import with_excerpt
from windlass.checks.module import Module
from windlass.checks.places import Place
from windlass.checks.tasks import Node, Tasks, id_of_group, repeating_loop
from windlass.domain.cron import wrong_with
from windlass.domain.finding import Finding, FindingType, Severity

# What Airflow takes for ids: airflow/sdk/definitions/_internal/node.py.
_NOT_KEY = re.compile(r"[^\w.-]")
_NOT_GROUP_KEY = re.compile(r"[^\w-]")
MAX_ID = 250
MAX_GROUP_ID = 200
_CRON_TIMETABLES = ("CronTriggerTimetable", "CronDataIntervalTimetable")
_EXITS = frozenset({"exit", "quit", "sys.exit", "os._exit"})


def check_structure(module: Module) -> list[Finding]:
    """What is wrong with the DAGs and tasks of a file, as far as it is written down."""
    if b"airflow" not in module.content.lower():
        return []
    tasks = Tasks(module)
    found = [
        *_schedules(tasks),
        *_dag_ids(tasks),
        *_dags_twice(tasks),
        *_task_ids(tasks),
        *_duplicates(tasks.nodes),
        *(_cycle(names.names, names.at) for names in cycles_of(tasks)),
        *_exits(tasks),
        *_triggers(tasks),
    ]
    return [with_excerpt(_at(module.path, one), module.content) for one in found]


_Draft = tuple[ast.expr | ast.stmt, Finding]


def _at(path: str, draft: _Draft) -> Finding:
    """The finding with its place."""
    node, found = draft
    line = node.lineno
    end = node.end_col_offset if node.end_lineno == line else None
    return Finding(
        found.code,
        found.severity,
        found.type,
        path,
        found.message,
        found.hint,
        line,
        node.col_offset + 1,
        end + 1 if end is not None else None,
    )


def _schedules(tasks: Tasks) -> Iterator[_Draft]:
    for node in _written_schedules(tasks):
        text = tasks.written(node, tasks.places.at(node))
        wrong = wrong_with(text) if text is not None else None
        if wrong is not None:
            yield (
                node,
                _finding(
                    "STR007",
                    Severity.HIGH,
                    f"the schedule {text!r} is no cron expression: {wrong}",
                    "Write five fields such as '0 6 * * *', or a preset such as '@daily'; Airflow "
                    "refuses the DAG.",
                ),
            )


def _written_schedules(tasks: Tasks) -> Iterator[ast.expr]:
    """Every expression that is a schedule, if it is a text."""
    for call in (*tasks.dags, *_dag_decorators(tasks)):
        value = keyword(call, "schedule", "schedule_interval")
        if value is not None:
            yield value
    timetables = {n for n, full in tasks.names.items() if last_part(full) in _CRON_TIMETABLES}
    for call in tasks.module.all(ast.Call) if timetables else ():
        if isinstance(call.func, ast.Name) and call.func.id in timetables and call.args:
            yield call.args[0]


def _dag_decorators(tasks: Tasks) -> Iterator[ast.Call]:
    for function in tasks.module.all(ast.FunctionDef):
        decorator = tasks.decorator(function, "dag")
        if isinstance(decorator, ast.Call):
            yield decorator


def _dag_ids(tasks: Tasks) -> Iterator[_Draft]:
    for call in (*tasks.dags, *_dag_decorators(tasks)):
        node = keyword(call, "dag_id") or (call.args[0] if call.args else None)
        wrong = _wrong_id(node, _NOT_KEY, MAX_ID, "letters, digits, '_', '-' and '.'")
        if node is not None and wrong is not None:
            yield node, _bad_id("STR008", "dag_id", wrong)


def _dags_twice(tasks: Tasks) -> Iterator[_Draft]:
    """DAGs of one id: of two that surely are made, and of one that a loop makes again."""
    seen: dict[str, list[tuple[ast.Call, Place]]] = {}
    for call in tasks.dags:
        node = keyword(call, "dag_id") or (call.args[0] if call.args else None)
        place = tasks.places.at(call)
        dag_id = tasks.written(node, place)
        if node is None or not dag_id or not place.at_import:
            continue
        others = seen.setdefault(dag_id, [])
        first = next((c for c, p in others if p.implies(place) or place.implies(p)), None)
        others.append((call, place))
        loop = repeating_loop(place, tasks.module.tree)
        if first is not None:
            yield node, _shown_once(dag_id, f"used in line {first.lineno} already")
        elif loop is not None:
            yield node, _shown_once(dag_id, f"the same in every turn of line {loop.lineno}'s loop")


def _shown_once(dag_id: str, how: str) -> Finding:
    return _finding(
        "STR016",
        Severity.HIGH,
        f"the dag_id {dag_id!r} is {how}, in the same file",
        "Give each DAG an id of its own; Airflow shows the last one and drops the others.",
    )


def _task_ids(tasks: Tasks) -> Iterator[_Draft]:
    for call in tasks.groups:
        node = id_of_group(call)
        wrong = _wrong_id(node, _NOT_GROUP_KEY, MAX_GROUP_ID, "letters, digits, '_' and '-'")
        if node is not None and wrong is not None:
            yield node, _bad_id("STR009", "group_id", wrong)
    made = [
        d
        for function in tasks.module.all(ast.FunctionDef)
        if isinstance(d := tasks.decorator(function, "task"), ast.Call)
    ]
    for call in (*tasks.operators, *made):
        node = keyword(call, "task_id")
        wrong = _wrong_id(node, _NOT_KEY, MAX_ID, "letters, digits, '_', '-' and '.'")
        if node is not None and wrong is not None:
            yield node, _bad_id("STR009", "task_id", wrong)


def _bad_id(code: str, what: str, wrong: str) -> Finding:
    return _finding(
        code, Severity.HIGH, f"the {what} {wrong}", "Rename it; Airflow refuses the file."
    )


def _wrong_id(node: ast.expr | None, bad: re.Pattern[str], limit: int, may: str) -> str | None:
    """What is wrong with an id, in words; of a text with gaps, the parts that are written."""
    text = text_of(node)
    if isinstance(node, ast.JoinedStr):
        written = "".join(text_of(part) or "" for part in node.values)
        found = bad.search(written)
        return f"holds {found[0]!r}: expected {may}" if found else None
    if text is None:
        return None
    if not text:
        return "is empty"
    if len(text) > limit:
        return f"{text[:40] + '…'!r} has {len(text)} characters: at most {limit} are allowed"
    found = bad.search(text)
    return f"{text[:60]!r} holds {found[0]!r}: expected {may}" if found else None


def _duplicates(nodes: list[Node]) -> Iterator[_Draft]:
    seen: dict[tuple[int, str], list[Node]] = {}
    for node in nodes:
        others = seen.setdefault((id(node.owner), node.full_id), [])
        first = next((one for one in others if _both_run(one, node)), None)
        others.append(node)
        what = "group_id" if node.is_group else "task_id"
        if first is not None:
            yield node.at, _twice(what, node.written, f"used in line {first.at.lineno} already")
        elif node.loop is not None and not _adds_suffix(node):
            line = node.loop.lineno
            yield (
                node.at,
                _twice(what, node.written, f"the same in every turn of line {line}'s loop"),
            )


def _both_run(one: Node, other: Node) -> bool:
    if _adds_suffix(one) or _adds_suffix(other):
        return False
    return one.place.implies(other.place) or other.place.implies(one.place)


def _adds_suffix(node: Node) -> bool:
    value = keyword(node.call, "add_suffix_on_collision")
    return value is not None and not (isinstance(value, ast.Constant) and value.value is False)


def _twice(what: str, written: str, how: str) -> Finding:
    return _finding(
        "STR005",
        Severity.HIGH,
        f"the {what} {written!r} is {how}, in the same DAG",
        "Give it another id; Airflow refuses the file (DuplicateTaskIdFound).",
    )


def _cycle(names: tuple[str, ...], at: ast.expr) -> _Draft:
    shown = names if len(names) <= 8 else (*names[:4], "…", *names[-3:])
    return at, _finding(
        "STR006",
        Severity.HIGH,
        f"tasks wait for each other in a circle: {' >> '.join(shown)}",
        "Take one of the dependencies away; Airflow refuses the DAG.",
    )


def _exits(tasks: Tasks) -> Iterator[_Draft]:
    """Calls that end Python while the file is imported."""
    ends = [call for call, name in tasks.module.called if name in _EXITS]
    for call in tasks.module.top.all(ast.Call) if ends else ():
        if call in ends:
            place = tasks.places.at(call)
            if place.at_import:
                yield call, _ends(call, sure=not place.branches)


def _ends(call: ast.Call, *, sure: bool) -> Finding:
    shown = ast.unparse(call.func)
    when = "whenever" if sure else "as soon as its branch is taken when"
    return _finding(
        "STR010",
        Severity.HIGH if sure else Severity.MEDIUM,
        f"{shown}() ends Python {when} Airflow imports the file",
        "Take it away, or put it below `if __name__ == '__main__':`; to skip a task, raise "
        "AirflowSkipException in it.",
    )


def _triggers(tasks: Tasks) -> Iterator[_Draft]:
    """Trigger classes: the triggerer imports them by name and has no DAG root on its path."""
    for node in tasks.module.all(ast.ClassDef):
        bases = [dotted(base, tasks.names) for base in node.bases]
        if any(b.startswith("airflow.") and last_part(b).endswith("Trigger") for b in bases):
            yield (
                node,
                _finding(
                    "STR011",
                    Severity.MEDIUM,
                    f"the triggerer cannot import the trigger {node.name!r} from a DAG root",
                    "Install the class with Airflow's image, in a package; tasks that defer to it "
                    "from here fail.",
                ),
            )


def _finding(code: str, severity: Severity, message: str, hint: str) -> Finding:
    return Finding(code, severity, FindingType.STRUCTURE, "", message, hint)
