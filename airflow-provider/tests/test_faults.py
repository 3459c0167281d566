"""Each way in which a store can be wrong is an error that says so, and changes nothing."""

import shutil
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from published import STORAGE, Publisher

from windlass_airflow.store import BundleError

Make = Callable[..., Any]

UPGRADE = (
    "If Windlass is newer than this provider, upgrade airflow-provider-windlass; "
    "else let Windlass write it again."
)


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(BundleError) as caught:
        act()
    return str(caught.value)


def test_airflow_survives_the_error_at_start() -> None:
    assert issubclass(BundleError, import_module("airflow.exceptions").AirflowException)


@pytest.mark.parametrize("gone", ["", "environments/default/bundles/orders"])
def test_a_refusal_is_one_short_traceback(make_bundle: Make, store: Publisher, gone: str) -> None:
    bundle = make_bundle()
    (store.root / gone).rename(store.root.with_name("away"))
    with pytest.raises(BundleError) as caught:
        bundle.refresh()

    assert "".join(traceback.format_exception(caught.value)).count("Traceback") == 1


@pytest.mark.parametrize("method", ["initialize", "refresh"])
def test_a_lost_store_is_refused(make_bundle: Make, store: Publisher, method: str) -> None:
    bundle = make_bundle(ready=method == "refresh")
    shutil.move(store.root, store.root.with_name("away"))

    assert refusal(getattr(bundle, method)) == (
        f"BUNDLE001 {store.root}/store.json: there is no store: it cannot be read (No such file or "
        'directory). Expected the absolute path of a mounted Windlass store in "store". Mount the '
        "store again, or correct the kwargs of this bundle; until then Airflow keeps the DAGs it "
        "knows."
    )


@pytest.mark.parametrize("harm", [Path.mkdir, Path.touch, lambda root: root.symlink_to(root)])
def test_what_a_lost_mount_leaves_behind_is_no_store(
    make_bundle: Make, store: Publisher, harm: Callable[[Path], None]
) -> None:
    bundle = make_bundle()
    shutil.move(store.root, store.root.with_name("away"))
    harm(store.root)

    assert refusal(bundle.refresh).startswith(f"BUNDLE001 {store.root}/store.json: ")


def test_after_a_refusal_the_bundle_shows_what_it_showed(
    make_bundle: Make, store: Publisher
) -> None:
    bundle = make_bundle()
    store.bind("orders", "43")
    refusal(bundle.refresh)

    assert (bundle.path / "release.txt").read_text() == "42"


def test_the_bundle_recovers_by_itself_when_the_store_is_back(
    make_bundle: Make, store: Publisher
) -> None:
    bundle = make_bundle(ready=False)
    away = shutil.move(store.root, store.root.with_name("away"))
    refusal(bundle.initialize)
    refused = bundle.is_initialized
    shutil.move(away, store.root)
    bundle.initialize()

    assert (refused, bundle.is_initialized) == (False, True)
    assert (bundle.path / "release.txt").read_text() == "42"


def test_a_relative_store_is_refused(make_bundle: Make) -> None:
    bundle = make_bundle(ready=False, store="store")

    assert refusal(bundle.initialize).startswith(
        'BUNDLE001 store/store.json: there is no store: the path "store" is relative. '
    )


@pytest.mark.parametrize(
    "text",
    [
        *["", "[]", "{", "[" * 9999, "\x00", " " * (1 << 21), '{"format": 1}'],
        '{"format": 2, "environments": {"default": ""}}',
        '{"format": true, "environments": {"default": ""}}',
    ],
)
def test_a_store_of_another_format_is_refused(
    make_bundle: Make, store: Publisher, text: str
) -> None:
    (store.root / "store.json").write_text(text)

    assert refusal(make_bundle) == (
        f"BUNDLE002 {store.root}/store.json: this is not a store description of format 1: "
        f'{text[:80]!a}. Expected {{"format": 1, "environments": {{"<name>": "<id>"}}}}. ' + UPGRADE
    )


def test_an_unknown_environment_is_refused_with_those_there_are(
    make_bundle: Make, store: Publisher
) -> None:
    store.describe({"format": 1, "environments": {"prod": "1", "default": "2"}})

    assert refusal(lambda: make_bundle(environment="prd")) == (
        f'BUNDLE003 {store.root}/store.json: the store has no environment "prd". Expected one of '
        '"default", "prod". Correct "environment" in the kwargs of this bundle.'
    )


def test_a_missing_pointer_is_not_unbound(make_bundle: Make) -> None:
    bundle = make_bundle("nobody", ready=False)

    assert refusal(bundle.initialize) == (
        f"BUNDLE004 {bundle.store}/environments/default/bundles/nobody: the pointer of this bundle "
        "cannot be read (No such file or directory). Expected a file that Windlass writes for each "
        'bundle of the environment. Check that Windlass knows a bundle named "nobody" in '
        'environment "default", and that the whole store is mounted.'
    )


@pytest.mark.parametrize(
    "text",
    ["", "42", "null", '{"format": 1}', '{"format": 2, "release": null}', '{"release": null}']
    + [f'{{"format": 1, "release": {it}}}' for it in ("42", '""', '"042"', '"0"', '"../42"', "[]")]
    + [f'{{"format": 1, "release": "{it}"}}' for it in ("-1", "42\\n", "٤٢", "9" * 20, "unbound")],
)
def test_a_pointer_that_is_not_understood_is_not_unbound(
    make_bundle: Make, store: Publisher, text: str
) -> None:
    bundle = make_bundle()
    store.point("orders", text)

    assert refusal(bundle.refresh) == (
        f"BUNDLE005 {store.bundles}/orders: this is not a pointer of format 1: {text!a}. "
        'Expected {"format": 1, "release": "<id>"} or {"format": 1, "release": null}. ' + UPGRADE
    )


def test_a_release_without_a_tree_is_refused(make_bundle: Make, store: Publisher) -> None:
    bundle = make_bundle()
    shutil.rmtree(store.tree("42"))

    assert refusal(bundle.refresh) == (
        f"BUNDLE006 {store.tree('42')}: release 42 has no tree. Expected the folder with the files "
        "of the release. Check that the whole store is mounted. If the release was removed, clear "
        "the run with the latest bundle version."
    )


def test_a_pinned_release_without_a_tree_is_refused(make_bundle: Make, store: Publisher) -> None:
    bundle = make_bundle(ready=False, version="41")

    assert refusal(bundle.initialize).startswith(f"BUNDLE006 {store.tree('41')}: ")
    assert not bundle.versions_dir.exists()


def test_an_older_release_is_refused(make_bundle: Make, store: Publisher) -> None:
    store.release("9")
    bundle = make_bundle()
    store.bind("orders", "9")

    assert refusal(bundle.refresh) == (
        f"BUNDLE007 {store.bundles}/orders: the pointer names release 9, but 42 is already shown. "
        "Expected release 42 or a later one. If the store was set back or made anew on purpose, "
        f"remove {bundle.path} on this host."
    )


@pytest.mark.parametrize("version", [None, "42"])
def test_a_local_folder_that_cannot_be_written_is_refused(
    make_bundle: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(STORAGE, str(tmp_path / "file"))
    bundle = make_bundle(ready=False, version=version)

    assert refusal(bundle.initialize).startswith(f"BUNDLE008 {tmp_path}/file/")


def test_a_folder_at_the_place_of_the_link_is_refused(make_bundle: Make) -> None:
    bundle = make_bundle(ready=False)
    bundle.path.mkdir(parents=True)

    assert refusal(bundle.initialize).endswith(
        "Check [dag_processor] dag_bundle_storage_path: its owner, free space, and that "
        f"{bundle.path} is a link or absent."
    )


def test_a_pinned_bundle_cannot_be_refreshed(make_bundle: Make) -> None:
    assert refusal(make_bundle(version="42").refresh) == (
        'BUNDLE009 orders: this instance is pinned to "42" and cannot be refreshed. Expected an '
        "instance without a version. Ask for the bundle without a version."
    )


@pytest.mark.parametrize("version", ["../../etc", "4f2a9c", "042", "42/tree"])
def test_a_version_of_another_bundle_class_is_refused(make_bundle: Make, version: str) -> None:
    bundle = make_bundle(ready=False, version=version)

    assert refusal(bundle.initialize) == (
        f'BUNDLE010 orders: "{version}" is not a version of a Windlass bundle. Expected a release '
        'id such as "42", or "unbound". The run began while another bundle served its DAG: '
        "clear it with the latest bundle version."
    )
