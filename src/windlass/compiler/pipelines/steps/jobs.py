"""`dbt` and `spark`: a project of dbt, an application of Spark."""

import shlex

from windlass.compiler.pipelines.code import Code, arguments
from windlass.compiler.pipelines.step_type import Config, Part, StepType
from windlass.compiler.pipelines.words import CONNECTION, matching
from windlass.compiler.shapes import Choice, Flag, Free, Key, Listing, Names, Text, Whole

_PATH = matching(r"^[A-Za-z0-9_./~-]{1,300}$", "path", "dbt/warehouse")
_SELECTION = matching(r"^[A-Za-z0-9_.,:+*@/-]{1,300}$", "selection of dbt", "tag:nightly+")
_SELECTIONS = Listing(_SELECTION, "the selection", 50)
_NUMBER = Whole(1, 1000)
_MEMORY = matching(r"^[0-9]{1,6}[kmgtKMGT]$", "amount of memory", "4g")


def _emit_dbt(config: Config, code: Code) -> tuple[Part, ...]:
    words = ["dbt", config["command"], "--project-dir", config["project"]]
    for key, option in (("profiles", "--profiles-dir"), ("target", "--target")):
        words += [option, config[key]] if key in config else []
    for key, option in (("select", "--select"), ("exclude", "--exclude")):
        words += [option, *config[key]] if key in config else []
    words += ["--full-refresh"] if config.get("full_refresh") else []
    module = "airflow.operators.bash"
    if not code.is_airflow_2:
        module = "airflow.providers.standard.operators.bash"
    given = {"bash_command": shlex.join(words), **arguments(config, {"env": "env"})}
    return (Part(code.use(module, "BashOperator"), {**given, "append_env": True}),)


DBT = StepType(
    "dbt",
    "1.0.0",
    "A command of dbt Core, which must be installed on the worker.",
    {
        "command": Key(
            Choice(("run", "build", "test", "seed", "snapshot", "compile")),
            "What dbt does.",
            required=True,
        ),
        "project": Key(_PATH, "The folder of the project.", required=True),
        "profiles": Key(_PATH, "The folder of profiles.yml."),
        "target": Key(matching(r"^[A-Za-z0-9_-]{1,64}$", "target", "prod"), "The target of dbt."),
        "select": Key(_SELECTIONS, "What is run, as dbt selects it."),
        "exclude": Key(_SELECTIONS, "What is not."),
        "full_refresh": Key(Flag(), "Whether incremental models are built anew."),
        "env": Key(Names(Text(), Text()), "Environment variables, templates."),
    },
    _emit_dbt,
)


def _emit_spark(config: Config, code: Code) -> tuple[Part, ...]:
    module = "airflow.providers.apache.spark.operators.spark_submit"
    names = {"application": "application", "connection": "conn_id", "class": "java_class"}
    names |= {"arguments": "application_args", "conf": "conf", "packages": "packages"}
    names |= {"executors": "num_executors", "executor_cores": "executor_cores"}
    names |= {"executor_memory": "executor_memory", "driver_memory": "driver_memory"}
    given = arguments(config, names)
    if "packages" in given:
        given["packages"] = ",".join(given["packages"])
    return (Part(code.use(module, "SparkSubmitOperator"), given),)


SPARK = StepType(
    "spark",
    "1.0.0",
    "An application that is submitted to Spark.",
    {
        "application": Key(Text(), "The file, .py or .jar, a template.", required=True),
        "connection": Key(CONNECTION, "The connection; spark_default where left out."),
        "class": Key(Text(), "The main class of a .jar."),
        "arguments": Key(Listing(Text(), "the argument", 200), "Its arguments, templates."),
        "conf": Key(Names(Text(), Free()), "Properties of Spark."),
        "packages": Key(Listing(Text(), "the package", 50), "Maven coordinates."),
        "executors": Key(_NUMBER, "How many executors."),
        "executor_cores": Key(_NUMBER, "Cores of each."),
        "executor_memory": Key(_MEMORY, "Memory of each, such as 4g."),
        "driver_memory": Key(_MEMORY, "Memory of the driver."),
    },
    _emit_spark,
    needs=("apache-airflow-providers-apache-spark",),
    mappable={"arguments": "application_args"},
)
