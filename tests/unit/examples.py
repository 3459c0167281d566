"""Artifacts made from source text, as a build makes them, and strategies for more of them."""

import ast
from collections.abc import Mapping

from hypothesis import strategies as st

from windlass.checks.module import Module
from windlass.checks.outline import outline_of
from windlass.domain.artifact import FILE_MODES, Artifact, FileEntry, Outline
from windlass.domain.digest import digest_bytes

_NAMES = st.sampled_from(["a", "b", "c", "__init__"])
_FOLDERS = st.sampled_from(["", "team/", "team/deep/"])
PYTHON_PATHS = st.builds(lambda folder, name: f"{folder}{name}.py", _FOLDERS, _NAMES)
DATA_PATHS = st.builds(
    lambda folder, name: f"{folder}{name}", _FOLDERS, st.sampled_from(["x.sql", "y.sql", "z.json"])
)
PATHS = PYTHON_PATHS | DATA_PATHS
_STATEMENTS = st.sampled_from(
    [
        "import a",
        "import team.b",
        "from team import c",
        "from . import a",
        "from .b import X",
        "from .. import c",
        "Q = 'x.sql'",
        "Q = 'sql/*.sql'",
        "X = 1",
        "from airflow.sdk import DAG\ndag = DAG('one')",
    ]
)
_SOURCES = st.lists(_STATEMENTS, max_size=3).map("\n".join)
TREES = st.dictionaries(PATHS, _SOURCES, max_size=8)


def file_entry(
    path: str, text: str = "", *, mode: int = 0o444, outline: Outline | None = None
) -> FileEntry:
    """An entry as a build makes it; Python text gets its real outline unless one is given."""
    content = text.encode()
    if path.endswith(".py") and outline is None:
        outline = outline_of(Module(path, content, ast.parse(content)))
    return FileEntry(path, mode, digest_bytes(content), "0" * 40, len(content), outline)


def artifact(texts: Mapping[str, str]) -> Artifact:
    return Artifact({path: file_entry(path, text) for path, text in texts.items()})


OUTLINES = st.builds(
    Outline,
    dag_ids=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    is_candidate=st.booleans(),
    imports=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    mentions=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    builds_ids=st.booleans(),
)
ENTRIES = st.builds(
    FileEntry,
    path=st.text(min_size=1, max_size=8),
    mode=st.sampled_from(FILE_MODES),
    digest=st.text("0123456789abcdef", min_size=64, max_size=64),
    blob=st.text("0123456789abcdef", min_size=40, max_size=40),
    size_bytes=st.integers(0, 10_000_000),
    outline=st.none() | OUTLINES,
)
ARTIFACTS = st.lists(ENTRIES, max_size=4).map(
    lambda entries: Artifact({e.path: e for e in entries})
)
