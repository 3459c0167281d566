"""Files of several versions side by side: what one of them imports and the others do not have."""

from collections.abc import Collection, Iterator, Mapping

from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.dependents import module_names
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.selection import Selection


def mixture_findings(selection: Selection, served: Artifact) -> list[Finding]:
    """A denying finding for each file that imports a module which is not deployed with it.

    Of a file as the head has it: a module that is left out. Of a kept file, beside that: one that
    was there when the file was served, and that the head removed. What a tree lacks in itself, as
    it was committed, is no matter of this.
    """
    if not selection.kept and not selection.omitted:
        return []
    files = selection.artifact.files
    there = set(_modules(files))
    left_out = {m: path for path in selection.omitted for m in _modules([path]) if m not in there}
    removed = {m: path for path in served.files for m in module_names(path) if m not in there}
    if not left_out and not (removed and selection.kept):
        return []
    found = []
    for path, entry in files.items():
        missing = {**removed, **left_out} if path in selection.kept else left_out
        name = _first_missing(entry, missing)
        if name is not None:
            found.append(_broken_import(path, name, missing[name], is_left_out=name in left_out))
    return found


def _modules(paths: Collection[str]) -> Iterator[str]:
    """The modules and packages of these files; a folder alone is a package too (PEP 420)."""
    for path in paths:
        for name in module_names(path):
            parts = name.split(".")
            yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _first_missing(entry: FileEntry, missing: Mapping[str, str]) -> str | None:
    for name in entry.outline.imports if entry.outline else ():
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            if (prefix := ".".join(parts[:length])) in missing:
                return prefix
    return None


def _broken_import(path: str, module: str, missing: str, *, is_left_out: bool) -> Finding:
    gone = "is left out because of its own findings" if is_left_out else "the head removed"
    return Finding(
        "STR004",
        Severity.HIGH,
        FindingType.STRUCTURE,
        path,
        f"it imports {module!r}, and {missing!r} {gone}",
        "Mend that file, or the import.",
    )
