"""A published store, and bundles whose local folders are the test's own."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from published import STORAGE, Publisher

# Airflow reads its configuration when it is first imported, and makes $AIRFLOW_HOME then.
_home = tempfile.TemporaryDirectory(prefix="windlass-airflow-tests-")
os.environ["AIRFLOW_HOME"] = _home.name


@pytest.fixture
def store(tmp_path: Path) -> Publisher:
    publisher = Publisher(tmp_path / "store")
    publisher.publish("orders", "42")
    publisher.bind("free", None)
    return publisher


@pytest.fixture
def make_bundle(
    store: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Make a bundle on the test's store, "orders" unless told; `ready=False` for the bare one."""
    monkeypatch.setenv(STORAGE, str(tmp_path / "bundles"))
    from windlass_airflow.bundle import WindlassBundle

    def make(name: str = "orders", *, ready: bool = True, **kwargs: Any) -> WindlassBundle:
        bundle = WindlassBundle(name=name, **{"store": str(store.root), **kwargs})
        if ready:
            bundle.initialize()
        return bundle

    return make
