"""Calls of Git hosts as these make them: recorded bodies, signed with a secret of the test."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from windlass.domain.delivery import ForgeKind
from windlass.forges.verify import RawCall

CASES = Path(__file__).parent / "cases" / "webhooks"
SECRET = "a-secret-of-this-test-alone"
KINDS = {"bitbucket-cloud": ForgeKind.BITBUCKET}
EVENT_HEADERS = {
    ForgeKind.GITHUB: "x-github-event",
    ForgeKind.GITEA: "x-gitea-event",
    ForgeKind.GOGS: "x-gogs-event",
    ForgeKind.BITBUCKET: "x-event-key",
    ForgeKind.BITBUCKET_SERVER: "x-event-key",
}


def kind_of(folder: str) -> ForgeKind:
    return KINDS.get(folder) or ForgeKind(folder)


def proof_headers(kind: ForgeKind, body: bytes, secret: str = SECRET) -> dict[str, str]:
    """What a host adds to a body so that it is believed."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    basic = base64.b64encode(f"windlass:{secret}".encode()).decode()
    return {
        ForgeKind.GITHUB: {"x-hub-signature-256": f"sha256={digest}"},
        ForgeKind.GITLAB: {"x-gitlab-token": secret},
        ForgeKind.BITBUCKET: {"x-hub-signature": f"sha256={digest}"},
        ForgeKind.BITBUCKET_SERVER: {"x-hub-signature": f"sha256={digest}"},
        ForgeKind.GITEA: {"x-gitea-signature": digest},
        ForgeKind.GOGS: {"x-gogs-signature": digest},
        ForgeKind.AZURE_DEVOPS: {"authorization": f"Basic {basic}"},
        ForgeKind.GENERIC: {"x-windlass-signature": f"sha256={digest}"},
    }[kind]


def call(kind: ForgeKind, body: bytes, event: str = "", secret: str = SECRET) -> RawCall:
    headers = proof_headers(kind, body, secret)
    if event:
        headers[EVENT_HEADERS[kind]] = event
    return RawCall(kind, headers, body)


def github_push(url: str, ref: str, revision: str, before: str = "0" * 40) -> bytes:
    """What GitHub would send for a push, with a list of files that lies."""
    told: dict[str, Any] = {
        "ref": ref,
        "before": before,
        "after": revision,
        "deleted": revision == "0" * 40,
        "repository": {"clone_url": url, "id": 1},
        "commits": [{"id": revision, "added": [], "removed": ["orders.py"], "modified": []}],
    }
    return json.dumps(told).encode()
