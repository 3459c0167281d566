"""Every release is signed, and the store says with which key."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Origin, register, run_sync, status_of
from windlass.credentials.signing import SigningKey, is_signed, key_id
from windlass.domain.release import ReleaseId
from windlass.domain.statement import PURPOSE, key_text
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.engine.worker import handlers

DAG = "import airflow.sdk as s\nx = s.DAG('{}')\n"
MADE_FROM_CONTENT = ("manifest", "artifact", "verdict", "created_at")


def release_folder(context: Context) -> Path:
    """The folder of the deployed release of `dags`."""
    deployed = status_of(context).facts.deployed
    assert deployed is not None
    return context.store.tree(deployed.release_id).parent


@pytest.fixture
def released(context: Context, registration: Registration, origin: Origin) -> Path:
    origin.push("first", {"a.py": DAG.format("a")})
    run_sync(context, register(context, registration, namespace="company"))
    return release_folder(context)


def statement_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "release.json").read_bytes())
    return found


def is_vouched_for(folder: Path, key: SigningKey) -> bool:
    [signed] = json.loads((folder / "release.sig").read_bytes())["signatures"]
    assert signed["key"] == key_id(key.public)
    signature = base64.b64decode(signed["signature"])
    return is_signed(key.public, PURPOSE, (folder / "release.json").read_bytes(), signature)


def test_a_release_says_what_it_is(released: Path, origin: Origin) -> None:
    said = statement_of(released)

    assert {name: said[name] for name in said.keys() - MADE_FROM_CONTENT} == {
        "format": 1,
        "release": released.name,
        "environment": "default",
        "environment_id": "00000000-0000-0000-0000-000000000001",
        "bundle": "one",
        "namespace": "company",
        "repository": "dags",
        "revision": origin.git("rev-parse", "HEAD"),
        "content_of": None,
        "validated": True,
        "new_dags": "keep",
        "tags": ["ns:company", "repo:dags"],
        "dag_id_prefix": None,
        "dag_id_prefixes": [],
        "pool": None,
    }


def test_a_release_is_signed_over_the_bytes_of_its_manifest(
    released: Path, context: Context
) -> None:
    manifest = (released / "manifest.json.gz").read_bytes()

    assert is_vouched_for(released, context.release_key)
    assert statement_of(released)["manifest"] == hashlib.sha256(manifest).hexdigest()


def test_the_store_names_the_key_and_keeps_those_of_older_releases(context: Context) -> None:
    keys = [key_text(context.release_key.public)]
    described = json.loads((context.store.root / "store.json").read_bytes())
    context.store.prepare(described["environments"], "ed25519:new")
    after = json.loads((context.store.root / "store.json").read_bytes())

    assert (described["keys"], after["keys"]) == (keys, ["ed25519:new", *keys])


def test_a_rollback_is_signed_too_and_says_whose_content_it_has(
    released: Path, context: Context, origin: Origin
) -> None:
    origin.push("second", {"a.py": DAG.format("a") + "# 2\n"})
    run_sync(context, status_of(context).repository)
    bad = ReleaseId(int(release_folder(context).name))
    handlers(context)["rollback"](
        status_of(context).repository.id,
        to=ReleaseId(int(released.name)),
        bad=bad,
        actor="alice",
        reason="wrong totals",
        should_abort=lambda: False,
    )

    newest = release_folder(context)
    assert int(newest.name) > bad
    assert is_vouched_for(newest, context.release_key)
    assert statement_of(newest)["content_of"] == released.name
