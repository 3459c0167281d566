"""Rules of the release policy: what it demands of DAGs, and comments that let findings pass."""

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Files, Rule, Waiving

_NEEDS_POLICY = "it needs a release policy that demands it"
_EVAL = "from airflow.sdk import DAG\n\nwith DAG('orders'):\n    pass\n"


def _dag(arguments: str, *, dag_id: str = "orders", above: str = "") -> Files:
    text = f"from airflow.sdk import DAG\n{above}\nwith DAG({dag_id!r}{arguments}):\n    pass\n"
    return {"orders.py": text}


def _demand(
    code: str,
    what: str,
    why: str,
    mend: str,
    *,
    bad: Files,
    good: Files,
    waiving: Waiving = Waiving.CONTROL,
) -> Rule:
    return Rule(
        code=code,
        family="policy",
        type=FindingType.POLICY,
        severity=Severity.HIGH,
        what=what,
        why=why,
        mend=mend,
        bad=bad,
        good=good,
        waiving=waiving,
        untried=_NEEDS_POLICY,
    )


def _trust(code: str, what: str, why: str, mend: str, *, of_engine: bool = False) -> Rule:
    return Rule(
        code=code,
        family="policy",
        type=FindingType.POLICY,
        severity=Severity.CRITICAL,
        what=what,
        why=why,
        mend=mend,
        bad={"orders.py": _EVAL},
        good={"orders.py": _EVAL},
        waiving=Waiving.NEVER,
        untried="it is about the commit, and needs a release policy that demands signatures",
        of_engine=of_engine,
    )


def _comment(code: str, severity: Severity, what: str, why: str, mend: str, *, bad: str) -> Rule:
    return Rule(
        code=code,
        family="policy",
        type=FindingType.POLICY,
        severity=severity,
        what=what,
        why=why,
        mend=mend,
        bad={"orders.py": f"{_EVAL}{bad}\n"},
        good={"orders.py": _EVAL},
        waiving=Waiving.CONTROL,
    )


RULES = (
    _trust(
        "POL110",
        "The commit is not signed, and the release policy demands signed commits",
        "Without a signature nothing proves who made a commit: its author is whatever whoever "
        "pushed it wrote.",
        "Sign it: `git commit --amend --no-edit -S`, and push; or put a signed commit on top.",
    ),
    _trust(
        "POL111",
        "The commit is signed by a key that none of the signers has",
        "A signature proves something only where its key is known to the control side.",
        "If the key is one of yours, have its public half added to `allowed_signers` or "
        "`gpg-keys.asc`; the head is judged again by itself then.",
    ),
    _trust(
        "POL112",
        "The signature of the commit does not hold",
        "It is not of this commit, or its key ended or was revoked: somebody may have changed the "
        "commit after it was signed.",
        "Sign the commit anew with a key that is good; find out where this one came from.",
    ),
    _trust(
        "POL113",
        "Signatures cannot be verified, and the release policy demands them",
        "Where nobody can tell who signed, nothing is released.",
        "Write the signers into the folder of WINDLASS_SIGNERS, and install gpg and ssh-keygen "
        "where the worker runs.",
        of_engine=True,
    ),
    _demand(
        "POL101",
        "A DAG lacks a tag that the release policy demands",
        "Tags such as `repo:NAME` or `team:NAME` say in Airflow's own pages whose a DAG is, and "
        "whom to ask at night.",
        "Add the tag to the DAG.",
        bad=_dag(", tags=['hourly']"),
        good=_dag(", tags=['hourly', 'team:sales']"),
    ),
    _demand(
        "POL102",
        "A DAG has no owner that the release policy knows",
        "The owner says who is asked when a DAG fails. `airflow`, which is the default, is nobody.",
        "Say the owner in `default_args`.",
        bad=_dag(""),
        good=_dag(", default_args={'owner': 'sales'}"),
    ),
    _demand(
        "POL103",
        "A dag_id is not named as the release policy demands",
        "One scheme of names keeps DAGs of many teams apart, and together in lists.",
        "Rename the DAG. Airflow keeps the history under the old id.",
        bad=_dag("", dag_id="Orders (new)"),
        good=_dag("", dag_id="sales_orders"),
    ),
    _demand(
        "POL104",
        "Tasks get fewer retries than the release policy demands",
        "A retry is what makes a lost worker or a short outage nobody's business.",
        "Say `retries` in `default_args`.",
        bad=_dag(""),
        good=_dag(", default_args={'retries': 2}"),
        waiving=Waiving.INLINE,
    ),
    _demand(
        "POL105",
        "Importing a file takes longer than the release policy allows",
        "Airflow imports every DAG file again every few minutes, and once more for each task. What "
        "one file takes, all others wait for.",
        "Do less at the top of the file: read, connect and compute in tasks.",
        bad=_dag("", above="import time\n\ntime.sleep(30)\n"),
        good=_dag(""),
    ),
    _comment(
        "SUP001",
        Severity.MEDIUM,
        "A comment that should let a finding pass is not whole",
        "Without a rule, a reason and a last day nobody knows later why something was let pass, so "
        "it is not.",
        'Write `# windlass: ignore[RULE] reason="…" until=2027-01-31`.',
        bad="x = 1  # windlass: ignore[SYN001]",
    ),
    _comment(
        "SUP002",
        Severity.MEDIUM,
        "A comment names a rule that it may not let pass",
        "Secrets, hidden code, intake and structure are let pass only by those who run Windlass; "
        "and a word that is no rule is mostly a slip.",
        "Mend what is found, or ask for a waiver.",
        bad='x = 1  # windlass: ignore[SYN001] reason="why not" until=2999-12-31',
    ),
    _comment(
        "SUP003",
        Severity.MEDIUM,
        "A comment held until a day that has passed",
        "The finding that it let pass counts again.",
        "Mend what is found and remove the comment, or give it a later day.",
        bad='x = 1  # windlass: ignore[POL104] reason="until we move" until=2020-01-31',
    ),
    _comment(
        "SUP004",
        Severity.LOW,
        "A comment lets nothing pass that is there",
        "What it was written for is mended; next year it would let something else pass.",
        "Remove the comment.",
        bad='x = 1  # windlass: ignore[POL104] reason="we need it" until=2999-12-31',
    ),
)
