"""Git hosts to test clients of their APIs against: servers that answer as the public documentation
of each says (its class names the page). They keep what they are sent, and refuse what lacks a field
that the page demands."""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from windlass.domain.delivery import ForgeKind
from windlass.domain.forge import ApiLogin
from windlass.domain.remote import parse_remote_url
from windlass.forges.clients.calling import Way
from windlass.forges.clients.client import ForgeClient
from windlass.forges.clients.open import open_client, place_of

LOOPBACK = Way(allowed=("127.0.0.1",), limit_s=20)
TOKEN = "fgt_canary-0123456789"
Reply = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]
Route = tuple[str, str, Callable[..., Reply]]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Forge:
    """A host with one repository. `hooks`, `statuses`, `comments` are as the host's API words them,
    `protected` is what it says of branches. `answers` come in the place of its own, first to last;
    `calls` are what it was asked."""

    kind: ClassVar[ForgeKind]
    repository: ClassVar[str] = "/team/dags.git"
    user: ClassVar[str] = "x-access-token"
    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[str, dict[str, Any]] = field(default_factory=dict)
    sarifs: list[dict[str, Any]] = field(default_factory=list)
    protected: Any = None
    answers: list[Reply | bytes | Callable[[Any], None]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""
    token: str = TOKEN

    def is_let_in(self, headers: Mapping[str, str]) -> bool:
        raise NotImplementedError

    def routes(self) -> list[Route]:
        raise NotImplementedError

    def put(self, rows: dict[str, dict[str, Any]], row: dict[str, Any], key: str = "id") -> Any:
        number = str(len(rows) + 1)
        rows[number] = row | {key: int(number)}
        return rows[number]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Reply:
        for wanted, pattern, handle in self.routes():
            match = re.fullmatch(pattern, path)
            if wanted == method and match:
                return handle(*match.groups(), query=query, body=body)
        return 404, {"message": "Not Found"}

    def secret_of(self, hook: Mapping[str, Any]) -> str:
        raise NotImplementedError


def lacks(body: Any, *names: str) -> bool:
    return not isinstance(body, dict) or any(body.get(name) in (None, "") for name in names)


def page_of(rows: list[Any], query: Mapping[str, str], size: str) -> list[Any]:
    count, page = int(query.get(size, 30)), int(query.get("page", 1))
    return rows[(page - 1) * count : page * count]


class GitHubLike(Forge):
    """What Gitea took over from GitHub: commit statuses, and comments of issues."""

    root: ClassVar[str] = ""

    def common(self) -> list[Route]:
        return [
            ("POST", f"{self.root}/statuses/([0-9a-f]{{40}})", self.add_status),
            ("GET", f"{self.root}/issues/([0-9]+)/comments", self.list_comments),
            ("POST", f"{self.root}/issues/([0-9]+)/comments", self.add_comment),
            ("PATCH", f"{self.root}/issues/comments/([0-9]+)", self.change_comment),
            ("GET", f"{self.root}/hooks", self.list_hooks),
            ("POST", f"{self.root}/hooks", self.add_hook),
            ("PATCH", f"{self.root}/hooks/([0-9]+)", self.change_hook),
            ("DELETE", f"{self.root}/hooks/([0-9]+)", self.remove_hook),
        ]

    def add_status(self, sha: str, *, query: Any, body: Any) -> Reply:
        if lacks(body, "state") or body["state"] not in ("pending", "success", "failure", "error"):
            return 422, {"message": "Validation Failed"}
        self.statuses.append(body | {"sha": sha})
        return 201, {"id": len(self.statuses)}

    def list_comments(self, number: str, *, query: Any, body: Any) -> Reply:
        return 200, page_of(list(self.comments.values()), query, "per_page")

    def add_comment(self, number: str, *, query: Any, body: Any) -> Reply:
        return (422, {}) if lacks(body, "body") else (201, self.put(self.comments, dict(body)))

    def change_comment(self, number: str, *, query: Any, body: Any) -> Reply:
        if number not in self.comments:
            return 404, {}
        self.comments[number] |= body
        return 200, self.comments[number]

    def list_hooks(self, *, query: Any, body: Any) -> Reply:
        return 200, [_masked(one) for one in self.hooks.values()]

    def add_hook(self, *, query: Any, body: Any) -> Reply:
        if lacks(body, "config") or lacks(body["config"], "url"):
            return 422, {}
        return 201, _masked(self.put(self.hooks, dict(body)))

    def change_hook(self, number: str, *, query: Any, body: Any) -> Reply:
        self.hooks[number] |= body
        return 200, _masked(self.hooks[number])

    def remove_hook(self, number: str, *, query: Any, body: Any) -> Reply:
        return (404, {}) if self.hooks.pop(number, None) is None else (204, None)

    def secret_of(self, hook: Mapping[str, Any]) -> str:
        return str(hook["config"]["secret"])


def _masked(hook: dict[str, Any]) -> dict[str, Any]:
    return hook | {"config": hook["config"] | {"secret": "********"}}


class GitHub(GitHubLike):
    """docs.github.com/rest: repos/webhooks, commits/statuses, issues/comments, branches/branches,
    repos/rules, code-scanning."""

    kind = ForgeKind.GITHUB
    root = "/api/v3/repos/team/dags"

    def is_let_in(self, headers: Mapping[str, str]) -> bool:
        return headers.get("Authorization") == f"Bearer {self.token}"

    def routes(self) -> list[Route]:
        return [
            *self.common(),
            ("GET", f"{self.root}/branches/([^/]+)", self.branch),
            ("GET", f"{self.root}/branches/([^/]+)/protection", self.classic),
            ("GET", f"{self.root}/rules/branches/([^/]+)", self.rules),
            ("POST", f"{self.root}/code-scanning/sarifs", self.sarif),
        ]

    def branch(self, name: str, *, query: Any, body: Any) -> Reply:
        return 200, {"name": name, "protected": self.protected == "reviewed"}

    def classic(self, name: str, *, query: Any, body: Any) -> Reply:
        return 200, {"required_pull_request_reviews": {"required_approving_review_count": 1}}

    def rules(self, name: str, *, query: Any, body: Any) -> Reply:
        return 200, [{"type": "non_fast_forward"}] if self.protected == "plain" else []

    def sarif(self, *, query: Any, body: Any) -> Reply:
        if lacks(body, "commit_sha", "ref", "sarif"):
            return 400, {}
        self.sarifs.append(body)
        return 202, {"id": "47177e22-5596-11eb-80a1-c1e54ef945c6"}


class Gitea(GitHubLike):
    """docs.gitea.com/api/1.24 (repository, issue)."""

    kind = ForgeKind.GITEA
    root = "/api/v1/repos/team/dags"

    def is_let_in(self, headers: Mapping[str, str]) -> bool:
        return headers.get("Authorization") == f"token {self.token}"

    def routes(self) -> list[Route]:
        return [*self.common(), ("GET", f"{self.root}/branches/([^/]+)", self.branch)]

    def list_comments(self, number: str, *, query: Any, body: Any) -> Reply:
        return 200, list(self.comments.values())  # it has no pages

    def list_hooks(self, *, query: Any, body: Any) -> Reply:
        rows = [one | {"config": _public(one["config"])} for one in self.hooks.values()]
        return 200, page_of(rows, query, "limit")

    def branch(self, name: str, *, query: Any, body: Any) -> Reply:
        approvals = 1 if self.protected == "reviewed" else 0
        return 200, {"protected": bool(self.protected), "required_approvals": approvals}


def _public(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != "secret"}


class GitLab(Forge):
    """docs.gitlab.com/api: project_webhooks, commits (statuses), notes, protected_branches."""

    kind = ForgeKind.GITLAB
    repository = "/group/team/dags.git"
    root = "/api/v4/projects/group%2Fteam%2Fdags"

    def is_let_in(self, headers: Mapping[str, str]) -> bool:
        return headers.get("PRIVATE-TOKEN") == self.token

    def routes(self) -> list[Route]:
        notes = f"{self.root}/merge_requests/([0-9]+)/notes"
        statuses = f"{self.root}/statuses/([0-9a-f]{{40}})"
        of_commit = f"{self.root}/repository/commits/([0-9a-f]{{40}})/statuses"
        return [
            ("GET", f"{self.root}/hooks", self.list_hooks),
            ("POST", f"{self.root}/hooks", self.add_hook),
            ("PUT", f"{self.root}/hooks/([0-9]+)", self.change_hook),
            ("DELETE", f"{self.root}/hooks/([0-9]+)", self.remove_hook),
            ("POST", statuses, self.add_status),
            ("GET", of_commit, self.list_statuses),
            ("GET", notes, self.list_notes),
            ("POST", notes, self.add_note),
            ("PUT", f"{notes}/([0-9]+)", self.change_note),
            ("GET", f"{self.root}/protected_branches", self.rules),
        ]

    def list_hooks(self, *, query: Any, body: Any) -> Reply:
        return 200, page_of([_public_token(one) for one in self.hooks.values()], query, "per_page")

    def add_hook(self, *, query: Any, body: Any) -> Reply:
        if lacks(body, "url"):
            return 400, {}
        return 201, _public_token(self.put(self.hooks, dict(body)))

    def change_hook(self, number: str, *, query: Any, body: Any) -> Reply:
        self.hooks[number] |= body | {"alert_status": "executable"}
        return 200, _public_token(self.hooks[number])

    def remove_hook(self, number: str, *, query: Any, body: Any) -> Reply:
        return (404, {}) if self.hooks.pop(number, None) is None else (204, None)

    def add_status(self, sha: str, *, query: Any, body: Any) -> Reply:
        if lacks(body, "state") or body["state"] not in ("pending", "success", "failed"):
            return 400, {}
        same = [s for s in self.statuses if (s["sha"], s["name"]) == (sha, body["name"])]
        if same and same[-1]["state"] == body["state"]:
            return 400, {"message": "Cannot transition status via :enqueue from :pending"}
        self.statuses.append(body | {"sha": sha})
        return 201, {"id": len(self.statuses)}

    def list_statuses(self, sha: str, *, query: Any, body: Any) -> Reply:
        return 200, [{"status": s["state"]} for s in self.statuses if s["name"] == query["name"]]

    def list_notes(self, number: str, *, query: Any, body: Any) -> Reply:
        return 200, page_of(list(self.comments.values()), query, "per_page")

    def add_note(self, number: str, *, query: Any, body: Any) -> Reply:
        return (400, {}) if lacks(body, "body") else (201, self.put(self.comments, dict(body)))

    def change_note(self, number: str, note: str, *, query: Any, body: Any) -> Reply:
        if note not in self.comments:
            return 404, {}
        self.comments[note] |= body
        return 200, self.comments[note]

    def rules(self, *, query: Any, body: Any) -> Reply:
        level = 0 if self.protected == "reviewed" else 40
        rule = {"name": "ma*", "push_access_levels": [{"access_level": level}]}
        return 200, [rule] if self.protected else []

    def secret_of(self, hook: Mapping[str, Any]) -> str:
        return str(hook["token"])


def _public_token(hook: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in hook.items() if name != "token"}


class Bitbucket(Forge):
    """developer.atlassian.com/cloud/bitbucket/rest: api-group-repositories (webhooks),
    api-group-commit-statuses, api-group-pullrequests, api-group-branch-restrictions."""

    kind = ForgeKind.BITBUCKET
    user = "x-token-auth"
    root = "/2.0/repositories/team/dags"

    def is_let_in(self, headers: Mapping[str, str]) -> bool:
        return headers.get("Authorization") == f"Bearer {self.token}"

    def routes(self) -> list[Route]:
        comments = f"{self.root}/pullrequests/([0-9]+)/comments"
        return [
            ("GET", f"{self.root}/hooks", self.list_hooks),
            ("POST", f"{self.root}/hooks", self.add_hook),
            ("PUT", f"{self.root}/hooks/%7B([0-9]+)%7D", self.change_hook),
            ("DELETE", f"{self.root}/hooks/%7B([0-9]+)%7D", self.remove_hook),
            ("POST", f"{self.root}/commit/([0-9a-f]{{40}})/statuses/build", self.add_status),
            ("GET", comments, self.list_comments),
            ("POST", comments, self.add_comment),
            ("PUT", f"{comments}/([0-9]+)", self.change_comment),
            ("GET", f"{self.root}/branch-restrictions", self.rules),
        ]

    def list_hooks(self, *, query: Any, body: Any) -> Reply:
        rows = [_public(one) for one in self.hooks.values()]
        return 200, {"values": page_of(rows, query, "pagelen")}

    def add_hook(self, *, query: Any, body: Any) -> Reply:
        if lacks(body, "url", "description") or not body.get("events"):
            return 400, {}
        made = self.put(self.hooks, dict(body))
        made["uuid"] = f"{{{made['id']}}}"
        return 201, _public(made)

    def change_hook(self, number: str, *, query: Any, body: Any) -> Reply:
        self.hooks[number] |= body
        return 200, _public(self.hooks[number])

    def remove_hook(self, number: str, *, query: Any, body: Any) -> Reply:
        return (404, {}) if self.hooks.pop(number, None) is None else (204, None)

    def add_status(self, sha: str, *, query: Any, body: Any) -> Reply:
        if lacks(body, "key", "state", "url") or len(body["key"]) > 40:
            return 400, {}
        self.statuses.append(body | {"sha": sha})
        return 201, {}

    def list_comments(self, number: str, *, query: Any, body: Any) -> Reply:
        return 200, {"values": page_of(list(self.comments.values()), query, "pagelen")}

    def add_comment(self, number: str, *, query: Any, body: Any) -> Reply:
        if lacks(body, "content"):
            return 400, {}
        return 201, self.put(self.comments, {"body": body["content"]["raw"], **body})

    def change_comment(self, number: str, one: str, *, query: Any, body: Any) -> Reply:
        if one not in self.comments:
            return 404, {}
        self.comments[one] |= {"body": body["content"]["raw"], **body}
        return 200, {}

    def rules(self, *, query: Any, body: Any) -> Reply:
        people = [] if self.protected == "reviewed" else [{"uuid": "{1}"}]
        rule = {"kind": "push", "pattern": "main", "users": people, "groups": []}
        return 200, {"values": [rule] if self.protected else []}

    def secret_of(self, hook: Mapping[str, Any]) -> str:
        return str(hook["secret"])


class BitbucketServer(Forge):
    """developer.atlassian.com/server/bitbucket/rest (8.x): repository/webhooks, build status,
    pull-requests/comments, branch permissions."""

    kind = ForgeKind.BITBUCKET_SERVER
    repository = "/scm/TEAM/dags.git"
    core = "/rest/api/1.0/projects/TEAM/repos/dags"

    def is_let_in(self, headers: Mapping[str, str]) -> bool:
        return headers.get("Authorization") == f"Bearer {self.token}"

    def routes(self) -> list[Route]:
        pulls = f"{self.core}/pull-requests/([0-9]+)"
        rules = "/rest/branch-permissions/2.0/projects/TEAM/repos/dags/restrictions"
        return [
            ("GET", f"{self.core}/webhooks", self.list_hooks),
            ("POST", f"{self.core}/webhooks", self.add_hook),
            ("GET", f"{self.core}/webhooks/([0-9]+)/latest", self.latest),
            ("PUT", f"{self.core}/webhooks/([0-9]+)", self.change_hook),
            ("DELETE", f"{self.core}/webhooks/([0-9]+)", self.remove_hook),
            ("POST", "/rest/build-status/1.0/commits/([0-9a-f]{40})", self.add_status),
            ("GET", f"{pulls}/activities", self.activities),
            ("POST", f"{pulls}/comments", self.add_comment),
            ("GET", f"{pulls}/comments/([0-9]+)", self.show_comment),
            ("PUT", f"{pulls}/comments/([0-9]+)", self.change_comment),
            ("GET", rules, self.rules),
        ]

    def paged(self, rows: list[Any], query: Mapping[str, str]) -> Reply:
        start, limit = int(query["start"]), int(query["limit"])
        found, more = rows[start : start + limit], len(rows) > start + limit
        tail = {"nextPageStart": start + limit} if more else {}
        return 200, {"values": found, "isLastPage": not more, **tail}

    def list_hooks(self, *, query: Any, body: Any) -> Reply:
        rows = [one | {"configuration": {}} for one in self.hooks.values()]
        return self.paged(rows, query)

    def latest(self, number: str, *, query: Any, body: Any) -> Reply:
        last = self.hooks[number].get("last")
        return (200, {"result": {"outcome": last}}) if last else (204, None)

    def add_hook(self, *, query: Any, body: Any) -> Reply:
        if lacks(body, "name", "url"):
            return 400, {}
        return 201, self.put(self.hooks, dict(body))

    def change_hook(self, number: str, *, query: Any, body: Any) -> Reply:
        self.hooks[number] |= body
        return 200, {}

    def remove_hook(self, number: str, *, query: Any, body: Any) -> Reply:
        return (404, {}) if self.hooks.pop(number, None) is None else (204, None)

    def add_status(self, sha: str, *, query: Any, body: Any) -> Reply:
        if lacks(body, "key", "state", "url"):
            return 400, {}
        self.statuses.append(body | {"sha": sha})
        return 204, None

    def activities(self, number: str, *, query: Any, body: Any) -> Reply:
        opened = {"id": 0, "action": "OPENED"}
        told = [{"action": "COMMENTED", "comment": one} for one in reversed(self.comments.values())]
        return self.paged([*told, opened], query)

    def add_comment(self, number: str, *, query: Any, body: Any) -> Reply:
        if lacks(body, "text"):
            return 400, {}
        return 201, self.put(self.comments, {"body": body["text"], "version": 0, **body})

    def show_comment(self, number: str, one: str, *, query: Any, body: Any) -> Reply:
        return (200, self.comments[one]) if one in self.comments else (404, {})

    def change_comment(self, number: str, one: str, *, query: Any, body: Any) -> Reply:
        there = self.comments[one]
        if body.get("version") != there["version"]:
            return 409, {}
        there |= {"text": body["text"], "body": body["text"], "version": there["version"] + 1}
        return 200, there

    def rules(self, *, query: Any, body: Any) -> Reply:
        kind = "pull-request-only" if self.protected == "reviewed" else "read-only"
        matcher = {"id": "refs/heads/main", "type": {"id": "BRANCH"}}
        return self.paged([{"type": kind, "matcher": matcher}] if self.protected else [], query)

    def secret_of(self, hook: Mapping[str, Any]) -> str:
        return str(hook["configuration"]["secret"])


class AzureDevOps(Forge):
    """learn.microsoft.com/rest/api/azure/devops (7.1): hooks/subscriptions, git/statuses,
    git/pull-request-threads, policy/configurations."""

    kind = ForgeKind.AZURE_DEVOPS
    repository = "/org/project/_git/dags"
    root = "/org/project/_apis/git/repositories/dags"
    subscriptions = "/org/_apis/hooks/subscriptions"

    def is_let_in(self, headers: Mapping[str, str]) -> bool:
        return headers.get("Authorization") == basic(self.user, self.token)

    def routes(self) -> list[Route]:
        threads = f"{self.root}/pullRequests/([0-9]+)/threads"
        return [
            ("GET", self.root, self.show),
            ("GET", self.subscriptions, self.list_hooks),
            ("POST", self.subscriptions, self.add_hook),
            ("PUT", f"{self.subscriptions}/([0-9]+)", self.change_hook),
            ("DELETE", f"{self.subscriptions}/([0-9]+)", self.remove_hook),
            ("POST", f"{self.root}/commits/([0-9a-f]{{40}})/statuses", self.add_status),
            ("GET", threads, self.list_threads),
            ("POST", threads, self.add_thread),
            ("PATCH", f"{threads}/([0-9]+)/comments/1", self.change_comment),
            ("GET", "/org/project/_apis/policy/configurations", self.rules),
        ]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Reply:
        if query.get("api-version") != "7.1":
            return 400, {"message": "No api-version was supplied"}
        return super().answer(method, path, query, body)

    def show(self, *, query: Any, body: Any) -> Reply:
        return 200, {"id": "repository-id", "project": {"id": "project-id"}}

    def list_hooks(self, *, query: Any, body: Any) -> Reply:
        masked = [
            one | {"consumerInputs": one["consumerInputs"] | {"basicAuthPassword": "********"}}
            for one in self.hooks.values()
        ]
        return 200, {"count": len(masked), "value": masked}

    def add_hook(self, *, query: Any, body: Any) -> Reply:
        if lacks(body, "publisherId", "eventType", "consumerId", "consumerActionId"):
            return 400, {}
        return 200, self.put(self.hooks, body | {"status": "enabled"})

    def change_hook(self, number: str, *, query: Any, body: Any) -> Reply:
        self.hooks[number] |= body | {"status": "enabled", "id": int(number)}
        return 200, {}

    def remove_hook(self, number: str, *, query: Any, body: Any) -> Reply:
        return (404, {}) if self.hooks.pop(number, None) is None else (204, None)

    def add_status(self, sha: str, *, query: Any, body: Any) -> Reply:
        if lacks(body, "state", "context") or lacks(body["context"], "name"):
            return 400, {}
        self.statuses.append(body | {"sha": sha})
        return 201, {}

    def list_threads(self, number: str, *, query: Any, body: Any) -> Reply:
        rows = [
            {"id": one["id"], "comments": [{"id": 1, "content": one["body"]}]}
            for one in self.comments.values()
        ]
        return 200, {"value": rows}

    def add_thread(self, number: str, *, query: Any, body: Any) -> Reply:
        if not body.get("comments"):
            return 400, {}
        made = self.put(self.comments, {"body": body["comments"][0]["content"]})
        return 200, {"id": made["id"], "comments": [{"id": 1}]}

    def change_comment(self, number: str, thread: str, *, query: Any, body: Any) -> Reply:
        if thread not in self.comments:
            return 404, {}
        self.comments[thread] |= {"body": body["content"]}
        return 200, {}

    def rules(self, *, query: Any, body: Any) -> Reply:
        kind = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd" if self.protected == "reviewed" else "build"
        scope = {
            "repositoryId": "repository-id", "refName": "refs/heads/main", "matchKind": "Exact"
        }  # fmt: skip
        rule = {
            "isEnabled": True, "isBlocking": True, "type": {"id": kind},
            "settings": {"scope": [scope]},
        }  # fmt: skip
        return 200, {"value": [rule] if self.protected else []}

    def secret_of(self, hook: Mapping[str, Any]) -> str:
        return str(hook["consumerInputs"]["basicAuthPassword"])


EVERY: list[type[Forge]] = [GitHub, GitLab, Bitbucket, BitbucketServer, Gitea, AzureDevOps]


class _Handler(BaseHTTPRequestHandler):
    forge: ClassVar[Forge]

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        parts = urlsplit(self.path)
        query = {name: found[0] for name, found in parse_qs(parts.query).items()}
        self.forge.calls.append((self.command, parts.path))
        scripted = self.forge.answers.pop(0) if self.forge.answers else None
        if callable(scripted):
            scripted(self)
        elif scripted is not None:
            self._send(scripted)
        elif not self.forge.is_let_in(dict(self.headers)):
            self._send((401, {"message": f"bad: {dict(self.headers)}"}))
        else:
            self._send(self.forge.answer(self.command, parts.path, query, body))

    def _send(self, reply: Reply | bytes) -> None:
        status, told, *more = (200, reply) if isinstance(reply, bytes) else reply
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        content = b"" if told is None else content
        self.send_response(status)
        for name, value in (more[0] if more else {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(forge: Forge, tls: SSLContext | None = None) -> Iterator[Forge]:
    """The forge as a server on loopback; `url` is its root then."""
    handler = type("Handler", (_Handler,), {"forge": forge})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    forge.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()


def client_of(
    forge: Forge, way: Way = LOOPBACK, token: str = TOKEN, other: str | None = None
) -> ForgeClient:
    """The client for the forge's repository; `other` is the token after one that was refused."""
    url = parse_remote_url(forge.url + forge.repository)
    clouds = {ForgeKind.BITBUCKET: f"{forge.url}/2.0", ForgeKind.AZURE_DEVOPS: forge.url}
    place = place_of(forge.kind, url, clouds.get(forge.kind))
    if forge.kind is ForgeKind.AZURE_DEVOPS:  # its names are those of the cloud
        cloud = parse_remote_url(f"https://dev.azure.com{forge.repository}")
        place = place_of(forge.kind, cloud, forge.url)

    def logins(refused: ApiLogin | None) -> ApiLogin | None:
        shown = token if refused is None else other
        return None if shown is None else ApiLogin(forge.user, shown)

    return open_client(forge.kind, place, way, logins)


def dripping(handler: Any) -> None:
    """An answer that comes a byte at a time, and never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    try:
        while True:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        handler.close_connection = True


def hanging_headers(handler: Any) -> None:
    """Headers that come a byte at a time, and never end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    try:
        while True:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        handler.close_connection = True


__all__ = ["EVERY", "TOKEN", "Forge", "client_of", "serving", "unquote"]
