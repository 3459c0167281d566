"""From findings to a verdict. The policy comes from the control side, never from the revision."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, NewType

from windlass.domain.digest import digest_json
from windlass.domain.families import OBLIGATORY
from windlass.domain.finding import Finding, Severity, by_severity
from windlass.domain.imported import ImportNote
from windlass.domain.options import Options
from windlass.domain.release import ReleaseId
from windlass.domain.rule import Waiving
from windlass.domain.rules import find_rule

VerdictId = NewType("VerdictId", int)


class Level(StrEnum):
    """What the findings of a rule lead to, whatever their severity."""

    ADVISE = "advise"
    DENY = "deny"  # unless somebody who may excuses it, with a reason
    ALWAYS = "always"  # denied, and nothing excuses it


@dataclass(frozen=True, slots=True)
class Requirements:
    """What every DAG must have, as far as it is known without running it.

    `tags` and `owners` are globs: each of the tags must be there, and one of the owners must fit;
    `{repository}`, `{namespace}` and `{environment}` stand for the repository's own. `dag_id` is a
    regular expression; `import_seconds` how long importing a file may take. `verified_commits`: who
    signed the commit must be known. `tests`: the repository's own tests are run, also where its
    options do not ask for them.
    """

    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    dag_id: str = ""
    retries: int = 0
    import_seconds: int = 0
    verified_commits: bool = False
    tests: bool = False


@dataclass(frozen=True, slots=True)
class CustomRule:
    """A rule of the policy's own: what it says of DAGs, or of files, that everything in `match`
    fits.

    `match` maps dag_id, tags, owner, schedule, operators, imports and paths to globs, of which one
    must fit.
    """

    name: str
    message: str
    match: Mapping[str, tuple[str, ...]]
    severity: Severity = Severity.HIGH
    hint: str = ""

    @property
    def code(self) -> str:
        """The code of its findings."""
        return f"custom:{self.name}"


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a policy is for: names of repositories, namespaces and environments."""

    repositories: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """The release policy: findings of `deny_at` or worse deny, unless `levels` has their rule: by
    its code, by the beginning of one with a star such as `AIR*`, or by the type of its findings;
    what names it most closely counts. What was not read, or cannot run, is denied whatever it says.
    """

    deny_at: Severity = Severity.HIGH
    levels: Mapping[str, Level] = field(default_factory=dict)
    require: Requirements = Requirements()
    custom: tuple[CustomRule, ...] = ()
    applies_to: Reach = Reach()
    name: str = "built-in"

    @cached_property
    def digest(self) -> str:
        """Changes whenever what the policy demands does; part of a sync's input digest."""
        return digest_json({"format": 2, **self._demands()})

    def to_json(self) -> dict[str, Any]:
        """The policy as its YAML says it, without its name."""
        reach = {kind: list(names) for kind, names in asdict(self.applies_to).items() if names}
        return {**self._demands(), **({"applies_to": reach} if reach else {})}

    @classmethod
    def from_json(cls, name: str, row: Mapping[str, Any]) -> "Policy":
        """The inverse of `to_json`."""
        require = {k: _frozen(v) for k, v in row.get("require", {}).items()}
        reach = {k: tuple(v) for k, v in row.get("applies_to", {}).items()}
        return cls(
            deny_at=Severity(row.get("deny_at", Severity.HIGH)),
            levels={rule: Level(level) for rule, level in row.get("rules", {}).items()},
            require=Requirements(**require),
            custom=tuple(_custom(one) for one in row.get("custom", ())),
            applies_to=Reach(**reach),
            name=name,
        )

    def level_of(self, finding: Finding) -> Level | None:
        """What holds for its rule; None: its severity decides."""
        if is_absolute(finding):
            return Level.ALWAYS
        if not self.levels:
            return None
        code = finding.code
        stars = [r for r in self.levels if r.endswith("*") and code.startswith(r[:-1])]
        for rule in (code, *sorted(stars, key=len, reverse=True), finding.type):
            if rule in self.levels:
                return self.levels[rule]
        return None

    def denies(self, finding: Finding) -> bool:
        """Whether this finding alone forbids that what it is about is deployed."""
        level = self.level_of(finding)
        if level is Level.ALWAYS:
            return True
        if level is Level.ADVISE or finding.excused is not None:
            return False
        return level is Level.DENY or finding.severity.rank >= self.deny_at.rank

    def applied(self, options: Options) -> Options:
        """The options of a repository, with what the policy asks for."""
        return replace(options, tests=True) if self.require.tests else options

    def _demands(self) -> dict[str, Any]:
        """What it demands; only what differs from the built-in policy, but for `deny_at`."""
        custom = [
            {
                "name": one.name,
                "message": one.message,
                "match": {kind: list(globs) for kind, globs in one.match.items()},
                "severity": one.severity.value,
                "hint": one.hint,
            }
            for one in self.custom
        ]
        require = {k: _thawed(v) for k, v in asdict(self.require).items() if v}
        levels = {rule: level.value for rule, level in self.levels.items()}
        said = {"rules": levels, "require": require, "custom": custom}
        return {"deny_at": self.deny_at.value, **{k: v for k, v in said.items() if v}}


def is_absolute(finding: Finding) -> bool:
    """Whether nothing can make it pass: what it is about was not read, or cannot run."""
    if finding.severity.rank < Severity.HIGH.rank:
        return False
    rule = find_rule(finding.code)
    return finding.type in OBLIGATORY if rule is None else rule.waiving is Waiving.NEVER


def failed_engine(findings: Iterable[Finding], policy: Policy) -> Finding | None:
    """The first finding that denies since what judges failed, not since of what it judged; None
    where there is none."""
    for finding in findings:
        rule = find_rule(finding.code)
        if rule is not None and rule.of_engine and policy.denies(finding):
            return finding
    return None


def _custom(row: Mapping[str, Any]) -> CustomRule:
    return CustomRule(
        name=row["name"],
        message=row["message"],
        match={kind: tuple(globs) for kind, globs in row["match"].items()},
        severity=Severity(row.get("severity", Severity.HIGH)),
        hint=row.get("hint", ""),
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _thawed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class Allowed:
    """The revision may become a release. What denies among `findings` is about files that are not
    deployed as the head has them.

    Mode per_file: `kept` maps such a path to the release whose version of the file is deployed in
    its place; `omitted` holds the paths that are not deployed at all, with the release that has
    their last good version, None where there is none. `validated` False: only the obligatory
    families looked at it. `imports` says what was imported for it, None where nobody asked for
    that. `id` is set once it is stored.
    """

    findings: tuple[Finding, ...]
    kept: Mapping[str, ReleaseId] = field(default_factory=dict)
    omitted: Mapping[str, ReleaseId | None] = field(default_factory=dict)
    validated: bool = True
    id: VerdictId | None = None
    imports: ImportNote | None = None

    @property
    def is_partial(self) -> bool:
        """Whether something of the head is not deployed as it is there."""
        return bool(self.kept or self.omitted)

    @property
    def digest(self) -> str:
        """Names this verdict in what is signed of a release."""
        said = {
            "findings": [finding.to_json() for finding in self.findings],
            "kept": dict(self.kept),
            "omitted": dict(self.omitted),
            "validated": self.validated,
            **({"imports": self.imports.to_json()} if self.imports else {}),
        }
        return digest_json(said)


@dataclass(frozen=True, slots=True)
class Denied:
    """The revision must not reach a pointer. `reasons` is the denying part of `findings`."""

    findings: tuple[Finding, ...]
    reasons: tuple[Finding, ...]
    validated: bool = True
    id: VerdictId | None = None
    imports: ImportNote | None = None


Verdict = Allowed | Denied


def decide(findings: tuple[Finding, ...], policy: Policy, *, validated: bool = True) -> Verdict:
    """Judge a build as a whole by its findings; both lists come back worst first."""
    ordered = by_severity(findings)
    reasons = tuple(f for f in ordered if policy.denies(f))
    return Denied(ordered, reasons, validated) if reasons else Allowed(ordered, validated=validated)
