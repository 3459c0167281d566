from windlass.domain.artifact import Artifact, FileEntry, Outline
from windlass.domain.comparison import (
    Comparison,
    DagDifference,
    Difference,
    FileDifference,
    compare_artifacts,
)
from windlass.domain.digest import digest_bytes


def file(
    path: str,
    content: str,
    *dag_ids: str,
    imports: tuple[str, ...] = (),
    mentions: tuple[str, ...] = (),
) -> FileEntry:
    outline = Outline(dag_ids, bool(dag_ids), imports, mentions) if path.endswith(".py") else None
    digest = digest_bytes(content.encode())
    return FileEntry(path, 0o444, digest, digest[:40], len(content), outline)


def artifact(*files: FileEntry) -> Artifact:
    return Artifact({one.path: one for one in sorted(files, key=lambda one: one.path)})


def test_files_dags_and_reasons_are_told_apart() -> None:
    kept, gone = file("kept.py", "k", "kept"), file("gone.py", "g", "gone")
    old_a, new_a = file("a.py", "1", "a", "m"), file("a.py", "2", "a")
    moved = file("b.py", "b", "m", "new")

    found = compare_artifacts(artifact(kept, gone, old_a), artifact(kept, new_a, moved))

    assert found == Comparison(
        (
            FileDifference("a.py", Difference.CHANGED, old_a, new_a),
            FileDifference("b.py", Difference.ADDED, None, moved),
            FileDifference("gone.py", Difference.REMOVED, gone, None),
        ),
        (
            DagDifference("a", Difference.CHANGED, "a.py"),
            DagDifference("gone", Difference.REMOVED, "gone.py"),
            DagDifference("m", Difference.MOVED, "b.py", "a.py"),
            DagDifference("new", Difference.ADDED, "b.py"),
        ),
        {"a.py": "changed", "b.py": "new"},
    )


def test_a_dag_file_that_depends_on_what_changed_says_on_what() -> None:
    dag = file("dag.py", "d", "d", imports=("lib",))
    lib = file("lib.py", "l", mentions=("load.sql",))

    changed = compare_artifacts(
        artifact(dag, lib, file("load.sql", "1")), artifact(dag, lib, file("load.sql", "2"))
    )
    gone = compare_artifacts(artifact(dag, lib), artifact(dag))

    assert changed.parsed_again == {"dag.py": "depends on load.sql, which is changed"}
    assert changed.dags == (DagDifference("d", Difference.CHANGED, "dag.py"),)
    assert gone.parsed_again == {"dag.py": "depends on lib.py, which is gone"}


def test_equal_artifacts_do_not_differ() -> None:
    same = artifact(file("a.py", "1", "a"))

    assert compare_artifacts(same, same) == Comparison((), (), {})
