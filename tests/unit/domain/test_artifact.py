"""The artifact: what names it, what it remembers, what its manifest says."""

import gzip
import json
import zlib
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import ARTIFACTS, ENTRIES, OUTLINES, artifact, file_entry
from windlass.domain.artifact import EMPTY, Artifact, Chunk, FileEntry, Outline
from windlass.domain.digest import digest_bytes

ORDERS = "from airflow.sdk import DAG\ndag = DAG('orders')\n"


def read(document: bytes) -> Any:
    return json.loads(gzip.decompress(document))


@given(ARTIFACTS)
def test_an_artifact_that_was_packed_unpacks_to_itself(original: Artifact) -> None:
    packed = [chunk.pack() for chunk in original.chunks]

    assert Artifact.join(Chunk.unpack(one) for one in packed) == original


@given(OUTLINES)
def test_an_outline_survives_json(outline: Outline) -> None:
    assert Outline.from_json(outline.to_json()) == outline


@given(ENTRIES, st.text(max_size=5), st.integers(0, 9), st.none() | OUTLINES)
def test_blob_size_and_outline_do_not_name_an_artifact(
    entry: FileEntry, blob: str, size: int, outline: Outline | None
) -> None:
    other = replace(entry, blob=blob, size_bytes=size, outline=outline)

    assert Artifact({entry.path: entry}).digest == Artifact({other.path: other}).digest


@given(ENTRIES)
def test_another_path_mode_or_content_gives_another_digest(entry: FileEntry) -> None:
    changed = [
        replace(entry, path=entry.path + "x"),
        replace(entry, mode=entry.mode ^ 0o111),
        replace(entry, digest=digest_bytes(entry.digest.encode())),
    ]

    digests = {Artifact({e.path: e}).digest for e in [entry, *changed]}
    assert len(digests) == 4


@given(st.permutations(["a.py", "b/c.py", "b.sql"]))
def test_the_order_of_files_does_not_name_an_artifact(order: list[str]) -> None:
    expected = artifact(dict.fromkeys(sorted(order), "")).digest

    assert artifact(dict.fromkeys(order, "")).digest == expected


def test_two_files_that_swap_their_contents_are_another_artifact() -> None:
    assert artifact({"a": "1", "b": "2"}).digest != artifact({"a": "2", "b": "1"}).digest


def test_the_digest_is_promised_to_stay_what_it_is() -> None:
    """Releases are named by it: a change here would make every stored one look tampered with."""
    assert EMPTY.digest == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"


def test_the_manifest_lists_files_by_path_with_octal_modes() -> None:
    made = Artifact(
        {
            "run.sh": file_entry("run.sh", "x", mode=0o555),
            "dags/orders.py": file_entry("dags/orders.py", ORDERS),
        }
    )

    (chunk,) = made.chunks
    assert read(chunk.manifest) == {
        "files": [
            {
                "path": "dags/orders.py",
                "mode": "0444",
                "digest": digest_bytes(ORDERS.encode()),
                "size_bytes": len(ORDERS),
                "dag_ids": ["orders"],
                "builds_ids": False,
            },
            {
                "path": "run.sh",
                "mode": "0555",
                "digest": digest_bytes(b"x"),
                "size_bytes": 1,
                "dag_ids": [],
                "builds_ids": False,
            },
        ],
    }
    assert read(made.manifest) == {
        "format": 2,
        "digest": made.digest,
        "files": 2,
        "size_bytes": len(ORDERS) + 1,
        "chunks": [{"digest": digest_bytes(chunk.manifest), "first": "dags/orders.py", "files": 2}],
    }


MANY = {
    f"team_{n % 7}/dag_{n:04d}.py": file_entry(f"team_{n % 7}/dag_{n:04d}.py") for n in range(2000)
}


def test_a_changed_file_changes_one_chunk_and_the_others_stay_the_same_objects() -> None:
    base, path = Artifact(MANY), "team_3/dag_1004.py"

    changed = Artifact.near(base, {**MANY, path: replace(MANY[path], mode=0o555)})

    fresh = [chunk for chunk in changed.chunks if not any(chunk is one for one in base.chunks)]
    assert [path in [entry.path for entry in chunk.entries] for chunk in fresh] == [True]
    assert len(changed.chunks) == len(base.chunks) > 8


@given(ARTIFACTS, ARTIFACTS)
def test_an_artifact_made_near_another_is_as_if_made_from_scratch(
    base: Artifact, other: Artifact
) -> None:
    made, scratch = (
        Artifact.near(base, {**base.files, **other.files}),
        {**base.files, **other.files},
    )

    assert (made.chunks, made.digest) == (Artifact(scratch).chunks, Artifact(scratch).digest)
    assert made.manifest == Artifact(scratch).manifest


def test_no_chunk_grows_without_limit_whatever_the_paths() -> None:
    """Checksums can be made to order: these names never end a chunk by theirs."""
    names = [name for name in (f"x{n}" for n in range(3000)) if zlib.crc32(name.encode()) & 127]

    made = artifact(dict.fromkeys(names, ""))

    assert [len(chunk.entries) for chunk in made.chunks][:-1] == [512] * (len(names) // 512)


def test_only_files_that_airflow_would_read_count_as_dag_files() -> None:
    made = artifact({"orders.py": ORDERS, "rates.py": "RATE = 2\n", "load.sql": "dag airflow"})

    assert set(made.dag_files) == {"orders.py"}
    assert made.dag_ids == {"orders"}
    assert made.size_bytes == len(ORDERS) + 9 + 11
