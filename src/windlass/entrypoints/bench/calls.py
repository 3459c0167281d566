"""Calls of a Git host at a steady rate over kept connections, as a load generator makes them.

Open loop: each call has its time, whatever became of the ones before; its latency counts from then.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

CONNECTIONS = 32
_COMMITS = 12
"""A body of about 6 KB, as GitHub's for a push of a few commits."""


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook of GitHub's kind: the path of its address, its secret, and its repository."""

    path: str
    secret: str
    remote: str


@dataclass(slots=True)
class Load:
    """What a run of calls came to: its seconds until the last answer, milliseconds of each that was
    answered, statuses, and the numbers of those that were accepted, in the order of their answers.
    """

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    accepted: list[int] = field(default_factory=list)


def push_body(remote: str, number: int, revision: str) -> bytes:
    """What GitHub would send for a push to main; no two numbers have the same."""
    commit = {
        "id": f"{number:040x}",
        "message": "A commit with a message of usual length, as people write them.",
        "author": {"name": "Mira", "email": "mira@example.org", "username": "mira"},
        "added": ["dags/orders.py"],
        "removed": [],
        "modified": ["dags/rates.py", "dags/report.py"],
        "url": f"{remote}/commit/{number:040x}",
    }
    told: dict[str, Any] = {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": revision,
        "deleted": False,
        "repository": {"id": 1, "clone_url": remote, "full_name": "bench/dags"},
        "commits": [commit] * _COMMITS,
        "number": number,
    }
    return json.dumps(told).encode()


def request_of(target: Target, body: bytes) -> bytes:
    """The whole request of a signed call."""
    digest = hmac.new(target.secret.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-GitHub-Event: push\r\nX-Hub-Signature-256: sha256={digest}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def send_at_rate(
    port: int, targets: Sequence[Target], *, first: int, rate: float, seconds: float, revision: str
) -> Load:
    """Send `rate` calls a second for so many seconds, numbered from `first`."""
    load, queue = Load(), asyncio.Queue[tuple[int, float] | None]()
    senders = [
        asyncio.create_task(_send(port, targets, queue, load, revision)) for _ in range(CONNECTIONS)
    ]
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        while (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        queue.put_nowait((first + number, due))
    for _ in senders:
        queue.put_nowait(None)
    await asyncio.gather(*senders)
    load.seconds = time.perf_counter() - began
    return load


async def _send(
    port: int,
    targets: Sequence[Target],
    queue: asyncio.Queue[tuple[int, float] | None],
    load: Load,
    revision: str,
) -> None:
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while (one := await queue.get()) is not None:
        number, due = one
        target = targets[number % len(targets)]
        request = request_of(target, push_body(target.remote, number, revision))
        try:
            if connection is None:
                connection = await asyncio.open_connection("127.0.0.1", port)
            status = await _ask(*connection, request)
        except (OSError, asyncio.IncompleteReadError):  # the server is being killed
            connection = None
            load.statuses["no answer"] += 1
            await asyncio.sleep(0.05)
            continue
        load.statuses[status] += 1
        load.latencies_ms.append((time.perf_counter() - due) * 1000)
        if status == "202":
            load.accepted.append(number)
    if connection is not None:
        connection[1].close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> str:
    """The status of the answer."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    lengths = [line.split(":")[1] for line in lines if line.lower().startswith("content-length:")]
    await reader.readexactly(int(lengths[0]) if lengths else 0)
    return lines[0].split(" ")[1]
