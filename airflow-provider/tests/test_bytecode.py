"""Python writes nothing into the trees."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from published import Publisher

SOURCE = Path(__file__).parents[1] / "src"

# As Airflow's command line does it: the files are loaded before anything is initialized.
LOAD = """
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from windlass_airflow.bundle import WindlassBundle

tree, make = sys.argv[1:]
if make == "bundle":
    WindlassBundle(name="orders", store="/nowhere")
sys.path.append(tree)
loader = SourceFileLoader("orders", tree + "/orders.py")
loader.exec_module(module_from_spec(spec_from_loader("orders", loader)))
"""


@pytest.mark.parametrize(("make", "written"), [("bundle", []), ("nothing", ["__pycache__"])])
def test_loading_dag_files_writes_bytecode_only_without_our_bundle(
    store: Publisher, make: str, written: list[str]
) -> None:
    store.release("43", {"orders.py": "import prices", "prices.py": ""})
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    subprocess.run(
        [sys.executable, "-c", LOAD, store.tree("43"), make],
        env=environ | {"PYTHONPATH": str(SOURCE)},
        check=True,
    )

    assert [path.name for path in store.tree("43").glob("__pycache__")] == written
