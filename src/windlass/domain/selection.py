"""Verdict mode per_file: which version of each file is deployed, where the head has bad files.

A file starts as the head has it, falls back to its last good version, and then is left out. It
never climbs up again, so the search ends; and it ends with a tree in which nothing is denied.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.finding import Finding, by_severity
from windlass.domain.policy import Allowed, Denied, Policy, Verdict
from windlass.domain.release import ReleaseId


@dataclass(frozen=True, slots=True)
class Version:
    """A file as an earlier release had it; `release_id` is the one that brought it."""

    entry: FileEntry
    release_id: ReleaseId


@dataclass(frozen=True, slots=True)
class Selection:
    """A tree that may be deployed in place of the head: `kept` and `omitted` as in Allowed."""

    artifact: Artifact
    kept: Mapping[str, ReleaseId] = field(default_factory=dict)
    omitted: Mapping[str, ReleaseId | None] = field(default_factory=dict)


FindLastGood = Callable[[Collection[str]], Mapping[str, Version]]
"""The last good versions of these paths, of those that have one that today's checks allow."""
JudgeTree = Callable[[Selection], Collection[Finding]]
"""What the rules over a whole tree say of a selection, each finding at a path of its tree."""


def select(
    head: Artifact,
    bad: Collection[str],
    find_last_good: FindLastGood,
    judge_tree: JudgeTree,
    policy: Policy,
) -> tuple[Selection, tuple[Finding, ...], bool]:
    """The tree that is deployed, the findings of the trees that were tried, and whether it may be.

    `bad` are the paths of the head that must not be deployed as they are; some may be missing in
    `head`, since they were not to be read. Files of the head give way before kept ones do, so that
    what was kept is judged beside the head as it is deployed. False where a finding is about no
    file, or nothing would be left of a head that had files.
    """
    selection, told = Selection(head), list[Finding]()
    demoted: Collection[str] = sorted(bad)
    while True:
        selection = _demote(selection, demoted, find_last_good)
        findings = judge_tree(selection)
        paths = {f.path for f in findings if policy.denies(f)}
        told += (_at_version(f, selection) for f in findings if not paths or policy.denies(f))
        is_empty = bool(selection.omitted) and not selection.artifact.files
        if not paths or not paths <= selection.artifact.files.keys():
            return selection, tuple(dict.fromkeys(told)), not paths and not is_empty
        demoted = sorted(paths - selection.kept.keys()) or sorted(paths)


def decide_per_file(
    findings: tuple[Finding, ...],
    selected: tuple[Selection, tuple[Finding, ...], bool],
    policy: Policy,
    *,
    validated: bool,
) -> Verdict:
    """The verdict on a selection; `findings` are those of the head's own files."""
    selection, more, is_allowed = selected
    ordered = by_severity((*findings, *more))
    if is_allowed:
        return Allowed(ordered, selection.kept, selection.omitted, validated)
    return Denied(ordered, tuple(f for f in ordered if policy.denies(f)), validated)


def _demote(selection: Selection, paths: Collection[str], find: FindLastGood) -> Selection:
    files = dict(selection.artifact.files)
    kept, omitted = dict(selection.kept), dict(selection.omitted)
    versions = find([path for path in paths if path not in kept])
    for path in paths:
        files.pop(path, None)
        before = kept.pop(path, None)
        version = versions.get(path)
        if version is None:
            omitted[path] = before
        else:
            files[path], kept[path] = version.entry, version.release_id
    artifact = Artifact.near(selection.artifact, {p: files[p] for p in sorted(files)})
    return Selection(artifact, kept, omitted)


def _at_version(finding: Finding, selection: Selection) -> Finding:
    """The finding; one about a kept file says so, since its line is not the head's."""
    origin = selection.kept.get(finding.path)
    if origin is None:
        return finding
    message = f"its version of release #{origin}: {finding.message}"
    nowhere: dict[str, Any] = {"line": None, "column": None, "end_column": None, "excerpt": ""}
    return replace(finding, message=message, fingerprint="", **nowhere)
