"""The statement of a release: its bytes, and keys as text."""

import json

import pytest

from windlass.domain.options import NewDags
from windlass.domain.policy import Allowed
from windlass.domain.statement import Statement, is_key_text, key_text

STATEMENT = Statement(
    release="42",
    environment="prod",
    environment_id="0b5e",
    bundle="windlass-00",
    namespace="company",
    repository="orders",
    revision="3f9c2d1",
    content_of=None,
    artifact="aa",
    manifest="bb",
    verdict="cc",
    validated=True,
    new_dags=NewDags.PAUSED,
    tags=("ns:company", "repo:orders"),
    dag_id_prefix="company__",
    dag_id_prefixes=("sales_",),
    pool="company",
    created_at="2026-11-21T00:00:00+00:00",
)


def test_the_bytes_of_a_statement_hold_all_of_it() -> None:
    assert json.loads(STATEMENT.to_bytes()) == {
        "format": 1,
        "release": "42",
        "environment": "prod",
        "environment_id": "0b5e",
        "bundle": "windlass-00",
        "namespace": "company",
        "repository": "orders",
        "revision": "3f9c2d1",
        "content_of": None,
        "artifact": "aa",
        "manifest": "bb",
        "verdict": "cc",
        "validated": True,
        "new_dags": "paused",
        "tags": ["ns:company", "repo:orders"],
        "dag_id_prefix": "company__",
        "dag_id_prefixes": ["sales_"],
        "pool": "company",
        "created_at": "2026-11-21T00:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("text", "is_key"),
    [
        (key_text(bytes(32)), True),
        (key_text(bytes(31)), False),
        ("ed25519:***", False),
        ("rsa:AAAA", False),
        (None, False),
    ],
)
def test_a_key_as_text_is_32_bytes_of_the_known_kind(text: object, is_key: bool) -> None:
    assert is_key_text(text) is is_key


def test_two_verdicts_have_one_digest_only_if_their_findings_are_the_same() -> None:
    assert Allowed(()).digest == Allowed(()).digest
    assert len(Allowed(()).digest) == 64
