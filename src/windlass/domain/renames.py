"""Which of what is gone and what is new is the same thing under another name.

Only what is certain counts: one thing on each side that looks exactly so. Two that look alike are
a removal and an addition.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping

from windlass.domain.dag_shape import DagShape, TaskShape
from windlass.domain.digest import digest_json

_LEAST_SHARED = 0.5


def task_renames(old: Mapping[str, TaskShape], new: Mapping[str, TaskShape]) -> dict[str, str]:
    """New task_id → old one, of tasks that were renamed: the same operator with the same arguments,
    between the same tasks where that is needed to tell them apart; or the same operator between the
    same tasks, with half of its arguments."""
    gone, come = old.keys() - new.keys(), new.keys() - old.keys()
    if not gone or not come:
        return {}
    before, after = _upstream(old), _upstream(new)

    def placed(tasks: Mapping[str, TaskShape], up: Mapping[str, frozenset[str]], one: str) -> str:
        return digest_json([_body(tasks[one]), sorted(up[one]), sorted(tasks[one].downstream)])

    found = _pairs(gone, come, lambda t: placed(old, before, t), lambda t: placed(new, after, t))
    left, right = gone - {*found.values()}, come - found.keys()
    found |= _pairs(left, right, lambda t: _body(old[t]), lambda t: _body(new[t]))

    def between(tasks: Mapping[str, TaskShape], up: Mapping[str, frozenset[str]], one: str) -> str:
        names = {was: now for now, was in found.items()} if tasks is old else {}
        around = [sorted(names.get(t, t) for t in of) for of in (up[one], tasks[one].downstream)]
        return digest_json([tasks[one].operator, around])

    left, right = gone - {*found.values()}, come - found.keys()
    more = _pairs(left, right, lambda t: between(old, before, t), lambda t: between(new, after, t))
    return found | {now: was for now, was in more.items() if _are_close(old[was], new[now])}


def dag_renames(old: Mapping[str, DagShape], new: Mapping[str, DagShape]) -> dict[str, str]:
    """New dag_id → old one, of DAGs that were renamed: what Airflow stores of them is the same; or
    they are the only ones that come and go in one file, and half of their tasks have the same
    ids."""
    gone = {dag_id for dag_id in old.keys() - new.keys() if old[dag_id].tasks}
    come = {dag_id for dag_id in new.keys() - old.keys() if new[dag_id].tasks}
    if not gone or not come:
        return {}
    found = _pairs(gone, come, lambda d: _whole(old[d]), lambda d: _whole(new[d]))
    left, right = gone - {*found.values()}, come - found.keys()
    more = _pairs(left, right, lambda d: old[d].path, lambda d: new[d].path)
    return found | {now: was for now, was in more.items() if _are_alike(old[was], new[now])}


def _pairs(
    gone: Iterable[str],
    come: Iterable[str],
    look: Callable[[str], Hashable],
    look_now: Callable[[str], Hashable],
) -> dict[str, str]:
    """New → old, of what looks the same and like nothing else."""
    before, after = defaultdict[Hashable, list[str]](list), defaultdict[Hashable, list[str]](list)
    for one in gone:
        before[look(one)].append(one)
    for one in come:
        after[look_now(one)].append(one)
    return {
        after[look_][0]: names[0]
        for look_, names in sorted(before.items(), key=lambda pair: pair[1])
        if len(names) == 1 and len(after.get(look_, ())) == 1
    }


def _body(task: TaskShape) -> str:
    arguments = {name: value for name, value in task.arguments.items() if name != "task_id"}
    return digest_json([task.operator, arguments])


def _are_close(old: TaskShape, new: TaskShape) -> bool:
    names = old.arguments.keys() | new.arguments.keys()
    same = sum(old.arguments.get(n) == new.arguments.get(n) for n in names)
    return bool(names) and same >= _LEAST_SHARED * len(names)


def _whole(dag: DagShape) -> str:
    tasks = [[t.task_id, _body(t), sorted(t.downstream)] for t in (dag.tasks or {}).values()]
    return digest_json([dict(dag.settings), tasks])


def _are_alike(old: DagShape, new: DagShape) -> bool:
    before, after = (old.tasks or {}).keys(), (new.tasks or {}).keys()
    return len(before & after) >= _LEAST_SHARED * len(before | after)


def _upstream(tasks: Mapping[str, TaskShape]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {task_id: set() for task_id in tasks}
    for task in tasks.values():
        for after in task.downstream:
            found.setdefault(after, set()).add(task.task_id)
    return {task_id: frozenset(up) for task_id, up in found.items()}
