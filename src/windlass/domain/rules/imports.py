"""Rules about what importing a DAG file gives, in the sandbox (docs/sandbox.md)."""

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Files, Rule, Waiving

_NEEDS_AIRFLOW = "it needs an interpreter with Airflow"
_NEEDS_HARM = "its example takes long, or needs a host that cannot confine"
_DAG = "from airflow.sdk import DAG\n\nwith DAG('orders'):\n    pass\n"
_TASK = """from airflow.sdk import DAG, task


@task
def count():
    {}


with DAG('orders'):
    count()
"""


def _top(line: str) -> Files:
    return {"orders.py": f"{_DAG}{line}\n"}


def _in_task(line: str) -> Files:
    return {"orders.py": _TASK.format(line)}


def _at_minute(minute: int) -> Files:
    text = f"minute = {minute}\n\nwith DAG('orders', schedule=f'{{minute}} 6 * * *'):\n    pass\n"
    return {"orders.py": f"from airflow.sdk import DAG\n\n{text}"}


def _rule(
    code: str,
    severity: Severity,
    *said: str,
    bad: Files,
    good: Files,
    kind: FindingType = FindingType.IMPORT,
    waiving: Waiving = Waiving.CONTROL,
    untried: str = _NEEDS_AIRFLOW,
    of_engine: bool = False,
) -> Rule:
    what, why, mend = said
    return Rule(
        code=code,
        family="import",
        type=kind,
        severity=severity,
        what=what,
        why=why,
        mend=mend,
        bad=bad,
        good=good,
        waiving=waiving,
        untried=untried,
        of_engine=of_engine,
    )


def _deed(code: str, severity: Severity, what: str, why: str, *, line: str) -> Rule:
    return _rule(
        code,
        severity,
        what,
        f"{why} An import happens in the DAG processor every few minutes, and before every task; "
        "what it does is done each time, by whoever runs Airflow.",
        "Do it in a task.",
        bad=_top(line),
        good=_in_task(line.replace("\n", "\n    ")),
        kind=FindingType.DANGEROUS_OPERATION,
    )


RULES = (
    _rule(
        "IMP001",
        Severity.HIGH,
        "The file cannot be imported",
        "Its code raises when it is imported under the environment's own Airflow, with its "
        "packages. Airflow would show an import error, and its DAGs would vanish.",
        "The finding has the line and what was raised. A module that is missing must be installed "
        "where Airflow runs, or be part of the repository.",
        bad={"orders.py": "from airflow.sdk import DAG\nimport rates_of_today\n"},
        good={"orders.py": _DAG, "rates_of_today.py": "RATES = {}\n"},
    ),
    _rule(
        "IMP002",
        Severity.HIGH,
        "Airflow refuses the DAG",
        "The file is imported, and Airflow's own checks refuse what it made: a circle of tasks, a "
        "schedule that is none, a value that cannot be serialised.",
        "The finding has Airflow's words.",
        bad=_at_minute(99),
        good=_at_minute(59),
    ),
    _rule(
        "IMP003",
        Severity.MEDIUM,
        "The import needs a value that is not known here",
        "The file asks for a connection, a variable or an environment variable while it is "
        "imported, and fails without it. The sandbox has no secrets, so nobody knows whether it "
        "would fail in Airflow.",
        "Read it in a task or by a Jinja template, give a default, or give the environment a value "
        "that is no secret (sandbox_values in its inventory).",
        bad=_top("from airflow.sdk import Variable\nVariable.get('rates')"),
        good=_in_task("from airflow.sdk import Variable\n    Variable.get('rates')"),
    ),
    _rule(
        "IMP004",
        Severity.MEDIUM,
        "The import needs what the sandbox refuses",
        "The file wants the network, a process, or a file that is not in the repository while it "
        "is imported, and fails without it.",
        "Do it in a task; put files that are read at import into the repository.",
        bad=_top("open('/opt/rates.json').read()"),
        good=_in_task("open('/opt/rates.json').read()"),
    ),
    _rule(
        "IMP005",
        Severity.HIGH,
        "The import takes too long, or too much memory",
        "30 seconds and a gigabyte are the limits. Airflow gives up after 30 seconds by default "
        "and shows an import error; while it waits, no other file is parsed.",
        "Do less at the top of the file.",
        bad=_top("rows = [bytes(50_000_000) for _ in range(200)]"),
        good=_in_task("return [bytes(50_000_000) for _ in range(200)]"),
    ),
    _rule(
        "IMP006",
        Severity.HIGH,
        "The import ends the process that imports it",
        "The file exits, crashes or kills the process, or takes away its way to answer. In Airflow "
        "no DAG of the file would be seen, and nothing would say why.",
        "Raise an exception where something is wrong.",
        bad=_top("import os\nos.kill(os.getpid(), 9)"),
        good=_top("import os"),
    ),
    _rule(
        "IMP007",
        Severity.MEDIUM,
        "The import is slow",
        "Five seconds or more for one file. Airflow imports it every few minutes, and once more "
        "for every task that starts.",
        "Do less at the top of the file.",
        bad=_top("import time\ntime.sleep(5)"),
        good=_in_task("import time\n    time.sleep(5)"),
        waiving=Waiving.INLINE,
    ),
    _rule(
        "IMP008",
        Severity.LOW,
        "A connection or variable is asked for at every import",
        "Airflow's API or a vault is asked every few minutes for each such file, and before every "
        "task.",
        "Ask in a task, or by a Jinja template such as {{ var.value.rates }}.",
        bad=_top("from airflow.sdk import Variable\nVariable.get('rates', default=1)"),
        good=_in_task("from airflow.sdk import Variable\n    Variable.get('rates', default=1)"),
        waiving=Waiving.INLINE,
    ),
    _rule(
        "IMP009",
        Severity.LOW,
        "The DAG differs each time it is parsed",
        "A value such as the time of now goes into the DAG. Airflow stores a new version of it "
        "with each parse. Only Airflow 3.2 and newer tell.",
        "Give fixed values.",
        bad={
            "orders.py": "from datetime import datetime\nfrom airflow.sdk import DAG\n\n"
            "with DAG('orders', start_date=datetime.now()):\n    pass\n"
        },
        good={
            "orders.py": "from datetime import datetime\nfrom airflow.sdk import DAG\n\n"
            "with DAG('orders', start_date=datetime(2026, 1, 1)):\n    pass\n"
        },
        waiving=Waiving.INLINE,
    ),
    _rule(
        "IMP010",
        Severity.CRITICAL,
        "Nothing could be imported",
        "The interpreter has no Airflow, the process that imports could not be started, or this "
        "host cannot confine it as well as the setting WINDLASS_SANDBOX_TIER asks for. `windlass "
        "check` fails. A server denies the revision, and looks again by itself at growing "
        "intervals, so that a mended host needs no new commit.",
        "The finding says why. `windlass check --no-import` leaves imports out, and says so.",
        bad={"orders.py": _DAG},
        good={"orders.py": _DAG},
        waiving=Waiving.NEVER,
        untried=_NEEDS_HARM,
        of_engine=True,
    ),
    _rule(
        "IMP011",
        Severity.HIGH,
        "The import needs a value that the environment has not",
        "The file asks for a connection or a variable while it is imported, fails without it, and "
        "the inventory of the environment is declared complete and lacks it.",
        "Create it in Airflow first, or give a default.",
        bad=_top("from airflow.sdk import Variable\nVariable.get('rates')"),
        good=_top("from airflow.sdk import Variable\nVariable.get('rates', default=1)"),
        untried="it needs a complete inventory",
    ),
    _deed(
        "DID001",
        Severity.HIGH,
        "The import starts a process",
        "A program runs whenever the file is looked at.",
        line="import os\nos.system('true')",
    ),
    _deed(
        "DID002",
        Severity.HIGH,
        "The import uses the network",
        "Whoever answers, or does not, decides whether the DAG exists.",
        line="import socket\nsocket.gethostbyname('example.org')",
    ),
    _deed(
        "DID003",
        Severity.HIGH,
        "The import removes or renames files",
        "What is gone is gone before any task ran.",
        line="import shutil\nshutil.rmtree('/opt/rates', ignore_errors=True)",
    ),
    _deed(
        "DID004",
        Severity.MEDIUM,
        "The import writes files",
        "Several processes import the file at the same time, and would write over each other.",
        line="import os\nos.makedirs('/opt/rates', exist_ok=True)",
    ),
    _deed(
        "DID005",
        Severity.HIGH,
        "The import loads native code",
        "Native code is beyond every check of Python.",
        line="import ctypes\nctypes.CDLL(None)",
    ),
    _deed(
        "DID006",
        Severity.MEDIUM,
        "The import runs code that it made from text",
        "What runs is not what was read.",
        line="exec('x = 1')",
    ),
    _deed(
        "DID007",
        Severity.MEDIUM,
        "The import reads where secrets are kept",
        "Keys, tokens and other processes' environments lie there.",
        line="open('/etc/passwd').read()",
    ),
)
