"""What Airflow sees of a bundle on a store that is as it should be."""

import fcntl
import random
import shutil
import threading
from collections.abc import Callable
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.dag_processing.bundles import base
from published import Publisher

from windlass_airflow.store import BundleError

Make = Callable[..., Any]


def version_of(bundle: Any) -> str | None:
    found = bundle.get_current_version()
    version: str | None = getattr(found, "version", found)
    return version


def shown_by(bundle: Any) -> tuple[str | None, str]:
    """The version, and which release's file lies at the path."""
    return version_of(bundle), (bundle.path / "release.txt").read_text()


def test_a_bound_bundle_shows_the_release_that_the_pointer_names(make_bundle: Make) -> None:
    assert shown_by(make_bundle()) == ("42", "42")


def test_airflow_reads_the_version_in_the_type_it_wants(make_bundle: Make) -> None:
    release = tuple(int(part) for part in installed("apache-airflow-core").split(".")[:2])

    found = make_bundle().get_current_version()

    assert found == (base.BundleVersion("42", None) if release >= (3, 3) else "42")


def test_the_tracking_path_stays_the_same_when_the_release_changes(
    make_bundle: Make, store: Publisher, tmp_path: Path
) -> None:
    bundle = make_bundle()
    before = bundle.path
    store.publish("orders", "43")
    bundle.refresh()

    assert before == bundle.path == tmp_path / "bundles/orders/tracking"
    assert shown_by(bundle) == ("43", "43")


def test_a_new_pointer_shows_only_after_a_refresh(make_bundle: Make, store: Publisher) -> None:
    bundle = make_bundle()
    store.publish("orders", "43")

    assert shown_by(bundle) == ("42", "42")


def test_an_unbound_bundle_serves_an_empty_folder(make_bundle: Make) -> None:
    bundle = make_bundle("free")

    assert (version_of(bundle), list(bundle.path.iterdir())) == ("unbound", [])


def test_a_bundle_may_be_unbound_and_bound_again(make_bundle: Make, store: Publisher) -> None:
    bundle = make_bundle()
    store.bind("orders", None)
    bundle.refresh()
    unbound = (version_of(bundle), list(bundle.path.iterdir()))
    store.publish("orders", "57")
    bundle.refresh()

    assert (unbound, shown_by(bundle)) == (("unbound", []), ("57", "57"))


def test_an_empty_folder_that_a_cleaner_removed_is_made_again(make_bundle: Make) -> None:
    bundle = make_bundle("free")
    shutil.rmtree(bundle.base_dir)
    bundle.refresh()

    assert (version_of(bundle), list(bundle.path.iterdir())) == ("unbound", [])


def test_the_version_is_that_of_what_the_path_shows_whoever_flipped_it(
    make_bundle: Make, store: Publisher
) -> None:
    processor, task = make_bundle(), make_bundle()
    store.publish("orders", "43")
    task.refresh()

    assert shown_by(processor) == ("43", "43")


def test_a_process_that_starts_goes_on_from_what_the_host_showed(
    make_bundle: Make, store: Publisher
) -> None:
    make_bundle()
    shutil.move(store.root, store.root.with_name("away"))
    late = make_bundle(ready=False)

    assert (version_of(late), late.path.name) == ("42", "tracking")


def test_before_the_first_initialize_there_is_no_version(make_bundle: Make) -> None:
    assert make_bundle(ready=False).get_current_version() is None


def test_path_and_version_never_touch_the_store(make_bundle: Make, store: Publisher) -> None:
    tracking, pinned = make_bundle(), make_bundle(version="42")
    shutil.rmtree(store.root)

    found = [(bundle.path, version_of(bundle)) for bundle in (tracking, pinned)]

    assert found == [(tracking.base_dir / "tracking", "42"), (store.tree("42"), "42")]


def test_a_link_that_is_not_ours_has_no_version(make_bundle: Make) -> None:
    bundle = make_bundle()
    bundle.path.unlink()
    bundle.path.symlink_to("elsewhere")

    assert bundle.get_current_version() is None


def test_a_link_to_another_store_is_replaced_even_by_a_lower_release(
    make_bundle: Make, tmp_path: Path
) -> None:
    other = Publisher(tmp_path / "other")
    other.publish("orders", "7")
    make_bundle()

    assert shown_by(make_bundle(store=str(other.root))) == ("7", "7")


def test_a_pinned_bundle_reads_its_release_in_the_store(
    make_bundle: Make, store: Publisher
) -> None:
    store.publish("orders", "43")
    bundle = make_bundle(version="42")

    assert (bundle.path, shown_by(bundle)) == (store.tree("42"), ("42", "42"))


def test_a_pinned_bundle_leaves_the_tracking_link_alone(
    make_bundle: Make, store: Publisher
) -> None:
    tracking = make_bundle()
    store.publish("orders", "43")
    make_bundle(version="43")

    assert shown_by(tracking) == ("42", "42")


def test_a_pinned_bundle_needs_no_pointer(make_bundle: Make, store: Publisher) -> None:
    (store.bundles / "orders").unlink()

    assert shown_by(make_bundle(version="42")) == ("42", "42")


def test_a_run_pinned_to_unbound_gets_an_empty_folder(make_bundle: Make) -> None:
    bundle = make_bundle(version="unbound")

    assert (version_of(bundle), list(bundle.path.iterdir())) == ("unbound", [])


@pytest.mark.parametrize("version", ["42", "unbound"])
def test_airflow_can_collect_a_stale_version_and_use_it_again(
    make_bundle: Make, store: Publisher, tmp_path: Path, version: str
) -> None:
    bundle = make_bundle(version=version)
    used = tmp_path / "used"
    used.touch()
    info = base.TrackedBundleVersionInfo(used, version=version, dt=pendulum.now("UTC"))
    base.BundleUsageTrackingManager._remove_stale_bundle("orders", info)
    collected = (bundle.versions_dir / version).exists()
    bundle.initialize()

    assert (collected, (bundle.versions_dir / version).is_dir()) == (False, True)
    assert store.tree("42").is_dir()


def test_an_initialized_bundle_says_so(make_bundle: Make) -> None:
    assert [make_bundle().is_initialized, make_bundle(ready=False).is_initialized] == [True, False]


def test_the_url_template_is_handed_to_airflow_with_what_it_may_name(make_bundle: Make) -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    template = "https://windlass.example/{environment}/{name}/{version}"
    bundle = make_bundle(ready=False, view_url_template=template)

    assert bundle.view_url_template() == template
    assert DagBundlesManager._extract_template_params(bundle) == {
        "environment": "default",
        "name": "orders",
    }


def test_an_unchanged_bundle_is_refreshed_without_the_lock(make_bundle: Make) -> None:
    bundle = make_bundle()
    with (bundle.base_dir.parent / "_locks/orders.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        bundle.refresh()

    assert shown_by(bundle) == ("42", "42")


def test_a_process_that_waited_for_the_lock_does_not_show_what_it_read_before(
    make_bundle: Make, store: Publisher
) -> None:
    holder, waiter = make_bundle(), make_bundle()
    store.publish("orders", "43")
    thread = threading.Thread(target=waiter.refresh)
    with holder.lock():
        thread.start()  # reads 43 and waits, or comes later: it must show 44 in either case
        thread.join(0.1)
        store.publish("orders", "44")
        holder.refresh()
    thread.join(5)

    assert shown_by(waiter) == ("44", "44")


@pytest.mark.parametrize("seed", range(20))
def test_the_release_never_goes_back_whatever_happens_in_whatever_order(
    make_bundle: Make, store: Publisher, seed: int
) -> None:
    chance, newest, shown = random.Random(seed), 42, [42]
    bundles = [make_bundle(), make_bundle()]
    for _ in range(60):
        match chance.choice(["publish", "unbind", "lag", "refresh", "refresh"]):
            case "publish":
                newest += 1
                store.publish("orders", str(newest))
            case "unbind":
                store.bind("orders", None)
            case "lag" if version_of(bundles[0]) != "unbound":  # an older pointer, from a cache
                store.bind("orders", str(chance.randint(42, shown[-1])))
            case "refresh":
                refresh_or_refuse(chance.choice(bundles))
        if version_of(bundles[0]) != "unbound":
            version, text = shown_by(bundles[0])
            assert version == text
            shown.append(int(text))

    assert shown == sorted(shown)


def refresh_or_refuse(bundle: Any) -> None:
    """Refresh; an older pointer may be refused, nothing else may."""
    try:
        bundle.refresh()
    except BundleError as error:
        assert str(error).startswith("BUNDLE007 ")  # noqa: PT017 - most refreshes do not raise
