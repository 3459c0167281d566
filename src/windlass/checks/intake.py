"""Intake: what a repository could use to hide or smuggle something, seen without parsing it."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from windlass.checks.disguise import may_be_disguised
from windlass.checks.kinds import check_folders, check_kind, is_text
from windlass.checks.pods import is_pod_file
from windlass.checks.requirements import is_requirements
from windlass.domain.digest import digest_json
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.tree import Kind, TreeEntry

MAX_PYTHON_BYTES = 1_000_000
MAX_FILE_BYTES = 10_000_000
MAX_TREE_BYTES = 200_000_000
MAX_TREE_FILES = 50_000
MAX_PATH_BYTES = 1000
MAX_NAME_BYTES = 255  # of one file or folder; NAME_MAX of Linux file systems

# Trojan Source, CVE-2021-42574: text that reads differently from what Python runs.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Controls, what cannot be stored, and marks that turn or hide text.
_NOT_PLAIN = re.compile(
    "[\x00-\x1f\x7f-\x9f\\\\\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd\ud800-\udfff]"
)
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263
_UTF8_NAMES = frozenset({b"utf-8", b"utf8", b"utf_8", b"utf-8-sig", b"ascii", b"us-ascii"})
_LFS = b"version https://git-lfs.github.com/spec/v1\n"  # git-lfs docs/spec.md


def check_entries(entries: Iterable[TreeEntry]) -> list[Finding]:
    """Judge paths, kinds and sizes of entries, each by itself."""
    findings: list[Finding] = []
    for entry in entries:
        findings += _check_path(entry.path)
        findings += _check_kind(entry)
        findings += _check_size(entry)
    return findings


def is_read(path: str, content: bytes) -> bool:
    """Whether the content of a file is judged too: Python, what Airflow itself parses, texts in
    which secrets may stand, and what may be something else than its name says."""
    is_parsed = path.endswith(".py") or path.rpartition("/")[2] == ".airflowignore"
    is_said = is_text(path) or is_pod_file(path, content) or is_requirements(path, content)
    return is_parsed or is_said or content.startswith(_LFS) or may_be_disguised(content)


def shown_path(path: str) -> str:
    """The path as findings show it: PostgreSQL holds neither NUL nor halves of surrogate pairs,
    and people read it. Equal to the path where that may be deployed at all."""
    return path if _is_plain(path) else ascii(path)[1:-1][:200]


def check_whole(entries: Mapping[str, TreeEntry]) -> list[Finding]:
    """Judge a tree as a whole: its size, clashing names, and where its symlinks lead.

    What it says depends on nothing but `whole_key` and `deployed_bytes`: a rule that looks at more
    must change them.
    """
    findings = check_totals(len(entries), deployed_bytes(entries))
    findings += check_clashes(entries)
    findings += check_folders(frozenset(entries))
    for entry in entries.values():
        if entry.kind is Kind.SYMLINK and resolve_link(entry, entries) is None:
            findings.append(_bad_link(entry))
    return findings


def whole_key(entries: Mapping[str, TreeEntry]) -> str:
    """A digest of the paths and kinds of a tree, and of where its symlinks lead."""
    odd = [(e.path, e.kind, e.target) for e in entries.values() if e.kind is not Kind.FILE]
    return digest_json([sorted(entries), sorted(odd)])


def deployed_bytes(entries: Mapping[str, TreeEntry]) -> int:
    """The size of a tree; a symlink costs what it leads to: its content is deployed once more."""
    links = [entry for entry in entries.values() if entry.kind is Kind.SYMLINK]
    plain = sum(entry.size_bytes for entry in entries.values()) - sum(e.size_bytes for e in links)
    return plain + sum((resolve_link(link, entries) or link).size_bytes for link in links)


def check_ignore_file(path: str, content: bytes) -> list[Finding]:
    """Judge an `.airflowignore`: Airflow 3.1 to 3.3 lose their whole processor over one that is
    not UTF-8."""
    return _check_utf8(path, content)


def check_data(path: str, content: bytes) -> list[Finding]:
    """Judge a file that Python does not read; a task that reads an LFS pointer gets the pointer."""
    return [_lfs(path, Severity.MEDIUM)] if content.startswith(_LFS) else []


def check_python_bytes(path: str, content: bytes) -> list[Finding]:
    """Judge the raw bytes of a Python file before anything decodes them as it asks to."""
    if len(content) > MAX_PYTHON_BYTES:  # what a symlink with such a name leads to
        return [_too_large(path, len(content), MAX_PYTHON_BYTES)]
    if content.startswith(_LFS):
        return [_lfs(path, Severity.HIGH)]
    # Python ends a line at a lone CR too, so a cookie may stand behind one.
    for number, line in enumerate(re.split(rb"\r\n?|\n", content, maxsplit=2)[:2], start=1):
        cookie = _COOKIE.match(line)
        if cookie and not _is_utf8(cookie[1].lower()):
            name = cookie[1].decode("ascii", "replace")
            return [_not_utf8(path, f"the file declares the encoding {name!r}", number)]
    if b"\0" in content:
        return [_not_utf8(path, "the file holds a NUL byte", _line_of(content, b"\0"))]
    return _check_utf8(path, content) or _check_bidi(path, content.decode("utf-8"))


def _is_utf8(name: bytes) -> bool:
    """Whether Python reads a file of that declared encoding, lowered, as UTF-8: also of
    `utf-8-*-`, where the blank was forgotten (get_normal_name in its Parser/tokenizer.c)."""
    return name in _UTF8_NAMES or name.replace(b"_", b"-").startswith(b"utf-8-")


def resolve_link(entry: TreeEntry, entries: Mapping[str, TreeEntry]) -> TreeEntry | None:
    """The file that a symlink leads to within the tree; None where it leads anywhere else.

    Links to folders, out of the tree, to nothing and in circles are all None.
    """
    seen: set[str] = set()
    current = entry
    while current.kind is Kind.SYMLINK:
        if current.path in seen or len(seen) > 20:
            return None
        seen.add(current.path)
        path = _join(PurePosixPath(current.path).parent, current.target or "")
        found = entries.get(path) if path else None
        if found is None:
            return None
        current = found
    return current if current.kind in (Kind.FILE, Kind.EXECUTABLE) else None


def _join(folder: PurePosixPath, target: str) -> str | None:
    """`folder/target` with `.` and `..` worked out; None where that leaves the tree."""
    if target.startswith("/"):
        return None
    parts: list[str] = []
    for part in (*folder.parts, *target.split("/")):
        if part == ".." and not parts:
            return None
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _lfs(path: str, severity: Severity) -> Finding:
    return _finding(
        "INT007",
        severity,
        path,
        "the file is a Git LFS pointer, not its content",
        "Windlass does not fetch LFS objects; commit the file itself.",
    )


def _is_plain(path: str) -> bool:
    names = path.split("/")
    name_bytes = max(len(name.encode("utf-8", "replace")) for name in names)
    path_bytes = len(path.encode("utf-8", "replace"))
    return (
        not _NOT_PLAIN.search(path)
        and not {"", ".", ".."} & set(names)  # git's fsck refuses these too; here paths are joined
        and name_bytes <= MAX_NAME_BYTES
        and path_bytes <= MAX_PATH_BYTES
    )


def _check_path(path: str) -> list[Finding]:
    if _is_plain(path):
        return []
    return [
        _finding(
            "INT001",
            Severity.CRITICAL,
            path,
            "the path is too long, leaves the tree or holds a character that is not plain text",
            "Rename it: UTF-8, no control characters, no backslash, at most "
            f"{MAX_PATH_BYTES} bytes in all and {MAX_NAME_BYTES} in each name.",
        )
    ]


def _check_kind(entry: TreeEntry) -> list[Finding]:
    if entry.kind is Kind.SUBMODULE:
        return [
            _finding(
                "INT003",
                Severity.HIGH,
                entry.path,
                "the path is a Git submodule, whose files would be missing in Airflow",
                "Add the repository with --submodules, commit the files themselves, or move the "
                "submodule out of the DAG root.",
            )
        ]
    return [replace(f, path=shown_path(f.path)) for f in check_kind(entry.path)]


def _check_size(entry: TreeEntry) -> list[Finding]:
    limit = MAX_PYTHON_BYTES if entry.path.endswith(".py") else MAX_FILE_BYTES
    if entry.size_bytes <= limit:
        return []
    return [_too_large(entry.path, entry.size_bytes, limit)]


def _too_large(path: str, size_bytes: int, limit: int) -> Finding:
    return _finding(
        "INT004",
        Severity.HIGH,
        path,
        f"the file has {size_bytes:,} bytes; at most {limit:,} are deployed",
        "Keep large data in object storage and read it in a task.",
    )


def check_totals(files: int, size_bytes: int) -> list[Finding]:
    """Judge how many files a tree has, and how many bytes."""
    if files <= MAX_TREE_FILES and size_bytes <= MAX_TREE_BYTES:
        return []
    return [
        _finding(
            "INT008",
            Severity.HIGH,
            "",
            f"the tree has {files:,} files and {size_bytes:,} bytes; at most "
            f"{MAX_TREE_FILES:,} files and {MAX_TREE_BYTES:,} bytes are deployed",
            "Register the folder with the DAGs as the repository's path.",
        )
    ]


def check_clashes(paths: Iterable[str]) -> Iterator[Finding]:
    """Judge names beside each other: the later one by path has the finding."""
    seen: dict[str, str] = {}
    for path in sorted(paths):
        folded = unicodedata.normalize("NFC", path).casefold()
        other = seen.setdefault(folded, path)
        if other != path:
            yield _finding(
                "INT006",
                Severity.MEDIUM,
                path,
                f"the path differs from {other!r} only by case or by how accents are written",
                "Rename one of them: some file systems take both for one file.",
            )


def _check_utf8(path: str, content: bytes) -> list[Finding]:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [_not_utf8(path, f"byte 0x{content[error.start]:02x} is not UTF-8", line)]
    return []


def _check_bidi(path: str, text: str) -> list[Finding]:
    found = None if text.isascii() else _BIDI.search(text)
    if found is None:
        return []
    line = text.count("\n", 0, found.start()) + 1
    return [
        _finding(
            "INT010",
            Severity.HIGH,
            path,
            f"the text holds U+{ord(found[0]):04X}, which makes it read differently from what runs",
            "Remove the character, or write it as an escape.",
            line=line,
        )
    ]


def _bad_link(entry: TreeEntry) -> Finding:
    return _finding(
        "INT002",
        Severity.CRITICAL,
        entry.path,
        f"the symlink leads to {(entry.target or '')[:200]!r}, which is no file of the DAG root",
        "Commit the file itself, or link to a file inside the DAG root.",
    )


def _not_utf8(path: str, what: str, line: int) -> Finding:
    return _finding(
        "INT009",
        Severity.HIGH,
        path,
        f"{what}; expected UTF-8 text",
        "Save it as UTF-8.",
        line=line,
    )


def _line_of(content: bytes, needle: bytes) -> int:
    return content.count(b"\n", 0, content.index(needle)) + 1


def _finding(
    code: str,
    severity: Severity,
    path: str,
    message: str,
    hint: str,
    *,
    line: int | None = None,
) -> Finding:
    return Finding(code, severity, FindingType.INTAKE, shown_path(path), message, hint, line)
