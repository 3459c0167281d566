"""The API of Gitea and Forgejo (docs.gitea.com/api, codeberg.org/api/swagger: version 1)."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from windlass.domain.forge import ApiLogin, CommitStatus, HookThere, Protection, WantedHook
from windlass.forges.clients.basic import basic
from windlass.forges.clients.calling import Caller, Logins, Way
from windlass.forges.clients.client import Place

EVENTS = ("push", "create", "delete", "pull_request", "pull_request_sync")
_PAGE = 50


def headers(login: ApiLogin) -> Mapping[str, str]:
    """What the API is shown of a login."""
    return basic(login) if login.is_password else {"Authorization": f"token {login.secret}"}


class Gitea:
    """A repository of Gitea's or Forgejo's."""

    def __init__(self, place: Place, way: Way, logins: Logins) -> None:
        owner, _, name = place.path.partition("/")
        self._caller = Caller(place.api_url, way, logins, headers)
        self._root = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"

    def list_hooks(self) -> Sequence[HookThere]:
        def read(page: int) -> list[Any]:
            at = f"{self._root}/hooks"
            return self._caller.items(self._caller.get(at, limit=str(_PAGE), page=str(page)))

        return [self._hook(one) for one in self._caller.pages(read, _PAGE)]

    def add_hook(self, wanted: WantedHook) -> None:
        self._caller.call("POST", f"{self._root}/hooks", {"type": "gitea", **_body(wanted)})

    def change_hook(self, there: HookThere, wanted: WantedHook) -> None:
        self._caller.call("PATCH", f"{self._root}/hooks/{quote(there.id)}", _body(wanted))

    def remove_hook(self, there: HookThere) -> None:
        self._caller.call("DELETE", f"{self._root}/hooks/{quote(there.id)}")

    def post_status(self, revision: str, status: CommitStatus) -> None:
        body = {"state": status.state.value, "context": status.context, "description": status.text}
        body |= {"target_url": status.url} if status.url else {}
        self._caller.call("POST", f"{self._root}/statuses/{quote(revision)}", body)

    def find_comment(self, number: int, mark: str) -> str | None:
        """All comments come on one page: this listing of theirs has none."""
        found = self._caller.get(f"{self._root}/issues/{number}/comments")
        for one in self._caller.items(found):
            if str(one.get("body") or "").startswith(mark):
                return self._caller.name(one, "id")
        return None

    def add_comment(self, number: int, text: str) -> str:
        at = f"{self._root}/issues/{number}/comments"
        return self._caller.name(self._caller.call("POST", at, {"body": text}), "id")

    def change_comment(self, number: int, comment: str, text: str) -> None:  # noqa: ARG002
        at = f"{self._root}/issues/comments/{quote(comment)}"
        self._caller.call("PATCH", at, {"body": text})

    def protection(self, branch: str) -> Protection:
        found = self._caller.get(f"{self._root}/branches/{quote(branch, safe='')}")
        told = self._caller.thing(found)
        approvals = told.get("required_approvals")
        needs = isinstance(approvals, int) and approvals > 0
        return Protection(bool(told.get("protected")), needs)

    def _hook(self, one: dict[str, Any]) -> HookThere:
        events = set(one.get("events") or ())
        config = one.get("config") or {}
        missing = tuple(event for event in EVENTS if event not in events)
        is_json = config.get("content_type", "json") in ("json", "form")
        return HookThere(
            self._caller.name(one, "id"),
            str(config.get("url") or one.get("url") or ""),
            bool(one.get("active")),
            missing,
            None if is_json else "it sends another content type than JSON",
        )


def _body(wanted: WantedHook) -> dict[str, Any]:
    config = {"url": wanted.url, "content_type": "json", "secret": wanted.secret}
    return {"active": True, "events": list(EVENTS), "config": config}
