"""The REST API of Azure DevOps (learn.microsoft.com/rest/api/azure/devops: version 7.1).

A service hook tells of one kind of event, so what is one hook elsewhere is several subscriptions
here: those that call the same address. Their ids are joined in `HookThere.id`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

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

EVENTS = ("git.push", "git.pullrequest.created", "git.pullrequest.updated")
_VERSION = "7.1"
_STATES = {CommitState.SUCCESS: "succeeded", CommitState.FAILURE: "failed"}
_REVIEWERS = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"  # the policy "Minimum number of reviewers"
_CLOSED = "closed"  # so that the thread keeps nobody from completing the pull request


def headers(login: ApiLogin) -> Mapping[str, str]:
    """A personal access token is the password of any user."""
    return basic(login)


class AzureDevOps:
    """A repository of Azure Repos; its path is organisation/project/repository."""

    def __init__(self, place: Place, way: Way, logins: Logins) -> None:
        organisation, project, name = (quote(part, safe="") for part in place.path.split("/")[:3])
        self._caller = Caller(place.api_url, way, logins, headers)
        self._top = f"/{organisation}/_apis/hooks/subscriptions"
        self._project = f"/{organisation}/{project}"
        self._root = f"{self._project}/_apis/git/repositories/{name}"
        self._ids: tuple[str, str] | None = None

    def list_hooks(self) -> Sequence[HookThere]:
        found = self._get(self._top, publisherId="tfs", consumerId="webHooks")
        _, repository = self._known_ids()
        by_url = defaultdict[str, list[dict[str, Any]]](list)
        for one in self._caller.items(found, "value"):
            if (one.get("publisherInputs") or {}).get("repository") == repository:
                by_url[str((one.get("consumerInputs") or {}).get("url") or "")].append(one)
        return [self._hook(url, each) for url, each in by_url.items()]

    def add_hook(self, wanted: WantedHook) -> None:
        for event in EVENTS:
            self._call("POST", self._top, self._subscription(event, wanted))

    def change_hook(self, there: HookThere, wanted: WantedHook) -> None:
        """The subscriptions that are there, and those that lack. Of several for one event, all."""
        known = dict(pair.split("=", 1) for pair in there.id.split(";"))
        for number, event in known.items():
            body = self._subscription(event, wanted) | {"id": number}
            self._call("PUT", f"{self._top}/{quote(number)}", body)
        for event in EVENTS:
            if event not in known.values():
                self._call("POST", self._top, self._subscription(event, wanted))

    def remove_hook(self, there: HookThere) -> None:
        for pair in there.id.split(";"):
            self._call("DELETE", f"{self._top}/{quote(pair.split('=', 1)[0])}")

    def post_status(self, revision: str, status: CommitStatus) -> None:
        genre, _, name = status.context.partition("/")
        body = {
            "state": _STATES.get(status.state, status.state.value),
            "description": status.text,
            "context": {"genre": genre, "name": name},
        }
        body |= {"targetUrl": status.url} if status.url else {}
        self._call("POST", f"{self._root}/commits/{quote(revision)}/statuses", body)

    def find_comment(self, number: int, mark: str) -> str | None:
        found = self._get(f"{self._root}/pullRequests/{number}/threads")
        for thread in self._caller.items(found, "value"):
            for one in thread.get("comments") or ():
                if str(one.get("content") or "").startswith(mark) and not one.get("isDeleted"):
                    return f"{self._caller.name(thread, 'id')}/{self._caller.name(one, 'id')}"
        return None

    def add_comment(self, number: int, text: str) -> str:
        comment = {"parentCommentId": 0, "content": text, "commentType": "text"}
        body = {"comments": [comment], "status": _CLOSED}
        made = self._call("POST", f"{self._root}/pullRequests/{number}/threads", body)
        first = self._caller.items(made, "comments")[:1]
        return f"{self._caller.name(made, 'id')}/{self._caller.name(first and first[0], 'id')}"

    def change_comment(self, number: int, comment: str, text: str) -> None:
        thread, _, one = comment.partition("/")
        at = f"{self._root}/pullRequests/{number}/threads/{quote(thread)}/comments/{quote(one)}"
        self._call("PATCH", at, {"content": text})

    def protection(self, branch: str) -> Protection:
        """By branch policies, each of which makes a branch one to which nobody pushes."""
        _, repository = self._known_ids()
        found = self._get(f"{self._project}/_apis/policy/configurations")
        mine = [
            one
            for one in self._caller.items(found, "value")
            if one.get("isEnabled") and one.get("isBlocking") and _scoped(one, repository, branch)
        ]
        reviews = [one for one in mine if (one.get("type") or {}).get("id") == _REVIEWERS]
        return Protection(bool(mine), bool(reviews))

    def _known_ids(self) -> tuple[str, str]:
        """The ids of project and repository, which hooks and policies name."""
        if self._ids is None:
            told = self._get(self._root)
            self._ids = self._caller.name(told, "project", "id"), self._caller.name(told, "id")
        return self._ids

    def _get(self, path: str, **params: str) -> Any:
        return self._caller.get(path, **params, **{"api-version": _VERSION})

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return self._caller.call(method, path, body, {"api-version": _VERSION})

    def _subscription(self, event: str, wanted: WantedHook) -> dict[str, Any]:
        project, repository = self._known_ids()
        return {
            "publisherId": "tfs",
            "eventType": event,
            "resourceVersion": "1.0",
            "consumerId": "webHooks",
            "consumerActionId": "httpRequest",
            "publisherInputs": {"projectId": project, "repository": repository},
            "consumerInputs": {
                "url": wanted.url,
                "basicAuthUsername": "windlass",
                "basicAuthPassword": wanted.secret,
                "resourceDetailsToSend": "all",
            },
        }

    def _hook(self, url: str, subscriptions: Sequence[dict[str, Any]]) -> HookThere:
        events = {str(one.get("eventType")) for one in subscriptions}
        states = {str(one.get("status") or "enabled") for one in subscriptions}
        ids = ";".join(
            f"{self._caller.name(one, 'id')}={one.get('eventType')}" for one in subscriptions
        )
        is_active = states <= {"enabled", "onProbation"}
        trouble = "its last calls failed" if "onProbation" in states else None
        if "disabledBySystem" in states:
            trouble = "Azure DevOps switched it off, since its calls failed"
        missing = tuple(event for event in EVENTS if event not in events)
        return HookThere(ids, url, is_active, missing, trouble)


def _scoped(policy: dict[str, Any], repository: str, branch: str) -> bool:
    """Whether a policy is for the branch of the repository; without a repository it is for all."""
    full = f"refs/heads/{branch}"
    for scope in (policy.get("settings") or {}).get("scope") or ():
        if not isinstance(scope, dict) or scope.get("repositoryId") not in (None, repository):
            continue
        name = str(scope.get("refName") or "")
        if name == full or (scope.get("matchKind") == "Prefix" and full.startswith(name)):
            return True
    return False
