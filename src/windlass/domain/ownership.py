"""dag_ids that a repository may not have, as findings."""

from collections.abc import Collection, Mapping

from windlass.domain.artifact import Artifact
from windlass.domain.finding import Finding, FindingType, Severity


class Claimant(str):
    """The name of a repository that owns a dag_id, or comes first among those that want it; with
    its file, where that is known. `prefix`: it owns every id that begins so."""

    __slots__ = ("owns", "path", "prefix")
    owns: bool
    path: str | None
    prefix: str | None

    def __new__(
        cls, name: str, path: str | None = None, *, owns: bool = True, prefix: str | None = None
    ) -> "Claimant":
        made = super().__new__(cls, name)
        made.owns, made.path, made.prefix = owns, path, prefix
        return made


def ownership_findings(
    artifact: Artifact,
    owners: Mapping[str, str],
    *,
    served: Mapping[str, str] | None = None,
    last: Collection[str] = (),
) -> list[Finding]:
    """A denying finding for each file that uses an id of `owners` (dag_id → its repository), and
    for each file but one of those that use the same id.

    That one is the file that `served` (dag_id → path) names, else the first by path; the paths of
    `last` come after all others.
    """
    findings: list[Finding] = []
    users: dict[str, str] = {}
    several: dict[str, list[str]] = {}  # most ids have one user: no list for each of them
    for path, outline in artifact.dag_files.items():
        for dag_id in outline.dag_ids:
            if dag_id in owners:
                findings.append(_owned(path, dag_id, owners[dag_id]))
            elif (first := users.setdefault(dag_id, path)) != path:
                several.setdefault(dag_id, [first]).append(path)
    incumbents = served or {}
    for dag_id, paths in several.items():
        first, *others = sorted(
            paths,
            key=lambda p: (p in last, p != incumbents.get(dag_id), p),
        )
        findings += [_twice(path, dag_id, first) for path in others]
    return findings


def prefix_findings(artifact: Artifact, prefix: str | None) -> list[Finding]:
    """A denying finding for each literal id that does not begin with the prefix; None: any may.

    Ids that only running a file tells are refused in Airflow, by the cluster policy.
    """
    if not prefix:
        return []
    return [
        _unprefixed(path, dag_id, prefix)
        for path, outline in artifact.dag_files.items()
        for dag_id in outline.dag_ids
        if not dag_id.startswith(prefix)
    ]


def _unprefixed(path: str, dag_id: str, prefix: str) -> Finding:
    return Finding(
        "STR003",
        Severity.HIGH,
        FindingType.STRUCTURE,
        path,
        f"the dag_id {dag_id!r} does not begin with {prefix!r}, which the repository's option "
        "dag_id_prefix asks for",
        f"Name it {prefix + dag_id!r}.",
    )


def files_by_dag_id(artifact: Artifact) -> dict[str, str]:
    """dag_id → the path of the file that makes it; of several the first."""
    found: dict[str, str] = {}
    for path, outline in artifact.dag_files.items():
        for dag_id in outline.dag_ids:
            found.setdefault(dag_id, path)
    return found


def _owned(path: str, dag_id: str, owner: str) -> Finding:
    return Finding(
        "STR001",
        Severity.CRITICAL,
        FindingType.STRUCTURE,
        path,
        f"the dag_id {dag_id!r} {_claimed(owner)}",
        "Give the DAG another id, or remove it there first.",
    )


def _claimed(owner: str) -> str:
    """`belongs to the repository 'core' (its file orders.py)`."""
    path = owner.path if isinstance(owner, Claimant) else None
    if isinstance(owner, Claimant) and owner.prefix and not path:
        return (
            f"belongs to the repository {str(owner)!r}, whose option dag_id_prefixes has "
            f"{owner.prefix!r}"
        )
    whose = f"the repository {str(owner)!r}" + (f" (its file {path})" if path else "")
    if isinstance(owner, Claimant) and not owner.owns:
        return f"is wanted by {whose} too, which comes first by priority or name"
    return f"belongs to {whose}"


def _twice(path: str, dag_id: str, other: str) -> Finding:
    return Finding(
        "STR002",
        Severity.CRITICAL,
        FindingType.STRUCTURE,
        path,
        f"the dag_id {dag_id!r} is used in {other!r} too; Airflow would show either, by chance",
        "Give one of the DAGs another id.",
    )
