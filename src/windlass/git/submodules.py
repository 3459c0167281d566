"""Submodules: what `.gitmodules` says of them, and their commits into the same mirror.

A submodule's URL is written by whoever may push, so it passes the same guard as one that people
type, and the credential goes only to the origin of the repository itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from posixpath import normpath

from windlass.domain.errors import AppError, Forbidden, Invalid, NotFound
from windlass.domain.ref import CommitSha, Ref, RefKind
from windlass.domain.remote import RemoteUrl, parse_remote_url
from windlass.domain.tree import Kind, TreeEntry
from windlass.git.access import Remote
from windlass.git.mirror import Mirror
from windlass.git.process import GitFailed, run_git

MAX_DEPTH = 4
"""Submodules of submodules of …"""
MAX_SUBMODULES = 100
_MAX_ENTRIES = 50_000


@dataclass
class _Left:
    """How many more may be fetched for one revision."""

    number: int = MAX_SUBMODULES


def fetch_submodules(
    mirror: Mirror, remote: Remote, sha: CommitSha, path: str, max_pack_bytes: int | None = None
) -> None:
    """Bring the commits of all submodules below the folder `path` of a revision into its mirror;
    what is there already is not asked for.

    Raises Invalid GIT023 where one cannot be fetched until a person corrects something, else as
    `remotes.fetch_head` does.
    """
    wanted = "" if path == "." else f"{path}/"
    _fetch(mirror, remote, sha, wanted, max_pack_bytes, _Left(), 0)


def expand_submodules(
    mirror: Mirror, rows: list[TreeEntry], max_entries: int, depth: int = 0
) -> list[TreeEntry] | None:
    """The rows with the files of every submodule that the mirror has in its place; None where
    there are more than `max_entries`. Others stay as they are, which intake refuses."""
    expanded: list[TreeEntry] = []
    for row in rows:
        inside = _list(mirror, row, max_entries) if depth < MAX_DEPTH else [row]
        if inside is None:
            return None
        if inside != [row]:
            inside = expand_submodules(mirror, inside, max_entries, depth + 1)
        if inside is None or len(expanded) + len(inside) > max_entries:
            return None
        expanded += inside
    return expanded


def _list(mirror: Mirror, row: TreeEntry, max_entries: int) -> list[TreeEntry] | None:
    if row.kind is not Kind.SUBMODULE or not mirror.has(CommitSha(row.oid)):
        return [row]
    files = mirror.list_tree(CommitSha(row.oid), ".", max_entries)
    return None if files is None else [one._replace(path=f"{row.path}/{one.path}") for one in files]


def _fetch(  # noqa: PLR0917
    mirror: Mirror,
    remote: Remote,
    sha: CommitSha,
    below: str,
    max_pack_bytes: int | None,
    left: _Left,
    depth: int,
) -> None:
    rows = mirror.list_tree(sha, ".", _MAX_ENTRIES) or []
    links = [row for row in rows if row.kind is Kind.SUBMODULE and row.path.startswith(below)]
    urls = _urls(mirror, sha) if links else {}
    for link in links:
        left.number -= 1
        if left.number < 0 or depth >= MAX_DEPTH:
            raise Invalid(
                "GIT023",
                f"{remote.url} has more than {MAX_SUBMODULES} submodules, or they are nested "
                f"deeper than {MAX_DEPTH}",
                "Commit the files themselves.",
            )
        inner = _remote_of(remote, link, urls)
        commit = CommitSha(link.oid)
        if not mirror.has(commit):
            _bring(mirror, inner, link, max_pack_bytes)
        _fetch(mirror, inner, commit, "", max_pack_bytes, left, depth + 1)


def _remote_of(outer: Remote, link: TreeEntry, urls: Mapping[str, str]) -> Remote:
    try:
        url = _resolve(outer.parsed, urls.get(link.path, ""))
    except Invalid as error:
        raise _not_to_be_had(link, error) from None
    same = url.origin == outer.parsed.origin
    auth = outer.auth if same else None
    return replace(outer, url=str(url), ref=Ref(RefKind.COMMIT, link.oid), auth=auth)


def _bring(mirror: Mirror, inner: Remote, link: TreeEntry, max_pack_bytes: int | None) -> None:
    try:
        mirror.fetch_aside(inner, max_pack_bytes)
    except (Invalid, Forbidden, NotFound) as error:
        raise _not_to_be_had(link, error) from None


def _not_to_be_had(link: TreeEntry, error: AppError) -> Invalid:
    return Invalid(
        "GIT023",
        f"the submodule {link.path!r} cannot be fetched: {error.message}",
        "Correct .gitmodules. A login is sent to the host of the repository only.",
    )


def _resolve(outer: RemoteUrl, text: str) -> RemoteUrl:
    """A URL of .gitmodules; one that begins with ./ or ../ is relative to the outer repository
    (gitmodules(5)).

    >>> str(_resolve(parse_remote_url("https://git.example/team/dags"), "../common.git"))
    'https://git.example/team/common.git'
    """
    if not text.startswith(("./", "../")):
        return parse_remote_url(text)
    path = normpath(f"{outer.path}/{text}")
    return parse_remote_url(str(replace(outer, path=path)))


def _urls(mirror: Mirror, sha: CommitSha) -> dict[str, str]:
    """Path → URL, as `.gitmodules` at the top of the revision says; empty where there is none."""
    command = ["config", "-z", "--blob", f"{sha}:.gitmodules", "--list"]
    try:
        printed = run_git(command, git_dir=mirror.git_dir, max_output_bytes=1_000_000)
    except GitFailed:
        return {}
    found: dict[str, dict[str, str]] = {}
    for line in printed.decode("utf-8", "replace").split("\0"):
        key, _, value = line.partition("\n")
        section, _, name = key.rpartition(".")
        if section.startswith("submodule."):
            found.setdefault(section, {})[name] = value
    return {one["path"]: one["url"] for one in found.values() if {"path", "url"} <= one.keys()}
