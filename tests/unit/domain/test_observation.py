"""When a release counts as live, as broken, or as not seen yet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.examples import artifact
from windlass.domain.artifact import EMPTY, Artifact
from windlass.domain.observation import (
    PARSE_MARGIN,
    Broken,
    Expectation,
    Live,
    Observed,
    SeenDag,
    SeenImportError,
    Shown,
    Waiting,
    compare,
    expect,
    never_made,
    unconverged,
)
from windlass.domain.release import ReleaseId

PUBLISHED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SEVEN = ReleaseId(7)
DYNAMIC = (
    "from airflow.sdk import DAG\nfor n in range(3):\n    globals()[f'dag_{n}'] = DAG(f'dag_{n}')\n"
)


def dags(*ids: str) -> str:
    return "from airflow.sdk import DAG\n" + "".join(f"with DAG({i!r}):\n    pass\n" for i in ids)


def seen(
    dag_id: str,
    version: str | None = "7",
    path: str = "orders.py",
    parsed_after: timedelta = timedelta(seconds=1),
) -> SeenDag:
    return SeenDag(dag_id, version, path, "token", PUBLISHED_AT + parsed_after)


def import_error(path: str, seconds: float) -> SeenImportError:
    return SeenImportError(path, PUBLISHED_AT + timedelta(seconds=seconds), "boom")


def expected(old: Artifact, new: Artifact) -> Expectation:
    return expect(SEVEN, Shown(old), Shown(new), PUBLISHED_AT)


ORDERS = artifact({"orders.py": dags("orders")})
FIRST = expected(EMPTY, ORDERS)


def test_a_release_expects_what_changed_and_the_absence_of_what_went() -> None:
    old = artifact({"a.py": dags("a"), "b.py": dags("b"), "c.py": dags("c")})
    new = artifact({"a.py": dags("a"), "b.py": dags("b", "b2")})

    assert expected(old, new) == Expectation(
        release_id=SEVEN,
        present={"b": "b.py", "b2": "b.py"},
        absent=frozenset({"c"}),
        files=frozenset({"b.py"}),
        published_at=PUBLISHED_AT,
    )


@pytest.mark.parametrize(
    ("shown", "observed"),
    [
        ([seen("orders")], Live()),
        ([seen("orders"), seen("another", "3", "another.py")], Live()),
        ([], Waiting(("orders at release #7",))),
        ([seen("orders", "6")], Waiting(("orders at release #7",))),
        ([seen("orders", "70")], Waiting(("orders at release #7",))),
        ([seen("orders", None)], Live()),  # a bundle without versions: the parse was after it
        ([seen("orders", path="old/orders.py")], Waiting(("orders at release #7",))),
    ],
)
def test_a_release_is_live_once_its_dag_is_seen_with_its_version(
    shown: list[SeenDag], observed: Observed
) -> None:
    assert compare(FIRST, shown, []) == observed


@pytest.mark.parametrize("parsed_after_s", [-1.0, 0.0, 0.1, None])
def test_without_versions_only_a_later_parse_shows_a_release(parsed_after_s: float | None) -> None:
    began_at = None
    if parsed_after_s is not None:
        began_at = PUBLISHED_AT + timedelta(seconds=parsed_after_s)
    dag = SeenDag("orders", None, "orders.py", "token", began_at)

    early = frozenset({"orders.py"})
    assert compare(FIRST, [dag], []) == Waiting(("orders.py parsed again",), early)


def test_a_dag_that_moved_to_another_file_must_be_seen_there() -> None:
    moved = expected(ORDERS, artifact({"team/orders.py": dags("orders")}))

    assert compare(moved, [seen("orders")], []) == Waiting(("orders at release #7",))
    assert compare(moved, [seen("orders", path="team/orders.py")], []) == Live()


def test_a_removed_dag_must_be_gone() -> None:
    removed = expected(ORDERS, EMPTY)

    assert compare(removed, [seen("orders", "6")], []) == Waiting(("orders gone",))
    assert compare(removed, [], []) == Live()


def test_a_release_that_changes_no_dag_file_is_live_at_once() -> None:
    unchanged = expected(ORDERS, artifact({"orders.py": dags("orders"), "README.md": "new"}))

    assert compare(unchanged, [seen("orders", "6")], []) == Live()


def test_all_that_is_missing_is_told() -> None:
    old = artifact({"gone.py": dags("gone")})
    new = artifact({"a.py": dags("a"), "b.py": dags("b")})

    observed = compare(expected(old, new), [seen("gone", "6"), seen("a", "7", "a.py")], [])

    assert observed == Waiting(("b at release #7", "gone gone"))


@pytest.mark.parametrize(
    ("shown", "observed"),
    [
        ([], Live()),  # nothing is known of the file: nothing can be waited for
        ([seen("dag_0", "6")], Waiting(("orders.py at release #7",))),
        ([seen("dag_0", "6"), seen("dag_1", "7")], Live()),
        ([seen("dag_0", "6", "another.py")], Live()),
    ],
)
def test_of_ids_made_at_run_time_one_must_be_new(shown: list[SeenDag], observed: Observed) -> None:
    before = artifact({"orders.py": DYNAMIC, "team.py": "X = 1\n"})
    dynamic = expected(before, artifact({"orders.py": DYNAMIC + "\n"}))

    assert compare(dynamic, shown, []) == observed


def test_an_import_error_of_a_changed_file_breaks_the_release_even_if_its_dags_are_shown() -> None:
    error = import_error("orders.py", 0.001)

    assert compare(FIRST, [seen("orders")], [error]) == Broken((error,))


def test_import_errors_are_told_by_path() -> None:
    new = expected(EMPTY, artifact({"a.py": dags("a"), "b.py": dags("b")}))
    errors = [import_error("b.py", 1), import_error("a.py", 2)]

    assert compare(new, [], errors) == Broken((errors[1], errors[0]))


@pytest.mark.parametrize(
    "error",
    [
        import_error("orders.py", 0),  # Airflow met it before it could know the release
        import_error("orders.py", -60),
        import_error("untouched.py", 60),
    ],
)
def test_an_import_error_that_the_release_did_not_make_is_ignored(error: SeenImportError) -> None:
    assert compare(FIRST, [seen("orders")], [error]) == Live()


def test_a_parse_that_began_before_the_flip_may_show_old_code_and_is_asked_for_again() -> None:
    too_early = seen("orders", parsed_after=PARSE_MARGIN - timedelta(milliseconds=1))
    late_enough = seen("orders", parsed_after=PARSE_MARGIN)

    assert compare(FIRST, [too_early], []) == Waiting(
        ("orders.py parsed again",), frozenset({"orders.py"})
    )
    assert compare(FIRST, [late_enough], []) == Live()


def test_a_slow_parse_is_taken_for_early_by_half_of_what_it_took() -> None:
    slow = replace(seen("orders", parsed_after=timedelta(seconds=1)), parse_s=2.1)

    assert compare(FIRST, [slow], []) == Waiting(
        ("orders.py parsed again",), frozenset({"orders.py"})
    )
    assert compare(FIRST, [replace(slow, parse_s=2.0)], []) == Live()


def test_what_was_read_tells_more_than_when() -> None:
    early = seen("orders", parsed_after=timedelta(days=-1))
    late = seen("orders", parsed_after=timedelta(days=1))

    assert compare(FIRST, [replace(early, read_from=SEVEN)], []) == Live()
    assert compare(FIRST, [replace(late, read_from=ReleaseId(6))], []) == Waiting(
        ("orders.py parsed again",), frozenset({"orders.py"})
    )


def test_a_parse_whose_beginning_airflow_does_not_tell_counts() -> None:
    untold = SeenDag("orders", "7", "orders.py", "token", None)

    assert compare(FIRST, [untold], []) == Live()


def test_an_early_parse_of_an_untouched_file_does_not_matter() -> None:
    untouched = seen("another", path="another.py", parsed_after=timedelta(days=-1))

    assert compare(FIRST, [seen("orders"), untouched], []) == Live()


def test_a_new_file_that_makes_dags_at_run_time_is_waited_for() -> None:
    new = expected(EMPTY, artifact({"orders.py": DYNAMIC}))

    assert new.makers == {"orders.py"}
    assert compare(new, [], []) == Waiting(("orders.py at release #7",))
    assert compare(new, [seen("dag_0")], []) == Live()


def test_a_new_file_that_imports_airflow_for_something_else_is_not_waited_for() -> None:
    helper = "from airflow.sdk import task  # for the dags\n"

    assert expected(EMPTY, artifact({"helper.py": helper})).makers == frozenset()


def test_what_an_ignore_file_hides_is_not_expected() -> None:
    old, new = artifact({"a.py": dags("a")}), artifact({"a.py": dags("a"), "b.py": dags("b")})

    hidden = expect(SEVEN, Shown(old), Shown(new, frozenset({"a.py", "b.py"})), PUBLISHED_AT)

    assert (hidden.present, hidden.files) == ({}, frozenset())
    assert hidden.absent == {"a"}


def test_a_file_that_is_hidden_no_more_must_be_seen() -> None:
    hidden = Shown(ORDERS, frozenset({"orders.py"}))

    assert expect(SEVEN, hidden, Shown(ORDERS), PUBLISHED_AT).present == {"orders": "orders.py"}


def test_ids_made_at_run_time_must_go_with_their_file() -> None:
    old = Shown(artifact({"orders.py": DYNAMIC}), observed={"dag_0": "orders.py"})

    assert expect(SEVEN, old, Shown(EMPTY), PUBLISHED_AT).absent == {"dag_0"}


def test_an_id_that_its_file_did_not_make_is_neither_expected_nor_missed_later() -> None:
    two = {"a.py": dags("a", "off") + "import helper\n", "helper.py": "X = 1\n"}
    old = Shown(artifact(two), not_made=frozenset({"off"}))
    helper_changed = Shown(artifact({**two, "helper.py": "X = 2\n"}))
    removed = Shown(artifact({"a.py": dags("a")}))

    assert expect(SEVEN, old, helper_changed, PUBLISHED_AT).present == {"a": "a.py"}
    assert expect(SEVEN, old, removed, PUBLISHED_AT).absent == frozenset()


BOTH = expected(EMPTY, artifact({"orders.py": dags("orders", "off")}))


@pytest.mark.parametrize(
    ("shown", "is_settled", "unmade"),
    [
        ([], False, set()),
        ([], True, {"orders", "off"}),
        ([seen("orders")], False, {"off"}),  # the file was read at the release
        ([seen("orders", "6")], False, set()),  # it was not yet
        ([seen("orders", parsed_after=timedelta())], False, set()),  # perhaps before the flip
        ([seen("orders", "6"), seen("off", "6")], True, set()),  # Airflow shows both still
        ([seen("orders", path="another.py")], False, set()),
    ],
)
def test_an_id_is_not_made_once_its_file_was_read_without_it(
    shown: list[SeenDag], is_settled: bool, unmade: set[str]
) -> None:
    assert never_made(BOTH, shown, is_settled=is_settled) == unmade


def test_an_expectation_can_do_without_ids_that_are_not_made() -> None:
    assert compare(BOTH.without(frozenset({"off"})), [seen("orders")], []) == Live()


@pytest.mark.parametrize(
    ("shown", "left"),
    [
        ([seen("orders")], []),
        ([seen("orders"), seen("dag_0")], []),
        ([seen("orders"), seen("dag_0", "6")], ["dag_0"]),
        ([seen("dag_0")], ["orders"]),
        ([], ["orders"]),
    ],
)
def test_a_release_is_converged_once_all_its_dags_are_seen_at_it(
    shown: list[SeenDag], left: list[str]
) -> None:
    assert unconverged(SEVEN, ["orders"], shown) == left
