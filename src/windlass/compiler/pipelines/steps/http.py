"""`http`: a request to a web service."""

from windlass.compiler.pipelines.code import Code, arguments
from windlass.compiler.pipelines.step_type import Config, Part, StepType
from windlass.compiler.pipelines.words import CONNECTION
from windlass.compiler.shapes import Choice, Either, Flag, Free, Key, Names, Text

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")


def _emit(config: Config, code: Code) -> tuple[Part, ...]:
    names = {"connection": "http_conn_id", "endpoint": "endpoint", "method": "method"}
    names |= {"data": "data", "headers": "headers", "log_response": "log_response"}
    given = {"method": "GET", **arguments(config, names)}
    return (Part(code.use("airflow.providers.http.operators.http", "HttpOperator"), given),)


HTTP = StepType(
    "http",
    "1.0.0",
    "A request to a web service; what it answers is the step's result.",
    {
        "connection": Key(CONNECTION, "The connection with the host.", required=True),
        "endpoint": Key(
            Text(), "The path below the host, a template.", required=True, unless="map"
        ),
        "method": Key(Choice(METHODS), "GET where left out."),
        "data": Key(
            Either(Text(), keys=Names(Text(), Free())),
            "The body, or the query of a GET; templates.",
        ),
        "headers": Key(Names(Text(), Text()), "Headers, templates."),
        "log_response": Key(Flag(), "Whether the answer goes to the task's log."),
    },
    _emit,
    needs=("apache-airflow-providers-http",),
    mappable={"endpoint": "endpoint", "data": "data", "headers": "headers"},
)
