"""Which revision of a remote a repository follows, and which of a remote's refs that is."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import NamedTuple, NewType, cast

from windlass.domain.errors import Invalid
from windlass.domain.semver import Key, Version, read_range, version_in

CommitSha = NewType("CommitSha", str)

_SHA = re.compile(r"[0-9a-f]{40}")
_WILD = re.compile(r"[*?\[]")
# A name that git refuses, git-check-ref-format(1); a leading `-` too, since it is passed to git.
_BAD_NAME = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]|\.\.|@\{|//|\.lock(/|$)|(^|/)\.|\.$|/$|^/|^-"
)
_BAD_PATTERN = re.compile(r"[\x00-\x20\x7f~^:\\\ud800-\udfff]|\.\.|@\{|//|^/|^-|/$")
_EARLY = re.compile(
    r"(?:^|[^a-z])(?:alpha|beta|dev|pre|preview|rc|snapshot)(?![a-z])", re.IGNORECASE
)


class RefKind(StrEnum):
    """What the name of a ref means."""

    BRANCH = "branch"  # its head
    TAG = "tag"  # the commit it names
    TAG_PATTERN = "tag_pattern"  # the newest tag that matches a pattern, or is in a range
    COMMIT = "commit"  # that one, for good


class RefChoice(StrEnum):
    """Why a repository follows its ref."""

    GIVEN = "given"  # somebody named it
    MAIN = "main"  # nobody did: the branch main
    HEAD = "head"  # nobody did, and the remote has no main: the branch that its HEAD names


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch, a tag, a pattern of tags or a commit; `name` without `refs/…/` before it."""

    kind: RefKind
    name: str

    def __str__(self) -> str:
        """As people say it: `main`, `tag v1.8`, `tags v*`, `commit 3f9c2d1`."""
        match self.kind:
            case RefKind.BRANCH:
                return self.name
            case RefKind.TAG:
                return f"tag {self.name}"
            case RefKind.TAG_PATTERN:
                return f"tags {self.name}"
            case RefKind.COMMIT:
                return f"commit {self.name[:7]}"

    @property
    def full_name(self) -> str:
        """The ref as remotes name it; a pattern stays one, a range becomes one that all its tags
        match, a commit stays its sha."""
        match self.kind:
            case RefKind.BRANCH:
                return f"refs/heads/{self.name}"
            case RefKind.TAG_PATTERN if found := read_range(self.name):
                return f"refs/tags/{found.lead}*"
            case RefKind.TAG | RefKind.TAG_PATTERN:
                return f"refs/tags/{self.name}"
            case RefKind.COMMIT:
                return self.name

    @property
    def prefix(self) -> str:
        """What the full name of every ref that can be meant begins with."""
        wild = _WILD.search(self.full_name) if self.kind is RefKind.TAG_PATTERN else None
        return self.full_name[: wild.start()] if wild else self.full_name


class RemoteRef(NamedTuple):
    """A ref as a remote tells it; `peeled` is what an annotated tag points to."""

    name: str
    oid: str
    peeled: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The commit that a ref names now. `ref` is the full name it was found under: of the newest
    tag where there is a pattern, the sha itself for a commit."""

    sha: CommitSha
    ref: str

    @property
    def tag(self) -> str | None:
        """The tag, None where it is no tag."""
        return tag_of(self.ref)


def tag_of(full_name: str) -> str | None:
    """The tag that a full name of a ref names, None where it is no tag.

    >>> tag_of("refs/tags/v1.8"), tag_of("refs/heads/main")
    ('v1.8', None)
    """
    return full_name.removeprefix("refs/tags/") if full_name.startswith("refs/tags/") else None


def check_ref(kind: RefKind, name: str) -> Ref:
    """The ref, if git could have one of that name; else Invalid REPO003."""
    match kind:
        case RefKind.COMMIT:
            sha = name.strip().lower()
            if not _SHA.fullmatch(sha):
                raise _refused(
                    f"commit {name[:100]!r} is not a full name of a commit",
                    "Give all 40 characters, as `git rev-parse HEAD` prints them.",
                )
            return Ref(kind, sha)
        case RefKind.TAG_PATTERN:
            _check_pattern(name)
        case _:
            check_branch(name, kind.value)
    return Ref(kind, name)


def _check_pattern(name: str) -> None:
    found = read_range(name)
    fixed = f"{found.lead}1" if found else name
    if name and len(name) <= 200 and not _BAD_PATTERN.search(fixed):
        return
    if re.search(r"[\^~ ]", name):  # git allows none of them in a name
        raise _refused(
            f"tag pattern {name[:200]!r} is not a range of versions",
            "Write ^1.2, ~1.9, =1.2, or bounds such as '>=1.2 <2'; what stands before the version "
            "in your tags comes first, as in dags/v^1.2.",
        )
    raise _refused(
        f"tag pattern {name[:200]!r} is not one: expected part of a tag's name with * or ?, or a "
        "range of versions",
        "For example 'v*', or '^1.2'.",
    )


def check_branch(name: str, kind: str = "branch") -> str:
    """`name` if git could have a branch, or another `kind`, of that name, else Invalid REPO003."""
    if name and name not in ("@", "HEAD") and not _BAD_NAME.search(name) and len(name) <= 200:
        return name
    raise _refused(
        f"{kind} {name!r} is not a name that git accepts",
        f"Give the {kind} as `git {kind} --list` shows it, for example "
        + ("main." if kind == "branch" else "v1.8."),
    )


def choose(ref: Ref, refs: Iterable[RemoteRef]) -> Head | None:
    """What `ref` names among the refs of a remote; None where that is nothing.

    >>> choose(Ref(RefKind.TAG_PATTERN, "v*"), [RemoteRef("refs/tags/v1.9.0", "a" * 40)]).tag
    'v1.9.0'
    """
    if ref.kind is RefKind.COMMIT:
        return Head(CommitSha(ref.name), ref.name)
    found = {each.name: each for each in refs}
    name = ref.full_name
    if ref.kind is RefKind.TAG_PATTERN:
        tags = [tag for each in found if (tag := tag_of(each)) is not None]
        newest = newest_tag(tags, ref.name)
        name = f"refs/tags/{newest}" if newest else ""
    chosen = found.get(name)
    if chosen is None or not _SHA.fullmatch(chosen.peeled or chosen.oid):
        return None
    return Head(CommitSha(chosen.peeled or chosen.oid), chosen.name)


def newest_tag(names: Iterable[str], pattern: str) -> str | None:
    """The newest of the tags that match a pattern of `*`, `?` and `[…]`, or that are in a range of
    versions (`read_range`); None where none does.

    Semantic versions come before all else and are in their own order; where there is none, numbers
    in the names are compared as numbers. A pre-release counts only where the pattern has a `-`
    after its last fixed part, or names its kind, as `v*-rc*` does.

    >>> newest_tag(["v1.9.0", "v1.10.0", "v2.0.0-rc.1", "nightly"], "v*")
    'v1.10.0'
    >>> newest_tag(["v1.9.0", "v1.10.0", "v2.0.0"], "^1.2")
    'v1.10.0'
    """
    if wanted := read_range(pattern):
        return max(filter(wanted.holds, names), key=_order, default=None)
    matching = [name for name in names if fnmatchcase(name, pattern)]
    early = "-" in pattern[_wild_start(pattern) :] or bool(_EARLY.search(pattern))
    versions = {name: found for name in matching if (found := version_in(name))}
    if versions:
        stable = [name for name, found in versions.items() if early or not found.early]
        return max(stable, key=_order, default=None)
    stable = [name for name in matching if early or not _EARLY.search(name)]
    return max(stable, key=_natural, default=None)


def is_older_tag(name: str, than: str) -> bool:
    """Whether a tag comes before another in the order of `newest_tag`."""
    if version_in(name) and version_in(than):
        return _order(name) < _order(than)
    return _natural(name) < _natural(than)


_Words = tuple[tuple[int, int, str], ...]


def _wild_start(pattern: str) -> int:
    wild = _WILD.search(pattern)
    return wild.start() if wild else len(pattern)


def _order(name: str) -> tuple[Key, str]:
    """Of tags with versions; equal ones (build metadata, other prefixes) by their names."""
    return cast("Version", version_in(name)).key, name


def _natural(name: str) -> tuple[_Words, str]:
    """Numbers as numbers; what a pre-release adds comes before the name without it."""
    key: list[tuple[int, int, str]] = []
    for digits, word in re.findall(r"([0-9]+)|([^0-9]+)", name):
        if digits:
            key.append((3, int(digits), ""))
        else:
            key.append((0 if _EARLY.search(word) else 2, 0, word))
    return (*key, (1, 0, "")), name


def _refused(message: str, hint: str) -> Invalid:
    return Invalid("REPO003", message, hint)
