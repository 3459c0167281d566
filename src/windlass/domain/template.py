"""Templates as they lie in a tree, and the lock that says which of them pipelines were made with.

A version is the folder `templates/NAME/X.Y.Z/`, of which `template.yaml` is read. The lock is a
file of lines, so that two branches that add versions rarely touch the same one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from windlass.domain.digest import digest_bytes
from windlass.domain.semver import Key, read_range, version_in

LOCK_PATH = "pipelines.lock"
FOLDER = "templates"
_PATH = re.compile(rf"{FOLDER}/([^/]+)/([^/]+)/template\.yaml")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_VERSION = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){2}")
_LINE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9_-]{0,62}) (?:"
    r"(?P<version>[0-9.]{5,30}) sha256:(?P<digest>[0-9a-f]{64})"
    r"|(?P<range>[~^][0-9.]{1,30}) -> (?P<chosen>[0-9.]{5,30}))"
)
_HEAD = "# Made by `windlass template lock`: commit it, and edit it only to let a version go.\n"


@dataclass(frozen=True, slots=True)
class Lock:
    """`digests`: NAME@X.Y.Z → SHA-256 of its file; `chosen`: NAME@^X → the version that it means.
    `strange` are the numbers of lines that say neither."""

    digests: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    strange: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """The file, in the order of names and versions."""
        rows = [(ref, f"sha256:{digest}") for ref, digest in self.digests.items()]
        rows += [(wanted, f"-> {version}") for wanted, version in self.chosen.items()]
        lines = [f"{ref.replace('@', ' ', 1)} {rest}\n" for ref, rest in sorted(rows, key=_order)]
        return _HEAD + "".join(lines)


def read_lock(text: str) -> Lock:
    """The lock in a text.

    >>> read_lock("copy ^1.2 -> 1.3.0\\n<<<<<<< HEAD")
    Lock(digests={}, chosen={'copy@^1.2': '1.3.0'}, strange=(2,))
    """
    digests: dict[str, str] = {}
    chosen: dict[str, str] = {}
    strange: list[int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.rstrip())
        if found is None:
            strange.append(number)
        elif found["digest"]:
            digests[f"{found['name']}@{found['version']}"] = found["digest"]
        else:
            chosen[f"{found['name']}@{found['range']}"] = found["chosen"]
    return Lock(digests, chosen, tuple(strange))


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of a tree. `digests`: NAME@X.Y.Z → SHA-256, of all that are there; `texts`
    their files, of those that were asked for; `misplaced` are paths that name no template."""

    digests: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, bytes] = field(default_factory=dict)
    lock: Lock = Lock()
    misplaced: tuple[str, ...] = ()

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> "Templates":
        """Those among files, by their paths below the DAG root; the lock is one of them."""
        texts: dict[str, bytes] = {}
        misplaced: list[str] = []
        for path, content in sorted(files.items()):
            if path == LOCK_PATH:
                continue
            ref = ref_in(path)
            if ref is None:
                misplaced.append(path)
            else:
                texts[ref] = content
        digests = {ref: digest_bytes(content) for ref, content in texts.items()}
        lock = read_lock(files.get(LOCK_PATH, b"").decode("utf-8", "replace"))
        return cls(digests, texts, lock, tuple(misplaced))

    def near(self, content: bytes) -> "Templates":
        """With the texts of those only whose names stand in a document, so that others do not
        matter to it. (An escaped name is not seen, and then not found.)"""
        texts = {ref: text for ref, text in self.texts.items() if _stands_in(ref, content)}
        lock = Lock(
            {ref: one for ref, one in self.lock.digests.items() if ref in texts},
            {ref: one for ref, one in self.lock.chosen.items() if _stands_in(ref, content)},
        )
        digests = self.digests if b"template" in content else {}
        return replace(self, digests=digests, texts=texts, lock=lock, misplaced=())

    def versions(self, name: str) -> list[str]:
        """The versions of a template, the oldest first."""
        found = [ref.partition("@")[2] for ref in self.digests if ref.startswith(f"{name}@")]
        return sorted(found, key=version_key)

    @property
    def names(self) -> list[str]:
        return sorted({ref.partition("@")[0] for ref in self.digests})

    def newest(self, wanted: str) -> str | None:
        """The newest version that NAME@X.Y.Z or NAME@^X may mean; None where there is none."""
        name, _, version = wanted.partition("@")
        there = self.versions(name)
        known = read_range(version)
        if known is None:
            return version if version in there else None
        return next((one for one in reversed(there) if known.holds(one)), None)

    def locked(self, wanted: Iterable[str]) -> Lock:
        """The lock for pipelines that name these: what it says already stays as it is."""
        chosen = {}
        for one in wanted:
            kept = self.lock.chosen.get(one)
            there = kept if kept in self.versions(one.partition("@")[0]) else self.newest(one)
            if is_range(one) and there is not None:
                chosen[one] = there
        return Lock({**self.digests, **self._kept()}, chosen)

    def _kept(self) -> dict[str, str]:
        return {ref: one for ref, one in self.lock.digests.items() if ref in self.digests}

    def to_json(self) -> list[Any]:
        """As plain values."""
        texts = {ref: text.decode("utf-8", "surrogateescape") for ref, text in self.texts.items()}
        return [self.digests, texts, self.lock.digests, self.lock.chosen]

    @classmethod
    def from_json(cls, row: list[Any]) -> "Templates":
        """The inverse of `to_json`."""
        texts = {ref: text.encode("utf-8", "surrogateescape") for ref, text in row[1].items()}
        return cls(row[0], texts, Lock(row[2], row[3]))


NO_TEMPLATES = Templates()


def is_template_path(path: str) -> bool:
    """Whether a file is a template, means to be one, or is the lock.

    >>> is_template_path("templates/copy/1.0.0/template.yaml"), is_template_path("templates/x.sql")
    (True, False)
    """
    return path == LOCK_PATH or _PATH.fullmatch(path) is not None


def ref_in(path: str) -> str | None:
    """NAME@X.Y.Z of the template at a path; None where its folders do not say that.

    >>> ref_in("templates/copy/1.0.0/template.yaml"), ref_in("templates/copy/v1/template.yaml")
    ('copy@1.0.0', None)
    """
    found = _PATH.fullmatch(path)
    if found is None or not _NAME.fullmatch(found[1]) or not _VERSION.fullmatch(found[2]):
        return None
    return f"{found[1]}@{found[2]}"


def template_path(ref: str) -> str:
    """Where a template's file lies.

    >>> template_path("copy@1.0.0")
    'templates/copy/1.0.0/template.yaml'
    """
    name, _, version = ref.partition("@")
    return f"{FOLDER}/{name}/{version}/template.yaml"


def is_range(wanted: str) -> bool:
    """Whether NAME@… leaves the version to the lock.

    >>> is_range("copy@^1.2"), is_range("copy@1.2.0")
    (True, False)
    """
    return wanted.partition("@")[2][:1] in ("^", "~")


def version_key(version: str) -> Key:
    """By what versions are ordered: 1.10.0 comes after 1.9.0."""
    found = version_in(version)
    return found.key if found else ((), ())


def _order(row: tuple[str, str]) -> tuple[str, bool, Key, str]:
    name, _, version = row[0].partition("@")
    return name, is_range(row[0]), version_key(version), version


def _stands_in(ref: str, content: bytes) -> bool:
    return f"{ref.partition('@')[0]}@".encode() in content
