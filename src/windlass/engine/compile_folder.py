"""Compiles the pipelines of a folder on this machine: `windlass compile`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from windlass.compiler.documents import MAX_BYTES
from windlass.compiler.pipelines.calls import SignatureOf
from windlass.compiler.pipelines.compile import compile_pipeline
from windlass.compiler.pipelines.tree import Compile, CompiledTree, compile_tree, source_in, unknown
from windlass.domain.errors import Invalid
from windlass.domain.pipeline import Bindings, is_pipeline_path, output_path
from windlass.domain.template import NO_TEMPLATES, Templates


@dataclass(frozen=True, slots=True)
class Differences:
    """What compiling changes in the folder of DAG files, as paths below it. `removed` are files
    that were compiled from documents which are gone."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.added or self.changed or self.removed)


def compile_folder(
    root: Path,
    folders: tuple[str, ...],
    bindings: Bindings,
    *,
    compile_one: Compile = compile_pipeline,
    templates: Templates = NO_TEMPLATES,
    signature_of: SignatureOf = unknown,
) -> CompiledTree:
    """Compile what lies in `folders` below `root`; or `root` itself, where that is a file. Each
    document by `compile_one`, with these templates, and beside the signatures of operators.

    Raises Invalid CMP001 where there is no such folder, CMP002 where a file cannot be read.
    """
    if root.is_file():
        files = iter([(root.name, read_file(root))])
        return compile_tree(files, bindings, compile_one, templates, signature_of)
    files = ((path, read_file(root / path)) for path in pipelines_in(root, folders))
    return compile_tree(files, bindings, compile_one, templates, signature_of)


def pipelines_in(root: Path, folders: tuple[str, ...]) -> Iterator[str]:
    """Files that may hold a pipeline, by their paths below `root`. Symlinks are passed over, as Git
    does not follow them. Raises Invalid CMP001."""
    missing = [folder for folder in folders if not (root / folder).is_dir()]
    if missing:
        raise Invalid(
            "CMP001",
            f"{str(root)!r} has no folder {missing[0]!r}",
            "Name the DAG root, and with --pipelines the folders of it that hold pipelines.",
        )
    for folder in folders:
        for place in (root / folder).rglob("*"):
            path = place.relative_to(root).as_posix()
            if is_pipeline_path(path, folders) and place.is_file() and not place.is_symlink():
                yield path


def compare(tree: CompiledTree, root: Path, out: Path, folders: tuple[str, ...]) -> Differences:
    """What lies in `out` beside what was compiled from `root`. Files of documents that failed stay
    as they are; a file that was not compiled is none of ours, and is told as Invalid CMP003."""
    made = {one.path: one.text for one in tree.made.values()}
    there = {path: _text(out / path) for path in made}
    for path, text in there.items():
        if text is not None and text != made[path] and source_in(text) is None:
            raise Invalid(
                "CMP003",
                f"{str(out / path)!r} was not compiled, and a pipeline would take its place",
                "Rename the file, or the pipeline.",
            )
    return Differences(
        tuple(path for path, text in there.items() if text is None),
        tuple(path for path, text in there.items() if text is not None and text != made[path]),
        tuple(_orphans(root, out, folders)) if root.is_dir() else (),
    )


def write(tree: CompiledTree, differences: Differences, out: Path) -> None:
    """Make the folder of DAG files equal to what was compiled, one file after the other."""
    made = {one.path: one.text for one in tree.made.values()}
    for path in (*differences.added, *differences.changed):
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        write_file(out / path, made[path])
    for path in differences.removed:
        (out / path).unlink()


def write_file(place: Path, text: str) -> None:
    """Put a text in the place of what is there, at once."""
    aside = place.with_name(f".{place.name}.new")
    aside.write_text(text, "utf-8")
    aside.replace(place)


def _orphans(root: Path, out: Path, folders: tuple[str, ...]) -> Iterator[str]:
    """DAG files that were compiled from a document below `root` which is not there any more."""
    for folder in folders:
        for place in sorted((out / folder).rglob("*.py")):
            path = place.relative_to(out).as_posix()
            source = source_in(_text(place) or "")
            if source is None or not is_pipeline_path(source, folders):
                continue
            if output_path(source) == path and not (root / source).exists():
                yield path


def read_file(place: Path) -> bytes:
    """No more of a file than tells that it is too large. Raises Invalid CMP002."""
    try:
        with place.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Invalid(
            "CMP002", f"the pipeline {str(place)!r} cannot be read: {error.strerror}"
        ) from error


def _text(place: Path) -> str | None:
    try:
        return place.read_text("utf-8", "replace")
    except OSError:
        return None
