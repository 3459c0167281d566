"""What importing DAG files gave, by everything that names a result but its surroundings; and what
running tests gave, by all that it depends on."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.database.packing import pack, unpack
from windlass.domain.imported import Imported
from windlass.domain.tested import SuiteResult

_AT_A_TIME = 500


def find_imports(connection: Connection, keys: Iterable[str]) -> dict[str, Imported]:
    """What was kept under these keys, without the serialised DAGs; it counts as used now."""
    columns = t.imported_file.c
    query = (
        sa.update(t.imported_file)
        .where(_has_key(keys))
        .values(used_at=sa.func.now())
        .returning(columns.key, columns.result)
    )
    return {row.key: Imported.from_json(unpack(row.result)) for row in connection.execute(query)}


def find_whole_imports(connection: Connection, keys: Iterable[str]) -> dict[str, Imported]:
    """As `find_imports`, with the serialised DAGs."""
    columns = t.imported_file.c
    query = sa.select(columns.key, columns.result, columns.dags).where(_has_key(keys))
    return {
        row.key: Imported.from_json(unpack(row.result), row.dags)
        for row in connection.execute(query)
    }


def _has_key(keys: Iterable[str]) -> sa.ColumnElement[bool]:
    """One of the keys, which go as one array: a parameter each is slow to bind."""
    text_array: Any = ARRAY(sa.Text)
    return t.imported_file.c.key == sa.func.any(sa.literal([*keys], text_array))


def keep_imports(connection: Connection, results: Mapping[str, Imported]) -> None:
    """Keep results by key, in the place of older ones."""
    rows = [
        {
            "key": key,
            "result": pack(one.to_json(), level=1),
            "dags": one.serialized,
        }
        for key, one in sorted(results.items())  # in one order, so that two workers do not meet
    ]
    query = insert(t.imported_file)
    query = query.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "result": query.excluded.result,
            "dags": query.excluded.dags,
            "used_at": sa.func.now(),
        },
    )
    for start in range(0, len(rows), _AT_A_TIME):
        connection.execute(query, rows[start : start + _AT_A_TIME])


def find_tested(connection: Connection, key: str) -> SuiteResult | None:
    """What running tests gave that was kept under this key; it counts as used now."""
    columns = t.imported_file.c
    query = sa.update(t.imported_file).where(columns.key == key).values(used_at=sa.func.now())
    packed = connection.execute(query.returning(columns.result)).scalar_one_or_none()
    return SuiteResult.from_json(unpack(packed)) if packed else None


def keep_tested(connection: Connection, key: str, tested: SuiteResult) -> None:
    """Keep what running tests gave, unless somebody did."""
    result = pack(tested.to_json())
    query = insert(t.imported_file).values(key=key, result=result, dags=b"")
    connection.execute(query.on_conflict_do_nothing())


def find_serialized(connection: Connection, key: str) -> dict[str, Any]:
    """dag_id → the DAG as Airflow serialises it, of one result; empty where none is kept."""
    query = sa.select(t.imported_file.c.dags).where(t.imported_file.c.key == key)
    packed = connection.execute(query).scalar_one_or_none()
    dags: dict[str, Any] = unpack(packed) if packed else {}
    return dags
