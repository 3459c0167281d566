"""Rules of the family lint: those of ruff that matter for DAGs, under ruff's own names.

What is listed here is what ruff is asked for. None of them denies by itself: whether a DAG can be
imported is for the import to say.
"""

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Rule, Waiving

_URL = "https://docs.astral.sh/ruff/rules/"
_MEDIUM, _LOW = Severity.MEDIUM, Severity.LOW
_FAILS = "It fails when the line runs."
_SURPRISES = "It runs, and mostly does something else than what was meant."
_BLOCKS = "It stops everything else that runs in the same event loop, such as all triggers."
_REMOVED = (
    "Airflow 3 does not have it any more. It is advice, since it may be in code that this Airflow "
    "never reaches; where it is reached, the import fails and denies."
)
_LATER = "It works in Airflow 3, with a warning, and will go."
_DAG = "from airflow.sdk import DAG\n\n"


def _rule(
    code: str,
    name: str,
    severity: Severity,
    *texts: str,
) -> Rule:
    """`texts`: what it is, why it matters, a bad example, a good one."""
    what, why, bad, good = texts
    is_airflow = code.startswith("AIR")
    return Rule(
        code=code,
        family="lint",
        type=FindingType.AIRFLOW_COMPAT if is_airflow else FindingType.LINT,
        severity=severity,
        what=what,
        why=f"{why} It is ruff's [{name}]({_URL}{name}/).",
        mend="Do what the finding says; ruff's page has the details.",
        bad={"orders.py": bad},
        good={"orders.py": good},
        waiving=Waiving.INLINE,
    )


RUFF = (
    _rule(
        "AIR301",
        "airflow3-removal",
        _MEDIUM,
        "Something that Airflow 3 removed is used",
        _REMOVED,
        _DAG + 'with DAG("orders", schedule_interval="@daily"):\n    pass\n',
        _DAG + 'with DAG("orders", schedule="@daily"):\n    pass\n',
    ),
    _rule(
        "AIR302",
        "airflow3-moved-to-provider",
        _MEDIUM,
        "Something that Airflow 3 moved to a provider is imported from where it was",
        _REMOVED,
        "from airflow.operators.python_operator import PythonOperator\n\nPythonOperator\n",
        "from airflow.providers.standard.operators.python import PythonOperator\n\n"
        "PythonOperator\n",
    ),
    _rule(
        "AIR303",
        "airflow3-incompatible-function-signature",
        _MEDIUM,
        "A function of Airflow is called as Airflow 3 does not take it any more",
        _REMOVED,
        "from airflow.lineage.hook import HookLineageCollector\n\n"
        'HookLineageCollector().create_asset("there")\n',
        "from airflow.lineage.hook import HookLineageCollector\n\n"
        'HookLineageCollector().create_asset(uri="there")\n',
    ),
    _rule(
        "AIR304",
        "airflow3-dag-dynamic-value",
        _MEDIUM,
        "A DAG or task is given a value that is another one at each import",
        "Each parse then makes another version of the DAG.",
        "from datetime import datetime\n\n"
        + _DAG
        + "with DAG('orders', start_date=datetime.now()):"
        "\n    pass\n",
        "from datetime import datetime\n\n"
        + _DAG
        + "with DAG('orders', start_date=datetime(2026, 1,"
        " 1)):\n    pass\n",
    ),
    _rule(
        "AIR311",
        "airflow3-suggested-update",
        _LOW,
        "Something is imported from where Airflow 3 keeps it for old code only",
        _LATER,
        "from airflow import DAG\n\nDAG('orders')\n",
        _DAG + "DAG('orders')\n",
    ),
    _rule(
        "AIR312",
        "airflow3-suggested-to-move-to-provider",
        _LOW,
        "An operator is imported from where Airflow 3 keeps it for old code only",
        _LATER,
        "from airflow.operators.python import PythonOperator\n\nPythonOperator\n",
        "from airflow.providers.standard.operators.python import PythonOperator\n\n"
        "PythonOperator\n",
    ),
    _rule(
        "AIR321",
        "airflow31-moved",
        _LOW,
        "Something is imported from where it was before Airflow 3.1",
        _LATER,
        "from airflow.utils.task_group import TaskGroup\n\nTaskGroup('load')\n",
        "from airflow.sdk import TaskGroup\n\nTaskGroup('load')\n",
    ),
    _rule(
        "F821",
        "undefined-name",
        _MEDIUM,
        "A name is used that nothing defines",
        _FAILS,
        "def load():\n    return datetime.now()\n",
        "from datetime import datetime\n\n\ndef load():\n    return datetime.now()\n",
    ),
    _rule(
        "F822",
        "undefined-export",
        _MEDIUM,
        "`__all__` names what the file does not have",
        "`from … import *` of this file fails.",
        '__all__ = ["load"]\n',
        '__all__ = ["load"]\n\n\ndef load():\n    pass\n',
    ),
    _rule(
        "F823",
        "undefined-local",
        _MEDIUM,
        "A name of a function is used before it has a value",
        _FAILS,
        "import os\n\n\ndef load():\n    print(os.name)\n    os = 1\n    return os\n",
        "import os\n\n\ndef load():\n    print(os.name)\n",
    ),
    _rule(
        "F811",
        "redefined-while-unused",
        _LOW,
        "A name is given again, and the first one was never used",
        "Two tasks or functions of one name: the first is gone.",
        "def load():\n    pass\n\n\ndef load():\n    pass\n",
        "def load():\n    pass\n\n\ndef store():\n    pass\n",
    ),
    _rule(
        "F501",
        "percent-format-invalid-format",
        _MEDIUM,
        "A format after `%` is none",
        _FAILS,
        'print("%s %" % ("a",))\n',
        'print("%s %%" % ("a",))\n',
    ),
    _rule(
        "F507",
        "percent-format-positional-count-mismatch",
        _MEDIUM,
        "A format has more or fewer places than values",
        _FAILS,
        'print("%s %s" % ("a",))\n',
        'print("%s" % ("a",))\n',
    ),
    _rule(
        "F524",
        "string-dot-format-missing-arguments",
        _MEDIUM,
        "A format has a place for which there is no value",
        _FAILS,
        'print("{0} {1}".format("a"))\n',
        'print("{0}".format("a"))\n',
    ),
    _rule(
        "F601",
        "multi-value-repeated-key-literal",
        _LOW,
        "A dictionary has one key twice",
        _SURPRISES,
        'ARGS = {"retries": 1, "retries": 2}\n',
        'ARGS = {"retries": 2}\n',
    ),
    _rule(
        "F632",
        "is-literal",
        _LOW,
        "`is` compares with a literal",
        _SURPRISES,
        'def is_done(state):\n    return state is "done"\n',
        'def is_done(state):\n    return state == "done"\n',
    ),
    _rule(
        "F633",
        "invalid-print-syntax",
        _MEDIUM,
        "`print >>` is Python 2",
        _FAILS,
        "import sys\n\nprint >> sys.stderr\n",
        "import sys\n\nprint(file=sys.stderr)\n",
    ),
    _rule(
        "PLE0704",
        "misplaced-bare-raise",
        _MEDIUM,
        "`raise` alone stands where there is no error",
        _FAILS,
        "def load():\n    raise\n",
        'def load():\n    raise ValueError("no rows")\n',
    ),
    _rule(
        "PLE1205",
        "logging-too-many-args",
        _MEDIUM,
        "A log line has more values than places",
        "The line is not written, an error is.",
        'import logging\n\nlogging.info("rows", 1)\n',
        'import logging\n\nlogging.info("rows: %s", 1)\n',
    ),
    _rule(
        "PLE1206",
        "logging-too-few-args",
        _MEDIUM,
        "A log line has fewer values than places",
        "The line is not written, an error is.",
        'import logging\n\nlogging.info("%s of %s", 1)\n',
        'import logging\n\nlogging.info("%s of %s", 1, 2)\n',
    ),
    _rule(
        "PLE1507",
        "invalid-envvar-value",
        _MEDIUM,
        "The name of an environment variable is no text",
        _FAILS,
        "import os\n\nos.getenv(1)\n",
        'import os\n\nos.getenv("REGION")\n',
    ),
    _rule(
        "B006",
        "mutable-argument-default",
        _LOW,
        "A default is one list or dictionary for all calls",
        _SURPRISES,
        "def load(rows=[]):\n    rows.append(1)\n",
        "def load(rows=()):\n    return [*rows, 1]\n",
    ),
    _rule(
        "B015",
        "useless-comparison",
        _LOW,
        "A comparison is made, and nothing done with it",
        _SURPRISES,
        "state = 1\nstate == 2\n",
        "state = 1\nis_done = state == 2\n",
    ),
    _rule(
        "B020",
        "loop-variable-overrides-iterator",
        _LOW,
        "A loop gives its variable the name of what it goes through",
        _SURPRISES,
        "rows = [1]\nfor rows in rows:\n    print(rows)\n",
        "rows = [1]\nfor row in rows:\n    print(row)\n",
    ),
    _rule(
        "B023",
        "function-uses-loop-variable",
        _MEDIUM,
        "A function that is made in a loop uses the loop's variable",
        "When it runs, the loop is over: all of them see the last value.",
        "loads = []\nfor table in [1, 2]:\n\n    def load():\n        print(table)\n\n"
        "    loads.append(load)\n",
        "loads = []\nfor table in [1, 2]:\n\n    def load(table=table):\n        print(table)\n\n"
        "    loads.append(load)\n",
    ),
    _rule(
        "ASYNC210",
        "blocking-http-call-in-async-function",
        _MEDIUM,
        "A trigger asks another server without letting others go on",
        _BLOCKS,
        'import requests\n\n\nasync def run():\n    requests.get("https://example.com")\n',
        "import asyncio\n\n\nasync def run():\n    await asyncio.sleep(1)\n",
    ),
    _rule(
        "ASYNC251",
        "blocking-sleep-in-async-function",
        _MEDIUM,
        "A trigger sleeps without letting others go on",
        _BLOCKS,
        "import time\n\n\nasync def run():\n    time.sleep(1)\n",
        "import asyncio\n\n\nasync def run():\n    await asyncio.sleep(1)\n",
    ),
)
"""The rules that ruff is asked for."""

RULES = (
    *RUFF,
    Rule(
        code="LINT001",
        family="lint",
        type=FindingType.LINT,
        severity=Severity.CRITICAL,
        what="A file could not be looked at by ruff",
        why="ruff died of it, took too long, or is missing. Nothing that was not checked reaches "
        "Airflow.",
        mend="Wait a moment: Windlass looks again by itself. If it stays so, install Windlass "
        "again where ruff is missing or does not start; else make the file smaller and simpler.",
        bad={"orders.py": "x = 1  # a file of which ruff dies\n"},
        good={"orders.py": "x = 1\n"},
        waiving=Waiving.CONTROL,
        untried="no file is known of which this ruff dies",
        of_engine=True,
    ),
)
