"""The way back: repositories of Windlass as Airflow's list of GitDagBundles."""

from collections.abc import Mapping
from typing import Any

CLASSPATH = "airflow.providers.git.bundles.git.GitDagBundle"


def bundle_of(repository: Mapping[str, Any]) -> dict[str, Any] | None:
    """The item of `dag_bundle_config_list` that serves what a repository, as the API shows it,
    serves now; None for one that follows a pattern of tags, which has no counterpart."""
    if repository["ref_kind"] == "tag_pattern":
        return None
    path = repository["path"]
    return {
        "name": repository["name"],
        "classpath": CLASSPATH,
        "kwargs": {
            "repo_url": repository["url"],
            "tracking_ref": repository["ref"],
            **({} if path == "." else {"subdir": path}),
            **({"submodules": True} if repository["options"]["submodules"] else {}),
            "refresh_interval": repository["sync_interval_s"],
        },
    }
