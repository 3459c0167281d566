"""The guards of conftest.py, proved."""

import os
import socket

import pytest


def test_no_test_can_reach_another_host() -> None:
    with socket.socket() as probe, pytest.raises(AssertionError, match=r"192\.0\.2\.1"):
        probe.connect(("192.0.2.1", 80))


def test_no_test_sees_the_home_folder_or_our_variables() -> None:
    ours = [name for name in os.environ if name.startswith("WINDLASS_")]

    assert os.environ["HOME"] == "/nonexistent"
    assert ours == []
