"""Files of requirements: which they are, what they ask for, and any text at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.checks.requirements import check_requirements, is_requirements, requirements_of
from windlass.domain.names import Requirement


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("requirements.txt", True),
        ("dags/requirements-dev.txt", True),
        ("constraints-3.12.txt", True),
        ("requirements.in", False),
        ("notes.txt", False),
    ],
)
def test_a_file_is_one_by_its_name(path: str, is_one: bool) -> None:
    assert is_requirements(path, b"") is is_one


def test_what_a_dag_root_wants_is_read_with_its_lines() -> None:
    text = (
        b"# all\nPandas[all] >= 2, <3  # why\n\nflask_sqlalchemy==3.1.1 \\\n  --hash=sha256:0\n"
        b"x @ https://example.org/x.whl\n-r more.txt\ny==1; python_version < '3.9'\nz\n"
    )

    assert requirements_of("requirements.txt", text) == (
        Requirement("pandas", ">= 2, <3", 2),
        Requirement("flask-sqlalchemy", "==3.1.1", 4),
        Requirement("z", "", 9),
    )


@given(st.text(max_size=200))
def test_any_text_is_judged(text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")

    check_requirements("requirements.txt", content)
    requirements_of("requirements.txt", content)
