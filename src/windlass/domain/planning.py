"""Makes a plan of two snapshots. Pure: the same two give the same plan, to the byte."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from windlass.domain.dag_shape import DagShape, Link, Snapshot, TaskShape, Use
from windlass.domain.masking import masked
from windlass.domain.plan import (
    ABSENT,
    Circumstances,
    DagChange,
    Field,
    Plan,
    Reached,
    TaskChange,
    What,
)
from windlass.domain.renames import dag_renames, task_renames

_MAX_DEPTH = 6
_MAX_REACHED = 500


def make_plan(
    base: Snapshot,
    head: Snapshot,
    elsewhere: Mapping[str, tuple[str, frozenset[Link]]] | None = None,
) -> Plan:
    """What makes `base` into `head`. `elsewhere` maps dag_ids of other repositories to the name of
    theirs and to what they wait for.

    >>> make_plan(Snapshot("a"), Snapshot("a")).is_empty
    True
    """
    renamed = dag_renames(base.dags, head.dags)
    changes = sorted(_dag_changes(base, head, renamed), key=lambda one: one.dag_id)
    new, old = _all_uses(head), _all_uses(base)
    assets, before = _all_assets(head), _all_assets(base)
    moved = {one.dag_id for one in changes} | {one.was for one in changes if one.was}
    looked_into = not (base.untold or head.untold)
    return Plan(
        base.digest,
        head.digest,
        tuple(changes),
        same=len(head.dags.keys() - moved),
        uses_added=tuple(sorted(new - old)),
        uses_removed=tuple(sorted(old - new)) if looked_into else (),
        assets_added=tuple(sorted(assets - before)),
        assets_removed=tuple(sorted(before - assets)) if looked_into else (),
        reached=tuple(_reached(base, head, changes, elsewhere or {})),
        circumstances=Circumstances(import_s=_import_s(base, head)),
    )


def _dag_changes(base: Snapshot, head: Snapshot, renamed: Mapping[str, str]) -> Iterator[DagChange]:
    was_renamed = {*renamed.values()}
    for dag_id, new in head.dags.items():
        old = base.dags.get(renamed.get(dag_id, dag_id))
        if old is not None:
            if change := _compare(old, new):
                yield change
        elif new.path in base.untold:
            why = f"{new.path} could not be imported before: {base.untold[new.path]}"
            yield DagChange(dag_id, What.UNKNOWN, new.path, reason=why)
        else:
            yield _whole(new, What.ADDED)
    for dag_id, old in base.dags.items():
        if dag_id in head.dags or dag_id in was_renamed:
            continue
        if old.path in head.untold:
            why = f"{old.path} cannot be imported: {head.untold[old.path]}"
            yield DagChange(dag_id, What.UNKNOWN, old.path, reason=why)
        else:
            yield _whole(old, What.REMOVED)


def _whole(dag: DagShape, what: What) -> DagChange:
    """A DAG that comes or goes, all of it."""
    is_new = what is What.ADDED
    fields = _fields({}, dag.settings) if is_new else _fields(dag.settings, {})
    tasks = [_task_added(t) if is_new else _task_removed(t) for t in (dag.tasks or {}).values()]
    edges, uses = tuple(sorted(dag.edges)), tuple(sorted(dag.uses))
    return DagChange(
        dag.dag_id,
        what,
        dag.path,
        fields=tuple(fields),
        tasks=tuple(sorted(tasks, key=lambda one: one.task_id)),
        edges_added=edges if is_new else (),
        edges_removed=() if is_new else edges,
        uses_added=uses if is_new else (),
        uses_removed=() if is_new else uses,
        looked_into=dag.tasks is not None,
    )


def _compare(old: DagShape, new: DagShape) -> DagChange | None:
    """What became of a DAG; None where nothing did."""
    if old is new:
        return None
    looked_into = old.tasks is not None and new.tasks is not None
    before, after = (old.tasks or {}, new.tasks or {}) if looked_into else ({}, {})
    renames = task_renames(before, after)
    names = {was: now for now, was in renames.items()}
    edges = {(names.get(a, a), names.get(b, b)) for a, b in old.edges} if looked_into else set()
    edges_now = new.edges if looked_into else frozenset()
    change = DagChange(
        new.dag_id,
        What.CHANGED if old.dag_id == new.dag_id else What.RENAMED,
        new.path,
        was=None if old.dag_id == new.dag_id else old.dag_id,
        was_in=None if old.path == new.path else old.path,
        fields=tuple(_fields(old.settings, new.settings)),
        tasks=tuple(_task_changes(before, after, renames)),
        edges_added=tuple(sorted(edges_now - edges)),
        edges_removed=tuple(sorted(edges - edges_now)),
        uses_added=tuple(sorted(new.uses - old.uses)) if looked_into else (),
        uses_removed=tuple(sorted(old.uses - new.uses)) if looked_into else (),
        code=_code(old, new),
        looked_into=looked_into,
    )
    is_same = change.is_of_code_only and not change.code and not change.was_in
    return None if is_same else change


def _code(old: DagShape, new: DagShape) -> tuple[str, ...]:
    """The files behind a DAG that differ; its own one under another name does not."""
    paths = {p for p in old.code.keys() | new.code.keys() if old.code.get(p) != new.code.get(p)}
    if old.path != new.path:
        is_same = old.code.get(old.path) == new.code.get(new.path)
        paths -= {old.path, new.path} if is_same else {old.path}
    return tuple(sorted(paths))


def _task_changes(
    old: Mapping[str, TaskShape], new: Mapping[str, TaskShape], renames: Mapping[str, str]
) -> Iterator[TaskChange]:
    gone = old.keys() - new.keys() - {*renames.values()}
    for task_id in sorted(new.keys() | gone):
        after, before = new.get(task_id), old.get(renames.get(task_id, task_id))
        if after is None:
            yield _task_removed(old[task_id])
        elif before is None:
            yield _task_added(after)
        elif (change := _task_changed(before, after)) is not None:
            yield change


def _task_added(task: TaskShape) -> TaskChange:
    return TaskChange(task.task_id, What.ADDED, task.operator, tuple(_fields({}, task.arguments)))


def _task_removed(task: TaskShape) -> TaskChange:
    return TaskChange(task.task_id, What.REMOVED, task.operator)


def _task_changed(old: TaskShape, new: TaskShape) -> TaskChange | None:
    fields = tuple(_fields(old.arguments, new.arguments))
    if old.operator != new.operator:
        fields = (Field("operator", old.operator, new.operator), *fields)
    if old.task_id != new.task_id:
        return TaskChange(new.task_id, What.RENAMED, new.operator, fields, old.task_id)
    return TaskChange(new.task_id, What.CHANGED, new.operator, fields) if fields else None


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Field]:
    for name in sorted(old.keys() | new.keys()):
        yield from _differences(name, old.get(name, ABSENT), new.get(name, ABSENT), 0)


def _differences(name: str, old: Any, new: Any, depth: int) -> Iterator[Field]:
    """The innermost fields that differ, by a dotted name."""
    if type(old) is type(new) and old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict) and depth < _MAX_DEPTH:
        for key in sorted(old.keys() | new.keys()):
            inner = old.get(key, ABSENT), new.get(key, ABSENT)
            yield from _differences(f"{name}.{key}", *inner, depth + 1)
        return
    yield Field(name, *(one if one is ABSENT else masked(name, one) for one in (old, new)))


def _all_uses(tree: Snapshot) -> frozenset[Use]:
    return frozenset(use for dag in tree.dags.values() for use in dag.uses)


def _all_assets(tree: Snapshot) -> frozenset[str]:
    links = (link for dag in tree.dags.values() for link in dag.makes | dag.awaits)
    return frozenset(name for kind, name in links if kind == "asset")


def _reached(
    base: Snapshot,
    head: Snapshot,
    changes: Iterable[DagChange],
    elsewhere: Mapping[str, tuple[str, frozenset[Link]]],
) -> list[Reached]:
    """The DAGs that wait for what changed ones make, directly or through others, each once."""
    waiting: dict[Link, list[tuple[str, str]]] = {}
    for tree in (base, head):
        for dag_id, dag in tree.dags.items():
            for link in dag.awaits:
                waiting.setdefault(link, []).append((dag_id, ""))
    for dag_id, (repository, awaits) in elsewhere.items():
        for link in awaits:
            waiting.setdefault(link, []).append((dag_id, repository))
    seen = {one.dag_id for one in changes} | {one.was for one in changes if one.was}
    queue, found = deque(sorted(str(one) for one in seen)), list[Reached]()
    while queue and len(found) < _MAX_REACHED:
        by = queue.popleft()
        trees = [tree.dags[by] for tree in (base, head) if by in tree.dags]
        for link in sorted({link for dag in trees for link in dag.makes}):
            for dag_id, repository in sorted(set(waiting.get(link, ()))):
                if dag_id not in seen:
                    seen.add(dag_id)
                    queue.append(dag_id)
                    found.append(Reached(dag_id, by, link, repository))
    return sorted(found, key=lambda one: (one.repository, one.dag_id))


def _import_s(base: Snapshot, head: Snapshot) -> dict[str, tuple[float | None, float | None]]:
    """Of files that were imported on both sides, in another time."""
    both = base.seconds.keys() & head.seconds.keys()
    pairs = {path: (base.seconds[path], head.seconds[path]) for path in sorted(both)}
    return {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}
