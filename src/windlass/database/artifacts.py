"""Artifacts, in chunks that those with much in common share."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.artifact import Artifact, Chunk
from windlass.domain.errors import NotFound

_STORING = 0x57494E44_4152  # any number that nobody else takes


def put_artifact(connection: Connection, artifact: Artifact) -> None:
    """Store the artifact, and those of its chunks that are not there; of equal content, the
    newest outlines win. Until the transaction ends none is forgotten."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_STORING)))
    chunks = {chunk.key: chunk for chunk in artifact.chunks}
    query = insert(t.artifact).values(
        digest=artifact.digest,
        chunks=[*chunks],
        file_count=len(artifact.files),
        size_bytes=artifact.size_bytes,
    )
    connection.execute(
        query.on_conflict_do_update(
            index_elements=["digest"], set_={"chunks": query.excluded.chunks, "packed": None}
        )
    )
    columns = t.artifact_chunk.c
    wanted = sa.select(columns.key).where(columns.key == sa.func.any(_array(chunks)))
    there = set(connection.execute(wanted).scalars())
    rows = [{"key": key, "packed": c.pack()} for key, c in chunks.items() if key not in there]
    if rows:
        connection.execute(insert(t.artifact_chunk).on_conflict_do_nothing(), rows)


def may_forget_artifacts(connection: Connection) -> bool:
    """Whether nobody stores an artifact now. If so nobody begins to until the transaction ends:
    who stores one leaves out the chunks that are there."""
    query = sa.select(sa.func.pg_try_advisory_xact_lock(_STORING))
    return bool(connection.execute(query).scalar_one())


def get_artifact(connection: Connection, digest: str) -> Artifact:
    """The artifact of that digest; NotFound REL002 where it is not stored, REL008 where parts of
    it are missing."""
    row = connection.execute(sa.select(t.artifact).where(t.artifact.c.digest == digest)).first()
    if row is None:
        raise NotFound("REL002", f"there is no artifact {digest[:12]}")
    if row.chunks is None:  # stored before there were chunks
        return Artifact.join([Chunk.unpack(row.packed)])
    columns = t.artifact_chunk.c
    query = sa.select(columns.key, columns.packed).where(
        columns.key == sa.func.any(_array(row.chunks))
    )
    packed = {found.key: found.packed for found in connection.execute(query)}
    if len(packed) < len(row.chunks):
        raise NotFound("REL008", f"parts of the artifact {digest[:12]} are gone from the database")
    return Artifact.join(Chunk.unpack(packed[key]) for key in row.chunks)


def has_whole_artifact(connection: Connection, digest: str) -> bool:
    """Whether what was judged of every file of an artifact is stored still."""
    query = sa.select(t.artifact.c.chunks).where(t.artifact.c.digest == digest)
    found = connection.execute(query).first()
    if found is None or found.chunks is None:  # stored before there were chunks
        return found is not None
    of, there = t.artifact_chunk.c, sa.select(sa.func.count()).select_from(t.artifact_chunk)
    count = connection.execute(there.where(of.key == sa.func.any(_array(found.chunks))))
    return bool(count.scalar_one() == len(found.chunks))


def _array(keys: Iterable[str]) -> sa.ColumnElement[Any]:
    text_array: Any = ARRAY(sa.Text)
    return sa.literal([*keys], text_array)
