"""What an import depends on in its tree."""

from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.dependents import content_changes
from windlass.domain.needs import Surroundings, needs_touched

PATHS = ["a.py", "a/__init__.py", "a/b.py", "a/b/c.py", "b.py", "x.sql", "d/y.sql"]
TREES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(["1", "2"]))
NEEDS = [
    *(f"f:{p}" for p in [*PATHS, "", "a", "a/b", "d", "e"]),
    *(f"l:{p}" for p in ["", "a", "a/b", "d", "e"]),
    *(f"n:{f}:{m}" for f in ["", "a", "d"] for m in ["a", "b", "c", "y"]),
]


def tree(files: dict[str, str]) -> Artifact:
    return Artifact(
        {path: FileEntry(path, 0o444, digest, "", 1) for path, digest in sorted(files.items())}
    )


def test_what_is_there_is_told_apart() -> None:
    view = Surroundings(tree({"a/__init__.py": "1", "b.py": "2", "d/y.sql": "3"}))

    assert view.answers(["f:b.py", "f:c.py", "f:d", "n::a", "n::b", "n::d", "n::c"]) == {
        "f:b.py": "292:2",
        "f:c.py": "",
        "f:d": "folder",
        "n::a": "pd",
        "n::b": "m",
        "n::d": "d",
        "n::c": "",
    }


@given(before=TREES, after=TREES)
def test_whatever_is_not_touched_is_answered_as_before(
    before: dict[str, str], after: dict[str, str]
) -> None:
    old, new = tree(before), tree(after)
    changes = content_changes(old, new)
    touched = needs_touched(changes.added | changes.removed, changes.modified)
    one, other = Surroundings(old), Surroundings(new)

    differing = {need for need in NEEDS if one.answer(need) != other.answer(need)}

    assert differing <= touched
