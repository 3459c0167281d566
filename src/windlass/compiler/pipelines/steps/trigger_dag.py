"""`trigger_dag`: another DAG is run."""

from windlass.compiler.pipelines.code import Code, arguments
from windlass.compiler.pipelines.step_type import Config, Part, StepType
from windlass.compiler.pipelines.words import DAG_ID, DURATION
from windlass.compiler.shapes import Flag, Free, Key, Names, Text
from windlass.domain.pipeline import duration_parts

_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}


def seconds(text: str) -> int:
    """A duration of the document, for operators that want a number.

    >>> seconds("1m30s")
    90
    """
    return sum(_SECONDS[unit] * number for unit, number in duration_parts(text).items())


def _emit(config: Config, code: Code) -> tuple[Part, ...]:
    module = "airflow.operators.trigger_dagrun"
    if not code.is_airflow_2:
        module = "airflow.providers.standard.operators.trigger_dagrun"
    names = {"dag_id": "trigger_dag_id", "conf": "conf", "wait": "wait_for_completion"}
    names |= {"deferrable": "deferrable", "reset": "reset_dag_run"}
    given = arguments(config, names)
    if "poke_interval" in config:
        given["poke_interval"] = seconds(config["poke_interval"])
    return (Part(code.use(module, "TriggerDagRunOperator"), given),)


TRIGGER_DAG = StepType(
    "trigger_dag",
    "1.0.0",
    "Another DAG is run, and waited for where that is wanted.",
    {
        "dag_id": Key(DAG_ID, "The DAG to run.", required=True),
        "conf": Key(Names(Text(), Free()), "What its run is given; texts are templates."),
        "wait": Key(Flag(), "Whether the step lasts until that run has ended."),
        "poke_interval": Key(DURATION, "How often it looks; 60s where left out."),
        "deferrable": Key(Flag(), "Whether it waits in the triggerer, without a worker's slot."),
        "reset": Key(Flag(), "Whether a run of the same date is cleared."),
    },
    _emit,
    mappable={"conf": "conf"},
)
