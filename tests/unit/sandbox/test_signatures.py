"""Signatures that are read from files, as an interpreter has them installed."""

from pathlib import Path

import pytest

from windlass.domain.signature import Missing, Signature
from windlass.sandbox.signatures import Signatures

FILES = {
    "airflow/sdk/__init__.py": "def __getattr__(name): ...\n",
    "airflow/sdk/bases/operator.py": """
class BaseOperator(Templater):
    def __init__(self, *, task_id, retries=0, **kwargs): ...
""",
    "airflow/providers/x/base.py": """
from airflow.sdk import BaseOperator
class Sql(BaseOperator):
    def __init__(self, *, conn_id, sql, **kwargs):
        super().__init__(**kwargs)
class Hidden(somewhere.Else):
    def __init__(self, a, b=1, **kwargs): ...
""",
    "airflow/providers/x/operators.py": """
from typing import TYPE_CHECKING
from .base import Sql
if TYPE_CHECKING:
    from .base import Hidden
class Postgres(Sql):
    def __init__(self, *, conn_id="pg", **kwargs):
        self.extra = kwargs.pop("extra", None)
        super().__init__(conn_id=conn_id, **kwargs)
class Plain(Postgres): ...
try:
    from .base import Sql as Wanted
except ImportError:
    class Wanted:
        def __init__(self, x): ...
class Late(Wanted): ...
class Closed(Sql):
    def __init__(self, only): ...
""",
    "airflow/operators/old.py": "def __getattr__(name): ...\n",
    "airflow/operators/__init__.py": "add_deprecated_classes({}, __name__)\n",
    "airflow/broken.py": "def (\n",
}
BASE = {"task_id", "retries", "dag", "task_group"}


@pytest.fixture
def signatures(tmp_path: Path) -> Signatures:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return Signatures([str(tmp_path / "nowhere"), str(tmp_path)])


def test_arguments_are_collected_along_the_bases(signatures: Signatures) -> None:
    found = Signature(frozenset({*BASE, "conn_id", "sql", "extra"}), frozenset({"sql"}))

    assert signatures.of("airflow.providers.x.operators.Postgres") == found
    assert signatures.of("airflow.providers.x.operators.Plain") == found


def test_a_class_without_kwargs_passes_nothing_on(signatures: Signatures) -> None:
    assert signatures.of("airflow.providers.x.operators.Closed") == Signature(
        frozenset({"only", "dag", "task_group"}), frozenset({"only"})
    )


def test_a_class_is_found_through_what_imports_it(signatures: Signatures) -> None:
    found = signatures.of("airflow.providers.x.operators.Sql")

    assert found == signatures.of("airflow.providers.x.base.Sql")
    assert isinstance(found, Signature)
    assert found.required == {"conn_id", "sql"}


def test_what_is_imported_goes_before_what_stands_in_for_it(signatures: Signatures) -> None:
    late = signatures.of("airflow.providers.x.operators.Late")

    assert late == signatures.of("airflow.providers.x.base.Sql")


def test_bases_that_cannot_be_read_leave_it_open(signatures: Signatures) -> None:
    found = signatures.of("airflow.providers.x.operators.Hidden")

    assert found == Signature(
        frozenset({"a", "b", "dag", "task_group"}), frozenset({"a"}), is_whole=False
    )


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("airflow.providers.x.base.Sqk", Missing(("Hidden", "Sql"))),
        ("airflow.providers.y.base.Sql", Missing()),
        ("airflow.broken.Any", Missing()),
        ("airflow.operators.old.Any", None),
        ("airflow.operators.bash.Bash", None),
        ("company.operators.Own", None),
    ],
)
def test_what_is_not_there_is_told_and_what_cannot_be_told_is_unknown(
    signatures: Signatures, path: str, found: Missing | None
) -> None:
    assert signatures.of(path) == found
