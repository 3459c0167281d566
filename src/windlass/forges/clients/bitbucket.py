"""Bitbucket Cloud's REST API (developer.atlassian.com/cloud/bitbucket/rest: version 2.0)."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

from windlass.domain.digest import digest_bytes
from windlass.domain.forge import (
    ApiLogin,
    CommitState,
    CommitStatus,
    HookThere,
    Protection,
    WantedHook,
)
from windlass.forges.clients.basic import basic
from windlass.forges.clients.calling import Caller, Logins, Way
from windlass.forges.clients.client import Place

EVENTS = (
    "repo:push",
    "pullrequest:created",
    "pullrequest:updated",
    "pullrequest:fulfilled",
    "pullrequest:rejected",
)
TITLE = "Windlass"
_PAGE = 100
_MAX_KEY = 40
_STATES = {
    CommitState.PENDING: "INPROGRESS",
    CommitState.SUCCESS: "SUCCESSFUL",
    CommitState.FAILURE: "FAILED",
}
_ACCESS_TOKEN_USER = "x-token-auth"  # noqa: S105  # the user that git shows with access tokens


def headers(login: ApiLogin) -> Mapping[str, str]:
    """Access tokens of a repository, project or workspace are bearers; API tokens go with the
    e-mail address of their owner ("Using API tokens")."""
    if login.username == _ACCESS_TOKEN_USER:
        return {"Authorization": f"Bearer {login.secret}"}
    return basic(login)


def key_of(context: str) -> str:
    """A key of a status, which may have 40 characters."""
    if len(context) <= _MAX_KEY:
        return context
    return f"{context[: _MAX_KEY - 9]}-{digest_bytes(context.encode())[-8:]}"


def status_body(status: CommitStatus, web: str, revision: str) -> dict[str, Any]:
    """A build status, which must have an address: where ours is not known, the commit's."""
    return {
        "key": key_of(status.context),
        "state": _STATES[status.state],
        "name": status.context,
        "description": status.text,
        "url": status.url or f"{web}/commits/{revision}",
    }


class Bitbucket:
    """A repository of Bitbucket Cloud's."""

    def __init__(self, place: Place, way: Way, logins: Logins) -> None:
        workspace, _, slug = place.path.partition("/")
        self._caller = Caller(place.api_url, way, logins, headers)
        self._root = f"/repositories/{quote(workspace, safe='')}/{quote(slug, safe='')}"
        self._web = place.web

    def list_hooks(self) -> Sequence[HookThere]:
        return [self._hook(one) for one in self._all("/hooks")]

    def add_hook(self, wanted: WantedHook) -> None:
        self._caller.call("POST", f"{self._root}/hooks", _body(wanted))

    def change_hook(self, there: HookThere, wanted: WantedHook) -> None:
        self._caller.call("PUT", self._hook_at(there), _body(wanted))

    def remove_hook(self, there: HookThere) -> None:
        self._caller.call("DELETE", self._hook_at(there))

    def post_status(self, revision: str, status: CommitStatus) -> None:
        at = f"{self._root}/commit/{quote(revision)}/statuses/build"
        self._caller.call("POST", at, status_body(status, self._web, revision))

    def find_comment(self, number: int, mark: str) -> str | None:
        for one in self._all(f"/pullrequests/{number}/comments"):
            content = one.get("content") or {}
            if not one.get("deleted") and str(content.get("raw") or "").startswith(mark):
                return self._caller.name(one, "id")
        return None

    def add_comment(self, number: int, text: str) -> str:
        at = f"{self._root}/pullrequests/{number}/comments"
        made = self._caller.call("POST", at, {"content": {"raw": text}})
        return self._caller.name(made, "id")

    def change_comment(self, number: int, comment: str, text: str) -> None:
        at = f"{self._root}/pullrequests/{number}/comments/{quote(comment)}"
        self._caller.call("PUT", at, {"content": {"raw": text}})

    def protection(self, branch: str) -> Protection:
        rules = [
            one
            for one in self._all("/branch-restrictions")
            if fnmatchcase(branch, str(one.get("pattern") or ""))
        ]
        pushes = [one for one in rules if one.get("kind") == "push"]
        nobody = any(not one.get("users") and not one.get("groups") for one in pushes)
        asks = any(one.get("kind") == "require_approvals_to_merge" for one in rules)
        return Protection(bool(pushes), nobody or (bool(pushes) and asks))

    def _all(self, at: str) -> Sequence[dict[str, Any]]:
        def read(page: int) -> list[Any]:
            paging = {"pagelen": str(_PAGE), "page": str(page)}
            return self._caller.items(self._caller.get(self._root + at, **paging), "values")

        return list(self._caller.pages(read, _PAGE))

    def _hook_at(self, there: HookThere) -> str:
        return f"{self._root}/hooks/{quote(there.id, safe='')}"

    def _hook(self, one: dict[str, Any]) -> HookThere:
        events = set(one.get("events") or ())
        is_plain = one.get("skip_cert_verification") is True
        return HookThere(
            self._caller.name(one, "uuid"),
            str(one.get("url") or ""),
            bool(one.get("active")),
            tuple(event for event in EVENTS if event not in events),
            "it does not verify our certificate" if is_plain else None,
        )


def _body(wanted: WantedHook) -> dict[str, Any]:
    return {
        "description": TITLE,
        "url": wanted.url,
        "secret": wanted.secret,
        "active": True,
        "skip_cert_verification": False,
        "events": list(EVENTS),
    }
