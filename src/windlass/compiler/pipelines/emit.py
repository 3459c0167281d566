"""From a `Pipeline` to the syntax tree of its DAG file."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from windlass.compiler.pipelines.code import Code, attribute, call, literal, name
from windlass.compiler.pipelines.schedule import asset_call, schedule_arguments
from windlass.compiler.pipelines.step_type import Part
from windlass.compiler.pipelines.steps import STEP_TYPES
from windlass.compiler.pipelines.steps.notices import notifier, notifier_parts
from windlass.domain.pipeline import Asset, Deadline, Notices, Pipeline, Step

_RUNNING = {
    "retries": "retries",
    "retry_delay": "retry_delay",
    "retry_backoff": "retry_exponential_backoff",
    "max_retry_delay": "max_retry_delay",
    "timeout": "execution_timeout",
    "pool": "pool",
    "pool_slots": "pool_slots",
    "queue": "queue",
    "executor": "executor",
    "priority": "priority_weight",
    "trigger_rule": "trigger_rule",
    "depends_on_past": "depends_on_past",
}
_DURATIONS = frozenset({"retry_delay", "max_retry_delay", "timeout"})


@dataclass(slots=True)
class _Group:
    """What stands in a group, or in the DAG: steps and groups in the order of the document."""

    path: tuple[str, ...]
    inner: "list[Step | _Group]" = field(default_factory=list)


@dataclass(slots=True)
class Emitted:
    """The statements of a file, `comments` for above them, and `origins`: statement → the line of
    the document that it was made from, and the path:line of a template or nothing."""

    statements: list[ast.stmt]
    comments: dict[ast.stmt, str]
    origins: dict[ast.stmt, tuple[int, str]]


def emit(pipeline: Pipeline, source: str, airflow: tuple[int, int]) -> Emitted:
    """The file of a pipeline; `source` is the path of its document, for the comments."""
    return _Emitter(pipeline, source, Code(airflow)).file()


@dataclass(slots=True)
class _Emitter:
    pipeline: Pipeline
    source: str
    code: Code
    names: dict[str, str] = field(default_factory=dict)  # step or group → its variable
    comments: dict[ast.stmt, str] = field(default_factory=dict)
    origins: dict[ast.stmt, tuple[int, str]] = field(default_factory=dict)

    def file(self) -> Emitted:
        tree = _tree(self.pipeline.steps)
        self._name_all(tree)
        dag = self.code.sdk("DAG", "airflow.models.dag")
        context = call(dag, self.pipeline.dag_id, **self._dag_arguments())
        body = [*self._block(tree), *self._edges()]
        block = ast.With([ast.withitem(context, None)], body)
        self.origins[block] = self.pipeline.line, ""
        return Emitted([*self.code.import_statements(), block], self.comments, self.origins)

    def _name_all(self, tree: _Group) -> None:
        for one in tree.inner:
            if isinstance(one, Step):
                self.names[one.name] = self.code.own(one.name.lower())
            else:
                self.names[".".join(one.path)] = self.code.own(f"{one.path[-1].lower()}_group")
                self._name_all(one)

    # ---- the DAG ---------------------------------------------------------------------------

    def _dag_arguments(self) -> dict[str, Any]:
        one = self.pipeline
        given = {
            "description": one.description or None,
            **schedule_arguments(one.schedule, self.code),
            "default_args": self._default_args(),
            "params": self._params(),
            "tags": list(one.tags) or None,
            "owner_links": dict(one.owner_links) or None,
            "doc_md": one.documentation or None,
            "max_active_runs": 1 if one.schedule.type == "continuous" else one.max_active_runs,
            "max_active_tasks": one.max_active_tasks,
            "is_paused_upon_creation": one.paused,
            **self._callbacks(one.notices, one.dag_id),
        }
        if one.timeout:
            given["dagrun_timeout"] = self.code.delta(one.timeout)
        if one.deadline is not None:
            given["deadline"] = self._deadline(one.deadline)
        return given

    def _default_args(self) -> dict[str, Any] | None:
        owner = {"owner": ", ".join(self.pipeline.owners)} if self.pipeline.owners else {}
        return {**owner, **self._running(self.pipeline.defaults)} or None

    def _running(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            own: self.code.delta(given[key]) if key in _DURATIONS else given[key]
            for key, own in _RUNNING.items()
            if key in given
        }

    def _params(self) -> dict[str, Any] | None:
        made = {}
        for own, one in self.pipeline.params.items():
            rest = {key: value for key, value in one.items() if key != "default"}
            positional = [one.get("default")] if "default" in one else []
            param = self.code.sdk("Param", "airflow.models.param")
            made[own] = call(param, *positional, **rest)
        return made or None

    def _callbacks(self, notices: Notices, whose: str) -> dict[str, Any]:
        listed = {
            "failure": (notices.on_failure, "failed"),
            "success": (notices.on_success, "succeeded"),
            "retry": (notices.on_retry, "is tried again"),
        }
        return {
            f"on_{event}_callback": [
                notifier(notice, self.code, f"{whose} {verb}: {{{{ run_id }}}}") for notice in given
            ]
            for event, (given, verb) in listed.items()
            if given
        }

    def _deadline(self, deadline: Deadline) -> ast.Call:
        reference = (
            "DAGRUN_LOGICAL_DATE" if deadline.since == "logical_date" else "DAGRUN_QUEUED_AT"
        )
        text = f"{self.pipeline.dag_id} has not ended within {deadline.after}"
        notifies, given = notifier_parts(deadline.notice, self.code, text)
        sdk = "airflow.sdk"
        return call(
            self.code.use(sdk, "DeadlineAlert"),
            reference=attribute(self.code.use(sdk, "DeadlineReference"), reference),
            interval=self.code.delta(deadline.after),
            callback=call(self.code.use(sdk, "AsyncCallback"), notifies, kwargs=given),
        )

    # ---- steps -----------------------------------------------------------------------------

    def _block(self, tree: _Group) -> Iterator[ast.stmt]:
        for one in tree.inner:
            if isinstance(one, Step):
                yield from self._step(one)
            else:
                yield self._group(one)

    def _group(self, group: _Group) -> ast.stmt:
        own = self.names[".".join(group.path)]
        found = call(self._group_class(), group.path[-1])
        block = ast.With([ast.withitem(found, ast.Name(own, ast.Store()))], [*self._block(group)])
        self.origins[block] = _origin(_first(group))
        return block

    def _group_class(self) -> ast.Name:
        return self.code.sdk("TaskGroup", "airflow.utils.task_group")

    def _step(self, step: Step) -> Iterator[ast.stmt]:
        self.code.task_id = step.task_id
        parts = STEP_TYPES[step.type].emit(step.config, self.code)
        own = self.names[step.name]
        if len(parts) == 1:
            value = self._task(step, parts[0], step.name)
            yield self._noted(ast.Assign([ast.Name(own, ast.Store())], value), step)
            return
        found = call(self._group_class(), step.name, tooltip=step.description or None)
        variables = [self.code.own(f"{own}_{part.name}") for part in parts]
        body: list[ast.stmt] = [
            ast.Assign([ast.Name(variable, ast.Store())], self._task(step, part, part.name))
            for variable, part in zip(variables, parts, strict=True)
        ]
        body += [ast.Expr(_after(name(one), name(then))) for one, then in pairwise(variables)]
        block = ast.With([ast.withitem(found, ast.Name(own, ast.Store()))], body)
        self.origins |= dict.fromkeys(body, _origin(step))
        yield self._noted(block, step)

    def _noted(self, statement: ast.stmt, step: Step) -> ast.stmt:
        also = f", {step.within}" if step.within else ""
        self.comments[statement] = f"src: {self.source}:{step.line}{also}"
        self.origins[statement] = _origin(step)
        return statement

    def _task(self, step: Step, part: Part, task_id: str) -> ast.Call:
        given = {"task_id": task_id, **part.arguments, **self._shared(step)}
        if step.mapped is None:
            return call(part.operator, **given)
        mapped = STEP_TYPES[step.type].mappable[step.mapped.into]
        over: Any = step.mapped.over
        if isinstance(over, str):
            over = attribute(name(self.names[over]), "output")
        partial = call(attribute(part.operator, "partial"), **given)
        return call(attribute(partial, "expand"), **{mapped: literal(over)})

    def _shared(self, step: Step) -> dict[str, Any]:
        given = {
            **self._running(step.running),
            "doc_md": step.description or None,
            "inlets": [self._asset(one) for one in step.consumes] or None,
            "outlets": [self._asset(one) for one in step.produces] or None,
            **self._callbacks(step.notices, f"{self.pipeline.dag_id} {step.task_id}"),
        }
        return {own: value for own, value in given.items() if value is not None}

    def _asset(self, asset: Asset) -> ast.Call:
        return asset_call(asset, self.code)

    # ---- edges -----------------------------------------------------------------------------

    def _edges(self) -> Iterator[ast.stmt]:
        for step in self.pipeline.steps:
            if not step.depends_on:
                continue
            before = [name(self.names[one]) for one in step.depends_on]
            left: ast.expr = before[0] if len(before) == 1 else ast.List([*before], ast.Load())
            edge = ast.Expr(_after(left, name(self.names[step.name])))
            self.origins[edge] = _origin(step)
            yield edge


def _origin(step: Step) -> tuple[int, str]:
    return step.line, step.within


def _after(left: ast.expr, right: ast.expr) -> ast.BinOp:
    return ast.BinOp(left, ast.RShift(), right)


def _first(group: _Group) -> Step:
    one = group.inner[0]
    return one if isinstance(one, Step) else _first(one)


def _tree(steps: tuple[Step, ...]) -> _Group:
    """The steps in their groups; a group stands where its first step stands."""
    root = _Group(())
    groups: dict[tuple[str, ...], _Group] = {(): root}
    for step in steps:
        for length in range(1, len(step.groups) + 1):
            path = step.groups[:length]
            if path not in groups:
                groups[path] = _Group(path)
                groups[path[:-1]].inner.append(groups[path])
        groups[step.groups].inner.append(step)
    return root
