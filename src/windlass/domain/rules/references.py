"""Rules of the family references: connections, variables and pools that files name."""

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Rule, Waiving

_HEAD = "from airflow.sdk import DAG, BaseHook, Variable\n\n"
_NEEDS_INVENTORY = (
    "it needs an inventory of an environment (tests/cases/gate/references has examples)"
)
_COMPLETE = (
    "It denies only where the inventory is declared complete; else it is advice. Where Airflow "
    "could not be asked, the name is told as unknown, never as missing."
)


def _rule(
    code: str,
    severity: Severity,
    what: str,
    why: str,
    mend: str,
    *,
    bad: str,
    good: str,
    untried: str = "",
) -> Rule:
    return Rule(
        code=code,
        family="references",
        type=FindingType.REFERENCE,
        severity=severity,
        what=what,
        why=why,
        mend=mend,
        bad={"orders.py": _HEAD + bad},
        good={"orders.py": _HEAD + good},
        waiving=Waiving.NEVER if code == "REF006" else Waiving.CONTROL,
        untried=untried,
    )


RULES = (
    _rule(
        "REF001",
        Severity.HIGH,
        "A connection is not in the inventory of the environment",
        f"Its tasks would fail when they ask for it. {_COMPLETE}",
        "Add the connection to Airflow or to its secrets backend, or declare it.",
        bad='hook = BaseHook.get_connection("wharehouse")\n',
        good='hook = BaseHook.get_connection("warehouse")\n',
        untried=_NEEDS_INVENTORY,
    ),
    _rule(
        "REF002",
        Severity.HIGH,
        "A variable is not in the inventory of the environment",
        f"Whoever asks for it fails, unless a default is given: then it is only told. {_COMPLETE}",
        "Set the variable, declare it, or give a default.",
        bad='batch = Variable.get("batch_size")\n',
        good='batch = Variable.get("batch_size", default=100)\n',
        untried=_NEEDS_INVENTORY,
    ),
    _rule(
        "REF003",
        Severity.HIGH,
        "A pool is not in the inventory of the environment",
        f"Airflow never starts a task of a pool that is not there. {_COMPLETE}",
        "Add the pool, or declare it.",
        bad='load = EmptyOperator(task_id="load", pool="warehous")\n',
        good='load = EmptyOperator(task_id="load", pool="default_pool")\n',
        untried=_NEEDS_INVENTORY,
    ),
    _rule(
        "REF004",
        Severity.INFO,
        "Only running the file tells which name it uses",
        "The name is made at run time, so it cannot be compared with the inventory.",
        "Nothing is to be done; a literal name would be compared.",
        bad='hook = BaseHook.get_connection(f"db_{region}")\n',
        good='hook = BaseHook.get_connection("db_eu")\n',
        untried=_NEEDS_INVENTORY,
    ),
    _rule(
        "REF005",
        Severity.MEDIUM,
        "An environment variable has a name that Airflow does not read",
        "Airflow reads `AIRFLOW_CONN_<ID>` and `AIRFLOW_VAR_<KEY>`, and nothing like it.",
        "Write the name as the finding says.",
        bad='name = "AIRFLOW_CONNECTIONS___WAREHOUSE"\n',
        good='name = "AIRFLOW_CONN_WAREHOUSE"\n',
    ),
    _rule(
        "REF006",
        Severity.HIGH,
        "A secret is written into a variable",
        "It is in the repository and in every release, and Airflow shows variables to many people.",
        "Put it into a connection or a secrets backend, and change the secret.",
        bad='Variable.set("db_password", "correct-horse-battery")\n',
        good='Variable.set("batch_size", "100")\n',
    ),
)
