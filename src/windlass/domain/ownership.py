"""dag_ids that other repositories own, as findings."""

from collections.abc import Mapping

from windlass.domain.artifact import Artifact
from windlass.domain.finding import Finding, FindingType, Severity


def ownership_findings(artifact: Artifact, owners: Mapping[str, str]) -> list[Finding]:
    """A denying finding for each file that uses an id of `owners` (dag_id → its repository), and
    for each id that two files of the artifact use."""
    findings: list[Finding] = []
    first: dict[str, str] = {}
    for path, outline in sorted(artifact.dag_files.items()):
        for dag_id in outline.dag_ids:
            other = first.setdefault(dag_id, path)
            if dag_id in owners:
                findings.append(_owned(path, dag_id, owners[dag_id]))
            elif other != path:
                findings.append(_twice(path, dag_id, other))
    return findings


def _owned(path: str, dag_id: str, owner: str) -> Finding:
    return Finding(
        "STR001",
        Severity.CRITICAL,
        FindingType.STRUCTURE,
        path,
        f"the dag_id {dag_id!r} belongs to the repository {owner!r}",
        "Give the DAG another id, or remove it there first.",
    )


def _twice(path: str, dag_id: str, other: str) -> Finding:
    return Finding(
        "STR002",
        Severity.CRITICAL,
        FindingType.STRUCTURE,
        path,
        f"the dag_id {dag_id!r} is used in {other!r} too; Airflow would show either, by chance",
        "Give one of the DAGs another id.",
    )
