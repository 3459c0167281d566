"""References of a tree against the inventory of its environment."""

from collections.abc import Iterator
from dataclasses import replace

from windlass.domain.artifact import Artifact
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.inventory import Inventory, Standing, plural
from windlass.domain.names import Kind
from windlass.domain.nearest import suggest

_CODES = {Kind.CONNECTION: "REF001", Kind.VARIABLE: "REF002", Kind.POOL: "REF003"}
_HOW = {
    Kind.CONNECTION: "airflow connections add",
    Kind.VARIABLE: "airflow variables set",
    Kind.POOL: "airflow pools set",
}


def reference_findings(artifact: Artifact, inventory: Inventory) -> list[Finding]:
    """What the files of a tree name that the environment may not have.

    Only a name that a complete inventory lacks denies. Of kinds that no source is there for,
    nothing is said.
    """
    found: list[Finding] = []
    for kind, name in {
        n: None for chunk in artifact.chunks for n in (*chunk.references, *chunk.uses)
    }:
        if not inventory.says_anything(kind):
            continue
        standing = inventory.standing(kind, name) if name else Standing.UNKNOWN
        if standing is not Standing.KNOWN:
            told = _told(kind, name, standing, inventory)
            found += (_at(told, *place) for place in _places(artifact, kind, name))
    return found


def _places(artifact: Artifact, kind: Kind, name: str) -> Iterator[tuple[str, int, bool]]:
    """Path and line of each use of a name, and whether the file goes on without it: those that are
    written, and what importing files showed where nothing is written."""
    written = [use for chunk in artifact.chunks for use in chunk.references.get((kind, name), ())]
    if name:
        paths = {path for path, _, _ in written}
        yield from written
        seen = [use for chunk in artifact.chunks for use in chunk.uses.get((kind, name), ())]
        yield from dict.fromkeys(
            (use.path, use.line, use.has_default) for use in seen if use.path not in paths
        )
        return
    told = [
        use
        for chunk in artifact.chunks
        for (one, _), uses in chunk.uses.items()
        for use in uses
        if one is kind
    ]
    lines = {(use.path, line) for use in told for line in range(use.line, use.last + 1)}
    yield from (use for use in written if use[:2] not in lines)


def _told(kind: Kind, name: str, standing: Standing, inventory: Inventory) -> Finding:
    """The finding, but for its place."""
    if not name:
        return Finding(
            "REF004",
            Severity.INFO,
            FindingType.REFERENCE,
            "",
            f"which {kind} is used here, only running the file tells: it is not compared",
            "Nothing is to be done; a literal name would be compared with the inventory.",
        )
    severity, said = _said(kind, standing, inventory)
    known = inventory.names(kind)
    near = suggest(name, known) if known else ""
    near = f"{near} " if near.startswith("Did you mean") else ""
    return Finding(
        _CODES[kind],
        severity,
        FindingType.REFERENCE,
        "",
        f"the {kind} {name[:80]!r} {said}",
        f"{near}Add it ({_HOW[kind]}), or declare it in the inventory of the environment.",
    )


def _at(told: Finding, path: str, line: int, has_default: bool) -> Finding:
    if not has_default or told.severity is Severity.INFO:
        return replace(told, path=path, line=line)
    message = f"{told.message}; the file goes on with a default"
    return replace(told, path=path, line=line, message=message, severity=Severity.INFO)


def _said(kind: Kind, standing: Standing, inventory: Inventory) -> tuple[Severity, str]:
    if standing is Standing.MISSING:
        return Severity.HIGH, "is not in the environment's inventory, which is declared complete"
    if standing is Standing.UNKNOWN:
        problem = inventory.airflow[kind].problem or "it was not asked yet"
        return Severity.LOW, f"is unknown: Airflow's {plural(kind)} could not be read ({problem})"
    return Severity.MEDIUM, f"is none of the {plural(kind)} that are known of the environment"
