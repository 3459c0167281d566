"""What a release policy demands of DAGs beyond the checks: tags, owners, names, rules of its own.

Where a file was imported, its DAGs are judged as they really are; else as the text says, and of
what only running it would tell nothing is said: nobody is denied for a guess.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from windlass.domain.artifact import Artifact, Chunk, Outline
from windlass.domain.facts import DagFacts
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.pattern import Pattern, glob, regex, words
from windlass.domain.policy import CustomRule, Policy, Requirements

DAG_FIELDS = ("dag_id", "tags", "owner", "schedule")
FILE_FIELDS = ("operators", "imports", "paths")
_words, _glob, _regex = (lru_cache(512)(make) for make in (words, glob, regex))


@dataclass(frozen=True, slots=True)
class Whose:
    """The repository that DAGs are of: what `{repository}` and the like stand for."""

    repository: str = ""
    namespace: str = ""
    environment: str = ""

    def fill(self, text: str) -> str:
        """
        >>> Whose("orders").fill("repo:{repository}")
        'repo:orders'
        """
        for name in ("repository", "namespace", "environment"):
            text = text.replace(f"{{{name}}}", getattr(self, name))
        return text


def demand_findings(artifact: Artifact, policy: Policy, whose: Whose) -> list[Finding]:
    """Where files and DAGs of a tree are not as the policy demands."""
    if policy.require == Requirements() and not policy.custom:
        return []
    asked = _Asked(policy, whose)
    return [finding for chunk in artifact.chunks for finding in _MEMORY.findings(asked, chunk)]


class _Asked:
    """All that a policy demands of the DAGs of one repository, ready to be asked."""

    def __init__(self, policy: Policy, whose: Whose) -> None:
        self.key = (policy.digest, whose)
        self._checks = tuple(_requirements(policy.require, whose))
        self._rules = tuple(_Custom(rule, whose) for rule in policy.custom)

    def findings(self, chunk: Chunk) -> tuple[Finding, ...]:
        """Those of the files of one chunk."""
        return tuple(
            finding
            for path, outline in chunk.dag_files.items()
            for finding in (
                *(
                    f
                    for dag in outline.judged_dags
                    for check in self._checks
                    for f in check(path, dag)
                ),
                *(f for rule in self._rules for f in rule.findings(path, outline)),
            )
        )


class _Memory:
    """What was said of chunks: a commit changes one of many. Safe for threads."""

    def __init__(self, max_chunks: int = 5000) -> None:
        self._max_chunks = max_chunks
        self._said: OrderedDict[Hashable, tuple[Finding, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def findings(self, asked: _Asked, chunk: Chunk) -> tuple[Finding, ...]:
        key = (asked.key, chunk.key)
        with self._lock:
            if key in self._said:
                self._said.move_to_end(key)
                return self._said[key]
        found = asked.findings(chunk)
        with self._lock:
            self._said[key] = found
            if len(self._said) > self._max_chunks:
                self._said.popitem(last=False)
        return found


_MEMORY = _Memory()
_Check = Callable[[str, DagFacts], Iterator[Finding]]


def _requirements(require: Requirements, whose: Whose) -> Iterator[_Check]:
    if require.tags:
        yield _tags(tuple(whose.fill(tag) for tag in require.tags))
    if require.owners:
        yield _owner(tuple(whose.fill(owner) for owner in require.owners))
    if require.dag_id:
        yield _dag_id(require.dag_id)
    if require.retries:
        yield _retries(require.retries)


def _tags(wanted: tuple[str, ...]) -> _Check:
    def check(path: str, dag: DagFacts) -> Iterator[Finding]:
        for tag in wanted if dag.tags is not None else ():
            if not any(_words(tag).matches(one) for one in dag.tags or ()):
                yield _finding(
                    "POL101",
                    path,
                    dag,
                    f"the DAG {dag.dag_id!r} has no tag {tag!r}, which the release policy demands",
                    f"Add it: tags=[{tag!r}].",
                )

    return check


def _owner(wanted: tuple[str, ...]) -> _Check:
    def check(path: str, dag: DagFacts) -> Iterator[Finding]:
        owners = () if dag.owners is None else dag.owners or ("",)
        bad = [owner for owner in owners if not any(_words(w).matches(owner) for w in wanted)]
        if bad:
            said = f"has the owner {_either(bad)}" if any(bad) else "says no owner"
            yield _finding(
                "POL102",
                path,
                dag,
                f"the DAG {dag.dag_id!r} {said}; the release policy demands {_either(wanted)}",
                "Say it: default_args={'owner': '…'}.",
            )

    return check


def _dag_id(wanted: str) -> _Check:
    def check(path: str, dag: DagFacts) -> Iterator[Finding]:
        if not _regex(wanted).matches(dag.dag_id):
            yield _finding(
                "POL103",
                path,
                dag,
                f"the dag_id {dag.dag_id!r} is not as the release policy demands: {wanted}",
                "Rename the DAG.",
            )

    return check


def _retries(wanted: int) -> _Check:
    def check(path: str, dag: DagFacts) -> Iterator[Finding]:
        if dag.retries is not None and dag.retries < wanted:
            yield _finding(
                "POL104",
                path,
                dag,
                f"the DAG {dag.dag_id!r} gives its tasks {dag.retries} retries; the release policy "
                f"demands {wanted}",
                f"Say it: default_args={{'retries': {wanted}}}.",
            )

    return check


class _Custom:
    """A rule of the policy's own, ready to be asked."""

    def __init__(self, rule: CustomRule, whose: Whose) -> None:
        self._rule = rule
        self._patterns: dict[str, list[Pattern]] = {
            kind: [(_glob if kind == "paths" else _words)(whose.fill(one)) for one in globs]
            for kind, globs in rule.match.items()
        }
        self._is_about_dags = any(kind in DAG_FIELDS for kind in rule.match)

    def findings(self, path: str, outline: Outline) -> Iterator[Finding]:
        """One for each DAG that it fits, or one for the file where it asks nothing of DAGs."""
        of_file = {
            "operators": outline.all_operators,
            "imports": outline.imports,
            "paths": (path,),
        }
        if not all(self._fits(kind, values) for kind, values in of_file.items()):
            return
        if not self._is_about_dags:
            yield self._finding(path, None)
        for dag in outline.judged_dags if self._is_about_dags else ():
            of_dag = {
                "dag_id": (dag.dag_id,),
                "tags": dag.tags or (),
                "owner": () if dag.owners is None else dag.owners or ("",),
                "schedule": () if dag.schedule is None else (dag.schedule,),
            }
            if all(self._fits(kind, values) for kind, values in of_dag.items()):
                yield self._finding(path, dag)

    def _fits(self, kind: str, values: tuple[str, ...]) -> bool:
        patterns = self._patterns.get(kind)
        return patterns is None or any(p.matches(value) for p in patterns for value in values)

    def _finding(self, path: str, dag: DagFacts | None) -> Finding:
        rule = self._rule
        return Finding(
            rule.code,
            rule.severity,
            FindingType.POLICY,
            path,
            f"the DAG {dag.dag_id!r}: {rule.message}" if dag else rule.message,
            rule.hint,
            dag.line if dag else None,
        )


def _either(globs: Sequence[str]) -> str:
    return " or ".join(repr(one) for one in globs[:5])


def _finding(code: str, path: str, dag: DagFacts, message: str, hint: str) -> Finding:
    return Finding(code, Severity.HIGH, FindingType.POLICY, path, message, hint, dag.line)
