"""From what imports gave to findings."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.imported import Deed, Imported, Problem, Trouble
from windlass.domain.inventory import NOTHING, Inventory, Standing
from windlass.domain.names import Kind

SLOW_S = 5.0
"""Seconds of one import from which on people are told: Airflow does it again every few minutes,
and gives up after 30 by default."""
_MAX_DEEDS = 20
_EXPECTED = ("PKG001", "PKG002", "PKG003")
"""What a reading says will fail to be imported."""

_MISSING_MODULE = re.compile(r"No module named '([\w]+)")
_KINDS = {
    "process": ("DID001", Severity.HIGH, "starts a process"),
    "network": ("DID002", Severity.HIGH, "uses the network"),
    "delete": ("DID003", Severity.HIGH, "removes or renames"),
    "write": ("DID004", Severity.MEDIUM, "writes to"),
    "native": ("DID005", Severity.HIGH, "loads native code"),
    "code": ("DID006", Severity.MEDIUM, "runs code that it made from text"),
    "read": ("DID007", Severity.MEDIUM, "reads"),
}
_LATER = "Do it in a task: Airflow imports the file again every few minutes, and for every task."


def import_findings(
    imported: Mapping[str, Imported],
    inventory: Inventory = NOTHING,
    *,
    budget_s: float = 0,
    folder: str = "",
) -> list[Finding]:
    """Everything to tell, once each: DAG files that import one bad module all tell the same of it.

    `imported` maps DAG files to what importing them gave, in an environment that has `inventory`.
    `budget_s` is how long that may take by the release policy, 0 for any time. `folder` is where
    the tree lies in the folder that Python looks from, "" where it looks from the tree.
    """
    found: dict[Finding, None] = {}
    for path, one in imported.items():
        found |= dict.fromkeys(_of_problems(one, inventory, folder))
        found |= dict.fromkeys(_of_deeds(one.deeds))
        found |= dict.fromkeys(_advice(path, one))
        if 0 < budget_s < one.seconds:
            found[_over(path, one.seconds, budget_s)] = None
    return [*found]


def told_once(findings: Iterable[Finding]) -> list[Finding]:
    """Without what was expected of an import that importing showed to be so: its own finding
    stays, with what the other one knew to do."""
    found = [*findings]
    shown = {(f.path, f.line) for f in found if f.code == "IMP001"}
    expected = {
        (f.path, f.line): f
        for f in found
        if f.code in _EXPECTED and f.severity is Severity.HIGH and (f.path, f.line) in shown
    }
    if not expected:
        return found

    def told(finding: Finding) -> Finding:
        other = expected.get((finding.path, finding.line))
        return replace(finding, hint=other.hint) if other and finding.code == "IMP001" else finding

    dropped = {id(f) for f in expected.values()}
    return [told(f) for f in found if id(f) not in dropped]


def _over(path: str, seconds: float, budget_s: float) -> Finding:
    return Finding(
        "POL105",
        Severity.HIGH,
        FindingType.POLICY,
        path,
        f"importing it took {seconds:.1f} s; the release policy allows {budget_s:g} s",
        "Do less at the top of the file.",
    )


def _of_problems(one: Imported, inventory: Inventory, folder: str) -> Iterator[Finding]:
    for problem in one.problems:
        module = _MISSING_MODULE.search(problem.message)
        if module and module[1] in inventory.declared.modules:  # Airflow finds it, not we
            yield _refused(problem, one)
        elif module and folder:
            named = f"{folder.replace('/', '.')}.{module[1]}"
            hint = f"Airflow's folder is where Python looks: a module of yours is {named!r} there."
            yield replace(_PROBLEMS[problem.trouble](problem, one), hint=hint)
        elif problem.trouble is Trouble.VALUE and (lacking := _lacking(one, inventory)):
            yield _no_value(problem, lacking)
        else:
            yield _PROBLEMS[problem.trouble](problem, one)


def _lacking(one: Imported, inventory: Inventory) -> str:
    """What was asked for and is missing in the environment for certain, in words."""
    kinds = {"connection": Kind.CONNECTION, "variable": Kind.VARIABLE}
    missing = [
        f"{a.kind} {a.name!r}"
        for a in one.asked
        if a.kind in kinds and inventory.standing(kinds[a.kind], a.name) is Standing.MISSING
    ]
    return ", ".join(dict.fromkeys(missing))


def _no_value(problem: Problem, lacking: str) -> Finding:
    return _import(
        "IMP011",
        Severity.HIGH,
        problem,
        f"importing it fails for want of the {lacking}, which the environment has not: "
        + problem.message,
        "Create it in Airflow first, or give a default.",
    )


def _error(problem: Problem, _: Imported) -> Finding:
    return _import(
        "IMP001",
        Severity.HIGH,
        problem,
        f"importing it fails: {problem.message}",
        "Airflow would show an import error, and no DAG of the file.",
    )


def _refusal(problem: Problem, _: Imported) -> Finding:
    return _import(
        "IMP002",
        Severity.HIGH,
        problem,
        f"Airflow refuses the DAG: {problem.message}",
        "Airflow would show an import error instead of the DAG.",
    )


def _value(problem: Problem, one: Imported) -> Finding:
    names = ", ".join(dict.fromkeys(f"{a.kind} {a.name!r}" for a in one.asked))
    return _import(
        "IMP003",
        Severity.MEDIUM,
        problem,
        f"whether it can be imported is not known: it asks for {names}, and {problem.message}",
        "Read such values in tasks, or as Jinja templates. Or give Windlass values that are no "
        "secret: sandbox_values in the inventory of the environment.",
    )


def _refused(problem: Problem, _: Imported) -> Finding:
    return _import(
        "IMP004",
        Severity.MEDIUM,
        problem,
        "whether it can be imported is not known: the sandbox has not what it wants, and "
        + problem.message,
        _LATER,
    )


def _limit(problem: Problem, _: Imported) -> Finding:
    hint = "Do less at the top of the file; what takes long or much belongs into tasks."
    return _import("IMP005", Severity.HIGH, problem, problem.message, hint)


def _ended(problem: Problem, _: Imported) -> Finding:
    hint = "In Airflow it would end the DAG processor's child: no DAG of the file would be seen."
    return _import("IMP006", Severity.HIGH, problem, problem.message, hint)


_PROBLEMS = {
    Trouble.ERROR: _error,
    Trouble.AIRFLOW: _refusal,
    Trouble.VALUE: _value,
    Trouble.REFUSED: _refused,
    Trouble.LIMIT: _limit,
    Trouble.ENDED: _ended,
}


def _of_deeds(deeds: Iterable[Deed]) -> Iterator[Finding]:
    """One finding for each line and kind of deed: one call of a library may do many things."""
    told: set[tuple[str, str, int]] = set()
    for deed in deeds:
        code, severity, words = _KINDS[deed.kind]
        key = (deed.kind, deed.path, deed.line)
        if key in told or len(told) >= _MAX_DEEDS:
            continue
        told.add(key)
        kind = FindingType.DANGEROUS_OPERATION
        message = f"when it is imported, it {words}: {deed.detail}"
        yield Finding(code, severity, kind, deed.path, message, _LATER, deed.line)


def _advice(path: str, one: Imported) -> Iterator[Finding]:
    if one.seconds >= SLOW_S:
        yield _finding(
            "IMP007",
            Severity.MEDIUM,
            path,
            f"importing it took {one.seconds:.1f} s; Airflow does so every few minutes and for "
            "every task, and gives up after 30 s by default",
            "Do less at the top of the file.",
        )
    asked: dict[tuple[str, int], list[str]] = {}
    for a in one.asked if not one.problems else ():
        if a.kind != "environment":
            asked.setdefault((a.path, a.line), []).append(f"{a.kind} {a.name!r}")
    for (place, line), names in asked.items():
        yield _finding(
            "IMP008",
            Severity.LOW,
            place,
            f"the {', '.join(names)} is asked for whenever the file is imported",
            "Ask in a task, or with a Jinja template: Airflow's API is asked every few minutes "
            "otherwise.",
            line,
        )
    for line, message in one.unstable:
        yield _finding(
            "IMP009",
            Severity.LOW,
            path,
            f"the DAG differs each time it is parsed: {message}",
            "Give it fixed values; each difference is a new version of the DAG.",
            line,
        )


def _import(code: str, severity: Severity, problem: Problem, message: str, hint: str) -> Finding:
    return _finding(code, severity, problem.path, message, hint, problem.line)


def _finding(  # noqa: PLR0917  # as Finding has them
    code: str, severity: Severity, path: str, message: str, hint: str, line: int | None = None
) -> Finding:
    return Finding(code, severity, FindingType.IMPORT, path, message, hint, line)
