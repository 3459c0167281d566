"""git-sync's settings: flags, their variables GITSYNC_… and GIT_SYNC_…, and `dags.gitSync` of the
Airflow chart. As git-sync 3 and 4 name them (its README and main.go)."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from windlass.compiler.adoption.address import (
    folder_named,
    may_be_tag,
    ref_named,
    seconds_of,
    without_login,
)
from windlass.compiler.adoption.found import Adopted, Group, Left, Setting
from windlass.compiler.declaration import DEFAULT_INTERVAL_S, DeclaredRepository
from windlass.domain.errors import AppError
from windlass.domain.options import DEFAULTS
from windlass.domain.ref import Ref, RefKind, check_ref
from windlass.domain.repository import suggest_name

_PREFIXES = ("GITSYNC_", "GIT_SYNC_")
_ODD = {
    "GIT_SSH_KEY_FILE": "ssh-key-file",
    "GIT_KNOWN_HOSTS": "ssh-known-hosts",
    "GIT_SSH_KNOWN_HOSTS_FILE": "ssh-known-hosts-file",
    "GIT_COOKIE_FILE": "cookie-file",
    "GIT_ASKPASS_URL": "askpass-url",
}
"""Variables of git-sync 3 that follow no rule."""
_TAKEN = {"repo", "ref", "branch", "rev", "period", "wait", "sub-path", "submodules"}
_LOGIN = {
    *("username", "password", "password-file", "credential", "ssh-key-file", "ssh-key"),
    *("askpass-url", "cookie-file", "credentials-secret", "ssh-key-secret"),
    *("github-app-private-key", "github-app-private-key-file", "github-app-client-id"),
    *("github-app-application-id", "github-app-installation-id", "github-base-url"),
}
_OF_NO_USE = {
    *("root", "link", "dest", "one-time", "add-user", "ssh", "enabled", "container-name", "uid"),
    *("http-bind", "http-port", "http-metrics", "http-pprof", "verbose", "git", "git-gc", "man"),
    *("security-context", "security-contexts", "resources", "liveness-probe", "readiness-probe"),
    *("startup-probe", "recommended-probe-setting", "container-lifecycle-hooks", "priority"),
    *("extra-volume-mounts", "empty-dir-config", "stale-worktree-timeout", "touch-file"),
    *("error-file", "sync-on-signal", "sync-timeout", "timeout", "version", "help"),
}
_NO_COUNTERPART: Mapping[str, str] = {
    "depth": "mirrors have all history, so that a rewritten branch is told; else -O depth=N",
    "filter": "the same is -O filter=blob:none",
    "sparse-checkout-file": "name the folders: -O paths=[…], below the DAG root",
    "max-failures": "a remote that fails is asked again, ever more rarely, and never given up",
    "max-sync-failures": "a remote that fails is asked again, ever more rarely, and never given up",
    "ssh-known-hosts": "host keys are always checked: --known-hosts or --host-key",
    "ssh-known-hosts-file": "give its content with --known-hosts",
    "known-hosts": "give its content with --known-hosts",
    "git-config": "git runs with no configuration but Windlass's own",
    "group-write": "released files are for all to read and for nobody to write",
    "change-permissions": "released files are for all to read and for nobody to write",
    "permissions": "released files are for all to read and for nobody to write",
    "env-from": "what it names was not read: it may hold a login",
    "env": "settings in it that are git-sync's were not read",
    **dict.fromkeys(
        ("exechook-command", "exechook-timeout", "exechook-backoff", "sync-hook-command"),
        "no program of yours is run at a release",
    ),
    **dict.fromkeys(
        (
            *("webhook-url", "webhook-method", "webhook-success-status", "webhook-timeout"),
            "webhook-backoff",
        ),
        "Windlass calls no address at a release; the history is in its API",
    ),
}


def setting_of_variable(name: str, value: str | None, line: int | None = None) -> Setting | None:
    """The setting of git-sync that an environment variable is; None where it is none.

    >>> setting_of_variable("GITSYNC_SSH_KEY_FILE", "/key").name
    'ssh-key-file'
    """
    flag = _ODD.get(name)
    for prefix in _PREFIXES:
        if flag is None and name.startswith(prefix):
            flag = name.removeprefix(prefix).lower().replace("_", "-")
    return Setting(flag, value, line, name) if flag else None


def settings_of_flags(words: Sequence[str], line: int | None = None) -> Iterator[Setting]:
    """The settings of a command line, without its program.

    >>> [(one.name, one.value) for one in settings_of_flags(["--repo=a", "--ref", "b", "-ssh"])]
    [('repo', 'a'), ('ref', 'b'), ('ssh', 'true')]
    """
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not word.startswith("-") or word.strip("-") == "":
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not equals and at < len(words) and not words[at].startswith("-"):
            value, equals = words[at], "="
            at += 1
        yield Setting(name.lower(), value if equals else "true", line, f"--{name}")


def split_flags(text: str) -> list[str]:
    """The words of a command line, as a shell splits them; none where a quote is left open."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def setting_of_chart(key: str, value: str | None, line: int | None) -> Setting:
    """A key of `dags.gitSync` by the name of its flag.

    >>> setting_of_chart("credentialsSecret", "x", 3).name
    'credentials-secret'
    """
    return Setting(re.sub(r"(?<=[a-z])([A-Z])", r"-\1", key).lower(), value, line, key)


def adopt(group: Group, environment: str) -> Adopted | Left:
    """The repository that one git-sync serves."""
    if (group.value("enabled") or "").lower() == "false":
        return Left(group.where, "it is switched off", is_git=False)
    url = group.value("repo")
    if url is None:
        return Left(group.where, "it names no repository")
    try:
        address, held = without_login(url)
        period = group.value("period", "wait")
        ref, about_ref = _ref(group)
        options = DEFAULTS
        if (group.value("submodules") or "off") not in ("off", "false"):
            options = replace(DEFAULTS, submodules=True)
        declared = DeclaredRepository(
            name=suggest_name(address),
            url=address,
            environment=environment,
            namespace=suggest_name(address),
            ref=ref,
            path=folder_named(group.value("sub-path")),
            sync_interval_s=seconds_of(period) if period else DEFAULT_INTERVAL_S,
            options=options,
        )
    except AppError as problem:
        return Left(group.where, f"{problem.code} {problem.message}")
    notes = [*about_ref, *_notes(group, held)]
    login = held or any(one.name in _LOGIN for one in group.settings)
    return Adopted(group.where, declared, tuple(notes), login)


def _ref(group: Group) -> tuple[Ref | None, list[str]]:
    """git-sync 4 has `ref`; 3 has `branch`, and `rev` for a tag or a commit of it."""
    named = group.value("ref")
    if named is not None:
        found = ref_named(named)
        if found is None:
            return None, ["ref HEAD: main is followed, and what HEAD names where there is no main"]
        return found, _may_be_tag(found, named)
    branch, rev = group.value("branch"), group.value("rev")
    if rev is not None and rev != "HEAD":
        found = ref_named(rev)
        if found is not None and found.kind is RefKind.BRANCH:
            found = Ref(RefKind.TAG, found.name)
        return found, []
    if branch is not None:
        return check_ref(RefKind.BRANCH, branch), []
    return None, ["no ref: main is followed; git-sync 3 follows master, 4 what HEAD names"]


def _may_be_tag(found: Ref, named: str) -> list[str]:
    if not may_be_tag(found, named):
        return []
    return [f"ref {found.name}: taken for a branch; write tag: if it is one"]


def _notes(group: Group, held_login: bool) -> Iterator[str]:
    if held_login:
        yield "repo: its address holds a login, which was left out"
    by_name: dict[str, Setting] = {}
    for one in group.settings:
        by_name.setdefault(one.name, one)
    logins = [one.spot for name, one in by_name.items() if name in _LOGIN]
    if logins:
        yield f"{', '.join(logins)}: store the login as a credential"
    if "submodules" not in by_name:
        yield "submodules: git-sync fetches them by default, Windlass with submodules: true"
    if "sub-path" not in by_name:
        yield "path: where Airflow's dags_folder lies deeper than the repository, name the rest"
    for name, one in by_name.items():
        if name in _TAKEN or name in _LOGIN or name in _OF_NO_USE:
            continue
        yield f"{one.spot}: {_NO_COUNTERPART.get(name, 'not known here')}"
    idle = sorted(one.written or name for name, one in by_name.items() if name in _OF_NO_USE)
    if idle:
        yield f"of no use here: {', '.join(idle)}"
