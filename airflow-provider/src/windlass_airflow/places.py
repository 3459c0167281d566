"""Where a DAG file lies: in which release of which bundle, as this Airflow is configured."""

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from airflow.configuration import conf
from airflow.dag_processing.bundles.base import get_bundle_base_folder

from windlass_airflow.release import Release, named_bundle, read_keys, verified
from windlass_airflow.store import Store, is_release

BUNDLE_CLASS = "windlass_airflow.bundle.WindlassBundle"
LOCAL_CLASS = "airflow.dag_processing.bundles.local.LocalDagBundle"


@dataclass(frozen=True, slots=True)
class Slot:
    """One bundle of Windlass: its name, its store, the keys it trusts, the path it tracks at."""

    name: str
    store: Store
    public_key: object
    tracking: str


@dataclass(frozen=True, slots=True)
class Place:
    """A file in a release: its path in the tree, and the root that it was read below."""

    release: Release
    folder: Path
    root: str
    path: str

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def version(self) -> str:
        return self.folder.name


def find_place(location: str) -> Place | None:
    """Where a file lies; None where it is in no bundle of Windlass.

    Raises BundleError where the release that it lies in may not be served.
    """
    location = os.path.abspath(location)  # noqa: PTH100 - a path that is not to be resolved
    slots = _configured(_bundle_list())[0]
    for slot in slots:
        if location.startswith(slot.tracking + os.sep):
            release = _shown(slot.tracking)
            path = location[len(slot.tracking) + 1 :]
            return _placed(slot, release, slot.tracking, path) if release else None
    for slot in slots:
        releases = f"{slot.store.root}{os.sep}releases{os.sep}"
        release, _, rest = location.removeprefix(releases).partition(os.sep)
        inside, _, path = rest.partition(os.sep)
        if location.startswith(releases) and inside == "tree" and is_release(release):
            named = _named_slot(slot, release, slots)
            return _placed(named, release, f"{releases}{release}{os.sep}tree", path)
    return None


def find_bundle(location: str) -> str | None:
    """The name of the bundle that is not of Windlass and that a file lies in, as far as its
    configuration tells; None where it does not."""
    location = os.path.abspath(location)  # noqa: PTH100
    for name, root in _configured(_bundle_list())[1].items():
        if location.startswith(root.rstrip(os.sep) + os.sep):
            return name
    return None


def _placed(slot: Slot, release: str, root: str, path: str) -> Place:
    keys = read_keys(slot.public_key)
    found = verified(slot.store, release, slot.name, keys)
    return Place(found, slot.store.folder(release), root, path)


def _named_slot(found: Slot, release: str, slots: tuple[Slot, ...]) -> Slot:
    """The slot that a pinned release is for, by its own statement, which is verified later."""
    name = named_bundle(found.store, release)
    return next((slot for slot in slots if slot.name == name), found)


def _shown(tracking: str) -> str | None:
    """The release that a tracking path shows now."""
    try:
        release = Path(tracking).readlink().parent.name
    except OSError:
        return None
    return release if is_release(release) else None


def _bundle_list() -> str:
    return str(conf.get("dag_processor", "dag_bundle_config_list", fallback="[]"))


@lru_cache(maxsize=1)
def _configured(bundle_list: str) -> tuple[tuple[Slot, ...], dict[str, str]]:
    """Our bundles, and the folder of each other one by its name."""
    slots: list[Slot] = []
    others: dict[str, str] = {}
    for one in json.loads(bundle_list) or ():
        name, kwargs = str(one["name"]), one.get("kwargs") or {}
        base = str(get_bundle_base_folder(name))
        if one.get("classpath") == BUNDLE_CLASS:
            tracking = f"{base}{os.sep}tracking"
            slots.append(Slot(name, Store.of(kwargs), kwargs.get("public_key"), tracking))
        elif one.get("classpath") == LOCAL_CLASS:
            others[name] = str(_local_path(kwargs))
        else:
            others[name] = base
    return tuple(slots), others


def _local_path(kwargs: dict[str, Any]) -> str:
    """Where a LocalDagBundle is: its path, or the folder for DAGs."""
    return os.path.abspath(kwargs.get("path") or conf.get("core", "dags_folder"))  # noqa: PTH100
