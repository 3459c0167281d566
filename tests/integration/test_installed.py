"""What real interpreters say that they have installed, and what follows when that changes."""

import os
import sys
from pathlib import Path

import pytest

from windlass.checks.known import Known
from windlass.domain.errors import Invalid
from windlass.sandbox import installed as module
from windlass.sandbox.installed import InstalledMemory

AIRFLOW = Path(__file__).parents[2] / ".venv-airflow" / "bin" / "python"


def test_airflow_and_its_providers_are_told_apart() -> None:
    found = InstalledMemory(AIRFLOW).now()

    has = {
        name: found.has(name)
        for name in (
            "airflow.sdk",
            "airflow.providers.standard.operators.bash",
            "airflow.providers.common.sql.hooks.sql",
            "airflow.providers.amazon.aws.hooks.s3",
            "airflow.providers.common.messaging",
            "pendulum",
            "yaml",
            "no_such_module",
        )
    }
    assert [name for name, is_there in has.items() if not is_there] == [
        "airflow.providers.amazon.aws.hooks.s3",
        "airflow.providers.common.messaging",
        "no_such_module",
    ]
    assert found.has_airflow
    assert found.owner_of("yaml") == "pyyaml"
    assert found.distributions["apache-airflow-core"].startswith("3.")


def test_a_package_that_is_installed_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(os.path.realpath(sys.executable))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = tmp_path / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (tmp_path / "pyvenv.cfg").write_text(
        f"home = {Path(os.path.realpath(sys.executable)).parent}\n"
    )
    memory = InstalledMemory(python)
    before = memory.now()

    (packages / "polars").mkdir()
    (packages / "polars" / "__init__.py").touch()

    after = memory.now()
    assert (before.has("polars"), after.has("polars")) == (False, True)
    assert Known(before).digest != Known(after).digest


def test_an_interpreter_that_does_not_run_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        InstalledMemory(Path("/nonexistent/python")).now()

    assert refused.value.code == "PY002"
