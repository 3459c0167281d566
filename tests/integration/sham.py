"""A Python with something that looks like Airflow to the zygote, and starts in no time."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_MODULES = {
    "airflow/__init__.py": "__version__ = '3.3.0'\n",
    "airflow/sdk.py": """
import inspect
MADE = []
class DAG:
    def __init__(self, dag_id):
        self.dag_id = dag_id
        MADE.append(self)
class Variable:
    @staticmethod
    def get(key, default=None):
        import windlass_sandbox_values as values
        found = values.Backend().get_variable(key)
        if found is None and default is None:
            raise KeyError(f"Variable {key} does not exist")
        return default if found is None else found
""",
    "airflow/settings.py": "",
    "airflow/secrets/__init__.py": "",
    "airflow/secrets/base_secrets.py": """
class BaseSecretsBackend: ...
DEFAULT_SECRETS_SEARCH_PATH = ["airflow.secrets.metastore.MetastoreBackend"]
""",
    "airflow/serialization/__init__.py": "",
    "airflow/serialization/serialized_objects.py": """
class DagSerialization:
    @staticmethod
    def to_dict(dag):
        return {"dag": {"dag_id": dag.dag_id}}
""",
    "airflow/dag_processing/__init__.py": "",
    "airflow/dag_processing/dagbag.py": """
import importlib.machinery, importlib.util, sys, traceback
from airflow import sdk
class BundleDagBag:
    def __init__(self, dag_folder, bundle_path, bundle_name):
        self.import_errors, self.dags = {}, {}
        sdk.MADE.clear()
        if str(bundle_path) not in sys.path:
            sys.path.append(str(bundle_path))
        loader = importlib.machinery.SourceFileLoader("unusual_prefix_dag", dag_folder)
        module = importlib.util.module_from_spec(
            importlib.util.spec_from_loader("unusual_prefix_dag", loader))
        try:
            loader.exec_module(module)
        except BaseException:
            self.import_errors[dag_folder] = traceback.format_exc()
        self.dags = {dag.dag_id: dag for dag in sdk.MADE}
""",
    "apache_airflow_core-3.3.0.dist-info/METADATA": "Name: apache-airflow-core\nVersion: 3.3.0\n",
}


def make_sham_airflow(folder: Path, *, with_airflow: bool = True) -> Path:
    """A virtual environment with the sham; its python."""
    command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(command, check=True)
    python = folder / "bin" / "python"
    if with_airflow:
        install_sham_airflow(python)
    return python


def install_sham_airflow(python: Path) -> None:
    """Add the sham to a virtual environment."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = python.parent.parent / "lib" / version / "site-packages"
    for path, text in _MODULES.items():
        place = site / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def install_pytest(python: Path) -> None:
    """Copy this pytest, and what it needs, to a virtual environment."""
    site = next((python.parent.parent / "lib").glob("python*/site-packages"))
    here = Path(pytest.__file__).parent.parent
    for name in ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments"):
        shutil.copytree(here / name, site / name)
    for info in (*here.glob("pytest-*.dist-info"), *here.glob("pluggy-*.dist-info")):
        shutil.copytree(info, site / info.name)
    shutil.copy(here / "py.py", site)
