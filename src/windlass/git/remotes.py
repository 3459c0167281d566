"""Asking a remote by git: its refs, a fetch into the mirror, and what their failures mean."""

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from windlass.domain.errors import AppError, Invalid, Throttled, Unavailable
from windlass.domain.ref import CommitSha, Head, Ref, RefChoice, RefKind, RemoteRef, choose
from windlass.git.access import LateAuth, OpenedAuth, Remote, SshAuth, access_to
from windlass.git.extent import PROMISED, REMOTE, WHOLE, Extent
from windlass.git.http import doubtful, find_certificate_problem, find_redirect
from windlass.git.process import (
    FETCH_LIMIT_S,
    LS_REMOTE_LIMIT_S,
    GitFailed,
    run_git,
)
from windlass.network.authorities import SETTING
from windlass.network.sockets import no_answer, refused

REFS_LIMIT_BYTES = 10_000_000
RATE_LIMIT_S = 120.0
_FETCH = (
    *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"),
    "--no-auto-maintenance",  # the upkeep of mirrors is ours
)
_CERTIFICATE = re.compile(
    r"certificate verification failed|SSL certificate problem|does not match target host name"
    r"|no alternative certificate subject name|certificate is not trusted"
)
_PROXY_SAYS = re.compile(r"(?:HTTP code|response|error:) ([45][0-9]{2})\b")
_REFUSED = re.compile(r"Authentication failed|could not read Username|Permission denied \(")
_EXPIRED = re.compile(r"(?i:token|password|credentials?|key)\b[^\n]{0,60}\bexpired\b")
_MAY_NOT_READ = re.compile(
    r"error: 403|DENIED by |Permission to \S+ denied|[Pp]ermission denied for|not authorized to"
)
_DISK_SAYS = re.compile("No space left on device|Disk quota exceeded|Read-only file system")
_NEGLIGIBLE = re.compile(
    r"Please make sure you have the correct access rights|and the repository exists|^\s*$"
)


def find_head(remote: Remote) -> Head:
    """The commit that the ref names now, by `git ls-remote`; of a commit, itself, unasked.

    Raises Invalid where a person must act (GIT002 refused, GIT003 no such repository, GIT004 no
    such ref, GIT020 another host key, GIT028 no right to read), Unavailable where trying again
    may help.
    """
    if remote.ref.kind is RefKind.COMMIT:
        return Head(CommitSha(remote.ref.name), remote.ref.name)
    name = remote.ref.full_name
    # The second asks for what an annotated tag points to.
    patterns = [name] if remote.ref.kind is RefKind.BRANCH else [name, f"{name}^{{}}"]
    head = choose(remote.ref, list_refs(remote, patterns))
    if head is None:
        raise no_such_ref(remote)
    return head


def list_refs(remote: Remote, patterns: Sequence[str]) -> list[RemoteRef]:
    """The refs of a remote that match, as git-ls-remote(1) understands it; raises as `find_head`
    does."""
    rows: dict[str, str] = {}
    output = _ask(remote, ["ls-remote", "--end-of-options"], patterns)
    for line in output.decode("utf-8", "replace").splitlines():
        oid, _, name = line.partition("\t")
        rows[name] = oid
    return [
        RemoteRef(name, oid, rows.get(f"{name}^{{}}"))
        for name, oid in rows.items()
        if not name.endswith("^{}")
    ]


def choose_branch(remote: Remote) -> tuple[Ref, RefChoice]:
    """The branch to follow where nobody names one: `main`, and where the remote has none, what its
    HEAD names. Raises as `find_head` does."""
    wanted = ["HEAD", "refs/heads/main"]
    output = _ask(remote, ["ls-remote", "--symref", "--end-of-options"], wanted)
    lines = output.decode("utf-8", "replace").splitlines()
    found = [line.removesuffix("\tHEAD") for line in lines if line.startswith("ref: refs/heads/")]
    if found and not any(line.endswith("\trefs/heads/main") for line in lines):
        name = found[0].removeprefix("ref: refs/heads/")
        return Ref(RefKind.BRANCH, name), RefChoice.HEAD
    return Ref(RefKind.BRANCH, "main"), RefChoice.MAIN


def fetch_head(
    remote: Remote,
    git_dir: Path,
    into: str,
    *,
    max_file_bytes: int | None = None,
    extent: Extent = WHOLE,
) -> None:
    """Fetch the ref with its history into the local ref `into`; raises as `find_head` does, and
    Invalid GIT014 where a pack is larger than `max_file_bytes`.

    A commit that the remote does not give by its name is looked for below all branches and tags,
    with all their history.
    """
    wanted = [f"+{remote.ref.full_name}:{into}"]
    depth = [f"--depth={extent.depth}"] if extent.depth else []
    is_partial = extent.is_partial
    try:
        _fetch(remote, git_dir, wanted, max_file_bytes, *depth, is_partial=is_partial)
    except Invalid as refused:
        if remote.ref.kind is not RefKind.COMMIT or refused.code != "GIT015":
            raise
        everything = ["+refs/heads/*:refs/remotes/all/*", "+refs/tags/*:refs/tags/*"]
        _fetch(remote, git_dir, everything, max_file_bytes, is_partial=is_partial)
        try:
            run_git(["update-ref", into, f"{remote.ref.name}^{{commit}}"], git_dir=git_dir)
        except GitFailed:
            raise refused from None


def fetch_named(
    remote: Remote, git_dir: Path, name: str, into: str, *, max_file_bytes: int | None = None
) -> None:
    """Fetch the newest commit of a ref, by its full name, into a local one; raises as `fetch_head`
    does, and GIT004 where the remote has no such ref."""
    _fetch(remote, git_dir, [f"+{name}:{into}"], max_file_bytes, "--depth=1")


def fetch_history(
    remote: Remote,
    git_dir: Path,
    refs: Mapping[str, str],
    depth: int | None,
    *,
    max_file_bytes: int | None = None,
    is_partial: bool = False,
) -> None:
    """Fetch refs, by their full names, into local ones with so many commits of their history; all
    of it for None, which a mirror must not have already. Raises as `fetch_named` does."""
    how_much = f"--depth={depth}" if depth else "--unshallow"
    wanted = [f"+{name}:{into}" for name, into in refs.items()]
    _fetch(remote, git_dir, wanted, max_file_bytes, how_much, is_partial=is_partial)


def fetch_blobs(
    remote: Remote, git_dir: Path, oids: Sequence[str], *, max_file_bytes: int | None = None
) -> None:
    """Fetch what files hold that a partial mirror left out, all at once; raises as `fetch_head`
    does. gitprotocol-v2(5): any object of the remote may be wanted."""
    _ask(
        remote,
        [*_FETCH, "--filter=blob:none", "--stdin"],
        (),
        git_dir=git_dir,
        max_file_bytes=max_file_bytes,
        limit_s=FETCH_LIMIT_S,
        config={**PROMISED, "fetch.negotiationAlgorithm": "noop"},
        stdin="".join(f"{oid}\n" for oid in oids).encode(),
    )


def check_commit(remote: Remote) -> None:
    """Make sure that the remote gives the commit of `remote.ref`; raises as `fetch_head` does."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run_git(["init", "--quiet", "--bare", "--template=", folder])
        _fetch(remote, place, [f"+{remote.ref.name}:refs/heads/x"], None, "--depth=1")


def no_such_ref(remote: Remote) -> Invalid:
    """The error of a remote without the ref."""
    match remote.ref:
        case Ref(RefKind.BRANCH, name):
            what, hint = f"branch {name!r}", "Name an existing branch with --branch."
        case Ref(RefKind.TAG, name):
            what, hint = f"tag {name!r}", "Name an existing tag with --tag."
        case Ref(_, name):
            what = f"tag that matches {name!r}"
            hint = "Pre-releases count only where the pattern names them, such as 'v*-*'."
    return Invalid("GIT004", f"{remote.url} has no {what}", hint)


def _fetch(
    remote: Remote,
    git_dir: Path,
    refspecs: Sequence[str],
    max_file_bytes: int | None,
    *options: str,
    is_partial: bool = False,
) -> None:
    left_out = ["--filter=blob:none"] if is_partial else []
    _ask(
        remote,
        [*_FETCH, *left_out, *options, "--end-of-options"],
        refspecs,
        git_dir=git_dir,
        max_file_bytes=max_file_bytes,
        limit_s=FETCH_LIMIT_S,
        config=PROMISED if is_partial else None,
    )


def _ask(
    remote: Remote,
    command: Sequence[str],
    arguments: Sequence[str],
    *,
    git_dir: Path | None = None,
    max_file_bytes: int | None = None,
    limit_s: float = LS_REMOTE_LIMIT_S,
    config: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> bytes:
    """`git COMMAND URL ARGUMENTS`, once more where the host sends us to another place. With
    `config` the URL has the name REMOTE, which that says something of."""

    def run(remote: Remote) -> bytes:
        place = remote.url if config is None else REMOTE
        with access_to(remote) as access:
            named = {**(config or {}), f"remote.{REMOTE}.url": remote.url} if config else {}
            return run_git(
                [*command, place, *arguments],
                git_dir=git_dir,
                access=replace(access, config={**access.config, **named}),
                stdin=stdin,
                limit_s=limit_s,
                max_output_bytes=REFS_LIMIT_BYTES,
                max_file_bytes=max_file_bytes,
            )

    def follow(remote: Remote) -> bytes:
        try:
            return run(remote)
        except GitFailed as failure:
            if not re.search(r"error: 30[1278]\b", failure.stderr):
                raise
            return run(redirected(remote))

    with _explained(remote):
        try:
            return follow(remote)
        except GitFailed as failure:
            other = other_login(remote) if _REFUSED.search(failure.stderr) else None
            if other is None:
                raise
            return follow(replace(remote, auth=other))


def other_login(remote: Remote) -> OpenedAuth | None:
    """What else lets us in where the login was refused: the one before a rotation, or the same
    asked for anew where it lies elsewhere."""
    return remote.auth.other() if isinstance(remote.auth, LateAuth) else None


def redirected(remote: Remote) -> Remote:
    """Where the host sends us instead, without the credential if that is another origin."""
    url = find_redirect(remote)
    same = url.origin == remote.parsed.origin
    return replace(remote, url=str(url), auth=remote.auth if same else None)


@contextlib.contextmanager
def _explained(remote: Remote) -> Iterator[None]:
    try:
        yield
    except GitFailed as failure:
        words = failure.stderr
        raise _explain_way(remote, words) or _explain(remote, words) from None


def _explain(remote: Remote, stderr: str) -> AppError:
    """What git's and ssh's words mean. The phrases are those of git 2.37 to 2.51 and OpenSSH 8 to
    10 under LC_ALL=C; those of forges are what their servers print."""
    if (barred := _explain_bar(remote, stderr)) is not None:
        return barred
    if "couldn't find remote ref" in stderr:
        return no_such_ref(remote)
    if re.search(r"not our ref|unadvertised object|bad object", stderr):
        return Invalid(
            "GIT015",
            f"{remote.url} does not give the {remote.ref}: it has no such commit, or it gives only "
            "commits that a branch or a tag leads to",
            "Push a branch or a tag that leads to it, or name another with --commit.",
        )
    if re.search(r"died of signal 25|File too large", stderr):
        return Invalid(
            "GIT014",
            f"{remote.url} would send more than WINDLASS_MAX_FETCH_MB allows",
            "Take large files out of its history, or raise the setting.",
        )
    if "error: 429" in stderr:
        return Throttled(
            "GIT021",
            f"{remote.url} asks for fewer requests (429)",
            "Poll it less often: --sync-interval.",
            retry_after_s=RATE_LIMIT_S,
        )
    return disk_refusal(stderr) or Unavailable(
        "GIT006", f"{remote.url} cannot be fetched now: {_last_words(stderr)}"
    )


def disk_refusal(stderr: str) -> Unavailable | None:
    """What git says of its own disk, as an error; None where it says nothing of it."""
    for line in stderr.splitlines():
        found = _DISK_SAYS.search(line)
        if found and not line.startswith("remote:"):
            return mirror_refused(found[0])
    return None


def mirror_refused(why: str) -> Unavailable:
    """The file system of a mirror does not take what is to be written."""
    return Unavailable(
        "GIT029",
        f"the mirror of the repository cannot be written: {why}",
        "Free disk space below WINDLASS_HOME/mirrors, or check the mount and who owns it.",
    )


def _explain_bar(remote: Remote, stderr: str) -> Invalid | None:
    """Why we are not let in, or find nothing there; None where that is not it."""
    if _REFUSED.search(stderr):
        return _not_let_in(remote, has_expired=bool(_EXPIRED.search(stderr)))
    if re.search(r"Host key verification failed|HOST IDENTIFICATION HAS CHANGED", stderr):
        return Invalid(
            "GIT020",
            f"{remote.url} shows another ssh host key than the one that is pinned",
            "If its operator changed it, add the repository again with the new --host-key; "
            "if not, somebody may stand between.",
        )
    if _MAY_NOT_READ.search(stderr):
        return Invalid(
            "GIT028",
            f"{remote.url} knows this login, and does not let it read",
            "Give its token or key the right to read this repository; where the host has single "
            "sign-on, authorize it for the organization.",
        )
    if re.search(
        r"repository '.*' not found|error: 404|Repository not found"
        r"|does not appear to be a git repository|project you were looking for could not be found",
        stderr,
    ):
        return Invalid(
            "GIT003",
            f"{remote.url} is no repository, or not one that these credentials may read",
            "Open the URL in a browser and compare.",
        )
    return None


def _explain_way(remote: Remote, stderr: str) -> AppError | None:
    """What failed before the host was asked: the proxy, or the certificate; None where neither."""
    url = remote.parsed
    proxy = remote.boundary.network.proxy_for(url.scheme, url.host)
    said = _PROXY_SAYS.search(stderr)
    if proxy and said and (said[1] == "407" or re.search("proxy|CONNECT", stderr)):
        return refused(proxy, f"{url.host}:{url.port}", int(said[1]))
    if proxy and re.search("Failed to connect to|Could not resolve proxy|CONNECT abort", stderr):
        return no_answer(proxy, _last_words(stderr))
    if not _CERTIFICATE.search(stderr):
        return None
    hint = f"Name a PEM file with its authority in {SETTING}."
    return find_certificate_problem(remote) or doubtful(remote, _last_words(stderr), hint)


def _not_let_in(remote: Remote, *, has_expired: bool) -> Invalid:
    if has_expired:
        return Invalid(
            "GIT002",
            f"{remote.url} refuses the login: it says that it has expired",
            "Make a new one there, then: windlass credential rotate NAME",
        )
    if isinstance(remote.auth, SshAuth) or remote.parsed.scheme == "ssh":
        return Invalid(
            "GIT002",
            f"{remote.url} refuses the private key",
            "Add its public half to the repository as a deploy key.",
        )
    return Invalid(
        "GIT002",
        f"{remote.url} refuses the user and password, or wants some",
        "Give them with --username and --password-stdin.",
    )


def _last_words(stderr: str) -> str:
    """The line that says what happened; ssh's own comes before git's general advice."""
    lines = [line for line in stderr.strip().splitlines() if not _NEGLIGIBLE.search(line)]
    spoken = [line for line in lines if line.startswith("ssh: ")]
    return ([*spoken[-1:], *lines[-1:]] or ["no message"])[0]
