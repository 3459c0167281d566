"""The cluster policy in Airflow's own reading of DAG files: what becomes a DAG."""

import json
import py_compile
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version as installed
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from published import SignedPublisher

from windlass_airflow import guard, release

Make = Callable[..., Any]
READS_FILES_ASIDE = tuple(map(int, installed("apache-airflow-core").split(".")[:2])) >= (3, 2)
DAG = 'from airflow.sdk import DAG\nfrom helper_{n} import TEXT\ndag = DAG("{id}", schedule=None)\n'
FILES = {"orders.py": DAG.format(n="a", id="orders"), "helper_a.py": "TEXT = 'as released'\n"}


@pytest.fixture
def store(tmp_path: Path) -> SignedPublisher:
    publisher = SignedPublisher(tmp_path / "store")
    publisher.publish("orders", "42", FILES)
    return publisher


@pytest.fixture(autouse=True)
def strict(
    store: SignedPublisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """An Airflow with our bundle, a plain one beside it, and the policy at its strictest."""
    kwargs = {"store": str(store.root), "public_key": store.public_key}
    bundles = [
        {"name": "orders", "classpath": "windlass_airflow.bundle.WindlassBundle", "kwargs": kwargs},
        {
            "name": "plain",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(tmp_path / "plain")},
        },
    ]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    monkeypatch.setenv("AIRFLOW__WINDLASS__POLICY", "strict")
    monkeypatch.setattr(sys, "path", [*sys.path])
    release._verified.clear()
    guard._read.clear()
    before = set(sys.modules)
    yield
    for name in sys.modules.keys() - before:
        if name.startswith(("helper_", "unusual_prefix_")):
            del sys.modules[name]


class Flipping(ModuleType):
    """A module that does something when a name of it is imported."""

    def __init__(self, name: str, act: Callable[[str], None]) -> None:
        super().__init__(name)
        self.act = act

    def __getattr__(self, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        self.act(name)
        return "flipped"


def read(root: Path, path: str = "orders.py", name: str = "orders") -> Any:
    """What Airflow makes of one file: its DAGs by id, and its import errors."""
    try:
        from airflow.dag_processing.dagbag import BundleDagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag

        sys.path.append(str(root))
        return DagBag(root / path, include_examples=False, bundle_path=root)
    return BundleDagBag(root / path, bundle_path=root, bundle_name=name)


def refusal(bag: Any) -> str:
    assert bag.dags == {}
    [error] = bag.import_errors.values()
    [code] = {word for word in error.replace(":", " ").split() if word.startswith(("CLP", "BUND"))}
    return str(code)


def test_a_released_dag_passes_with_the_tags_of_its_repository(make_bundle: Make) -> None:
    bag = read(make_bundle().path)

    assert bag.import_errors == {}
    assert set(bag.dags["orders"].tags) == {"ns:company", "repo:dags"}


@pytest.mark.parametrize("level", ["strict", "off"])
def test_a_dag_says_which_release_its_file_was_read_from(
    make_bundle: Make, store: SignedPublisher, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setenv("AIRFLOW__WINDLASS__POLICY", level)
    found = read(make_bundle().path).dags["orders"]

    assert found.fileloc == str(store.tree("42") / "orders.py")
    assert found.relative_fileloc == "orders.py"


def test_a_pinned_release_passes_too(make_bundle: Make, store: SignedPublisher) -> None:
    bag = read(make_bundle(version="42").path)

    assert (bag.import_errors, [*bag.dags]) == ({}, ["orders"])


def test_a_file_dropped_into_a_release_is_an_import_error_and_does_not_run(
    make_bundle: Make, store: SignedPublisher, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    text = f"open({str(mark)!r}, 'w')\n" + FILES["orders.py"]
    (store.tree("42") / "dropped.py").write_text(text.replace('"orders"', '"dropped"'))

    assert refusal(read(make_bundle().path, "dropped.py")) == "CLP001"
    assert mark.exists() is not READS_FILES_ASIDE


def test_a_file_that_was_changed_is_an_import_error(
    make_bundle: Make, store: SignedPublisher
) -> None:
    path = store.tree("42") / "orders.py"
    path.chmod(0o644)
    path.write_text(FILES["orders.py"] + "# changed\n")

    assert refusal(read(make_bundle().path)) == "CLP002"


def test_a_helper_that_was_changed_is_an_import_error(
    make_bundle: Make, store: SignedPublisher
) -> None:
    path = store.tree("42") / "helper_a.py"
    path.chmod(0o644)
    path.write_text("TEXT = 'as somebody likes it'\n")

    assert refusal(read(make_bundle().path)) == "CLP002"


@pytest.mark.parametrize("name", ["orders.py", "helper_a.py"])
def test_bytecode_in_a_release_is_an_import_error(
    make_bundle: Make, store: SignedPublisher, name: str
) -> None:
    source = store.tree("42") / name
    py_compile.compile(str(source), cache_from_source(str(source)))

    assert refusal(read(make_bundle().path)) == "CLP001"


def test_a_link_in_place_of_a_file_is_an_import_error(
    make_bundle: Make, store: SignedPublisher, tmp_path: Path
) -> None:
    path = store.tree("42") / "orders.py"
    path.rename(tmp_path / "elsewhere.py")
    path.symlink_to(tmp_path / "elsewhere.py")

    assert refusal(read(make_bundle().path)) == "CLP002"


def test_an_id_that_the_manifest_does_not_have_is_refused(
    make_bundle: Make, store: SignedPublisher
) -> None:
    text = FILES["orders.py"].replace('DAG("orders"', "DAG('taken'")  # as no plain reading sees it
    store.publish("orders", "43", {**FILES, "other.py": text})

    assert refusal(read(make_bundle().path, "other.py")) == "CLP004"


def test_a_file_that_builds_ids_may_make_any(make_bundle: Make, store: SignedPublisher) -> None:
    text = FILES["orders.py"].replace('DAG("orders"', "DAG('built'") + "# builds ids\n"
    store.publish("orders", "43", {**FILES, "other.py": text})

    assert [*read(make_bundle().path, "other.py").dags] == ["built"]


def test_a_dag_that_another_file_of_the_release_defines_may_be_imported(
    make_bundle: Make, store: SignedPublisher
) -> None:
    text = "from helper_b import dag  # of airflow\n"
    helper = 'from airflow.sdk import DAG\ndag = DAG("shared")\n'
    store.publish("orders", "43", {"uses.py": text, "helper_b.py": helper})

    assert [*read(make_bundle().path, "uses.py").dags] == ["shared"]


@pytest.mark.parametrize(("dag_id", "code"), [("company__orders", None), ("orders", "CLP003")])
def test_an_id_must_begin_with_the_prefix_that_the_repository_asks_for(
    make_bundle: Make, store: SignedPublisher, dag_id: str, code: str | None
) -> None:
    store.said = {"dag_id_prefix": "company__"}
    text = DAG.format(n="a", id=dag_id) + "# builds ids\n"
    store.publish("orders", "43", {**FILES, "orders.py": text})
    bag = read(make_bundle().path)

    assert (refusal(bag) if code else [*bag.dags]) == (code or [dag_id])


@pytest.mark.parametrize(
    ("dag_id", "code"), [("sales_eu", None), ("etl_1", None), ("orders", "CLP006")]
)
def test_an_id_that_is_built_begins_as_the_repository_declares(
    make_bundle: Make, store: SignedPublisher, dag_id: str, code: str | None
) -> None:
    store.said = {"dag_id_prefixes": ["sales_", "etl_"]}
    text = f"from airflow.sdk import DAG\nname = {dag_id!r}\ndag = DAG(name)  # builds ids\n"
    store.publish("orders", "43", {**FILES, "orders.py": text})
    bag = read(make_bundle().path)

    assert (refusal(bag) if code else [*bag.dags]) == (code or [dag_id])


@pytest.mark.parametrize(
    ("asked", "begins"), [("paused", True), ("unpaused", False), ("keep", None)]
)
def test_a_new_dag_begins_as_its_repository_asks(
    make_bundle: Make, store: SignedPublisher, asked: str, begins: bool | None
) -> None:
    store.said = {"new_dags": asked}
    store.publish("orders", "43", FILES)

    assert read(make_bundle().path).dags["orders"].is_paused_upon_creation is begins


TASKS = """
from airflow.sdk import DAG, task

with DAG("orders"):

    @task
    def one(x: int = 1) -> int:
        return x

    @task(pool="chosen")
    def two() -> None: ...

    one.override(task_id="mapped").expand(x=[1, 2])
    one() >> two()
"""


@pytest.mark.parametrize("pool", ["company", None])
def test_tasks_that_name_no_pool_are_in_that_of_their_repository(
    make_bundle: Make, store: SignedPublisher, pool: str | None
) -> None:
    store.said = {"pool": pool}
    store.publish("orders", "43", {**FILES, "orders.py": TASKS})
    found = read(make_bundle().path).dags["orders"].task_dict

    default = pool or "default_pool"
    told = {name: task.pool for name, task in found.items()}
    assert told == {"one": default, "mapped": default, "two": "chosen"}


@pytest.mark.parametrize(
    ("policy", "allowed", "code"),
    [
        ("strict", "", "CLP005"),
        ("strict", "other, plain", None),
        ("stric", "", "CLP005"),
        ("releases", "", None),
        ("off", "", None),
    ],
)
def test_a_file_of_another_bundle_passes_where_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, allowed: str, code: str | None
) -> None:
    monkeypatch.setenv("AIRFLOW__WINDLASS__POLICY", policy)
    monkeypatch.setenv("AIRFLOW__WINDLASS__ALLOWED_BUNDLES", allowed)
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/a.py").write_text('from airflow.sdk import DAG\nd = DAG("plain")\n')
    bag = read(tmp_path / "plain", "a.py", "plain")

    assert (refusal(bag) if code else [*bag.dags]) == (code or ["plain"])


def test_without_a_policy_nothing_is_refused_and_released_dags_are_tagged(
    make_bundle: Make, store: SignedPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__WINDLASS__POLICY", "off")
    (store.tree("42") / "dropped.py").write_text(FILES["orders.py"])
    bag = read(make_bundle().path, "dropped.py")

    assert set(bag.dags["orders"].tags) == {"ns:company", "repo:dags"}


def test_a_release_that_is_not_vouched_for_makes_no_dag(
    make_bundle: Make, store: SignedPublisher
) -> None:
    path = make_bundle().path
    release._verified.clear()
    (store.root / "releases/42/release.sig").unlink()

    assert refusal(read(path)) == "BUNDLE011"


def test_a_release_without_signatures_is_held_to_its_manifest_where_no_key_is_pinned(
    make_bundle: Make, store: SignedPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("release.json", "release.sig"):
        (store.root / "releases/42" / name).unlink()
    kwargs = {"store": str(store.root)}
    bundles = [
        {"name": "orders", "classpath": "windlass_airflow.bundle.WindlassBundle", "kwargs": kwargs}
    ]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    (store.tree("42") / "dropped.py").write_text(FILES["orders.py"])
    path = make_bundle().path

    assert [*read(path).dags] == ["orders"]
    assert refusal(read(path, "dropped.py")) == "CLP001"


@pytest.mark.skipif(not READS_FILES_ASIDE, reason="Airflow 3.1 asks only after the file ran")
def test_a_bundle_that_flips_while_a_file_runs_makes_no_import_error(
    make_bundle: Make, store: SignedPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle()
    renamed = FILES["orders.py"].replace('"orders"', '"renamed"')
    store.release("43", {**FILES, "orders.py": renamed})

    def flip(_: str) -> None:
        store.bind("orders", "43")
        bundle.refresh()

    monkeypatch.setitem(sys.modules, "helper_a", Flipping("helper_a", flip))
    bag = read(bundle.path)

    assert (bundle.path / "orders.py").read_text() == renamed
    assert (bag.import_errors, [*bag.dags]) == ({}, ["orders"])
    assert bag.dags["orders"].fileloc == str(store.tree("42") / "orders.py")
