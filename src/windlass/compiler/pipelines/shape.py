"""What a pipeline may hold: the keys of `apiVersion: windlass/v1`, and of the older form."""

from collections.abc import Mapping

from windlass.compiler.pipelines.steps import STEP_TYPES
from windlass.compiler.pipelines.steps.notices import NOTICES
from windlass.compiler.pipelines.words import (
    ASSETS,
    CRON,
    DAG_ID,
    DOTTED,
    DURATION,
    EMAIL,
    ENVIRONMENT,
    GROUP,
    MOMENT,
    NAME,
    POOL,
    QUEUE,
    TAG,
    TEMPLATE,
    TIMEZONE,
    VARIABLE,
    VERSION,
    matching,
)
from windlass.compiler.shapes import (
    Cases,
    Choice,
    Either,
    Flag,
    Free,
    Key,
    Listing,
    Names,
    Record,
    Text,
    Whole,
)

API_VERSION = "windlass/v1"
MAX_STEPS = 1000
# airflow/task/trigger_rule.py, what 2.11 and 3.x have in common.
TRIGGER_RULES = (
    *("all_success", "all_failed", "all_done", "all_done_setup_success", "all_skipped"),
    *("one_success", "one_failed", "one_done", "none_failed", "none_skipped", "always"),
    *("none_failed_min_one_success",),
)
RUNNING: Mapping[str, Key] = {
    "retries": Key(Whole(0, 100), "How often a failed task is tried again."),
    "retry_delay": Key(DURATION, "How long it waits before that."),
    "retry_backoff": Key(Flag(), "Whether that wait doubles each time."),
    "max_retry_delay": Key(DURATION, "The longest wait."),
    "timeout": Key(DURATION, "After how long one try fails."),
    "pool": Key(POOL, "Airflow's pool."),
    "pool_slots": Key(Whole(1, 1000), "How many slots of it a task takes."),
    "queue": Key(QUEUE, "The queue of the executor."),
    "priority": Key(Whole(1, 10_000), "Its weight among waiting tasks."),
    "trigger_rule": Key(Choice(TRIGGER_RULES), "What the steps before it must come to."),
    "depends_on_past": Key(Flag(), "Whether its own task of the run before must be good."),
}
"""What a step may say of how it runs, and `defaults` for all."""

_MAP = Record(
    {
        "into": Key(Text(), "The key of the step's type that each value is given to.", True),
        "over": Key(
            Either(items=Listing(Free(), "the value", 1000)), "The values.", True, unless="step"
        ),
        "step": Key(NAME, "The step that returns the values when it runs."),
    },
    alternatives=(("over", "step"),),
)
_STEP_KEYS: Mapping[str, Key] = {
    "name": Key(NAME, "Its task_id, unique in the pipeline.", required=True),
    "type": Key(Choice(tuple(STEP_TYPES)), "What it does.", required=True),
    "description": Key(Text(), "What it is for, shown in Airflow."),
    "depends_on": Key(
        Either(GROUP, items=Listing(GROUP, "the step", 500)),
        "The steps or groups that must come before it.",
    ),
    "group": Key(GROUP, "The group that it is in; a.b is the group b in a."),
    "map": Key(_MAP, "One task for each of several values."),
    "produces": Key(ASSETS, "The assets that it brings up to date."),
    "consumes": Key(ASSETS, "The assets that it reads."),
    "on_failure": Key(NOTICES, "Who is told when it failed."),
    "on_success": Key(NOTICES, "Who is told when it succeeded."),
    "on_retry": Key(NOTICES, "Who is told when it is tried again."),
    **RUNNING,
}
_NO_SEVERAL = {
    "config": "Its keys stand in the step itself.",
    "transformation_query": "Write query: in the input of a database, or a step of the type sql.",
    "sla": "Airflow 3 has none; write deadline: in the pipeline.",
    "when": "Write a step of the type branch before it.",
}


STEP = Cases(
    "type",
    {
        name: Record({**_STEP_KEYS, **one.keys}, one.alternatives, _NO_SEVERAL)
        for name, one in STEP_TYPES.items()
    },
)
"""A step: what all have, and what its type has."""


_ZONE = Key(TIMEZONE, "Its time zone; UTC where left out.")
_TIMES = {
    "type": Key(Text(), "What kind of schedule it is.", required=True),
    "start": Key(MOMENT, "From when on it runs."),
    "end": Key(MOMENT, "Until when."),
    "timezone": _ZONE,
    "catchup": Key(Flag(), "Whether runs that were missed since `start` are made up for."),
}
_ARGUMENT = matching(r"^[a-z][a-z0-9_]{0,99}$", "argument", "event_dates")
_TIMETABLE = matching(DOTTED, "dotted path of a class", "company.timetables.Workdays")
SCHEDULE = Either(
    CRON,
    keys=Cases(
        "type",
        {
            "cron": Record(
                {
                    **_TIMES,
                    "expression": Key(CRON, "Five fields, such as 15 2 * * *.", required=True),
                }
            ),
            "preset": Record({**_TIMES, "expression": Key(CRON, "Such as @daily.", required=True)}),
            "interval": Record(
                {**_TIMES, "every": Key(DURATION, "How long between runs.", required=True)}
            ),
            "timetable": Record(
                {
                    **_TIMES,
                    "class": Key(_TIMETABLE, "Its class.", required=True),
                    "arguments": Key(Names(_ARGUMENT, Free()), "Its arguments."),
                }
            ),
            "asset": Record(
                {
                    "type": _TIMES["type"],
                    "any_of": Key(
                        ASSETS, "It runs when one of them was updated.", True, unless="all_of"
                    ),
                    "all_of": Key(ASSETS, "It runs when all of them were updated."),
                    "expression": Key(CRON, "It runs by this too."),
                    "timezone": _ZONE,
                },
                alternatives=(("any_of", "all_of"),),
            ),
            "continuous": Record({"type": _TIMES["type"], "start": _TIMES["start"]}),
            "once": Record({"type": _TIMES["type"], "start": _TIMES["start"]}),
            "manual": Record({"type": _TIMES["type"]}),
        },
    ),
)
PARAM_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
_PARAM = Record(
    {
        "type": Key(
            Either(Choice(PARAM_TYPES), items=Listing(Choice(PARAM_TYPES), "the type", 7)),
            "Its type, or several.",
            required=True,
        ),
        "default": Key(Free(), "Its value where a run is given none."),
        "title": Key(Text(), "Its label in Airflow's form."),
        "description": Key(Text(), "What it is, in Airflow's form."),
        "format": Key(
            Choice(("date", "date-time", "time", "email", "uri", "multiline", "duration", "uuid")),
            "As JSON Schema has it.",
        ),
        "enum": Key(Listing(Free(), "the value", 500), "The values that there are."),
        "examples": Key(Listing(Free(), "the value", 500), "Values that the form offers."),
        "minimum": Key(Free(), "The least number."),
        "maximum": Key(Free(), "The greatest number."),
        "minLength": Key(Whole(0, 100_000), "The least length."),
        "maxLength": Key(Whole(0, 100_000), "The greatest length."),
        "pattern": Key(Text(), "A regular expression of JSON Schema."),
        "items": Key(Names(Text(), Free()), "The schema of each item of an array."),
        "section": Key(Text(), "The section of Airflow's form."),
    }
)
_OWNER = Record(
    {
        "name": Key(Text(), "Who, as Airflow shows it.", required=True),
        "email": Key(EMAIL, "Where the name leads to."),
    },
    forbidden={"slack": "Write notifications.on_failure with slack: and its channel."},
)
_NOTICES = Record(
    {
        "on_failure": Key(NOTICES, "When a run failed."),
        "on_success": Key(NOTICES, "When a run succeeded."),
    }
)
_DEADLINE = Record(
    {
        "after": Key(DURATION, "How long a run may take.", required=True),
        "since": Key(Choice(("queued", "logical_date")), "From when on; queued where left out."),
        "notify": Key(NOTICES, "Who is told, once; one notice.", required=True),
    }
)
_VARIABLES = Names(VARIABLE, Either(Free()))
_WITH = Names(VARIABLE, Free())
_CONCURRENCY = Record(
    {
        "runs": Key(Whole(1, 10_000), "How many runs at once."),
        "tasks": Key(Whole(1, 10_000), "How many tasks at once."),
    }
)
DEFAULTS = Record({**RUNNING})
_PROFILE = Record(
    {
        "vars": Key(_VARIABLES, "Variables that differ there."),
        "with": Key(_WITH, "What its template is given there."),
        "schedule": Key(SCHEDULE, "The schedule there."),
        "defaults": Key(DEFAULTS, "The defaults there."),
        "paused": Key(Flag(), "Whether it begins paused there."),
        "resources": Key(
            Record({"compute_cluster": Key(Text(), "The cluster.")}), "The cluster there."
        ),
    }
)
_OWNERS = Listing(Either(Text(), keys=_OWNER), "the owner", 20)
_BASE: Mapping[str, Key] = {
    "name": Key(NAME, "Its name; dag_id is DOMAIN.NAME.", required=True),
    "description": Key(Text(), "One line, shown beside the DAG."),
    "dag_id": Key(DAG_ID, "The id in Airflow, where it is not to be made from the names."),
    "owners": Key(_OWNERS, "Who is responsible; the domain where left out."),
    "notifications": Key(_NOTICES, "Who is told of its runs."),
    "schedule": Key(SCHEDULE, "When it runs; only by hand where left out."),
}
PIPELINE = Record(
    {
        **_BASE,
        "domain": Key(NAME, "Whose it is: a part of the dag_id, and a tag.", required=True),
        "version": Key(VERSION, "Its version, a tag in Airflow; it selects nothing."),
        "documentation": Key(Text(), "Markdown, shown on the DAG's page."),
        "tags": Key(Listing(TAG, "the tag", 50), "More tags."),
        "params": Key(Names(VARIABLE, _PARAM), "What a run can be given."),
        "vars": Key(_VARIABLES, "Values for ${vars.NAME}, filled in when it is compiled."),
        "profiles": Key(Names(ENVIRONMENT, _PROFILE), "What differs in an environment."),
        "defaults": Key(DEFAULTS, "How all its steps run, unless they say."),
        "sequential": Key(Flag(), "Whether each step waits for the one above it."),
        "timeout": Key(DURATION, "After how long a run fails."),
        "deadline": Key(_DEADLINE, "Who is told of a run that takes too long; Airflow 3.1."),
        "concurrency": Key(_CONCURRENCY, "How much of it runs at once."),
        "paused": Key(Flag(), "Whether it begins paused."),
        "template": Key(TEMPLATE, "The template that it is made with, NAME@X.Y.Z or NAME@^X.Y."),
        "with": Key(_WITH, "What that template is given: param → value."),
        "steps": Key(
            Listing(STEP, "the step", MAX_STEPS),
            "What it does, after the steps of its template.",
            required=True,
            unless="template",
        ),
    },
    forbidden={"start_date": "Write schedule.start.", "catchup": "Write schedule.catchup."},
    rules=({"dependentRequired": {"with": ["template"]}},),
)
RESOURCES = Record(
    {"compute_cluster": Key(Text(), "A cluster of the environment: its pool, queue, executor.")}
)
FILE = Record(
    {
        "apiVersion": Key(Choice((API_VERSION,)), "The version of this form.", required=True),
        "pipeline": Key(PIPELINE, "The pipeline.", required=True),
        "resources": Key(RESOURCES, "What it runs on."),
    }
)
OLDER_PIPELINE = Record(
    {
        **_BASE,
        "name": Key(NAME, "Its name, and its dag_id.", required=True),
        "domain": Key(NAME, "Whose it is: a tag."),
        "version": Key(VERSION, "Its version, a tag in Airflow; it selects nothing."),
        "parameters": Key(Names(VARIABLE, Free()), "What a run can be given: name and default."),
        "steps": Key(Listing(STEP, "the step", MAX_STEPS), "What it does.", required=True),
    }
)
OLDER_FILE = Record(
    {
        "pipeline": Key(OLDER_PIPELINE, "The pipeline.", required=True),
        "resources": Key(RESOURCES, "What it runs on."),
    }
)
