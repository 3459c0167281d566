"""`bash`: a shell command on the worker."""

from windlass.compiler.pipelines.code import Code, arguments
from windlass.compiler.pipelines.step_type import Config, Part, StepType
from windlass.compiler.shapes import Flag, Key, Names, Text, Whole


def _emit(config: Config, code: Code) -> tuple[Part, ...]:
    module = "airflow.operators.bash"
    if not code.is_airflow_2:
        module = "airflow.providers.standard.operators.bash"
    names = {"command": "bash_command", "env": "env", "append_env": "append_env", "cwd": "cwd"}
    names |= {"skip_on_exit_code": "skip_on_exit_code"}
    return (Part(code.use(module, "BashOperator"), arguments(config, names)),)


BASH = StepType(
    "bash",
    "1.0.0",
    "A shell command on the worker; Jinja in it is rendered when it runs.",
    {
        "command": Key(Text(), "The command, a template.", required=True, unless="map"),
        "env": Key(Names(Text(), Text()), "Environment variables, templates."),
        "append_env": Key(Flag(), "Whether the worker's own variables are there too."),
        "cwd": Key(Text(), "The folder that it runs in; a fresh one where left out."),
        "skip_on_exit_code": Key(Whole(0, 255), "The exit code that skips the step; 99."),
    },
    _emit,
    mappable={"command": "bash_command", "env": "env"},
)
