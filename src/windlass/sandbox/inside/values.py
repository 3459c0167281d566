"""Connections and variables as an import sees them: names are noted, and answered only from the
environment's sandbox values. Nothing here reaches a database, a vault or Airflow's API."""

import importlib
import os
import sys
import types
from collections.abc import Callable
from typing import Any

_MODULE = "windlass_sandbox_values"
Note = Callable[[str, str], None]
"""Told of each value that was asked for: its kind (connection, variable, environment), its name."""


class Values:
    """What is known, by kind and name, and who is told what was asked for."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, str]] = {}
        self.note: Note = lambda kind, name: None

    def find(self, kind: str, name: str) -> str | None:
        self.note(kind, name)
        return self.known.get(kind, {}).get(name)


VALUES = Values()


def install() -> None:
    """Become Airflow's one secrets backend; whatever it is configured to have."""
    base: Any = importlib.import_module("airflow.secrets.base_secrets").BaseSecretsBackend

    def get_conn_value(self: object, conn_id: str, team_name: str | None = None) -> str | None:
        return VALUES.find("connection", conn_id)

    def get_variable(self: object, key: str, team_name: str | None = None) -> str | None:
        return VALUES.find("variable", key)

    def get_config(self: object, key: str) -> None:
        return None

    methods = {
        "get_conn_value": get_conn_value,
        "get_variable": get_variable,
        "get_config": get_config,
    }
    module = types.ModuleType(_MODULE)
    module.__dict__["Backend"] = type("Backend", (base,), methods)
    sys.modules[_MODULE] = module
    # Only now: Airflow loads the backend that is configured while it is imported itself.
    for section in ("SECRETS__BACKEND", "WORKERS__SECRETS_BACKEND"):
        os.environ[f"AIRFLOW__{section}"] = f"{_MODULE}.Backend"
    _forget_other_backends()


def _forget_other_backends() -> None:
    """Leave no backend after ours: the metadata database is none of an import's business."""
    secrets: Any = importlib.import_module("airflow.secrets")
    base: Any = importlib.import_module("airflow.secrets.base_secrets")
    for module in (secrets, base):
        backends = vars(module).get("DEFAULT_SECRETS_SEARCH_PATH")
        if isinstance(backends, list):
            backends[:] = [name for name in backends if not name.endswith("MetastoreBackend")]


class _Environment(os._Environ):  # type: ignore[type-arg]
    """os.environ that answers from the sandbox values too, and notes what it lacks."""

    def __getitem__(self, key: str) -> str:
        try:
            return str(super().__getitem__(key))
        except KeyError:
            if key.startswith(("AIRFLOW", "_AIRFLOW")):  # Airflow's settings, asked for by it
                raise
            value = VALUES.find("environment", key)
            if value is None:
                raise
            return value


def watch_environment() -> None:
    """Note the names that are looked up in os.environ and are not there."""
    os.environ.__class__ = _Environment
