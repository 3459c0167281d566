"""What the DAGs of an import say of themselves, and which connections, variables and pools their
tasks name: read off the objects themselves, so that loops and factories are no matter.

Whatever a DAG's own classes answer in its place is told of that DAG only.
"""

import functools
import inspect
import sys
import types
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from windlass.domain.jinja import names_in_jinja
from windlass.domain.masking import masked

_MAX_USES = 300
_MAX_LOOKS = 20_000
_MAX_NAME = 250
_MAX_WORDS = 200
_MAX_FRAMES = 50
_MAX_SHOWN = 4000
_MAX_TEXTS = 2000
_MAX_TEXT = 200_000
_DEFAULT_OWNER = "airflow"  # [operators] default_owner
_DEFAULT_POOL = "default_pool"

Place = tuple[str, int, int]
"""A path below the tree, and the first and the last line of a call there."""


class Tasks:
    """Every task that was added to a DAG in this process, and where in the tree."""

    def __init__(self) -> None:
        self.below = "/"
        self._noted: dict[int, tuple[Any, Place | None]] = {}
        self._positions: dict[int, tuple[types.CodeType, list[tuple[int | None, ...]]]] = {}

    def note_those_of(self, kind: Any) -> None:
        """Have every task noted that is added to a DAG of this class."""
        add = getattr(kind, "add_task", None)
        if add is None or hasattr(add, "__wrapped__"):
            return

        @functools.wraps(add)
        def noting(dag: Any, task: Any) -> None:
            add(dag, task)
            self._noted.setdefault(id(task), (task, self._place()))

        kind.add_task = noting

    def place_of(self, task: Any) -> Place | None:
        """The innermost call in the tree that made a task."""
        noted = self._noted.get(id(task))
        return noted[1] if noted is not None else None

    def forget(self) -> None:
        self._noted.clear()

    def _place(self) -> Place | None:
        """The innermost call in the tree, but for what a class there calls to make its own."""
        frame: types.FrameType | None = sys._getframe(2)
        for _ in range(_MAX_FRAMES):
            if frame is None:
                break
            code = frame.f_code
            if code.co_name != "__init__" and code.co_filename.startswith(self.below):
                last = self._last_line(frame)
                return code.co_filename[len(self.below) :], frame.f_lineno, last
            frame = frame.f_back
        return None

    def _last_line(self, frame: types.FrameType) -> int:
        """Where the call ends that a frame is at."""
        code = frame.f_code
        if id(code) not in self._positions:
            self._positions[id(code)] = code, [*code.co_positions()]
        positions = self._positions[id(code)][1]
        at = frame.f_lasti // 2  # an instruction has two bytes
        last = positions[at][1] if at < len(positions) else None
        return max(last or 0, frame.f_lineno)


def facts_of(dag: Any, line: int) -> list[Any] | None:
    """What `domain.facts` keeps of a DAG that is made at a line of its file; None where it does not
    say."""
    try:
        said = dict(getattr(dag, "default_args", None) or {})
        tasks = [_given(task) for task in dag.tasks]
        owners = {str(task.get("owner") or "") for task in tasks} - {"", _DEFAULT_OWNER}
        retries = min((int(task.get("retries") or 0) for task in tasks), default=0)
        schedule = getattr(dag, "schedule_interval", getattr(dag, "schedule", None))
        return [
            dag.dag_id,
            line,
            _some(dag.tags or ()),
            [str(said["owner"])[:_MAX_NAME]] if said.get("owner") else _some(owners),
            max(0, int(said.get("retries") or 0) if "retries" in said else retries),
            schedule[:_MAX_NAME] if isinstance(schedule, str) else "" if schedule is None else None,
        ]
    except Exception:  # noqa: BLE001  # a DAG of a class of its own
        return None


def operators_of(dags: Iterable[Any]) -> list[str]:
    """The dotted names of the classes of the tasks of some DAGs."""
    kinds = (getattr(task, "operator_class", type(task)) for dag in dags for task in _tasks(dag))
    return _some(f"{k.__module__}.{k.__qualname__}" for k in kinds if isinstance(k, type))


def _some(words: Iterable[Any]) -> list[str]:
    """As many as an answer may hold, in order."""
    return sorted({str(word)[:_MAX_NAME] for word in words})[:_MAX_WORDS]


def extras_of(dag: Any) -> dict[str, Any]:
    """What Airflow does not store of the tasks of a DAG, by task_id: the arguments that are neither
    templates nor those of every operator, and the connections, variables and pools they name."""
    return {str(task.task_id)[:_MAX_NAME]: _extra(task) for task in _tasks(dag)}


def _extra(task: Any) -> dict[str, Any]:
    try:
        given = getattr(task, "_BaseOperator__init_kwargs", None) or {}
        kind: Any = type(task)
        known = {*map(str, getattr(task, "template_fields", ())), *_common_arguments(kind)}
        own = {str(name)[:_MAX_NAME]: value for name, value in given.items() if name not in known}
        uses = sorted({(kind, name) for kind, name, _ in islice(_names(task), _MAX_LOOKS)})
        arguments = {name: _shown(name, value) for name, value in islice(own.items(), _MAX_WORDS)}
        if (called := given.get("python_callable")) is not None:  # as 3.x stores it
            arguments["python_callable_name"] = _shown("", called)
        return {"arguments": arguments, "uses": [[*one] for one in uses[:_MAX_USES]]}
    except Exception:  # noqa: BLE001  # a task of a class of its own
        return {}


@functools.lru_cache(500)
def _common_arguments(kind: Any) -> frozenset[str]:
    """What every operator takes, which Airflow stores."""
    found = {"dag", "task_group", "default_args", "python_callable"}
    for one in kind.__mro__:
        if one.__name__ in ("BaseOperator", "AbstractOperator"):
            found |= set(inspect.signature(one.__init__).parameters)
    return frozenset(found)


def _shown(name: str, value: Any, depth: int = 0) -> Any:
    """An argument as plain data; of what is none, its class or its name. Never a secret."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return masked(name, value[:_MAX_SHOWN])
    if depth < 5 and isinstance(value, dict):
        items = islice(value.items(), _MAX_WORDS)
        return {str(key)[:_MAX_NAME]: _shown(str(key), one, depth + 1) for key, one in items}
    if depth < 5 and isinstance(value, list | tuple):
        return [_shown(name, one, depth + 1) for one in value[:_MAX_WORDS]]
    if isinstance(value, timedelta | datetime):
        return str(value)
    called = getattr(value, "__qualname__", None)
    return called if isinstance(called, str) else type(value).__qualname__


def uses_of(dags: Iterable[Any], noted: Tasks) -> list[list[Any]]:
    """[kind, name, has a default, path, line, last line] of each connection, variable and pool that
    tasks name, each once in each place, as many as an answer may hold."""
    found = (
        (*one, *place)
        for dag in dags
        for task in _tasks(dag)
        if (place := noted.place_of(task))
        for one in _names(task)
    )
    return [[*one] for one in islice(dict.fromkeys(islice(found, _MAX_LOOKS)), _MAX_USES)]


def _tasks(dag: Any) -> list[Any]:
    try:
        return list(dag.tasks)
    except Exception:  # noqa: BLE001  # a DAG of a class of its own
        return []


def _names(task: Any) -> Iterator[tuple[str, str, bool]]:
    try:
        yield from _names_in(task)
    except Exception:  # noqa: BLE001  # a task of a class of its own
        return


def _names_in(task: Any) -> Iterator[tuple[str, str, bool]]:
    kind: Any = getattr(task, "operator_class", type(task))
    given = _given(task)
    for name, value in given.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if not isinstance(one, str) or not _is_name(one):
                continue
            if name == "pool" and one != _DEFAULT_POOL:
                yield "pool", one, False
            elif name.endswith("conn_id") and not _is_default(kind, one):
                yield "connection", one, False
    fields = [given.get(str(field)) for field in getattr(task, "template_fields", ())]
    for text in islice(_texts(fields), _MAX_TEXTS):
        yield from names_in_jinja(text)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _MAX_NAME and "{" not in text and text.isprintable()


def _given(task: Any) -> dict[str, Any]:
    """What a task was given, by name; of a mapped one, what all or each of its tasks are."""
    if not hasattr(task, "partial_kwargs"):
        return {**vars(task), "owner": getattr(task, "owner", None)}
    each = getattr(task.expand_input, "value", None)
    return {**task.partial_kwargs, **(each if isinstance(each, dict) else {})}


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        if "{" in value:
            yield value[:_MAX_TEXT]
    elif depth < 8 and isinstance(value, dict):
        for one in value.values():
            yield from _texts(one, depth + 1)
    elif depth < 8 and isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _texts(one, depth + 1)


@functools.lru_cache(500)
def _is_default(kind: Any, connection: str) -> bool:
    """Whether tasks of a class use that connection where none is named."""
    return connection.endswith("_default") or any(
        parameter.default == connection
        for one in kind.__mro__[:-1]
        for parameter in inspect.signature(one.__init__).parameters.values()
        if parameter.name.endswith("conn_id")
    )
