"""`python` and `branch`: a function of the repository."""

from windlass.compiler.pipelines.code import Code, arguments
from windlass.compiler.pipelines.step_type import Config, Part, StepType
from windlass.compiler.pipelines.words import CALLABLE
from windlass.compiler.shapes import Free, Key, Listing, Names, Text


def _part(operator: str, config: Config, code: Code) -> tuple[Part, ...]:
    module = "airflow.operators.python"
    if not code.is_airflow_2:
        module = "airflow.providers.standard.operators.python"
    folder, _, function = config["callable"].rpartition(".")
    given = {"python_callable": code.use(folder, function)}
    given |= arguments(config, {"arguments": "op_kwargs", "positional": "op_args"})
    return (Part(code.use(module, operator), given),)


def _emit_python(config: Config, code: Code) -> tuple[Part, ...]:
    return _part("PythonOperator", config, code)


def _emit_branch(config: Config, code: Code) -> tuple[Part, ...]:
    return _part("BranchPythonOperator", config, code)


_KEYS = {
    "callable": Key(
        CALLABLE, "The function, such as company.orders.load, below the DAG root.", required=True
    ),
    "arguments": Key(Names(Text(), Free()), "Its keyword arguments; texts are templates."),
    "positional": Key(Listing(Free(), "the argument", 50), "Its positional arguments."),
}
PYTHON = StepType(
    "python",
    "1.0.0",
    "A function of the repository.",
    _KEYS,
    _emit_python,
    mappable={"arguments": "op_kwargs", "positional": "op_args"},
)
BRANCH = StepType(
    "branch",
    "1.0.0",
    "A function of the repository that returns the task ids to go on with; the others are skipped.",
    _KEYS,
    _emit_branch,
)
