"""The last good version of a file: what is kept where the head has a bad one."""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from windlass.checks.intake import is_read
from windlass.database.releases import get_release
from windlass.domain.artifact import EMPTY, Artifact, FileEntry
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import Conflict, NotFound
from windlass.domain.families import families_for
from windlass.domain.finding import fingerprinted
from windlass.domain.options import VerdictMode
from windlass.domain.release import ReleaseId
from windlass.domain.repository import Lease
from windlass.domain.selection import Version
from windlass.domain.served import Served
from windlass.domain.tree import Kind, TreeEntry
from windlass.domain.waiver import excuse
from windlass.engine.context import Context
from windlass.engine.ruling import Rules
from windlass.sandbox.checker import Checker


@dataclass(slots=True)
class LastGood:
    """Last good versions (`Served.last_good`) that may be deployed again.

    `artifacts` holds the artifact of every release that is asked. `is_trusted` says that today's
    checks and policy allowed all that is served; any other version is checked again first.
    """

    context: Context
    lease: Lease
    served: Served | None
    artifacts: Mapping[ReleaseId, Artifact]
    is_trusted: bool
    contents: dict[str, bytes] = field(default_factory=dict)  # by digest, of what was read here

    @property
    def artifact(self) -> Artifact:
        """What is served now."""
        return self.artifacts.get(self.served.release.id, EMPTY) if self.served else EMPTY

    @property
    def dag_ids(self) -> frozenset[str]:
        """The ids of everything that could be kept."""
        return frozenset(i for artifact in self.artifacts.values() for i in artifact.dag_ids)

    def find(self, paths: Collection[str]) -> Mapping[str, Version]:
        """The versions that may be deployed again, of those paths that have one."""
        versions = {path: version for path in paths if (version := self._version(path))}
        trusted = self.artifact.files.keys() if self.is_trusted else frozenset()
        doubtful = versions.keys() - trusted
        read = {p: c for p in doubtful if (c := self.content(versions[p].entry)) is not None}
        bad = denied_paths(
            self.context.checker_of(self.lease.repository),
            families_for(self.lease.repository.options),
            self.context.rules_of(self.lease.repository),
            {p: versions[p].entry for p in read},
            read,
        )
        self.contents |= {versions[path].entry.digest: content for path, content in read.items()}
        return {
            p: v for p, v in versions.items() if p not in doubtful or (p in read and p not in bad)
        }

    def origin(self, path: str) -> ReleaseId | None:
        """The release that brought the last good version, whether or not it may be used."""
        version = self._version(path)
        return version.release_id if version else None

    def _version(self, path: str) -> Version | None:
        return self.served.last_good(path, self.artifacts) if self.served else None

    def content(self, entry: FileEntry) -> bytes | None:
        """From a release that has it, else from the mirror; None where both lost it."""
        for release_id, artifact in self.artifacts.items():
            if artifact.files.get(entry.path) == entry:
                with contextlib.suppress(Conflict):  # gone, or changed by hand
                    return self.context.store.read_file(release_id, entry)
        mirror = self.context.mirror_of(self.lease.repository)
        content = mirror.find_blob(entry.blob)
        return content if content is not None and digest_bytes(content) == entry.digest else None


def find_last_good(context: Context, lease: Lease, served: Served | None) -> LastGood:
    """The last good versions of a repository; loads the artifacts that hold them."""
    judges = context.judges_of(lease.repository)
    is_trusted = served is not None and served.judges == judges
    artifacts: dict[ReleaseId, Artifact] = {}
    if served is not None:
        is_per_file = lease.repository.options.verdict_mode is VerdictMode.PER_FILE
        omitted = served.omitted.values() if is_per_file else ()
        with context.database.transaction() as connection:
            artifacts[served.release.id] = context.artifact_of(connection, served.release)
            for release_id in sorted({r for r in omitted if r is not None}):
                with contextlib.suppress(NotFound):
                    release = get_release(connection, lease.repository.id, release_id)
                    artifacts[release_id] = context.artifact_of(connection, release)
    return LastGood(context, lease, served, artifacts, is_trusted)


def denied_paths(
    checker: Checker,
    families: Collection[str],
    rules: Rules,
    entries: Mapping[str, FileEntry],
    contents: Mapping[str, bytes],
) -> frozenset[str]:
    """The paths whose versions the checks of single files deny today."""
    if not entries:
        return frozenset()
    rows = {path: _as_tree_entry(entry) for path, entry in entries.items()}
    judged = checker.judge_files(
        {p: contents[p] for p in entries if is_read(p, contents[p])}, families
    )
    findings = [*checker.judge_tree(rows, list(rows)).findings]
    findings += (finding for one in judged.values() for finding in one.findings)
    tree = Artifact({p: replace(entries[p], outline=one.outline) for p, one in judged.items()})
    marked, _ = excuse(fingerprinted(findings, contents), rules.policy, rules.excuses(tree))
    return frozenset(f.path for f in marked if rules.policy.denies(f))


def _as_tree_entry(entry: FileEntry) -> TreeEntry:
    kind = Kind.EXECUTABLE if entry.mode == 0o555 else Kind.FILE
    return TreeEntry(entry.path, kind, entry.blob, entry.size_bytes)
