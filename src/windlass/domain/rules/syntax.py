"""Rules of the family syntax: what Python cannot read."""

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Files, Rule, Waiving

_GOOD = {"orders.py": "from airflow.sdk import DAG\n\nwith DAG('orders'):\n    pass\n"}


def _rule(
    code: str,
    what: str,
    why: str,
    mend: str,
    *,
    bad: Files,
    untried: str = "",
    of_engine: bool = False,
) -> Rule:
    return Rule(
        code=code,
        family="syntax",
        type=FindingType.SYNTAX,
        severity=Severity.CRITICAL,
        what=what,
        why=why,
        mend=mend,
        bad=bad,
        good=_GOOD,
        waiving=Waiving.NEVER,
        untried=untried,
        of_engine=of_engine,
    )


RULES = (
    _rule(
        "SYN001",
        "A Python file has a syntax error",
        "Airflow cannot import it, so every DAG of it would vanish. The grammar that counts is "
        "that of the environment's own Python: an older one may not read what a newer one does.",
        "Mend the place that is marked. `python -m py_compile FILE` says the same.",
        bad={"orders.py": "from airflow.sdk import DAG\n\nwith DAG('orders':\n    pass\n"},
    ),
    _rule(
        "SYN002",
        "Python gives up on a file",
        "Expressions that are nested very deeply exhaust the parser of Python, and would do so in "
        "Airflow's processor too.",
        "Split the expression, or keep the data in a file that a task reads.",
        bad={"orders.py": "total = " + "(" * 150 + "1" + ")" * 150 + "\n"},
        untried="how deep is too deep differs by version of Python",
    ),
    _rule(
        "SYN003",
        "A file could not be checked",
        "The check process died of the file or took too long. Nothing that was not checked reaches "
        "Airflow, whose processor would suffer from it as well.",
        "Make the file smaller and simpler; move generated data out of Python.",
        bad={"orders.py": "rows = [[[[…  # hundreds of thousands of brackets\n"},
        untried="what kills a check process differs by machine",
        of_engine=True,
    ),
    _rule(
        "SYN004",
        "Nothing could be checked",
        "The interpreter of the environment does not run, or no check process starts under it. "
        "Windlass looks again by itself, at growing intervals; nothing is deployed meanwhile.",
        "Name the python that Airflow runs with: WINDLASS_AIRFLOW_PYTHON, or `windlass environment "
        "set NAME --interpreter PYTHON`. `windlass doctor` tries it.",
        bad=_GOOD,
        untried="it is the interpreter that is bad, no file",
        of_engine=True,
    ),
)
