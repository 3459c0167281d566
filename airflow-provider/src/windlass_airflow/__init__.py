"""What runs inside Airflow for Windlass. It depends on Airflow and on the store's layout on disk.

It never imports `windlass`: the two live in different interpreters. Nothing of Airflow is
imported here either, since Airflow asks every provider for its description at start.
"""

from typing import Any

_OPTIONS = {
    "policy": {
        "description": "What happens to DAGs that Windlass did not release. off: nothing. "
        "releases: in the bundles of Windlass, a file or dag_id that is not in the signed "
        "manifest is an import error. strict: a DAG outside of those bundles is one too.",
        "version_added": "0.1.0",
        "type": "string",
        "example": "strict",
        "default": "off",
    },
    "allowed_bundles": {
        "description": "Names of other bundles whose DAGs pass under strict, separated by commas.",
        "version_added": "0.1.0",
        "type": "string",
        "example": "platform,examples",
        "default": "",
    },
}


def get_provider_info() -> dict[str, Any]:
    """Airflow's description of this provider, in the shape of its `provider_info.schema.json`."""
    return {
        "package-name": "airflow-provider-windlass",
        "name": "Windlass",
        "description": "Serves the releases that Windlass publishes, as versioned DAG bundles.",
        "config": {"windlass": {"description": "The cluster policy.", "options": _OPTIONS}},
    }
