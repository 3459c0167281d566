"""Who owns which dag_id, in a real database: any order of claims ends as a plain model says."""

import random

import pytest
import sqlalchemy as sa

from tests.integration.test_database import store
from windlass.database import tables as t
from windlass.database.claims import claim, owners_of
from windlass.database.connection import Database
from windlass.domain.errors import Conflict
from windlass.domain.repository import Repository

IDS = [f"dag_{number}" for number in range(8)]


def owned(database: Database) -> dict[str, str]:
    query = sa.select(t.dag_claim.c.dag_id, t.repository.c.name).join(
        t.repository, t.repository.c.id == t.dag_claim.c.repository_id
    )
    with database.transaction() as connection:
        return {row.dag_id: row.name for row in connection.execute(query)}


def try_claim(database: Database, repository: Repository, dag_ids: set[str]) -> bool:
    try:
        with database.transaction() as connection:
            claim(connection, repository, dag_ids)
    except Conflict:
        return False
    return True


@pytest.mark.parametrize("seed", range(3))
def test_claims_in_any_order_are_those_of_a_plain_model(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    repositories = [store(database, name) for name in ("ada", "bob", "eve")]
    model: dict[str, str] = {}

    for _ in range(40):
        one = chance.choice(repositories)
        wanted = {dag_id for dag_id in IDS if chance.random() < 0.3}
        others = {d: n for d, n in model.items() if n != one.name}
        with database.transaction() as connection:
            told = owners_of(connection, one, wanted)
        assert told == {d: n for d, n in others.items() if d in wanted}
        assert try_claim(database, one, wanted) is not bool(told)
        if not told:
            model = others | dict.fromkeys(wanted, one.name)
        assert owned(database) == model


def test_twenty_thousand_ids_are_claimed_at_once(database: Database) -> None:
    """A statement can have 65,535 parameters at the most."""
    ada = store(database, "ada")
    many = {f"dag_{number}" for number in range(20_000)}

    assert try_claim(database, ada, many)
    assert owned(database) == dict.fromkeys(many, "ada")
