from typing import Any

import pytest

from windlass.entrypoints.cli.release import _row


def release(**changes: Any) -> dict[str, Any]:
    found = {
        "id": 7,
        "state": "live",
        "is_current": True,
        "published_at": "2026-11-20T12:00:00+00:00",
        "quarantine_reason": None,
        "content_of": None,
        "revision": "3f9c2d1aa",
        "created_at": None,
        "actor": "windlass",
        "reason": "push: x",
        "kept": {},
        "omitted": {},
        "validated": True,
    }
    return found | changes


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "live"),
        ({"is_current": False}, "replaced"),
        ({"is_current": False, "quarantine_reason": "bad"}, "quarantined"),
        ({"is_current": False, "published_at": None, "state": "waiting"}, "waiting"),
        ({"is_current": False, "published_at": None, "state": "rejected"}, "rejected"),
    ],
)
def test_a_release_is_listed_with_what_became_of_it(changes: dict[str, Any], state: str) -> None:
    assert _row(release(**changes))[1] == state
