"""A store on disk as Windlass writes it."""

import json
from pathlib import Path

STORAGE = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH"
"""The setting that says where Airflow keeps what is local to bundles, as a variable."""


class Publisher:
    """Writes what the contract says Windlass writes; the pointer by rename, trees 0444/0755."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bundles = root / "environments/default/bundles"
        self.bundles.mkdir(parents=True)
        self.describe({"format": 1, "environments": {"default": "0b5e"}})

    def describe(self, description: object) -> None:
        (self.root / "store.json").write_text(json.dumps(description))

    def tree(self, release: str) -> Path:
        return self.root / "releases" / release / "tree"

    def release(self, release: str, files: dict[str, str] | None = None) -> None:
        self.tree(release).mkdir(parents=True)
        for name, text in (files or {}).items() | {("release.txt", release)}:
            (self.tree(release) / name).write_text(text)
            (self.tree(release) / name).chmod(0o444)

    def bind(self, bundle: str, release: str | None) -> None:
        self.point(bundle, json.dumps({"format": 1, "release": release}))

    def point(self, bundle: str, text: str) -> None:
        aside = self.bundles / f".{bundle}"
        aside.write_text(text)
        aside.replace(self.bundles / bundle)

    def publish(self, bundle: str, release: str, files: dict[str, str] | None = None) -> None:
        self.release(release, files)
        self.bind(bundle, release)
