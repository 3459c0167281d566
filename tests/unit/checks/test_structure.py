"""What the corpus of tests/cases/gate does not show of structure: places, and what cannot end."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from windlass.checks.cycles import cycles_of
from windlass.checks.module import Module
from windlass.checks.places import Places
from windlass.checks.structure import check_structure
from windlass.checks.tasks import Tasks

HEAD = (
    "from airflow.sdk import DAG\nfrom airflow.providers.standard.operators.empty import E as "
    "EmptyOperator\nwith DAG('d'):\n"
)


def module(source: str) -> Module:
    return Module("orders.py", source.encode(), ast.parse(source))


def test_a_finding_names_the_line_the_column_and_what_to_do() -> None:
    (found,) = check_structure(module(HEAD + "    EmptyOperator(task_id='a b')\n"))

    assert (found.place, found.end_column) == ("orders.py:4:27", 32)
    assert found.message == (
        "the task_id 'a b' holds ' ': expected letters, digits, '_', '-' and '.'"
    )
    assert found.hint == "Rename it; Airflow refuses the file."


def test_a_file_without_airflow_is_not_looked_at() -> None:
    assert check_structure(module("exit()")) == []


def test_an_expression_stands_where_its_statement_does() -> None:
    tree = ast.parse("def f():\n    if a:\n        b\n@c\ndef g(): pass\n")
    names = {n.id: n for n in ast.walk(tree) if isinstance(n, ast.Name)}
    places = Places(tree)

    assert places.at(names["b"]).function is tree.body[0]
    assert len(places.at(names["b"]).branches) == 1
    assert places.at(names["c"]).function is None


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_a_circle_is_found_where_there_is_one(edges: list[tuple[int, int]]) -> None:
    source = HEAD + "".join(f"    t{n} = EmptyOperator(task_id='t{n}')\n" for n in range(7))
    source += "".join(f"    t{one} >> t{other}\n" for one, other in edges)

    cycles = cycles_of(Tasks(module(source)))

    assert bool(cycles) == _has_circle(edges)
    assert all(c.names[0] == c.names[-1] for c in cycles)


def _has_circle(edges: list[tuple[int, int]]) -> bool:
    reached = {(a, b) for a, b in edges}
    for middle in range(7):
        reached |= {
            (a, b)
            for a in range(7)
            for b in range(7)
            if (a, middle) in reached and (middle, b) in reached
        }
    return any((n, n) in reached for n in range(7))


def test_a_chain_of_a_thousand_tasks_is_followed() -> None:
    names = [f"t{n}" for n in range(1000)]
    source = HEAD + "".join(f"    {n} = EmptyOperator(task_id='{n}')\n" for n in names)
    source += f"    {' >> '.join(names[:500])}\n    {' >> '.join(names[499:])} >> t0\n"

    (cycle,) = cycles_of(Tasks(module(source)))

    assert len(cycle.names) == 1001
