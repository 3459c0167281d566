"""What every step needs, built once by `windlass.app`."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from windlass.artifacts.store import Store
from windlass.checks import CHECKS_VERSION
from windlass.checks.known import Known
from windlass.credentials.github_app import Installations
from windlass.credentials.keyring import Keyring
from windlass.credentials.secrets import Secrets
from windlass.credentials.signing import SigningKey
from windlass.credentials.vaults import Vaults
from windlass.database.artifacts import get_artifact
from windlass.database.connection import Database
from windlass.database.deployments import find_bundle
from windlass.database.history import record_event
from windlass.database.imports import (
    find_imports,
    find_tested,
    find_whole_imports,
    keep_imports,
    keep_tested,
)
from windlass.database.jobs import Jobs
from windlass.domain.artifact import EMPTY, Artifact
from windlass.domain.digest import digest_json
from windlass.domain.environment import Target
from windlass.domain.errors import Invalid
from windlass.domain.events import Event
from windlass.domain.families import families_for
from windlass.domain.finding import Finding
from windlass.domain.ignores import ReadIgnores
from windlass.domain.imported import Imported
from windlass.domain.installed import Installed
from windlass.domain.inventory import NOTHING, Inventory
from windlass.domain.policies import Ruling
from windlass.domain.policy import Policy
from windlass.domain.release import Release
from windlass.domain.remote import parse_remote_url
from windlass.domain.repository import Repository, Revision
from windlass.domain.served import Judges
from windlass.domain.tested import SuiteResult
from windlass.engine.imports import ImportMemory, Imports, KeepNothing
from windlass.engine.login import stored_auth
from windlass.engine.measures import Measures
from windlass.engine.pipelines import Pipelines, bindings_of
from windlass.engine.ruling import PolicyMemory, Rules, whose_is
from windlass.engine.trials import Trials
from windlass.engine.trust import find_distrust, signers_of
from windlass.git.access import Boundary, Remote
from windlass.git.extent import Extent
from windlass.git.listing import ListingMemory
from windlass.git.lsrefs import HeadFinder
from windlass.git.mirror import Mirror, mirror_of
from windlass.git.signatures import Signers
from windlass.network.proxies import STRAIGHT, Network
from windlass.sandbox.checker import Checker
from windlass.sandbox.compiler import PipelineCompiler
from windlass.sandbox.importer import Importer
from windlass.targets.airflow import AirflowClient

log = structlog.get_logger()


class ArtifactMemory:
    """Artifacts by digest, newest first, up to so many files in all: a big one takes 0.2 s and
    more to load, and a sync asks for the same one several times. Safe for threads."""

    def __init__(self, max_files: int = 60_000) -> None:
        self._max_files = max_files
        self._kept: dict[str, Artifact] = {}  # in the order of their last use
        self._lock = threading.Lock()

    def get(self, connection: Connection, digest: str) -> Artifact:
        """The artifact of that digest, loaded where it is not at hand; raises as
        `artifacts.get_artifact` does."""
        with self._lock:
            known = self._kept.pop(digest, None)
            if known is not None:
                self._kept[digest] = known
                return known
        return self.keep(get_artifact(connection, digest))

    def keep(self, artifact: Artifact) -> Artifact:
        """Remember an artifact, and forget the ones that were not used for longest."""
        with self._lock:
            self._kept[artifact.digest] = artifact
            files = sum(len(kept.files) for kept in self._kept.values())
            while files > self._max_files and len(self._kept) > 1:
                oldest = next(iter(self._kept))
                files -= len(self._kept.pop(oldest).files)
        return artifact


@dataclass(frozen=True, slots=True)
class KeepInDatabase:
    """Results of imports and of tests, for all workers."""

    database: Database

    def find(self, keys: Iterable[str]) -> Mapping[str, Imported]:
        with self.database.transaction() as connection:
            return find_imports(connection, keys)

    def find_whole(self, keys: Iterable[str]) -> Mapping[str, Imported]:
        with self.database.transaction() as connection:
            return find_whole_imports(connection, keys)

    def keep(self, results: Mapping[str, Imported]) -> None:
        with self.database.transaction() as connection:
            keep_imports(connection, results)

    def find_tested(self, key: str) -> SuiteResult | None:
        with self.database.transaction() as connection:
            return find_tested(connection, key)

    def keep_tested(self, key: str, tested: SuiteResult) -> None:
        with self.database.transaction() as connection:
            keep_tested(connection, key, tested)


@dataclass(frozen=True, slots=True)
class Context:
    """The adapters and rules of one process.

    `policy` is for repositories that no stored policy is for. `airflows` has a client per
    environment that has an address; releases of the others are published and never seen live.
    `checkers` has one per environment that names an interpreter; `checker` is for the others; so
    are `importers` and `importer`, None where no interpreter of Airflow is known. `published` is
    set when this process flipped a pointer, so that its observer need not wait for its next look.
    `keeps_results` False forgets what imports and tests gave: they were of strangers' files.
    """

    database: Database
    jobs: Jobs
    store: Store
    mirrors: Path
    checker: Checker
    keyring: Keyring
    audit_key: SigningKey
    release_key: SigningKey
    policy: Policy = field(default_factory=Policy)
    policies: PolicyMemory = field(default_factory=PolicyMemory)
    airflows: Mapping[str, AirflowClient] = field(default_factory=dict)
    checkers: Mapping[str, Checker] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)
    inventories: Mapping[str, Inventory] = field(default_factory=dict)
    allowed_hosts: Sequence[str] = ()
    allowed_folders: Sequence[Path] = ()
    network: Network = STRAIGHT
    max_fetch_bytes: int | None = None
    public_url: str | None = None
    hooked_interval_s: int | None = None
    mirror_quota_bytes: int = 20_000_000_000
    artifacts: ArtifactMemory = field(default_factory=ArtifactMemory)
    listings: ListingMemory = field(default_factory=ListingMemory)
    heads: HeadFinder = field(default_factory=HeadFinder)
    published: threading.Event = field(default_factory=threading.Event)
    measures: Measures = field(default_factory=Measures)
    importer: Importer | None = None
    importers: Mapping[str, Importer] = field(default_factory=dict)
    import_memory: ImportMemory = field(default_factory=ImportMemory)
    trials: Trials = field(default_factory=Trials)
    signers: Path | None = None
    apps: Installations = field(default_factory=Installations)
    vaults: Vaults = field(default_factory=Vaults)
    keeps_results: bool = True
    compiler: PipelineCompiler = field(default_factory=PipelineCompiler)

    @property
    def secrets(self) -> Secrets:
        """What opens stored credentials."""
        return Secrets(self.keyring, self.apps, self.vaults)

    @property
    def boundary(self) -> Boundary:
        """Where git may go."""
        return Boundary(self.allowed_hosts, self.allowed_folders, self.network)

    def checker_of(self, repository: Repository) -> Checker:
        """Checks files under the interpreter of the repository's environment."""
        return self.checkers.get(repository.environment, self.checker)

    def known_of(self, repository: Repository) -> Known:
        """What is known of the repository's environment."""
        is_folder = self.targets.get(repository.environment) is Target.FOLDER
        folder = self._place_of(repository) if is_folder else ""
        inventory = self.inventory_of(repository.environment)
        installed = _installed_of(self.checker_of(repository))
        return Known(installed, inventory, folder, self.ignores_of(repository.environment, folder))

    def _place_of(self, repository: Repository) -> str:
        """Where a repository lies in Airflow's folder: it keeps its place when it is renamed."""
        with self.database.transaction() as connection:
            place = find_bundle(connection, repository.id)
        return place or f"{repository.namespace}/{repository.name}"

    def ignores_of(self, environment: str, bundle: str) -> ReadIgnores:
        """Reads ignore files as the Airflow of an environment does. Of the folder target `bundle`
        is where a tree lies in Airflow's folder; of others it says nothing."""
        checker = self.checkers.get(environment, self.checker)
        syntax = self.inventory_of(environment).declared.ignore_syntax
        is_folder = self.targets.get(environment) is Target.FOLDER
        return partial(checker.read_ignores, syntax=syntax, root=bundle if is_folder else "")

    def inventory_of(self, environment: str) -> Inventory:
        """What is known of the connections, variables and pools of an environment."""
        return self.inventories.get(environment, NOTHING)

    def importer_of(self, repository: Repository) -> Importer | None:
        """Imports files under the interpreter of the repository's environment."""
        return self.importers.get(repository.environment, self.importer)

    def imports_of(self, repository: Repository) -> Imports:
        """How the trees of a repository are imported, if they are."""
        is_wanted = "import" in families_for(repository.options)
        known = self.known_of(repository)
        return Imports(
            self.importer_of(repository),
            repository.id,
            self.inventory_of(repository.environment),
            memory=self.import_memory,
            keep=KeepInDatabase(self.database) if self.keeps_results else KeepNothing(),
            read_ignores=known.read_ignores,
            folder=known.folder,
            because="" if is_wanted else "the repository's options switch it off",
        )

    def ruling_of(self, repository: Repository, connection: Connection | None = None) -> Ruling:
        """The release policy and the waivers of the repository; give the connection of a
        transaction that is open."""
        book, day = self.policies.now(self.database, connection)
        return book.ruling(whose_is(repository), day, self.policy)

    def rules_of(self, repository: Repository) -> Rules:
        """What a build of the repository is judged by."""
        return Rules.of(repository, self.ruling_of(repository), self.known_of(repository))

    def pinned(self) -> "Context":
        """The same, with the policies and the day as they are now for as long as it is used."""
        return replace(self, policies=self.policies.pinned(self.database))

    def inputs_of(self, repository: Repository, connection: Connection | None = None) -> str:
        """A digest of what judges a revision of the repository, beside the revision itself; the
        connection as in `ruling_of`."""
        return self.judges_of(repository, self.ruling_of(repository, connection)).inputs

    def judges_of(self, repository: Repository, ruling: Ruling | None = None) -> Judges:
        """What judges a revision of the repository."""
        ruling = ruling or self.ruling_of(repository)
        options, by = ruling.policy.applied(repository.options), ruling.digest
        checker = self.checker_of(repository)
        by_what = [CHECKS_VERSION, _python_of(checker), checker.engines]
        checks = digest_json([*by_what, families_for(options)])
        chosen = [options.verdict_mode, options.validation, repository.dag_id_prefix]
        known = self.known_of(repository).digest if options.validation else None
        chosen.append(self.pipelines_of(repository).digest)
        imports = self.imports_of(repository)
        if state := imports.state or (options.tests and imports.importer_state):
            chosen.append(state)
        if options.tests:
            chosen.append(options.tests_limit_s)
        if ruling.policy.require.verified_commits:
            chosen.append(self._signers_of(repository).digest)
        inputs = digest_json([checks, by, known, *chosen])
        return Judges(inputs, checks, by)

    def pipelines_of(self, repository: Repository) -> Pipelines:
        """How the pipelines of the repository are compiled."""
        environment = repository.environment
        declared = self.inventory_of(environment).declared
        checker = self.checker_of(repository)
        bindings = bindings_of(_installed_of(checker), declared, environment)
        folders = repository.options.pipelines
        return Pipelines(self.compiler, bindings, folders, checker.signature)

    def distrust_of(self, repository: Repository, revision: Revision) -> Finding | None:
        """Why the commit is not trusted, where the release policy demands that it is; None where it
        is, or need not be."""
        if not self.ruling_of(repository).policy.require.verified_commits:
            return None
        git_dir = self.mirror_of(repository).git_dir
        return find_distrust(self._signers_of(repository), git_dir, revision)

    def _signers_of(self, repository: Repository) -> Signers:
        return signers_of(self.signers or self.store.root.parent / "signers", repository)

    def artifact_of(self, connection: Connection, release: Release | None) -> Artifact:
        """The artifact of a release; the empty one for None."""
        return EMPTY if release is None else self.artifacts.get(connection, release.artifact_digest)

    def mirror_of(self, repository: Repository) -> Mirror:
        """The repository's mirror on this worker; where it leaves something out, it fetches that
        by itself when it is wanted."""
        options = repository.options
        extent = Extent(options.depth, options.is_partial)
        place = mirror_of(self.mirrors, repository.id).git_dir
        if not extent.is_partial:
            return Mirror(place, extent)

        def origin() -> Remote:
            with self.database.transaction() as connection:
                return self.remote_of(connection, repository)

        return Mirror(place, extent, origin)

    def remote_of(self, connection: Connection, repository: Repository) -> Remote:
        """Where the repository is and how to get in; raises as `stored_auth` where its credential
        does not fit: a changed URL must not carry a secret elsewhere.

        Holds a secret: never log it, never keep it.
        """
        auth = None
        if repository.credential is not None:
            url = parse_remote_url(repository.url)
            auth = stored_auth(connection, self.secrets, repository.credential, url)
        return Remote(repository.url, repository.ref, auth, self.boundary)


def _python_of(checker: Checker) -> str:
    """The version of its interpreter; why that does not run, which is a state of its own."""
    try:
        return checker.python_version
    except Invalid as error:
        return str(error)


def _installed_of(checker: Checker) -> Installed | None:
    """None where the interpreter does not run: then nothing is judged (`engine.build`)."""
    try:
        return checker.installed
    except Invalid:
        return None


def tell(
    connection: Connection,
    event: Event,
    repository: Repository,
    *,
    revision: str | None = None,
    release_id: int | None = None,
    **facts: Any,
) -> None:
    """Record an event of a repository in its history, and log it with the same words.

    Within a sync the history has its name too, as the log has.
    """
    within = structlog.contextvars.get_contextvars()
    sync = {"sync": within["sync"]} if "sync" in within else {}
    record_event(
        connection,
        event,
        repository_id=repository.id,
        revision=revision,
        release_id=release_id,
        **facts,
        **sync,
    )
    known = {"revision": revision, "release": release_id, **facts}
    log.info(
        event.value,
        repository=repository.name,
        **{name: value for name, value in known.items() if value is not None},
    )
