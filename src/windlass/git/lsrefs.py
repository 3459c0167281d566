"""The cheapest poll, and the cheapest fetch: protocol v2's `ls-refs` and `fetch` on a kept-alive
connection, without a process.

gitprotocol-v2(5), gitprotocol-http(5). What is not as expected is asked again by git, and by git
alone for a while.
"""

import re
import threading
import time
from dataclasses import dataclass, replace

from windlass.domain.errors import Throttled, Unavailable
from windlass.domain.ref import CommitSha, Head, RefKind, RemoteRef, choose
from windlass.git.access import Remote
from windlass.git.http import (
    DISCOVERY,
    Answer,
    Connections,
    TooLong,
    Unexpected,
    redirect_target,
)
from windlass.git.packs import fetch_request, read_pack
from windlass.git.pktline import DELIMITER, FLUSH, line, pkt_lines
from windlass.git.remotes import RATE_LIMIT_S, find_head, no_such_ref

GIT_ALONE_S = 3600.0
"""How long git asks for a repository whose host does not speak as expected."""
KNOWN_S = 24 * 3600.0
"""After which a host is asked again what it can do, and whether it still sends us elsewhere."""
LONGEST_WAIT_S = 3600.0
"""However long a host asks us to wait."""
REFS_BYTES = 4_000_000  # 50,000 tags
PACK_BYTES = 4_000_000
"""Packs are held in memory; git fetches larger ones."""
CAPABILITIES_BYTES = 4_000_000  # a host that knows only protocol v0 tells all its refs here
_VERSION = {"Git-Protocol": "version=2"}
_RESULT = "application/x-git-upload-pack-result"
_REQUEST = "application/x-git-upload-pack-request"
_OID = re.compile(rb"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out about one URL: `remote_url` is where a redirect led, `by_git` that git
    must ask, `packs_by_git` that git must fetch."""

    until: float
    remote_url: str
    by_git: bool = False
    packs_by_git: bool = False


class _ByGit(Exception):
    """Git must fetch this time."""


class HeadFinder:
    """Finds heads as `remotes.find_head` does, over HTTP where that works. Safe for threads.

    It remembers a few words for each URL and keeps connections, and no secret.
    """

    def __init__(self, *, max_pack_bytes: int = PACK_BYTES) -> None:
        self._max_pack_bytes = max_pack_bytes
        self._connections = Connections()
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def find_head(self, remote: Remote) -> Head:
        """The commit that the ref names now; raises as `remotes.find_head` does."""
        kind = remote.ref.kind
        if kind is RefKind.COMMIT or remote.parsed.scheme not in ("http", "https"):
            return find_head(remote)
        known = self._recall(remote.url)
        if known is not None and known.by_git:
            return find_head(remote)
        try:
            refs = self._list(remote, known)
        except Unexpected:
            self._remember(remote.url, _Known(_in(GIT_ALONE_S), remote.url, by_git=True))
            return find_head(remote)
        if refs is None:  # refused: git says why
            self._forget(remote.url)
            return find_head(remote)
        head = choose(remote.ref, refs)
        if head is None:
            raise no_such_ref(remote)
        return head

    def find_pack(self, remote: Remote, have: CommitSha) -> tuple[CommitSha, bytes] | None:
        """The commit that a branch names now, and a pack of what it has more than `have`, of
        `max_pack_bytes` at most; no bytes where that is nothing. None where git must fetch. Raises
        Unavailable, Throttled and Invalid as `find_head` does.

        `git fetch` opens a connection of its own and starts up to six processes for it.
        """
        if remote.parsed.scheme not in ("http", "https"):
            return None
        known = self._recall(remote.url)
        if known is not None and (known.by_git or known.packs_by_git):
            return None
        try:
            head = choose(remote.ref, self._list(remote, known) or [])
            if head is None:  # refused, or gone: git says which
                return None
            return head.sha, b"" if head.sha == have else self._fetch(remote, head.sha, have)
        except _ByGit:
            return None
        except Unexpected:
            known = self._recall(remote.url) or _Known(_in(KNOWN_S), remote.url)
            self._remember(remote.url, replace(known, packs_by_git=True))
            return None

    def _fetch(self, remote: Remote, want: CommitSha, have: CommitSha) -> bytes:
        try:
            answer = self._post(remote, fetch_request(want, have), self._max_pack_bytes)
        except Throttled:
            raise
        except (TooLong, Unavailable) as reason:  # git has more patience
            raise _ByGit from reason
        if answer is None:
            raise _ByGit
        return read_pack(answer)

    def close(self) -> None:
        """Close the kept connections."""
        self._connections.close()

    def _list(self, remote: Remote, known: _Known | None) -> list[RemoteRef] | None:
        """The refs that can be meant; None where the host refuses."""
        if known is None:
            found = self._discover(remote)
            if found is None:
                return None
            self._remember(remote.url, found)
        answer = self._post(remote, ls_refs_request(remote.ref.prefix), REFS_BYTES)
        return None if answer is None else parse_refs(answer)

    def _post(self, remote: Remote, body: bytes, max_bytes: int) -> bytes | None:
        """The answer to a command of protocol v2; None where the host refuses."""
        known = self._recall(remote.url)
        answer = self._connections.request(
            _moved(remote, known.remote_url if known else remote.url),
            "POST",
            "/git-upload-pack",
            headers={**_VERSION, "Content-Type": _REQUEST, "Accept": _RESULT},
            body=body,
            max_bytes=max_bytes,
        )
        if _is_refusal(remote, answer):
            return None
        if answer.status != 200 or not answer.kind.startswith(_RESULT):
            raise Unexpected(f"{answer.status} {answer.kind[:100]}")
        return answer.body

    def _discover(self, remote: Remote) -> _Known | None:
        """Ask what the host can do, following one redirect; None where it refuses."""
        answer, asked = self._ask_capabilities(remote), remote
        target = redirect_target(remote, answer)
        if target is not None:
            asked = _moved(remote, str(target))
            answer = self._ask_capabilities(asked)
        if _is_refusal(remote, answer):
            return None
        if answer.status != 200 or not can_list_refs(answer.body):
            raise Unexpected(f"{answer.status} without ls-refs")
        return _Known(_in(KNOWN_S), asked.url)

    def _ask_capabilities(self, remote: Remote) -> Answer:
        return self._connections.request(
            remote, "GET", DISCOVERY, headers=_VERSION, max_bytes=CAPABILITIES_BYTES
        )

    def _recall(self, url: str) -> _Known | None:
        with self._lock:
            known = self._known.get(url)
        return known if known and known.until > time.monotonic() else None

    def _remember(self, url: str, known: _Known) -> None:
        with self._lock:
            self._known[url] = known

    def _forget(self, url: str) -> None:
        with self._lock:
            self._known.pop(url, None)


def ls_refs_request(prefix: str) -> bytes:
    """The body that asks for the refs whose names begin with `prefix`, tags peeled.

    >>> ls_refs_request("refs/heads/main")[:20]
    b'0014command=ls-refs\\n'
    """
    head = line(b"command=ls-refs\n") + line(b"agent=windlass\n")
    arguments = line(b"peel\n") + line(f"ref-prefix {prefix}\n".encode())
    return head + DELIMITER + arguments + FLUSH


def can_list_refs(body: bytes) -> bool:
    """Whether a capability advertisement is one of protocol v2 with `ls-refs`, and of SHA-1."""
    try:
        lines = [row.rstrip(b"\n") for row in pkt_lines(body) if row]
    except Unexpected:
        return False
    names = {row.partition(b"=")[0] for row in lines}
    others = b"object-format=sha256" in lines
    return b"version 2" in lines and b"ls-refs" in names and not others


def parse_refs(body: bytes) -> list[RemoteRef]:
    """The refs of an answer to `ls-refs`; Unexpected for any other bytes."""
    refs: list[RemoteRef] = []
    ended = False
    for row in pkt_lines(body):
        if ended:
            raise Unexpected("more after the end")
        if row is None:
            ended = True
            continue
        oid, name, *attributes = [*row.rstrip(b"\n").split(b" ")[:8], b""]
        peeled = [each[7:] for each in attributes if each.startswith(b"peeled:")]
        if oid == b"unborn":
            continue
        if not name or not all(_OID.fullmatch(each) for each in (oid, *peeled)):
            raise Unexpected("a ref without a name or an object")
        refs.append(_ref(name, oid, peeled))
    if not ended:
        raise Unexpected("the answer was cut")
    return refs


def _ref(name: bytes, oid: bytes, peeled: list[bytes]) -> RemoteRef:
    text = name.decode("utf-8", "replace")
    return RemoteRef(text, oid.decode(), peeled[0].decode() if peeled else None)


def _moved(remote: Remote, url: str) -> Remote:
    if url == remote.url:
        return remote
    moved = replace(remote, url=url)
    same = moved.parsed.origin == remote.parsed.origin
    return moved if same else replace(moved, auth=None)


def _is_refusal(remote: Remote, answer: Answer) -> bool:
    """Whether git should find out what is the matter; raises Unavailable where that is known."""
    if answer.status == 429 or (answer.status == 503 and answer.retry_after_s):
        raise Throttled(
            "GIT021",
            f"{remote.url} asks for fewer requests ({answer.status})",
            "Poll it less often: --sync-interval.",
            retry_after_s=min(answer.retry_after_s or RATE_LIMIT_S, LONGEST_WAIT_S),
        )
    if answer.status >= 500:
        raise Unavailable("GIT006", f"{remote.url} cannot be asked now: it answers {answer.status}")
    return answer.status in (401, 403, 404, 407)


def _in(seconds: float) -> float:
    return time.monotonic() + seconds
