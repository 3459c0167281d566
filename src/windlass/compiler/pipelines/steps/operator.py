"""`operator`: any operator whose class the environment allows, by its own arguments."""

from windlass.compiler.pipelines.code import Code
from windlass.compiler.pipelines.step_type import Config, Part, StepType
from windlass.compiler.pipelines.words import CLASS, matching
from windlass.compiler.shapes import Free, Key, Names

_ARGUMENT = matching(r"^[a-z][a-z0-9_]{0,99}$", "argument of an operator", "ssh_conn_id")


def _emit(config: Config, code: Code) -> tuple[Part, ...]:
    module, _, name = config["class"].rpartition(".")
    return (Part(code.use(module, name), config.get("arguments", {})),)


OPERATOR = StepType(
    "operator",
    "1.0.0",
    "Any operator or sensor, by its class. Its arguments are held against what the environment's "
    "interpreter has installed.",
    {
        "class": Key(CLASS, "Its dotted path, which the environment must allow.", required=True),
        "arguments": Key(Names(_ARGUMENT, Free()), "Its arguments, by their own names."),
    },
    _emit,
    needs=(),
)
