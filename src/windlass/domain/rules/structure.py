"""Rules about dag_ids and files of one release beside those of others."""

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Files, Rule, Waiving

_NEEDS_SERVER = (
    "it needs the other repositories, or an earlier release, which only the server knows"
)


def _dag(dag_id: str) -> str:
    return f"from airflow.sdk import DAG\n\nwith DAG({dag_id!r}):\n    pass\n"


def _rule(
    code: str,
    severity: Severity,
    what: str,
    why: str,
    mend: str,
    *,
    bad: Files,
    good: Files,
    untried: str = "",
) -> Rule:
    return Rule(
        code=code,
        family="ownership",
        type=FindingType.STRUCTURE,
        severity=severity,
        what=what,
        why=why,
        mend=mend,
        bad=bad,
        good=good,
        waiving=Waiving.NEVER,
        untried=untried,
    )


def _file_rule(
    code: str, severity: Severity, what: str, why: str, mend: str, *, bad: str, good: str
) -> Rule:
    """A rule about one DAG file, which the control side may waive."""
    return Rule(
        code=code,
        family="structure",
        type=FindingType.STRUCTURE,
        severity=severity,
        what=what,
        why=why,
        mend=mend,
        bad={"orders.py": _HEAD + bad},
        good={"orders.py": _HEAD + good},
        waiving=Waiving.CONTROL,
    )


_HEAD = (
    "from airflow.providers.standard.operators.empty import EmptyOperator\n"
    "from airflow.sdk import DAG, TaskGroup\n\n"
)
_GOOD = "with DAG('orders'):\n    pass\n"
_TWO = (
    "with DAG('orders'):\n"
    "    load = EmptyOperator(task_id='load')\n"
    "    check = EmptyOperator(task_id='{}')\n"
)

_OF_FILES = (
    _file_rule(
        "STR005",
        Severity.HIGH,
        "Two tasks or groups of a DAG have one id",
        "Airflow refuses the file (`DuplicateTaskIdFound`), and all its DAGs vanish. Ids count "
        "with those of their groups before them, unless a group has `prefix_group_id=False`. What "
        "either branch of an `if` makes, and what loops make of names, is left to the import.",
        "Give one of them another id, or put it into a group.",
        bad=_TWO.format("load"),
        good=_TWO.format("check"),
    ),
    _file_rule(
        "STR006",
        Severity.HIGH,
        "Tasks wait for each other in a circle",
        "None of them could ever start, so Airflow refuses the DAG (`AirflowDagCycleException`).",
        "Take one of the dependencies away.",
        bad=_TWO.format("check") + "    load >> check >> load\n",
        good=_TWO.format("check") + "    load >> check\n",
    ),
    _file_rule(
        "STR007",
        Severity.HIGH,
        "A schedule is no cron expression",
        "Airflow takes five fields, six or seven with seconds and years, and presets such as "
        "`@daily`. It refuses a DAG with anything else.",
        "Write it as the finding says, for example `0 6 * * *`.",
        bad="with DAG('orders', schedule='0 25 * * *'):\n    pass\n",
        good="with DAG('orders', schedule='0 23 * * *'):\n    pass\n",
    ),
    _file_rule(
        "STR008",
        Severity.HIGH,
        "A dag_id has characters that Airflow does not take, or is too long",
        "Airflow takes letters, digits, `_`, `-` and `.`, at most 250 of them, and refuses the "
        "file otherwise.",
        "Rename the DAG; `dag_display_name` may hold any text.",
        bad="with DAG('my orders'):\n    pass\n",
        good=_GOOD,
    ),
    _file_rule(
        "STR009",
        Severity.HIGH,
        "A task_id or group_id has characters that Airflow does not take, or is too long",
        "As of a dag_id; a group_id may hold no `.` and 200 characters.",
        "Rename it; `task_display_name` may hold any text.",
        bad=_TWO.format("check all"),
        good=_TWO.format("check_all"),
    ),
    _file_rule(
        "STR016",
        Severity.HIGH,
        "One file makes two DAGs of one id",
        "Airflow keeps DAGs by their ids: of two in one file it shows the last one, and what the "
        "other was to do is never done. That one is made in a loop, over and over, is as bad. DAGs "
        "in branches of which one alone is taken are none of this.",
        "Give each DAG an id of its own.",
        bad=_GOOD + _GOOD,
        good=_GOOD + _GOOD.replace("orders", "returns"),
    ),
    _file_rule(
        "STR010",
        Severity.HIGH,
        "A file ends Python when it is imported",
        "Airflow imports DAG files over and over. One that calls `exit()` ends the process that "
        "reads it, and its DAGs vanish. In a branch it is advice, since the branch may never be "
        "taken.",
        "Take the call away, or put it below `if __name__ == '__main__':`.",
        bad=_GOOD + "exit()\n",
        good=_GOOD + "if __name__ == '__main__':\n    exit()\n",
    ),
    _file_rule(
        "STR011",
        Severity.MEDIUM,
        "A trigger class is defined in the DAG root",
        "The triggerer imports a trigger by the name of its class and has no DAG root on its "
        "path, so a task that defers to this one fails.",
        "Install the class in a package with Airflow's image.",
        bad="from airflow.triggers.base import BaseTrigger\n\n\nclass Waits(BaseTrigger): ...\n",
        good="from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger\n",
    ),
)

RULES = (
    _rule(
        "STR001",
        Severity.CRITICAL,
        "A dag_id belongs to another repository",
        "In one Airflow a dag_id is one DAG. Of two files with one id, Airflow shows whichever it "
        "parsed last, so one team's push would replace another team's DAG.",
        "Give the DAG another id, or remove it from the other repository first.",
        bad={"orders.py": _dag("payments")},
        good={"orders.py": _dag("orders")},
        untried=_NEEDS_SERVER,
    ),
    _rule(
        "STR002",
        Severity.CRITICAL,
        "Two files use one dag_id",
        "Airflow would show either of them, by chance, and change from one to the other.",
        "Give one of the DAGs another id.",
        bad={"a.py": _dag("orders"), "b.py": _dag("orders")},
        good={"a.py": _dag("orders"), "b.py": _dag("orders_hourly")},
    ),
    _rule(
        "STR003",
        Severity.HIGH,
        "A dag_id lacks the prefix of its repository",
        "The option `dag_id_prefix` keeps the ids of a repository apart from those of all others, "
        "also those that are made at run time.",
        "Let the id begin with the namespace and the repository, as the finding says.",
        bad={"orders.py": _dag("orders")},
        good={"orders.py": _dag("company.sales.orders")},
        untried=_NEEDS_SERVER,
    ),
    _rule(
        "STR004",
        Severity.HIGH,
        "A file imports a module that is not deployed with it",
        "In verdict mode `per_file` a bad file is left out or keeps its last good version. A file "
        "that imports what is left out would fail in Airflow, so it gives way too.",
        "Mend the file that is left out, or the import.",
        bad={"orders.py": "from rates import today\n", "rates.py": "def today(:\n"},
        good={"orders.py": "from rates import today\n", "rates.py": "def today():\n    return 1\n"},
        untried="it is only found in verdict mode per_file",
    ),
    *_OF_FILES,
    Rule(
        code="STR012",
        family="structure",
        type=FindingType.STRUCTURE,
        severity=Severity.HIGH,
        what="A module of the DAG root has the name of one that Python or Airflow brings",
        why="Airflow puts the DAG root last on the path of Python, so the other module is found, "
        "and this one never. It denies where a file wants this one, and always for `airflow`; it "
        "is advice where the other may be meant, and of a package that is merely installed.",
        mend="Give it another name, or put it into a package of another name.",
        bad={"email/__init__.py": "", "email/rates.py": "", "orders.py": "import email.rates\n"},
        good={"mails/__init__.py": "", "mails/rates.py": "", "orders.py": "import mails.rates\n"},
        waiving=Waiving.CONTROL,
    ),
    Rule(
        code="STR013",
        family="structure",
        type=FindingType.STRUCTURE,
        severity=Severity.MEDIUM,
        what="A pattern of an .airflowignore matches nothing",
        why="Files that it was to hide are taken for DAG files. Airflow 3 reads globs like Git; a "
        "file of regular expressions from Airflow 2 silently matches nothing. What does not look "
        "like one is told with low severity. Airflow 2 reads regular expressions, and passes over "
        "what is none.",
        mend="Write the glob that the finding shows, or set `dag_ignore_file_syntax`: in Airflow, "
        "and as `ignore_syntax` in the inventory of its environment.",
        bad={".airflowignore": ".*_helper\\.py$\n", "rates_helper.py": "today = 1\n"},
        good={".airflowignore": "*_helper.py\n", "rates_helper.py": "today = 1\n"},
        waiving=Waiving.CONTROL,
    ),
    Rule(
        code="STR014",
        family="structure",
        type=FindingType.STRUCTURE,
        severity=Severity.INFO,
        what="A DAG moves to another file",
        why="Airflow looks for the file of a running task where the newest release has it, in the "
        "release that the run began on. So the deployment waits until runs in flight end.",
        mend="Nothing is to be done; `windlass release unhold` deploys at once.",
        bad={"team/orders.py": _dag("orders")},
        good={"orders.py": _dag("orders")},
        waiving=Waiving.CONTROL,
        untried=_NEEDS_SERVER,
    ),
    Rule(
        code="STR015",
        family="structure",
        type=FindingType.STRUCTURE,
        severity=Severity.HIGH,
        what="The regular expressions of an .airflowignore take too long",
        why="Where Airflow reads regular expressions there, it holds them against every path with "
        "Python's `re`, which may take for ever. Its DAG processor would hang, and nobody can tell "
        "which files it would see.",
        mend="Write them without repeats within repeats, such as `(a+)+`.",
        bad={".airflowignore": "(a+)+$\n", f"{'a' * 40}.py": "today = 1\n"},
        good={".airflowignore": "a+\\.py$\n", f"{'a' * 40}.py": "today = 1\n"},
        waiving=Waiving.CONTROL,
        untried="it is only found where the environment's Airflow reads regular expressions",
    ),
)
