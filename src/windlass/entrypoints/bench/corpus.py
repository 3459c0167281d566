"""Real DAG files to measure with: the examples that come with an Airflow, as many copies as wanted.

Each copy has a folder, dag_ids and a last line of its own, so that nothing that is remembered of
one holds for another.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from windlass.checks.module import Module
from windlass.checks.outline import outline_of
from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import Invalid
from windlass.domain.imported import Imported, ImportStatus
from windlass.sandbox.importer import Importer
from windlass.sandbox.stage import Contents


@dataclass(frozen=True, slots=True)
class Example:
    """One example DAG file: its name, its text, and a pattern of the ids that it makes."""

    name: str
    text: str
    ids: re.Pattern[str]

    def copy(self, number: int) -> str:
        """Its text in that copy of the corpus."""
        text = self.ids.sub(rf"\g<0>_{number}", self.text)
        return f"{text}\n# copy {number}\n"


class Corpus:
    """The examples of an Airflow, `most` of them, whose import in the sandbox makes DAGs of new ids
    in each copy."""

    def __init__(self, importer: Importer, most: int) -> None:
        found = _examples(importer.interpreter.facts.paths)[:most]
        usable = _usable(importer, found)
        if not usable:
            raise Invalid(
                "BENCH003",
                f"{importer.interpreter.python} has no example DAGs of Airflow",
                "Name the python of an Airflow environment with --airflow-python.",
            )
        self.examples = tuple(usable)

    def file(self, number: int) -> tuple[str, str]:
        """Path and text of the DAG file of that number."""
        copy, index = divmod(number, len(self.examples))
        example = self.examples[index]
        return file_path(example, copy), example.copy(copy)

    def files(self, number: int) -> dict[str, str]:
        """So many DAG files by path."""
        return dict(map(self.file, range(number)))


def file_path(example: Example, number: int) -> str:
    """Where the copy of that number is."""
    return f"copy_{number:03}/{example.name}"


def staged(files: Mapping[str, str]) -> tuple[Artifact, Contents]:
    """Files as an import wants them: the artifact, and who gives their contents."""
    contents = {path: text.encode() for path, text in sorted(files.items())}
    entries = {
        path: FileEntry(path, 0o444, digest_bytes(content), "", len(content))
        for path, content in contents.items()
    }
    return Artifact(entries), lambda wanted: {one.digest: contents[one.path] for one in wanted}


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """The folder, made with the files in it."""
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder


def _examples(paths: tuple[Path, ...]) -> list[Example]:
    """The DAG files in the folders `example_dags` of an Airflow and its providers."""
    found: dict[str, Example] = {}
    for root in paths:
        for path in sorted((root / "airflow").rglob("example_dags/**/*.py")):
            text = path.read_text()
            outline = outline_of(Module(path.name, text.encode(), ast.parse(text)))
            if outline.is_candidate and outline.dag_ids:
                ids = "|".join(map(re.escape, sorted(outline.dag_ids, key=len, reverse=True)))
                pattern = re.compile(rf"(?<![\w.])(?:{ids})(?!\w)")
                found.setdefault(path.name, Example(path.name, text, pattern))
    return list(found.values())


def _usable(importer: Importer, examples: list[Example]) -> list[Example]:
    """Those that two copies of are imported well, with no id in common, and none of another's."""
    files = {file_path(one, number): one.copy(number) for one in examples for number in (1, 2)}
    artifact, contents = staged(files)
    with importer.stage("corpus") as stage:
        stage.become(artifact, contents)
        made = importer.run(stage, list(files))
    seen: set[str] = set()
    usable = []
    for one in examples:
        first, second = (made[file_path(one, number)] for number in (1, 2))
        ids = {*first.dag_ids, *second.dag_ids}
        is_own = len(ids) == len(first.dag_ids) + len(second.dag_ids) and seen.isdisjoint(ids)
        if is_own and _is_fine(first) and _is_fine(second):
            usable.append(one)
            seen |= ids
    return usable


def _is_fine(one: Imported) -> bool:
    return one.status is ImportStatus.OK and bool(one.dag_ids)
