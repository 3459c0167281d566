"""Rules of the family secrets: credentials that are written into files."""

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Files, Rule, Waiving

_REST = (
    "Test files, files named as samples, compose files and texts for people are medium, and so are "
    "words that everybody tries first, such as `airflow`, in files that are not Python."
)
_GOOD: Files = {
    "orders.py": "from airflow.providers.postgres.hooks.postgres import PostgresHook\n\n\n"
    'def load():\n    return PostgresHook("dw").get_records("select 1")\n'
}


def _rule(code: str, what: str, why: str, mend: str, *, bad: Files, good: Files = _GOOD) -> Rule:
    return Rule(
        code=code,
        family="secrets",
        type=FindingType.HARDCODED_CREDENTIALS,
        severity=Severity.CRITICAL,
        what=what,
        why=f"{why} {_REST}",
        mend=mend,
        bad=bad,
        good=good,
        waiving=Waiving.CONTROL,
    )


RULES = (
    _rule(
        "SEC001",
        "A credential of a known service is written into a file",
        "Everybody who can read the repository has it, also after it is deleted: it stays in the "
        "history. Its form tells what it is, wherever it stands: comments, commands, two literals.",
        "Revoke it, make a new one, and keep that in a connection or a secrets backend.",
        bad={"orders.py": 'KEY = "key-3f9a1c8d7e2b4a60" "5b5c4d3e2f1a0b9c"\n'},
    ),
    _rule(
        "SEC002",
        "A private key is written into a file",
        "Whoever has it can pass for its owner.",
        "Make a new pair, and keep the private half in a connection or a secrets backend.",
        bad={
            "orders.py": 'KEY = """-----BEGIN SAMPLE PRIVATE KEY-----\n'
            'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n"""\n'
        },
    ),
    _rule(
        "SEC003",
        "An address or a header holds a password",
        "Addresses land in logs, in lists of processes and in error messages.",
        'Name a connection: PostgresHook("dw"), or {{ conn.dw.get_uri() }} in a template.',
        bad={"orders.py": 'URI = "postgresql://etl:Tr0ub4dor@dw.example.org/dw"\n'},
    ),
    _rule(
        "SEC004",
        "A password or token is written beside its name",
        "Everybody who can read the repository has it, and to change it takes a commit. Names of "
        "secrets, templates, environment variables and words that stand for one are not found.",
        'Keep it in a connection: BaseHook.get_connection("dw").password in a task.',
        bad={"orders.py": 'conn = connect(host="dw", user="etl", password="hunter2")\n'},
        good={
            "orders.py": "from airflow.sdk import BaseHook\n\n\n"
            'def load():\n    return connect(password=BaseHook.get_connection("dw").password)\n'
        },
    ),
    _rule(
        "SEC005",
        "A password is written into a command or a connection string",
        "It is in the rendered template of the task, in its log, and in the list of processes.",
        'Pass it by env: env={"PGPASSWORD": "{{ conn.dw.password }}"}.',
        bad={"orders.py": 'COMMAND = "PGPASSWORD=Summer2024 psql -h dw"\n'},
        good={
            "orders.py": 'COMMAND = "psql -h dw"\nENV = {"PGPASSWORD": "{{ conn.dw.password }}"}\n'
        },
    ),
)
