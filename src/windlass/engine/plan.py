"""Plans: what a revision would make of another one, or of what is live."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from windlass.domain.artifact import EMPTY, Artifact, FileEntry
from windlass.domain.dag_shape import Link, Snapshot
from windlass.domain.dependents import content_changes, dag_files_touched
from windlass.domain.families import families_for
from windlass.domain.finding import fingerprinted
from windlass.domain.plan import Plan, Told
from windlass.domain.planning import make_plan
from windlass.domain.report import Issue, Report, new_issues
from windlass.domain.served import NO_MEMORY, Memory
from windlass.domain.waiver import excuse
from windlass.engine.build import Build, contents_of, import_tree, read_tree
from windlass.engine.gate import NoVersions, decide_build
from windlass.engine.imports import Imports
from windlass.engine.pipelines import Pipelines
from windlass.engine.ruling import Rules
from windlass.engine.snapshot import Tree, snapshots_of
from windlass.engine.source import Source
from windlass.sandbox.checker import Checker

Elsewhere = Mapping[str, tuple[str, frozenset[Link]]]
_NOBODY: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a plan: its tree, and what the gate says of it, None where nobody asked."""

    tree: Tree
    report: Report | None


def plan_sides(
    imports: Imports, base: Side, head: Side, elsewhere: Elsewhere | None = None
) -> Plan:
    """The plan that makes the tree of `base` into that of `head`. Raises as `Imports.of` does."""
    before, after = snapshots_of(imports, base.tree, head.tree)
    plan = make_plan(before, after, elsewhere)
    changes = content_changes(base.tree.artifact, head.tree.artifact)
    left = _not_looked_into(imports, (base.tree, head.tree), after, is_same=not plan.dags)
    return replace(
        plan,
        findings_new=_new(head.report, base.report),
        findings_gone=_new(base.report, head.report),
        base=plan.base if base.tree.artifact.files else "",
        allowed=None if head.report is None else head.report.is_whole,
        files_changed=len(changes.added | changes.removed | changes.modified),
        not_looked_into=tuple(left),
    )


def _new(now: Report | None, before: Report | None) -> tuple[Told, ...]:
    return () if now is None or before is None else _told(new_issues(now, before))


def _not_looked_into(
    imports: Imports, sides: tuple[Tree, Tree], after: Snapshot, *, is_same: bool
) -> Iterable[str]:
    base, head = sides
    if imports.reason_against:
        yield f"tasks, edges, arguments and uses: nothing was imported ({imports.reason_against})"
        return
    if whole := base.denied.get("") or head.denied.get(""):
        yield f"tasks, edges, arguments and uses: the tree is denied as a whole ({whole})"
        return
    left = {dag.path for dag in after.dags.values() if dag.tasks is None}
    if left and not is_same:
        yield (
            "what DAGs that do not change use and wait for: their files were not imported"
            f" ({len(left)} of {len(head.artifact.dag_files)})"
        )
    if untold := sorted(base.denied.keys() | head.denied.keys()):
        more = ", …" if untold[5:] else ""
        yield f"DAGs of files that are denied: {', '.join(untold[:5])}{more}"


def _told(issues: Sequence[Issue]) -> tuple[Told, ...]:
    return tuple(
        Told(
            issue.finding.code,
            issue.finding.severity,
            issue.finding.path,
            issue.finding.line,
            issue.finding.message,
            issue.denies,
        )
        for issue in issues
    )


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans two sources by what judges a repository. `whole` imports every DAG file of which
    nothing is remembered; else only those that change, or whose helpers do."""

    checker: Checker
    rules: Rules
    imports: Imports
    pipelines: Pipelines
    whole: bool = False

    def plan(self, base: Source | None, head: Source, elsewhere: Elsewhere | None = None) -> Plan:
        """The plan from one source to another; None: from nothing. Raises as `read_tree` and
        `Imports.of` do."""
        before = self.read(base) if base is not None else Build(EMPTY, ())
        memory = Memory.of(before.findings)
        after = self.read(head, before.artifact, memory)
        return plan_sides(self.imports, *self.sides((base, before), (head, after)), elsewhere)

    def sides(
        self, base: tuple[Source | None, Build], head: tuple[Source, Build]
    ) -> tuple[Side, Side]:
        """Both sides of a plan, of which nothing is imported that no change reaches."""
        changes = content_changes(base[1].artifact, head[1].artifact)
        touched = changes.added | changes.removed | changes.modified
        old, new = (
            self.side(source, built, self._skipped(built.artifact, touched))
            for source, built in (base, head)
        )
        return old, new

    def close(self) -> None:
        """End the processes that it started."""
        self.checker.close()
        self.pipelines.compiler.close()
        if self.imports.importer is not None:
            self.imports.importer.close()

    def read(self, source: Source, base: Artifact = EMPTY, memory: Memory = NO_MEMORY) -> Build:
        """A source as `read_tree` has it, compared with what is known of `base`."""
        families = families_for(self.rules.options)
        return read_tree(self.checker, source, families, base, memory, pipelines=self.pipelines)

    def _skipped(self, artifact: Artifact, touched: frozenset[str]) -> frozenset[str]:
        """The DAG files that no change reaches."""
        if self.whole:
            return frozenset()
        reached = dag_files_touched(artifact, touched, self.imports.folder)
        return frozenset(artifact.dag_files.keys() - reached)

    def side(self, source: Source | None, built: Build, skip: frozenset[str] = frozenset()) -> Side:
        """One side of a plan: imported but for `skip`, and judged as a first revision is."""
        if source is None:
            return Side(Tree(built.artifact, lambda _: {}), Report(True, True, ()))
        rules, imports = self.rules, replace(self.imports, skip=skip)
        marked, _ = excuse(
            fingerprinted(built.findings), rules.policy, rules.excuses(built.artifact)
        )
        denying = [finding for finding in marked if rules.policy.denies(finding)]
        reasons = {f.path: f"{f.code} {f.message}" for f in reversed(denying)}
        if "" in reasons:  # nothing of it is imported
            skip = frozenset(built.artifact.dag_files)
        denied = {p: reasons.get(p, "") for p in built.made.with_outputs({f.path for f in denying})}
        imported = built
        if "import" in families_for(rules.options):
            imported = import_tree(imports, rules, source, built)
        judged = decide_build(rules, imported, _NOBODY, NoVersions())

        def contents(entries: list[FileEntry]) -> Mapping[str, bytes]:
            return contents_of(source, built.fresh, entries)

        report = Report.of(judged.verdict, rules.policy)
        return Side(Tree(imported.artifact, contents, denied, skip), report)
