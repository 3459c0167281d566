"""What Airflow reports, and whether it shows a release."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.domain.artifact import Artifact
from windlass.domain.dependents import changes_between
from windlass.domain.release import ReleaseId


@dataclass(frozen=True, slots=True)
class SeenDag:
    """One DAG that Airflow shows now. `version` is its bundle version, None where unversioned;
    `path` its file below the bundle's root; `file_token` names that file to `parseDagFile`.
    `parse_began_at` is when the parse that showed it began, None where Airflow does not say."""

    dag_id: str
    version: str | None
    path: str
    file_token: str
    parse_began_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeenImportError:
    """One import error; `at` is when Airflow last met it, by Airflow's clock."""

    path: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What Airflow must show before a release is live.

    `present`: dag_id → file, for every literal id in a file that is parsed again. `absent`: ids
    that the release took away. `files`: the DAG files that are parsed again.
    """

    release_id: ReleaseId
    present: Mapping[str, str]
    absent: frozenset[str]
    files: frozenset[str]
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Live:
    """Every changed, added and removed DAG was seen as the release has it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not all was seen yet; `missing` says what, in words. Files in `parsed_too_early` should be
    parsed once more."""

    missing: tuple[str, ...]
    parsed_too_early: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Broken:
    """Airflow cannot import files of the release."""

    errors: tuple[SeenImportError, ...]


Observed = Live | Waiting | Broken

PARSE_MARGIN = timedelta(seconds=0.2)
"""Airflow stamps a parse with the bundle version of the moment it stores the result
(dag_processing/manager.py), so a parse that began before the pointer flipped can show old code
under the new version. Its beginning is only known give or take the time that storing took."""


def expect(
    release_id: ReleaseId, old: Artifact, new: Artifact, published_at: datetime
) -> Expectation:
    """What Airflow must show once `new` took the place of `old`."""
    files = changes_between(old, new).parsed_again
    present = {i: path for path in sorted(files) for i in new.dag_files[path].dag_ids}
    return Expectation(release_id, present, old.dag_ids - new.dag_ids, files, published_at)


def compare(
    expected: Expectation, dags: Iterable[SeenDag], errors: Iterable[SeenImportError]
) -> Observed:
    """Hold what Airflow shows against what is expected.

    Only import errors of files that were parsed again count, and only those that Airflow met
    since the release was published: older ones belong to the release before. The clocks of
    Airflow and Windlass are taken to agree.
    """
    broken = [e for e in errors if e.path in expected.files and e.at > expected.published_at]
    if broken:
        return Broken(tuple(sorted(broken, key=lambda e: e.path)))
    seen = {dag.dag_id: dag for dag in dags}
    version = str(expected.release_id)
    missing = [
        f"{dag_id} at release #{version}"
        for dag_id, path in expected.present.items()
        if not _shows(seen.get(dag_id), version, path)
    ]
    missing += [f"{path} at release #{version}" for path in _unseen_files(expected, seen.values())]
    missing += [f"{dag_id} gone" for dag_id in sorted(expected.absent & seen.keys())]
    early = frozenset(dag.path for dag in seen.values() if _is_too_early(dag, expected))
    missing += [f"{path} parsed again" for path in sorted(early)]
    return Waiting(tuple(missing), early) if missing else Live()


def _unseen_files(expected: Expectation, dags: Iterable[SeenDag]) -> list[str]:
    """Files without literal ids of which Airflow knows DAGs, none of them new."""
    by_file: dict[str, list[SeenDag]] = {}
    for dag in dags:
        by_file.setdefault(dag.path, []).append(dag)
    version = str(expected.release_id)
    return [
        path
        for path in sorted(expected.files - set(expected.present.values()))
        if path in by_file and all(dag.version != version for dag in by_file[path])
    ]


def _shows(dag: SeenDag | None, version: str, path: str) -> bool:
    return dag is not None and dag.version == version and dag.path == path


def _is_too_early(dag: SeenDag, expected: Expectation) -> bool:
    return (
        dag.path in expected.files
        and dag.version == str(expected.release_id)
        and dag.parse_began_at is not None
        and dag.parse_began_at < expected.published_at + PARSE_MARGIN
    )
