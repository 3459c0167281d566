"""The DAG bundle: a stable local path whose files are those of the release Windlass names.

What a store looks like is `store.py`'s; what Airflow asks of a bundle, and when, is here.
"""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.dag_processing.bundles import base

from windlass_airflow.release import read_keys, verified
from windlass_airflow.store import BundleError, Store, bundle_error, is_folder, is_release

if TYPE_CHECKING:
    from windlass_airflow.mirror import Mirror

UNBOUND = "unbound"
"""The version of a bundle to which Windlass has bound no repository; it serves no file."""

_as_version: Callable[[str], Any] = getattr(base, "BundleVersion", str)
"""Airflow 3.3 wants a BundleVersion and warns of a str; 3.1 and 3.2 know only str."""


class WindlassBundle(base.BaseDagBundle):
    """Serves one slot of a Windlass environment; the version is the release id, or "unbound".

    Without a `version` it tracks: `path` is `<base_dir>/tracking`, a link that only `refresh()`
    moves, under Airflow's lock for this bundle and host. With one it is pinned: `path` is that
    release's tree in the store.

    The constructor accepts anything. Were it to raise, Airflow would take the bundle for one that
    is no longer configured and mark its DAGs stale; so wrong kwargs are an error of `initialize()`.
    """

    supports_versioning = True

    def __init__(
        self,
        *,
        store: str | None = None,
        url: str | None = None,
        token_file: str | None = None,
        cache: str | None = None,
        environment: str = "default",
        public_key: str | list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Python would write `__pycache__` into the trees, which are shared by hosts and must stay
        # what was checked; as root, modes do not hold it back. Neither a path hook nor a later
        # moment will do: Airflow loads DAG files with a SourceFileLoader of its own, and its
        # command line does so before it calls initialize() (utils/cli.py: get_bagged_dag).
        sys.dont_write_bytecode = True
        self.environment = str(environment)
        self._public_key = public_key
        self._given = {
            "store": store,
            "url": url,
            "token_file": token_file,
            "cache": cache,
            "environment": self.environment,
            "public_key": public_key,
        }
        self._store = Store.of(self._given)
        self.store = str(self._store.root)
        self._tracking = self.base_dir / "tracking"
        self._empty = self.base_dir / UNBOUND
        self._settled: tuple[bytes, str] | None = None
        """The pointer's content at the last flip, and where the link led then."""

    @property
    def path(self) -> Path:
        if self.version is None:
            return self._tracking
        return self._folder(self.version)

    def get_current_version(self) -> Any:
        """The version that `path` shows now, whichever process of this host flipped it last.

        A BundleVersion since Airflow 3.3, a str before; None before the first `initialize()` on
        this host. Reads one local link, never the store.
        """
        version = self.version or self._version_at(self._shown())
        return None if version is None else _as_version(version)

    def initialize(self) -> None:
        """Make `path` usable, or raise BundleError; Airflow's DAG processor then asks again."""
        try:
            if self.version is None:
                if (mirror := self._mirror()) is not None:
                    mirror.wait_first(self.name)
                self.refresh()
            else:
                self._prepare_version(self.version)
            super().initialize()
        except OSError as error:
            raise self._local_failure(error) from error

    def refresh(self) -> None:
        """Show the release that the pointer names, or raise BundleError and show what was shown."""
        if self.version is not None:
            raise bundle_error(
                "BUNDLE009",
                where=self.name,
                wrong=f'this instance is pinned to "{self.version}" and cannot be refreshed',
                expected="an instance without a version",
                remedy="Ask for the bundle without a version.",
            )
        mirror = self._mirror()
        try:
            if mirror is not None:
                mirror.follow(self.name)
            found = (self._store.read_pointer(self.name), self._shown())
            if found != self._settled or not is_folder(self._tracking):
                with self.lock():
                    self._flip()
        except OSError as error:
            raise self._local_failure(error) from error

    def _mirror(self) -> "Mirror | None":
        """What brings releases from an origin; None where the store is mounted."""
        if not self._given["url"]:
            return None
        from windlass_airflow.mirror import mirror_of  # HTTP is for those who use it

        return mirror_of(self._given)

    def _flip(self) -> None:
        """Move the link to what the pointer names; the caller holds the lock.

        The pointer is read again under the lock: what this process read before it may be older
        than what another one has shown since, and the release must not go backwards.
        """
        self._store.describe()
        content = self._store.read_pointer(self.name)
        version = self._store.parse_pointer(self.name, content) or UNBOUND
        shown = self._shown()
        self._refuse_older(version, shown)
        self._prepare_folder(version)
        target = self._target(version)
        if shown != target:
            self._replace_link(target)
        self._settled = (content, target)

    def _replace_link(self, target: str) -> None:
        self.base_dir.mkdir(parents=True, exist_ok=True)
        aside = self.base_dir / f".tracking-{os.getpid()}-{threading.get_ident()}"
        aside.unlink(missing_ok=True)  # of a process that died here, and whose id came again
        aside.symlink_to(target)
        aside.replace(self._tracking)

    def _refuse_older(self, version: str, shown: str | None) -> None:
        """Raise BUNDLE007 if the pointer names a release older than the one shown.

        Only within one store: ids of two stores have no order. Ids only grow, so an older one is
        a cache that lags or a store that was set back, never something Windlass deployed.
        """
        current = self._version_at(shown)
        if current is None or UNBOUND in (version, current):
            return
        if shown == self._target(current) and int(version) < int(current):
            raise bundle_error(
                "BUNDLE007",
                where=self._store.pointer(self.name),
                wrong=f"the pointer names release {version}, but {current} is already shown",
                expected=f"release {current} or a later one",
                remedy="If the store was set back or made anew on purpose, remove "
                f"{self._tracking} on this host.",
            )

    def _prepare_version(self, version: str) -> None:
        """Check that a pinned version can be served, and give Airflow its folder for it."""
        if version != UNBOUND and not is_release(version):
            raise bundle_error(
                "BUNDLE010",
                where=self.name,
                wrong=f'"{version}" is not a version of a Windlass bundle',
                expected=f'a release id such as "42", or "{UNBOUND}"',
                remedy="The run began while another bundle served its DAG: clear it with the "
                "latest bundle version.",
            )
        if version != UNBOUND and (mirror := self._mirror()) is not None:
            mirror.fetch(self.name, version)
        self._prepare_folder(version)
        # Airflow's collector of stale versions removes this folder, and raises where it is
        # missing, which ends the scheduler (bundles/base.py: _remove_stale_bundle).
        (self.versions_dir / version).mkdir(parents=True, exist_ok=True)

    def _prepare_folder(self, version: str) -> None:
        if version == UNBOUND:
            self._empty.mkdir(parents=True, exist_ok=True)
        else:
            self._store.check_tree(version)
            verified(self._store, version, self.name, read_keys(self._public_key))

    def _folder(self, version: str) -> Path:
        return self._empty if version == UNBOUND else self._store.tree(version)

    def _target(self, version: str) -> str:
        """What the link says for a version: a sibling's name, or the absolute path of a tree."""
        return UNBOUND if version == UNBOUND else str(self._store.tree(version))

    def _shown(self) -> str | None:
        """Where the link leads, as it was written; None if there is no link."""
        try:
            return str(self._tracking.readlink())
        except OSError:
            return None

    @staticmethod
    def _version_at(target: str | None) -> str | None:
        """The version of which a link says `target`, in whatever store; None if it is none."""
        if target is None or target == UNBOUND:
            return target
        release = Path(target).parent.name
        return release if is_release(release) else None

    def _local_failure(self, error: OSError) -> BundleError:
        return bundle_error(
            "BUNDLE008",
            where=error.filename or self.base_dir,
            wrong=f"the bundle's own folder cannot be prepared ({error.strerror})",
            expected=f"to write below {self.base_dir}",
            remedy="Check [dag_processor] dag_bundle_storage_path: its owner, free space, and that "
            f"{self._tracking} is a link or absent.",
        )
