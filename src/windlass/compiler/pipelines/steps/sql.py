"""`sql`: statements in a database."""

from windlass.compiler.pipelines.code import Code, arguments
from windlass.compiler.pipelines.step_type import Config, Part, StepType
from windlass.compiler.pipelines.words import CONNECTION, matching
from windlass.compiler.shapes import Flag, Free, Key, Names, Text

_FILE = matching(r"^[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}\.sql$", "path of a SQL file", "sql/top.sql")


def _emit(config: Config, code: Code) -> tuple[Part, ...]:
    operator = code.use("airflow.providers.common.sql.operators.sql", "SQLExecuteQueryOperator")
    names = {"connection": "conn_id", "sql": "sql", "file": "sql", "parameters": "parameters"}
    names |= {"database": "database", "autocommit": "autocommit"}
    names |= {"split_statements": "split_statements"}
    return (Part(operator, arguments(config, names)),)


SQL = StepType(
    "sql",
    "1.0.0",
    "Statements in any database that Airflow has a connection for.",
    {
        "connection": Key(CONNECTION, "The connection's id.", required=True),
        "sql": Key(Text(), "The statements, a template.", required=True, unless="file"),
        "file": Key(_FILE, "A file with them, beside the pipeline or below it."),
        "parameters": Key(Names(Text(), Free()), "Values for the statement's placeholders."),
        "database": Key(Text(), "The database, in place of the connection's."),
        "autocommit": Key(Flag(), "Whether each statement commits by itself."),
        "split_statements": Key(Flag(), "Whether the text is split at its semicolons."),
    },
    _emit,
    needs=("apache-airflow-providers-common-sql",),
    mappable={"parameters": "parameters"},
    alternatives=(("sql", "file"),),
)
