"""GitHub's REST API, github.com and Enterprise Server (docs.github.com/rest: 2022-11-28)."""

import base64
import gzip
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from windlass.domain.errors import Forbidden, NotFound
from windlass.domain.forge import ApiLogin, CommitStatus, HookThere, Protection, WantedHook
from windlass.forges.clients.calling import Caller, Logins, Way
from windlass.forges.clients.client import Place

EVENTS = ("push", "pull_request")
_PAGE = 100


def headers(login: ApiLogin) -> Mapping[str, str]:
    """What the API is shown of a login."""
    return {
        "Authorization": f"Bearer {login.secret}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }


class GitHub:
    """A repository of GitHub's."""

    def __init__(self, place: Place, way: Way, logins: Logins) -> None:
        owner, _, name = place.path.partition("/")
        self._caller = Caller(place.api_url, way, logins, headers)
        self._root = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"

    def list_hooks(self) -> Sequence[HookThere]:
        found = self._caller.get(f"{self._root}/hooks", per_page=str(_PAGE))
        return [self._hook(one) for one in self._caller.items(found)]

    def add_hook(self, wanted: WantedHook) -> None:
        self._caller.call("POST", f"{self._root}/hooks", {"name": "web", **_body(wanted)})

    def change_hook(self, there: HookThere, wanted: WantedHook) -> None:
        self._caller.call("PATCH", f"{self._root}/hooks/{quote(there.id)}", _body(wanted))

    def remove_hook(self, there: HookThere) -> None:
        self._caller.call("DELETE", f"{self._root}/hooks/{quote(there.id)}")

    def post_status(self, revision: str, status: CommitStatus) -> None:
        body = {"state": status.state.value, "context": status.context, "description": status.text}
        body |= {"target_url": status.url} if status.url else {}
        self._caller.call("POST", f"{self._root}/statuses/{quote(revision)}", body)

    def find_comment(self, number: int, mark: str) -> str | None:
        def read(page: int) -> list[Any]:
            at = f"{self._root}/issues/{number}/comments"
            return self._caller.items(self._caller.get(at, per_page=str(_PAGE), page=str(page)))

        for one in self._caller.pages(read, _PAGE):
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
        """Classic protection and rulesets; what reviews the former asks for only admins see."""
        name = quote(branch, safe="")
        told = self._caller.thing(self._caller.get(f"{self._root}/branches/{name}"))
        try:
            rules = self._caller.items(self._caller.get(f"{self._root}/rules/branches/{name}"))
        except NotFound:  # Enterprise Server before 3.11 has none
            rules = []
        kinds = {rule.get("type") for rule in rules}
        if "pull_request" in kinds:
            return Protection(is_protected=True, needs_review=True)
        if not told.get("protected"):
            return Protection(bool(kinds), needs_review=False)
        try:
            classic = self._caller.thing(
                self._caller.get(f"{self._root}/branches/{name}/protection")
            )
        except (Forbidden, NotFound):
            return Protection(is_protected=True)
        return Protection(True, bool(classic.get("required_pull_request_reviews")))

    def upload_sarif(self, revision: str, ref: str, sarif: bytes) -> None:
        packed = base64.b64encode(gzip.compress(sarif, mtime=0)).decode()
        body = {"commit_sha": revision, "ref": ref, "sarif": packed, "tool_name": "Windlass"}
        self._caller.call("POST", f"{self._root}/code-scanning/sarifs", body)

    def _hook(self, one: dict[str, Any]) -> HookThere:
        events = set(one.get("events") or ())
        config = one.get("config") or {}
        missing = () if "*" in events else tuple(event for event in EVENTS if event not in events)
        is_plain = str(config.get("insecure_ssl", "0")) not in ("0", "")
        trouble = "it does not verify our certificate" if is_plain else _last(one)
        if config.get("content_type", "json") not in ("json", "form"):
            trouble = "it sends another content type than JSON"
        return HookThere(
            self._caller.name(one, "id"),
            str(config.get("url") or ""),
            bool(one.get("active")),
            missing,
            trouble,
        )


def _body(wanted: WantedHook) -> dict[str, Any]:
    config = {"url": wanted.url, "content_type": "json", "secret": wanted.secret}
    return {"active": True, "events": list(EVENTS), "config": {**config, "insecure_ssl": "0"}}


def _last(one: dict[str, Any]) -> str | None:
    """What is wrong with the last call, by its status; None where nothing is, or none was made."""
    code = (one.get("last_response") or {}).get("code")
    if not isinstance(code, int) or 200 <= code < 400:
        return None
    return f"its last call was answered {code}" if code else "its last call did not arrive"
