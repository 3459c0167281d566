"""The REST API of Bitbucket Data Center and Server (developer.atlassian.com/server/bitbucket/rest).

It is one of several below /rest: core, build status, and branch permissions.
"""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

from windlass.domain.errors import NotFound
from windlass.domain.forge import ApiLogin, CommitStatus, HookThere, Protection, WantedHook
from windlass.forges.clients.basic import basic
from windlass.forges.clients.bitbucket import TITLE, status_body
from windlass.forges.clients.calling import MAX_PAGES, Caller, Logins, Way
from windlass.forges.clients.client import Place

EVENTS = (
    "repo:refs_changed",
    "pr:opened",
    "pr:from_ref_updated",
    "pr:modified",
    "pr:merged",
    "pr:declined",
    "pr:deleted",
)
_PAGE = 100


def headers(login: ApiLogin) -> Mapping[str, str]:
    """What the API is shown of a login."""
    return basic(login) if login.is_password else {"Authorization": f"Bearer {login.secret}"}


class BitbucketServer:
    """A repository of a project, or of a person, whose key is `~name`."""

    def __init__(self, place: Place, way: Way, logins: Logins) -> None:
        key, _, slug = place.path.partition("/")
        self._caller = Caller(place.api_url, way, logins, headers)
        self._path = f"/projects/{quote(key, safe='~')}/repos/{quote(slug, safe='')}"
        self._root = f"/api/1.0{self._path}"
        self._web = place.web

    def list_hooks(self) -> Sequence[HookThere]:
        return [self._hook(one) for one in self._all(f"{self._root}/webhooks")]

    def add_hook(self, wanted: WantedHook) -> None:
        self._caller.call("POST", f"{self._root}/webhooks", _body(wanted))

    def change_hook(self, there: HookThere, wanted: WantedHook) -> None:
        self._caller.call("PUT", f"{self._root}/webhooks/{quote(there.id)}", _body(wanted))

    def remove_hook(self, there: HookThere) -> None:
        self._caller.call("DELETE", f"{self._root}/webhooks/{quote(there.id)}")

    def post_status(self, revision: str, status: CommitStatus) -> None:
        at = f"/build-status/1.0/commits/{quote(revision)}"
        self._caller.call("POST", at, status_body(status, self._web, revision))

    def find_comment(self, number: int, mark: str) -> str | None:
        """Among the activities, newest first: comments have no listing of their own."""
        for one in self._all(f"{self._root}/pull-requests/{number}/activities"):
            comment = one.get("comment") if one.get("action") == "COMMENTED" else None
            if isinstance(comment, dict) and str(comment.get("text") or "").startswith(mark):
                return self._caller.name(comment, "id")
        return None

    def add_comment(self, number: int, text: str) -> str:
        at = f"{self._root}/pull-requests/{number}/comments"
        return self._caller.name(self._caller.call("POST", at, {"text": text}), "id")

    def change_comment(self, number: int, comment: str, text: str) -> None:
        """With the version that is there: the host refuses to change another one."""
        at = f"{self._root}/pull-requests/{number}/comments/{quote(comment)}"
        version = int(self._caller.name(self._caller.get(at), "version"))
        self._caller.call("PUT", at, {"text": text, "version": version})

    def protection(self, branch: str) -> Protection:
        at = f"/branch-permissions/2.0{self._path}/restrictions"
        kinds = {one.get("type") for one in self._all(at) if _concerns(one.get("matcher"), branch)}
        is_reviewed = "pull-request-only" in kinds
        return Protection(is_reviewed or "read-only" in kinds, is_reviewed)

    def _all(self, at: str) -> Iterator[dict[str, Any]]:
        start = "0"
        for _ in range(MAX_PAGES):
            found = self._caller.get(at, limit=str(_PAGE), start=start)
            yield from self._caller.items(found, "values")
            if self._caller.thing(found).get("isLastPage", True):
                return
            start = self._caller.name(found, "nextPageStart")

    def _hook(self, one: dict[str, Any]) -> HookThere:
        events, number = set(one.get("events") or ()), self._caller.name(one, "id")
        is_plain = one.get("sslVerificationRequired") is False
        return HookThere(
            number,
            str(one.get("url") or ""),
            bool(one.get("active")),
            tuple(event for event in EVENTS if event not in events),
            "it does not verify our certificate" if is_plain else self._last(number),
        )

    def _last(self, number: str) -> str | None:
        """How the last call ended; None where none was made."""
        try:
            told = self._caller.get(f"{self._root}/webhooks/{quote(number)}/latest")
        except NotFound:
            return None
        result = (told or {}).get("result") if isinstance(told, dict) else None
        outcome = result.get("outcome") if isinstance(result, dict) else None
        return "its last call failed" if outcome in ("FAILURE", "ERROR") else None


def _concerns(matcher: Any, branch: str) -> bool:
    """Whether a restriction is for the branch: by its name or a pattern. What it is for by the
    branching model is not known here."""
    if not isinstance(matcher, dict):
        return False
    kind, name = (matcher.get("type") or {}).get("id"), str(matcher.get("id") or "")
    if kind == "BRANCH":
        return name == f"refs/heads/{branch}"
    if kind == "PATTERN":
        return fnmatchcase(branch, name) or fnmatchcase(f"refs/heads/{branch}", name)
    return bool(kind == "ANY_REF")


def _body(wanted: WantedHook) -> dict[str, Any]:
    return {
        "name": TITLE,
        "url": wanted.url,
        "active": True,
        "events": list(EVENTS),
        "configuration": {"secret": wanted.secret},
        "sslVerificationRequired": True,
    }
