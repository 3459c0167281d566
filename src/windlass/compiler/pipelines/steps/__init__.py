"""Every step type there is, by name. A type is a value of one of the modules here."""

from collections.abc import Mapping

from windlass.compiler.pipelines.step_type import StepType
from windlass.compiler.pipelines.steps.bash import BASH
from windlass.compiler.pipelines.steps.containers import DOCKER, KUBERNETES_POD
from windlass.compiler.pipelines.steps.http import HTTP
from windlass.compiler.pipelines.steps.ingestion import INGESTION, TRANSFER
from windlass.compiler.pipelines.steps.jobs import DBT, SPARK
from windlass.compiler.pipelines.steps.notices import EMAIL_STEP, SLACK_STEP
from windlass.compiler.pipelines.steps.operator import OPERATOR
from windlass.compiler.pipelines.steps.python import BRANCH, PYTHON
from windlass.compiler.pipelines.steps.sensor import SENSOR
from windlass.compiler.pipelines.steps.sql import SQL
from windlass.compiler.pipelines.steps.trigger_dag import TRIGGER_DAG

STEP_TYPES: Mapping[str, StepType] = {
    one.name: one
    for one in (
        BASH,
        PYTHON,
        BRANCH,
        SQL,
        INGESTION,
        TRANSFER,
        HTTP,
        SENSOR,
        TRIGGER_DAG,
        EMAIL_STEP,
        SLACK_STEP,
        DOCKER,
        KUBERNETES_POD,
        DBT,
        SPARK,
        OPERATOR,
    )
}
