"""What a tree's DAGs are, for a plan: from remembered imports where there are any."""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from windlass.domain.artifact import Artifact, Outline
from windlass.domain.dag_shape import DagShape, Link, Snapshot
from windlass.domain.imported import Imported, ImportStatus
from windlass.domain.needs import Surroundings
from windlass.domain.serialized import links_of, read_dag
from windlass.engine.imports import Imports
from windlass.sandbox.stage import Contents

_OF_FILES = "f:"


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree to be planned. `contents` gives what is imported; `denied` maps files that must not be
    imported to the reason; of files of `skip`, what is remembered or a plain reading must do."""

    artifact: Artifact
    contents: Contents
    denied: Mapping[str, str] = field(default_factory=dict)
    skip: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _File:
    """What is known of one DAG file; `result` None where it was not imported."""

    result: Imported | None
    dags: tuple[DagShape, ...]


def snapshots_of(imports: Imports, base: Tree, head: Tree) -> tuple[Snapshot, Snapshot]:
    """What both trees' DAGs are. What a DAG file of the base gives is what it gives at the head,
    where nothing that it looked at differs; then both have the very same objects.

    Raises as `Imports.of` does.
    """
    after = _files(imports, head, {}, keep=True)
    before = _files(imports, base, _same(base, head, after), keep=False)
    return _snapshot(base, before), _snapshot(head, after)


def _same(base: Tree, head: Tree, known: Mapping[str, _File]) -> dict[str, _File]:
    view, files = Surroundings(base.artifact), base.artifact.files
    found = {}
    for path, one in known.items():
        entry = files.get(path)
        if entry is None or entry.content_key != head.artifact.files[path].content_key:
            continue
        if path in base.denied:
            continue
        if one.result is None:
            if path in base.skip:
                found[path] = one
        elif one.result.needs is not None and view.has(one.result.needs):
            found[path] = one
    return found


def links_in(one: Imported) -> dict[str, frozenset[Link]]:
    """dag_id → what it waits for, of the DAGs of one import."""
    if not one.serialized:
        return {}
    dags = json.loads(zlib.decompress(one.serialized))
    return {dag_id: links_of(data)[1] for dag_id, data in dags.items()}


def _files(
    imports: Imports, tree: Tree, known: Mapping[str, _File], *, keep: bool
) -> dict[str, _File]:
    """Path → what is known of it, of every DAG file that Airflow reads and the gate lets pass."""
    hidden = imports.read_ignores(tree.artifact).hidden
    paths = [p for p in tree.artifact.dag_files if p not in hidden and p not in tree.denied]
    wanted = [path for path in paths if path not in known]
    asked = replace(imports, skip=tree.skip)
    results = asked.whole(tree.artifact, wanted, tree.contents, keep=keep) if wanted else {}
    found = {}
    for path in paths:
        if path in known:
            found[path] = known[path]
        elif (one := results.get(path)) is not None:
            found[path] = _File(one, tuple(_imported_dags(tree.artifact, path, one)))
        else:
            outline = tree.artifact.dag_files[path]
            found[path] = _File(None, tuple(_read_dags(tree.artifact, path, outline)))
    return found


def _imported_dags(artifact: Artifact, path: str, one: Imported) -> Iterator[DagShape]:
    if not one.serialized:
        return
    own = {path: artifact.files[path].digest}
    looked_at = {
        need.removeprefix(_OF_FILES): there
        for need, there in (one.needs or {}).items()
        if need.startswith(_OF_FILES) and need.removeprefix(_OF_FILES) in artifact.files
    }
    asked = [(a.kind, a.name) for a in one.asked if a.kind != "environment"]
    for dag_id, data in json.loads(zlib.decompress(one.serialized)).items():
        yield read_dag(dag_id, data, path, {**looked_at, **own}, asked)


def _read_dags(artifact: Artifact, path: str, outline: Outline) -> Iterator[DagShape]:
    """The DAGs as a plain reading has them."""
    facts = {one.dag_id: one for one in outline.judged_dags}
    for dag_id in outline.dag_ids:
        one = facts.get(dag_id)
        told = {"schedule": one.schedule, "tags": one.tags, "owners": one.owners} if one else {}
        settings = {
            name: [*value] if isinstance(value, tuple) else value
            for name, value in told.items()
            if value not in (None, (), "")
        }
        yield DagShape(dag_id, path, {path: artifact.files[path].digest}, settings, None)


def _snapshot(tree: Tree, files: Mapping[str, _File]) -> Snapshot:
    imported = {path: one.result for path, one in files.items() if one.result is not None}
    bad = {path: one for path, one in imported.items() if one.status is not ImportStatus.OK}
    untold = {path: _why(one) for path, one in bad.items()} | dict(tree.denied)
    dags = {
        dag.dag_id: dag
        for path, one in sorted(files.items())
        if path not in untold
        for dag in one.dags
    }
    seconds = {path: one.seconds for path, one in imported.items() if path not in bad}
    return Snapshot(tree.artifact.digest, dags, dict(sorted(untold.items())), seconds)


def _why(one: Imported) -> str:
    return one.problems[0].message if one.problems else str(one.status)
