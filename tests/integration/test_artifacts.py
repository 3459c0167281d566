"""Artifacts in a real database: what is stored once, and what is read back."""

import json
import zlib
from dataclasses import replace

import pytest
import sqlalchemy as sa

from tests.unit.examples import artifact
from windlass.database import tables as t
from windlass.database.artifacts import get_artifact, put_artifact
from windlass.database.connection import Database
from windlass.domain.artifact import EMPTY, Artifact
from windlass.domain.errors import NotFound

DAG = "from airflow.sdk import DAG\nDAG('orders')\n"
BASE = artifact({f"team/dag_{number}.py": DAG for number in range(1000)})
CHANGED = Artifact.near(
    BASE, {**BASE.files, "team/dag_7.py": replace(BASE.files["team/dag_7.py"], mode=0o555)}
)


def put(database: Database, *artifacts: Artifact) -> None:
    with database.transaction() as connection:
        for one in artifacts:
            put_artifact(connection, one)


def get(database: Database, digest: str) -> Artifact:
    with database.transaction() as connection:
        return get_artifact(connection, digest)


def chunk_keys(database: Database) -> set[str]:
    with database.transaction() as connection:
        return set(connection.execute(sa.select(t.artifact_chunk.c.key)).scalars())


@pytest.mark.parametrize("stored", [EMPTY, artifact({"orders.py": DAG}), BASE])
def test_an_artifact_is_read_back_as_it_was_stored(database: Database, stored: Artifact) -> None:
    put(database, stored, stored)

    assert get(database, stored.digest) == stored


def test_artifacts_that_differ_in_one_file_share_all_chunks_but_one(database: Database) -> None:
    put(database, BASE, CHANGED)

    assert len(chunk_keys(database)) == len(BASE.chunks) + 1
    assert (get(database, BASE.digest), get(database, CHANGED.digest)) == (BASE, CHANGED)


def test_of_equal_content_the_newest_outlines_are_kept(database: Database) -> None:
    stored = artifact({"orders.py": DAG})
    entry = replace(stored.files["orders.py"], outline=None)
    put(database, stored, Artifact({"orders.py": entry}))

    assert get(database, stored.digest).files == {"orders.py": entry}


def test_an_artifact_that_was_stored_before_there_were_chunks_is_read(database: Database) -> None:
    stored = artifact({"orders.py": DAG, "load.sql": "1"})
    files = [stored.files[path] for path in sorted(stored.files)]
    rows = [
        [f.path, f.mode, f.digest, f.blob, f.size_bytes, f.outline and f.outline.to_json()]
        for f in files
    ]
    packed = zlib.compress(json.dumps(rows).encode())
    row = {"digest": stored.digest, "packed": packed, "file_count": 2, "size_bytes": 1}
    with database.transaction() as connection:
        connection.execute(sa.insert(t.artifact).values(**row))

    assert get(database, stored.digest) == stored
    put(database, stored)  # and is in chunks from then on
    assert chunk_keys(database) == {chunk.key for chunk in stored.chunks}
    assert get(database, stored.digest) == stored


def test_an_artifact_that_is_not_there_whole_is_told(database: Database) -> None:
    with pytest.raises(NotFound) as unknown:
        get(database, BASE.digest)
    put(database, BASE)
    with database.transaction() as connection:
        connection.execute(sa.delete(t.artifact_chunk))

    with pytest.raises(NotFound) as incomplete:
        get(database, BASE.digest)

    assert (unknown.value.code, incomplete.value.code) == ("REL002", "REL008")
