"""Templates of a folder on this machine: `windlass template`."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

from windlass.compiler.documents import read_document
from windlass.compiler.nodes import MapNode, Place, ScalarNode
from windlass.compiler.pipelines.compile import compile_pipeline, read_pipeline
from windlass.compiler.pipelines.templates import held_by, read_template, template_findings
from windlass.compiler.pipelines.words import TEMPLATE, version_of
from windlass.domain.errors import Invalid
from windlass.domain.finding import Finding, Severity
from windlass.domain.nearest import suggest
from windlass.domain.pipeline import Bindings, Pipeline
from windlass.domain.semver import read_range
from windlass.domain.template import FOLDER, LOCK_PATH, Lock, Templates, is_range, is_template_path
from windlass.engine.compile_folder import pipelines_in, read_file, write_file

_OF_STEPS = ("steps", "line", "template")


@dataclass(frozen=True, slots=True)
class Use:
    """A pipeline that is made with a template: `wanted` is NAME@X.Y.Z or NAME@^X in its normal
    form, `written` as it stands at `place` of the document at `path`."""

    path: str
    wanted: str
    written: str
    place: Place

    @property
    def name(self) -> str:
        return self.wanted.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Change:
    """What an upgrade does to one pipeline. `text` is its new document; tasks are task_ids;
    `says` are the keys of the pipeline that come out otherwise; `diff` is of the DAG files, line by
    line. `findings` that deny say why it is left as it is."""

    use: Use
    after: str
    text: str
    tasks_added: tuple[str, ...]
    tasks_removed: tuple[str, ...]
    tasks_changed: tuple[str, ...]
    says: tuple[str, ...]
    diff: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def is_good(self) -> bool:
        """Whether the pipeline compiles with it."""
        return all(one.severity is not Severity.CRITICAL for one in self.findings)


def templates_in(root: Path) -> Templates:
    """The templates of a DAG root. Symlinks are passed over, as Git does not follow them."""
    places = [root / LOCK_PATH, *root.glob(f"{FOLDER}/*/*/template.yaml")]
    paths = (one.relative_to(root).as_posix() for one in places if one.is_file())
    files = {path: read_file(root / path) for path in paths if not (root / path).is_symlink()}
    return Templates.of(
        {path: content for path, content in files.items() if is_template_path(path)}
    )


def uses_in(root: Path, folders: tuple[str, ...]) -> list[Use]:
    """The pipelines that name a template, by path."""
    found = ((path, _named(path, read_file(root / path))) for path in pipelines_in(root, folders))
    return sorted((use for _, use in found if use), key=lambda use: use.path)


def _named(path: str, content: bytes) -> Use | None:
    root = read_document(path, content).root if b"template" in content else None
    pipeline = root.get("pipeline") if isinstance(root, MapNode) else None
    node = pipeline.get("template") if isinstance(pipeline, MapNode) else None
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        return None
    try:
        assert TEMPLATE.check is not None
        name, _, version = TEMPLATE.check(node.value).partition("@")
        version = version if is_range(node.value) else version_of(version)
    except Invalid:
        return None  # which compiling tells
    return Use(path, f"{name}@{version}", node.value, node.place)


def next_lock(templates: Templates, uses: list[Use]) -> tuple[Lock, tuple[Finding, ...]]:
    """The lock that these templates and pipelines should have, and what is wrong with templates."""
    findings = [*template_findings(templates)]
    for ref, content in sorted(templates.texts.items()):
        findings += read_template(ref, content)[1]
    return templates.locked(use.wanted for use in uses), tuple(findings)


def write_lock(root: Path, lock: Lock) -> None:
    """Put a lock in the place of the one that is there."""
    write_file(root / LOCK_PATH, lock.text)


@dataclass(frozen=True, slots=True)
class Upgrader:
    """Upgrades the pipelines of a folder."""

    root: Path
    folders: tuple[str, ...]
    bindings: Bindings

    def changes(self, name: str, to: str | None) -> tuple[str, list[Change], Lock]:
        """The version that is upgraded to, the newest that is not deprecated if `to` is None; what
        changes in each pipeline of the template; and the lock after those that are good.

        Raises Invalid CMP005 where there is no such template, CMP006 where it has no such version.
        """
        templates = templates_in(self.root)
        version = self._version(templates, name, to)
        uses = uses_in(self.root, self.folders)
        own = [use for use in uses if use.name == name]
        made = (self._change(templates, use, version) for use in own)
        changes = _together([one for one in made if one is not None])
        good = {one.use: one.after for one in changes if one.is_good}
        lock = templates.locked(good.get(use, use.wanted) for use in uses)
        moved = {after: version for after in good.values() if is_range(after)}
        return version, changes, replace(lock, chosen={**lock.chosen, **moved})

    def _version(self, templates: Templates, name: str, to: str | None) -> str:
        if name not in templates.names:
            hint = suggest(name, templates.names, "There are")
            raise Invalid("CMP005", f"no template is called {name!r}", hint)
        there = templates.versions(name)
        wanted = version_of(to) if to else None
        if wanted and wanted not in there:
            hint = f"It has {', '.join(there[-5:])}."
            raise Invalid("CMP006", f"the template {name!r} has no version {to!r}", hint)
        read = {
            one: read_template(f"{name}@{one}", templates.texts[f"{name}@{one}"])[0]
            for one in there
        }
        usable = [one for one in there if (made := read[one]) and not made.deprecated]
        return wanted or (usable or there)[-1]

    def _change(self, templates: Templates, use: Use, version: str) -> Change | None:
        """None where the pipeline has that version already."""
        before = templates.lock.chosen.get(use.wanted, "") if is_range(use.wanted) else ""
        if f"{use.name}@{version}" in (use.wanted, f"{use.name}@{before}"):
            return None
        after = _written_after(use, version)
        content = read_file(self.root / use.path)
        text = _with_template(content.decode("utf-8", "replace"), use, after)
        lock = templates.locked([after])
        lock = replace(lock, chosen={after: version} if is_range(after) else {})
        return self._compared(use, after, content, text, (templates, replace(templates, lock=lock)))

    def _compared(
        self,
        use: Use,
        after: str,
        content: bytes,
        text: str,
        templates: tuple[Templates, Templates],
    ) -> Change:
        inputs = (content, templates[0]), (text.encode(), templates[1])
        old, new = (compile_pipeline(use.path, *_ordered(self.bindings, one)) for one in inputs)
        was, now = (read_pipeline(use.path, *_ordered(self.bindings, one))[0] for one in inputs)
        lines = [_code_of(one[0].text) if one[0] else [] for one in (old, new)]
        diff = difflib.unified_diff(lines[0], lines[1], use.written, after, lineterm="", n=1)
        return Change(use, after, text, *_differences(was, now), tuple(diff), new[1])


def _code_of(text: str) -> list[str]:
    """Its lines without comments, which name digests and places."""
    return [line for line in text.splitlines() if not line.lstrip().startswith("# ")]


def _ordered(
    bindings: Bindings, given: tuple[bytes, Templates]
) -> tuple[bytes, Bindings, Templates]:
    return given[0], bindings, given[1]


def _together(changes: list[Change]) -> list[Change]:
    """The lock says once what a range means: its pipelines move together, or none does."""
    stays = {c.after: c.use for c in changes if not c.is_good and c.after == c.use.wanted}
    return [
        replace(
            one,
            findings=(*one.findings, held_by(stays[one.after].path, one.use.wanted, one.use.path)),
        )
        if one.is_good and one.after in stays
        else one
        for one in changes
    ]


def _written_after(use: Use, version: str) -> str:
    """A range that holds the version stays; another one begins at it."""
    mark = use.wanted.partition("@")[2]
    if not is_range(use.wanted):
        return f"{use.name}@{version}"
    known = read_range(mark)
    if known and known.holds(version):
        return use.wanted
    return f"{use.name}@{mark[0]}{version.rpartition('.')[0]}"


def _with_template(text: str, use: Use, after: str) -> str:
    if after == use.wanted == use.written:
        return text
    lines = text.split("\n")
    line, at = lines[use.place.line - 1], use.place.column - 1
    if use.written not in line[at:]:
        message = f"{use.path}:{use.place.line} names its template where it cannot be rewritten"
        raise Invalid("CMP007", message, f"Write template: {use.written} on one line.")
    lines[use.place.line - 1] = line[:at] + line[at:].replace(use.written, after, 1)
    return "\n".join(lines)


_Names = tuple[str, ...]


def _differences(
    old: Pipeline | None, new: Pipeline | None
) -> tuple[_Names, _Names, _Names, _Names]:
    """Tasks that are added, gone and changed, and the keys of the pipeline that differ."""
    sides = [
        {step.task_id: replace(step, line=0, within="") for step in side.steps} if side else {}
        for side in (old, new)
    ]
    before, after = sides
    both = before.keys() & after.keys()
    return (
        tuple(one for one in after if one not in before),
        tuple(one for one in before if one not in after),
        tuple(one for one in after if one in both and before[one] != after[one]),
        tuple(_keys_that_differ(old, new)),
    )


def _keys_that_differ(old: Pipeline | None, new: Pipeline | None) -> Iterator[str]:
    names = [one.name for one in fields(Pipeline) if one.name not in _OF_STEPS]
    if old is not None and new is not None:
        yield from (name for name in names if getattr(old, name) != getattr(new, name))
