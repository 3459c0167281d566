"""What Airflow reports, and whether it shows a release."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from windlass.domain.artifact import Artifact, Outline
from windlass.domain.dependents import changes_between
from windlass.domain.release import ReleaseId


@dataclass(frozen=True, slots=True)
class SeenDag:
    """One DAG that Airflow shows now.

    `version` is its bundle version; None where its bundle has no versions, so that only the time
    of its parse tells which release was read. `path` is its file below the bundle's root;
    `file_token` names that file to `parseDagFile`. `parse_began_at` is when the parse that showed
    it began, None where Airflow does not say; `parse_s` is how long it took. `read_from` is the
    release that its file was read from, None where the provider does not say.
    """

    dag_id: str
    version: str | None
    path: str
    file_token: str
    parse_began_at: datetime | None = None
    parse_s: float | None = None
    read_from: ReleaseId | None = None


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
    that the release took away. `files`: the DAG files that are parsed again. `makers`: those of
    them that are new, have no literal id and look as if they made DAGs at run time.
    """

    release_id: ReleaseId
    present: Mapping[str, str]
    absent: frozenset[str]
    files: frozenset[str]
    published_at: datetime
    makers: frozenset[str] = frozenset()

    def without(self, not_made: frozenset[str]) -> "Expectation":
        """The same without ids that their files turned out not to make."""
        kept = {i: path for i, path in self.present.items() if i not in not_made}
        return replace(self, present=kept)


@dataclass(frozen=True, slots=True)
class Shown:
    """One side of a change as Airflow reads it: an artifact, the paths that its ignore files hide,
    the ids Airflow was seen with (dag_id → file), and the literal ones it never showed."""

    artifact: Artifact
    ignored: frozenset[str] = frozenset()
    observed: Mapping[str, str] = field(default_factory=dict)
    not_made: frozenset[str] = frozenset()

    @property
    def dag_files(self) -> dict[str, Outline]:
        """The DAG files that Airflow looks at, by path."""
        files = self.artifact.dag_files.items()
        return {path: outline for path, outline in files if path not in self.ignored}

    @property
    def dag_ids(self) -> dict[str, str]:
        """The literal ids that can be seen → their file."""
        return {
            i: path for path, outline in sorted(self.dag_files.items()) for i in outline.dag_ids
        }


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
(dag_processing/manager.py), so a parse that began before the bundle flipped can show old code
under the new version. Where the provider does not say what was read, the beginning of the parse
tells, and is only known give or take the time that storing took: the more, the slower the parse."""


def expect(
    release_id: ReleaseId, old: Shown, new: Shown, published_at: datetime, folder: str = ""
) -> Expectation:
    """What Airflow must show once `new` took the place of `old`; `folder` as `changes_between` has
    it."""
    dag_files = new.dag_files
    files = changes_between(old.artifact, new.artifact, folder).parsed_again & dag_files.keys()
    files |= (old.ignored & dag_files.keys()) - new.ignored
    unmade = {i for i in old.not_made if _is_unchanged(old.dag_ids.get(i), old, new)}
    ids = new.dag_ids
    present = {i: path for i, path in ids.items() if path in files and i not in unmade}
    was = old.dag_ids.keys() - old.not_made
    was |= {i for i, path in old.observed.items() if path not in dag_files}
    makers = {
        path
        for path in files
        if not dag_files[path].dag_ids
        and path not in old.dag_files
        and any(_makes_dags(name) for name in dag_files[path].imports)
    }
    return Expectation(
        release_id,
        present,
        frozenset(was - ids.keys()),
        frozenset(files),
        published_at,
        frozenset(makers),
    )


def _is_unchanged(path: str | None, old: Shown, new: Shown) -> bool:
    before, after = old.artifact.files.get(path or ""), new.artifact.files.get(path or "")
    return before is not None and after is not None and before.content_key == after.content_key


def _makes_dags(imported: str) -> bool:
    """Whether the name is Airflow's `DAG` or `dag`, wherever a version of Airflow keeps it."""
    first, _, rest = imported.partition(".")
    return first == "airflow" and rest.rpartition(".")[2] in ("DAG", "dag")


def compare(
    expected: Expectation, dags: Iterable[SeenDag], errors: Iterable[SeenImportError]
) -> Observed:
    """Hold what Airflow shows against what is expected.

    Only import errors of files that were parsed again count, and only those that Airflow met
    since the release was published: older ones belong to the release before. `published_at` of
    the expectation must be by Airflow's clock.
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
    """Files without literal ids: those of which Airflow knows DAGs, none of them new, and those
    that must show their first."""
    by_file: dict[str, list[SeenDag]] = {}
    for dag in dags:
        by_file.setdefault(dag.path, []).append(dag)
    version = str(expected.release_id)
    return [
        path
        for path in sorted(expected.files - set(expected.present.values()))
        if (path in by_file or path in expected.makers)
        and all(dag.version not in (None, version) for dag in by_file.get(path, []))
    ]


def never_made(
    expected: Expectation, dags: Iterable[SeenDag], *, is_settled: bool
) -> frozenset[str]:
    """Literal ids that their file does not make, such as one in a false `if`.

    Airflow stores all DAGs of a parse at once, so where it shows another DAG of the file at the
    release, the file was read. Where it shows none, only time tells: `is_settled` says that
    nothing new was seen for so long that every file must have been read.
    """
    seen = list(dags)
    shown = {dag.dag_id for dag in seen}
    version = str(expected.release_id)
    read = {d.path for d in seen if d.version in (None, version) and not _is_too_early(d, expected)}
    return frozenset(
        dag_id
        for dag_id, path in expected.present.items()
        if dag_id not in shown and (path in read or is_settled)
    )


def unconverged(
    release_id: ReleaseId, dag_ids: Iterable[str], dags: Iterable[SeenDag]
) -> list[str]:
    """The DAGs of a release that Airflow was not seen with: ids of `dag_ids` that it does not
    show, and those of its bundle that it shows at another release."""
    seen = {dag.dag_id: dag.version for dag in dags}
    old = {i for i, version in seen.items() if version not in (None, str(release_id))}
    return sorted(old | (set(dag_ids) - seen.keys()))


def _shows(dag: SeenDag | None, version: str, path: str) -> bool:
    return dag is not None and dag.version in (None, version) and dag.path == path


def _is_too_early(dag: SeenDag, expected: Expectation) -> bool:
    """Whether what was seen of a file may be older than the release; where neither a version nor
    a time is told, it may."""
    if dag.path not in expected.files or dag.version not in (None, str(expected.release_id)):
        return False
    if dag.read_from is not None:
        return dag.read_from != expected.release_id
    if dag.parse_began_at is None:
        return dag.version is None
    margin = max(PARSE_MARGIN, timedelta(seconds=(dag.parse_s or 0) / 2))
    return dag.parse_began_at < expected.published_at + margin
