"""What an environment gives to pipelines: its keys in an inventory, and the version of Airflow."""

import re

from windlass.compiler.documents import quoted
from windlass.compiler.pipelines.words import POOL, QUEUE, matching
from windlass.compiler.shapes import Key, Listing, Names, Record, Text
from windlass.domain.errors import Invalid

_PREFIX = matching(
    r"^[A-Za-z_][A-Za-z0-9_]{0,99}(?:\.[A-Za-z_][A-Za-z0-9_]{0,99}){0,9}\.?$",
    "class, nor the beginning of its dotted path",
    "company.operators.",
)
_EXECUTOR = matching(r"^[A-Za-z0-9_.]{1,200}$", "name of an executor", "KubernetesExecutor")
_CLUSTER = Record(
    {
        "pool": Key(POOL, "Airflow's pool."),
        "queue": Key(QUEUE, "The queue of the executor."),
        "executor": Key(_EXECUTOR, "The executor, where Airflow has several."),
    }
)
BINDINGS = {
    "clusters": Key(
        Names(Text(), _CLUSTER),
        "For pipelines: compute_cluster → the pool, queue and executor that it means.",
    ),
    "operators": Key(
        Listing(_PREFIX, "the prefix", 200),
        "For pipelines: how the classes of operator steps and timetables may begin.",
    ),
}
_OLDEST, _NEWEST = (2, 11), (3, 9)


def airflow_version(text: str) -> tuple[int, int]:
    """The version that DAG files are written for; Invalid PIPE042 where there is none for it.

    >>> airflow_version("3.3.2")
    (3, 3)
    """
    found = re.fullmatch(r"(\d{1,3})\.(\d{1,3})(?:\..{0,20})?", text)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version != _OLDEST and not (3, 1) <= version <= _NEWEST:
        message = f"DAG files are not written for Airflow {quoted(text)}"
        raise Invalid("PIPE042", message, "For 2.11, and from 3.1 on.")
    return version
