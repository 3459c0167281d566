"""Which Airflow is whose."""

from windlass.domain.identity import Installation, refusal

FIRST = Installation("prod", 1, "https://a.example", "id-1")
SECOND = Installation("other", 2, "https://alias.example", None)


def code(mine: Installation, reported: str | None, *others: Installation) -> str | None:
    refused = refusal(mine, reported, others)
    return refused.code if refused else None


def test_an_airflow_under_another_address_is_told_by_its_id() -> None:
    refused = refusal(SECOND, "id-1", [FIRST])

    assert refused is not None
    assert (refused.code, "'prod'" in refused.message) == ("AIR005", True)


def test_another_airflow_is_welcome() -> None:
    assert code(SECOND, "id-2", FIRST) is None


def test_an_airflow_that_is_made_anew_is_told() -> None:
    assert code(FIRST, "id-9", SECOND) == "AIR006"


def test_the_one_it_was_before_is_not_refused() -> None:
    assert code(FIRST, "id-1", SECOND) is None


def test_without_an_id_the_address_tells_and_who_came_first_keeps_it() -> None:
    old = Installation("old", 1, "https://a.example")
    new = Installation("new", 2, "https://A.example/")

    assert (code(new, None, old), code(old, None, new)) == ("AIR005", None)


def test_ids_tell_two_airflows_behind_one_address() -> None:
    beside = Installation("other", 2, "https://a.example")

    assert code(beside, "id-2", FIRST) is None


def test_no_id_any_more_is_no_other_airflow() -> None:
    assert code(FIRST, None, SECOND) is None
