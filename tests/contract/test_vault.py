"""What every store of secrets must do, whoever made it (credentials.vaults.Vault)."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract import stores
from tests.contract.stores import Ground
from windlass.domain.errors import AppError, Invalid, Unavailable

EVERY = ["fake", "hashicorp", "approle", "onepassword", "aws", "azure"]
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\nnNza\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.fixture
def ground(
    request: pytest.FixtureRequest, room: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ground]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with getattr(stores, request.param)(room) as ground:
        yield ground


def failure(ground: Ground, reference: str) -> AppError:
    with pytest.raises(AppError) as refused:
        ground.vault.read(reference)
    return refused.value


pytestmark = [
    pytest.mark.parametrize("ground", EVERY, indirect=True),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of other people's libraries
]


def test_a_secret_comes_back_as_it_was(ground: Ground) -> None:
    secrets = {"git": "glpat-x", "umlaut": "schlüssel 注文", "key": KEY}
    for name, secret in secrets.items():
        ground.put(name, secret)

    read = {name: ground.vault.read(ground.reference(name)) for name in secrets}

    assert read == secrets


def test_what_is_not_there_is_missing(ground: Ground) -> None:
    ground.put("git", "glpat-x")

    missing = failure(ground, ground.reference("gti"))

    assert (type(missing), missing.code) == (Invalid, "CRED042")


def test_what_is_no_reference_is_told_with_its_form(ground: Ground) -> None:
    unreadable = failure(ground, ground.bad)

    assert (type(unreadable), unreadable.code) == (Invalid, "CRED041")
    assert unreadable.hint.startswith("Give ")


def test_a_store_that_refuses_is_told_so_and_shows_no_secret(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ground.put("git", "glpat-x")
    ground.lock()

    locked = failure(ground, ground.reference("git"))

    assert (type(locked), locked.code) == (Invalid, "CRED043")
    for word in ("glpat-x", "hvs.good", "eyJ-connect", "s3cret-id"):
        assert word not in f"{locked} {locked.__cause__!r} {caplog.text}"


def test_a_store_that_is_away_may_be_asked_later(ground: Ground) -> None:
    ground.put("git", "glpat-x")
    ground.stop()

    away = failure(ground, ground.reference("git"))

    assert (type(away), away.code) == (Unavailable, "CRED036")
