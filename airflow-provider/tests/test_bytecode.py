"""Python writes nothing into the trees."""

import os
import subprocess
import sys
from pathlib import Path

from published import Publisher

SOURCE = Path(__file__).parents[1] / "src"

# As Airflow's command line does it: the files are loaded before anything is initialized.
LOAD = """
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from windlass_airflow.bundle import WindlassBundle

def load(tree):
    sys.path.append(tree)
    loader = SourceFileLoader("dags", tree + "/dags.py")
    loader.exec_module(module_from_spec(spec_from_loader("dags", loader)))

without, with_bundle = sys.argv[1:]
load(without)
WindlassBundle(name="orders", store="/nowhere")
load(with_bundle)
"""


def test_loading_dag_files_writes_bytecode_only_without_our_bundle(store: Publisher) -> None:
    store.release("43", {"dags.py": "import prices", "prices.py": ""})
    store.release("44", {"dags.py": "import orders", "orders.py": ""})
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    subprocess.run(
        [sys.executable, "-c", LOAD, store.tree("43"), store.tree("44")],
        env=environ | {"PYTHONPATH": str(SOURCE)},
        check=True,
    )

    written = {place.parents[1].name for place in store.root.glob("releases/*/tree/__pycache__")}
    assert written == {"43"}
