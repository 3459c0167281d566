"""An Airflow that reads a folder: one bundle of its own for everybody, without versions.

Each repository is a folder in it, `<namespace>/<repository>`; here that is its bundle, so that
whoever asks need not know of the difference.
"""

from dataclasses import replace
from typing import Any

from windlass.domain.environment import FOLDER_BUNDLE
from windlass.domain.observation import SeenDag, SeenImportError
from windlass.targets.airflow import AirflowClient


class FolderAirflow(AirflowClient):
    """Speaks to an Airflow with a LocalDagBundle named `dags-folder`, as Airflow names it where
    nothing else is configured. What lies there and not in a repository's folder has bundle ""."""

    def refresh_bundle(self, bundle: str) -> None:
        """Ask for a parse of any file of the folder: Airflow looks through all of it then."""
        everything = {**self._bundle_filter(bundle), "exclude_stale": "true", "limit": "1"}
        with self._reading("/api/v2/dags"):
            rows = self._call("GET", "/api/v2/dags", query=everything).json()["dags"]
            for _, dag in map(self._placed, rows):
                self.parse_file(dag.file_token)

    def _bundle_filter(self, bundle: str) -> dict[str, str]:  # noqa: ARG002  # one for all
        return {"bundle_name": FOLDER_BUNDLE}

    def _is_asked_for(self, shown_by: str, bundle: str) -> bool:
        return shown_by == bundle

    def _placed(self, row: dict[str, Any]) -> tuple[str, SeenDag]:
        bundle, dag = super()._placed(row)
        place, path = _split(bundle, dag.path)
        return place, replace(dag, path=path, version=None)

    def _placed_error(self, row: dict[str, Any]) -> tuple[str, SeenImportError]:
        bundle, error = super()._placed_error(row)
        place, path = _split(bundle, error.path)
        return place, replace(error, path=path)


def _split(bundle: str, path: str) -> tuple[str, str]:
    """The repository's folder, and the path below it.

    >>> _split("dags-folder", "sales/team-dags/etl/orders.py")
    ('sales/team-dags', 'etl/orders.py')
    >>> _split("dags-folder", "mine.py")
    ('', 'mine.py')
    """
    namespace, _, rest = path.partition("/")
    repository, _, below = rest.partition("/")
    return (f"{namespace}/{repository}", below) if bundle == FOLDER_BUNDLE and below else ("", path)
