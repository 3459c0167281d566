"""GitLab's REST API, gitlab.com and one's own (docs.gitlab.com/api: version 4)."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

from windlass.domain.errors import Invalid
from windlass.domain.forge import (
    ApiLogin,
    CommitState,
    CommitStatus,
    HookThere,
    Protection,
    WantedHook,
)
from windlass.forges.clients.calling import Caller, Logins, Way
from windlass.forges.clients.client import Place

EVENTS = ("push_events", "tag_push_events", "merge_requests_events")
_PAGE = 100
_STATES = {CommitState.FAILURE: "failed"}
_NOBODY = 0  # "No access", docs.gitlab.com/api/protected_branches


def headers(login: ApiLogin) -> Mapping[str, str]:
    """What the API is shown of a login."""
    return {"PRIVATE-TOKEN": login.secret}


class GitLab:
    """A project of GitLab's, with any number of groups above it."""

    def __init__(self, place: Place, way: Way, logins: Logins) -> None:
        self._caller = Caller(place.api_url, way, logins, headers)
        self._root = f"/projects/{quote(place.path, safe='')}"

    def list_hooks(self) -> Sequence[HookThere]:
        return [self._hook(one) for one in self._all("/hooks")]

    def add_hook(self, wanted: WantedHook) -> None:
        self._caller.call("POST", f"{self._root}/hooks", _body(wanted))

    def change_hook(self, there: HookThere, wanted: WantedHook) -> None:
        self._caller.call("PUT", f"{self._root}/hooks/{quote(there.id)}", _body(wanted))

    def remove_hook(self, there: HookThere) -> None:
        self._caller.call("DELETE", f"{self._root}/hooks/{quote(there.id)}")

    def post_status(self, revision: str, status: CommitStatus) -> None:
        """GitLab answers 400 where the status is in that state already ("Cannot transition status
        via :enqueue from :pending")."""
        body = {
            "state": _STATES.get(status.state, status.state.value),
            "name": status.context,
            "description": status.text,
        }
        body |= {"target_url": status.url} if status.url else {}
        try:
            self._caller.call("POST", f"{self._root}/statuses/{quote(revision)}", body)
        except Invalid as refused:
            if refused.code != "FORGE008" or not self._has(revision, status.context, body["state"]):
                raise

    def _has(self, revision: str, context: str, state: str) -> bool:
        at = f"{self._root}/repository/commits/{quote(revision)}/statuses"
        found = self._caller.items(self._caller.get(at, name=context, per_page=str(_PAGE)))
        return any(one.get("status") == state for one in found)

    def find_comment(self, number: int, mark: str) -> str | None:
        for one in self._all(f"/merge_requests/{number}/notes", sort="asc"):
            if str(one.get("body") or "").startswith(mark):
                return self._caller.name(one, "id")
        return None

    def add_comment(self, number: int, text: str) -> str:
        at = f"{self._root}/merge_requests/{number}/notes"
        return self._caller.name(self._caller.call("POST", at, {"body": text}), "id")

    def change_comment(self, number: int, comment: str, text: str) -> None:
        at = f"{self._root}/merge_requests/{number}/notes/{quote(comment)}"
        self._caller.call("PUT", at, {"body": text})

    def protection(self, branch: str) -> Protection:
        """Reviewed is a branch to which nobody may push, so that all goes by merge requests."""
        rules = [
            one
            for one in self._all("/protected_branches")
            if fnmatchcase(branch, str(one.get("name") or ""))
        ]
        levels = [
            level.get("access_level")
            for one in rules
            for level in one.get("push_access_levels") or ()
            if isinstance(level, dict)
        ]
        nobody = bool(levels) and all(level == _NOBODY for level in levels)
        return Protection(bool(rules), nobody)

    def _all(self, at: str, **params: str) -> Sequence[dict[str, Any]]:
        def read(page: int) -> list[Any]:
            paging = {"per_page": str(_PAGE), "page": str(page)}
            return self._caller.items(self._caller.get(self._root + at, **params, **paging))

        return list(self._caller.pages(read, _PAGE))

    def _hook(self, one: dict[str, Any]) -> HookThere:
        state = str(one.get("alert_status") or "executable")
        trouble = None
        if one.get("enable_ssl_verification") is False:
            trouble = "it does not verify our certificate"
        if one.get("push_events_branch_filter"):
            trouble = "it tells of some branches only"
        if state != "executable":
            trouble = "GitLab switched it off, since its calls failed"
        return HookThere(
            self._caller.name(one, "id"),
            str(one.get("url") or ""),
            state == "executable",
            tuple(event for event in EVENTS if not one.get(event)),
            trouble,
        )


def _body(wanted: WantedHook) -> dict[str, Any]:
    return {
        "url": wanted.url,
        "token": wanted.secret,
        **dict.fromkeys(EVENTS, True),
        "push_events_branch_filter": "",
        "enable_ssl_verification": True,
    }
