"""A pipeline: what a YAML document says, once every problem in it has been ruled out."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from windlass.domain.digest import digest_json
from windlass.domain.signature import Called
from windlass.domain.template import is_template_path

DEFAULT_OPERATORS = ("airflow.providers.", "airflow.operators.", "airflow.sensors.")
"""Where the class of an `operator` step may come from, unless an environment says otherwise."""
DEFAULT_FOLDERS = ("pipelines",)
"""The folders below the DAG root that hold pipelines."""
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a `compute_cluster` means in one environment; None leaves it to Airflow."""

    pool: str | None = None
    queue: str | None = None
    executor: str | None = None

    def to_json(self) -> dict[str, str]:
        """What is said of it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Bindings:
    """What the environment gives to the pipelines that are compiled for it. `airflow` is the
    version whose imports are written, as (major, minor); `environment` chooses their profile."""

    airflow: tuple[int, int] = (3, 3)
    environment: str = "default"
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    operators: tuple[str, ...] = DEFAULT_OPERATORS

    @property
    def digest(self) -> str:
        """Changes whenever a document could give another file."""
        return digest_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Bindings":
        """The inverse of `to_json`."""
        clusters = {name: Cluster(**one) for name, one in row["clusters"].items()}
        major, minor = row["airflow"]
        return cls((major, minor), row["environment"], clusters, tuple(row["operators"]))


@dataclass(frozen=True, slots=True)
class Asset:
    """Something that a step makes or needs; `name` is its URI where it has none of its own."""

    uri: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A message by `channel` (email or slack) when something happened; `values` as they were
    written."""

    channel: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Notices:
    """Who hears of what."""

    on_failure: tuple[Notice, ...] = ()
    on_success: tuple[Notice, ...] = ()
    on_retry: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a pipeline runs. `type` decides which of the others hold; `start` and `end` are ISO
    times in `timezone`, `every` a duration."""

    type: str = "manual"
    expression: str = ""
    every: str = ""
    timezone: str = "UTC"
    start: str | None = None
    end: str | None = None
    catchup: bool = False
    assets: tuple[Asset, ...] = ()
    all_of: bool = False
    timetable: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mapped:
    """One task for each of `over`: plain values, or what the step of that name returned. Each is
    given to the step's key `into`."""

    into: str
    over: tuple[Any, ...] | str


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `config` are the keys of its type, `running` those that all types share, by the
    names that the document has; `line` is where it stands, `within` the path:line of the template
    that it is of. `groups` are the groups around it, the outermost first. `called` is the class
    that a step of the type operator names."""

    name: str
    type: str
    line: int
    config: Mapping[str, Any] = field(default_factory=dict)
    running: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    groups: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    produces: tuple[Asset, ...] = ()
    consumes: tuple[Asset, ...] = ()
    notices: Notices = Notices()
    mapped: Mapped | None = None
    within: str = ""
    called: Called | None = None

    @property
    def task_id(self) -> str:
        """The id in Airflow: groups prefix it.

        >>> Step("load", "bash", 1, groups=("eu", "daily")).task_id
        'eu.daily.load'
        """
        return ".".join((*self.groups, self.name))


@dataclass(frozen=True, slots=True)
class Deadline:
    """A run that is not done `after` its queueing or its logical date is told of by `notice`."""

    after: str
    since: str
    notice: Notice


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline, for one environment. `defaults` are as `Step.running`; `params` name → JSON
    Schema with its default; `owners` are names, `owner_links` name → address; `timeout` is a
    duration, empty where there is none. `template` is NAME@X.Y.Z of what it was made with."""

    dag_id: str
    line: int
    steps: tuple[Step, ...]
    schedule: Schedule = Schedule()
    description: str = ""
    documentation: str = ""
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    owner_links: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notices: Notices = Notices()
    deadline: Deadline | None = None
    timeout: str = ""
    max_active_runs: int | None = None
    max_active_tasks: int | None = None
    paused: bool | None = None
    template: str = ""


@dataclass(frozen=True, slots=True)
class Compiled:
    """One DAG file. `lines` maps each of its lines to the line of the document that it was made
    from; lines that were made from nothing in particular have that of the pipeline. `within` maps
    them to the path:line of the template that they come from, or to nothing. `called` are the
    classes that it makes tasks of by name."""

    source: str
    path: str
    dag_id: str
    text: str
    lines: tuple[int, ...]
    within: tuple[str, ...] = ()
    called: tuple[Called, ...] = ()

    def origin(self, line: int) -> tuple[int, str]:
        """The line of the document, and what of a template, that a line was made from."""
        at = min(line, len(self.lines)) - 1
        return self.lines[at], self.within[at] if self.within else ""


def is_pipeline_path(path: str, folders: tuple[str, ...] = DEFAULT_FOLDERS) -> bool:
    """Whether a file may hold a pipeline, by its path below the DAG root; no template does.

    >>> is_pipeline_path("pipelines/a/b.yaml"), is_pipeline_path("x.yaml")
    (True, False)
    """
    return (
        path.endswith(SUFFIXES)
        and any(folder == "." or path.startswith(f"{folder}/") for folder in folders)
        and not is_template_path(path)
    )


def output_path(path: str) -> str:
    """Where the DAG file of a pipeline goes: beside it, so that the path is known also where the
    document cannot be compiled.

    >>> output_path("pipelines/orders.yaml")
    'pipelines/orders.py'
    """
    return re.sub(r"\.ya?ml$", ".py", path)


_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_PART = re.compile(r"([0-9]{1,6})([wdhms])")


def duration_parts(text: str) -> dict[str, int]:
    """A duration such as `1h30m`, as the arguments of `timedelta`, in the order of the text; empty
    where it is none.

    >>> duration_parts("1h30m"), duration_parts("soon")
    ({'hours': 1, 'minutes': 30}, {})
    """
    if not re.fullmatch(r"(?:[0-9]{1,6}[wdhms]){1,5}", text):
        return {}
    return {_UNITS[unit]: int(number) for number, unit in _PART.findall(text)}
