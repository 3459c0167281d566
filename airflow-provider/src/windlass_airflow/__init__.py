"""What runs inside Airflow for Windlass. It depends on Airflow and on the store's layout on disk.

It never imports `windlass`: the two live in different interpreters. Nothing of Airflow is
imported here either, since Airflow asks every provider for its description at start.
"""


def get_provider_info() -> dict[str, str]:
    """Airflow's description of this provider, in the shape of its `provider_info.schema.json`."""
    return {
        "package-name": "airflow-provider-windlass",
        "name": "Windlass",
        "description": "Serves the releases that Windlass publishes, as versioned DAG bundles.",
    }
