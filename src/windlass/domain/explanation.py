"""Why a DAG is, or is not, visible: one sentence, what shows it, and what to do next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from windlass.domain.airflowignore import IgnoredBy
from windlass.domain.finding import Finding
from windlass.domain.release import DeploymentState
from windlass.domain.repository import SyncState
from windlass.domain.status import Facts, sync_state


class Visibility(StrEnum):
    """The one answer about a DAG."""

    VISIBLE = "visible"  # Airflow shows it at its release
    PAUSED = "paused"  # it does, and runs nothing of it
    NOT_FOUND = "not_found"  # no repository has it
    REMOVED = "removed"  # one had it
    NOT_MANAGED = "not_managed"  # Airflow has it from a bundle that is not Windlass's
    IGNORED = "ignored"  # an .airflowignore hides its file
    NOT_A_DAG_FILE = "not_a_dag_file"  # Airflow's safe mode passes over its file
    NOT_MADE = "not_made"  # running its file does not make it
    OWNED = "owned"  # another repository owns the id
    DENIED = "denied"
    WAITING_APPROVAL = "waiting_approval"
    HELD = "held"
    SUSPENDED = "suspended"
    BEHIND = "behind"  # the last sync failed
    SYNCING = "syncing"  # not deployed yet
    PUBLISHED = "published"  # deployed, and not seen yet
    IMPORT_ERROR = "import_error"
    STALE = "stale"  # Airflow had it and does not find it any more
    UNKNOWN = "unknown"  # Airflow cannot be asked


@dataclass(frozen=True, slots=True)
class InAirflow:
    """The DAG as Airflow shows it."""

    bundle: str
    version: str | None
    is_stale: bool
    is_paused: bool
    parsed_at: datetime | None
    next_run_at: datetime | None


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a DAG. `facts` are its repository's; `path` is its file in the current
    release and `unreleased` the one in the newest judged revision, where no release has it.

    `airflow` None: Airflow has no such DAG, or could not be asked, which `airflow_error` says.
    """

    dag_id: str
    now: datetime
    repository: str | None = None
    bundle: str | None = None
    facts: Facts | None = None
    suspended: str | None = None
    owner: str | None = None
    path: str | None = None
    is_candidate: bool = True
    ignored: IgnoredBy | None = None
    unreleased: str | None = None
    gone_from: str | None = None
    airflow: InAirflow | None = None
    airflow_error: str | None = None
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """`sentence` says it all; `evidence` is what it rests on, a line each; `next_step` is empty
    where there is nothing to do."""

    state: Visibility
    sentence: str
    evidence: tuple[str, ...] = ()
    next_step: str = ""


def explain(known: Known) -> Answer:
    """The answer: the first that fits of what stands in the way, from Git to Airflow."""
    for reason in (_without_repository, _in_its_file, _on_its_way, _in_airflow):
        found = reason(known)
        if found is not None:
            return found
    return _visible(known)


def _without_repository(known: Known) -> Answer | None:
    if known.repository is not None and (known.path or known.unreleased):
        return None
    if known.airflow and not known.airflow.is_stale:
        return Answer(
            Visibility.NOT_MANAGED,
            f"{known.dag_id} is in Airflow, from the bundle {known.airflow.bundle!r}, and in no "
            "repository's current release.",
            next_step="It is not Windlass that brings it: look at that bundle's own source.",
        )
    if known.gone_from is not None:
        return Answer(
            Visibility.REMOVED,
            f"{known.dag_id} was removed from {known.repository}: it was in {known.gone_from}.",
            next_step=f"See which release took it away: windlass release list {known.repository}",
        )
    near = f" Near: {', '.join(known.near)}." if known.near else ""
    return Answer(
        Visibility.NOT_FOUND,
        f"{known.dag_id} is in no repository that Windlass knows.{near}",
        next_step="Is its file below the repository's path, and pushed to the ref it follows? "
        "See both: windlass repo list. An id that is made at run time is known once it was seen.",
    )


def _in_its_file(known: Known) -> Answer | None:
    if known.airflow is not None and not known.airflow.is_stale:
        return None  # Airflow knows better
    path = known.path or known.unreleased
    where = f"{path} of {known.repository}"
    if known.ignored is not None:
        line = known.ignored
        return Answer(
            Visibility.IGNORED,
            f"{known.dag_id} is ignored by {line.path} line {line.line}: {line.pattern!r}.",
            (f"it is in {where}",),
            "Change that line, or add `!` and the path in a line below it.",
        )
    if not known.is_candidate:
        return Answer(
            Visibility.NOT_A_DAG_FILE,
            f"{known.dag_id} is in {where}, which Airflow does not take for a DAG file.",
            ("its safe mode wants the words `airflow` and `dag` or `asset` in the file",),
            "Say so in a comment, such as: # airflow dag",
        )
    return None


def _on_its_way(known: Known) -> Answer | None:
    """Why the newest revision, which brings the DAG, is not deployed."""
    facts = known.facts
    if known.path is not None or facts is None or known.unreleased is None:
        return None
    show = f"windlass repo show {known.repository}"
    where = (f"it is in {known.unreleased} of the newest revision, and in no release yet",)
    state, reason = sync_state(facts)
    if known.suspended is not None:
        told = f"{known.dag_id} is not deployed: {known.repository} is suspended {known.suspended}."
        return Answer(Visibility.SUSPENDED, told, where, f"windlass repo resume {known.repository}")
    if state is SyncState.DENIED:
        return _denied(known, facts, where)
    words: dict[SyncState, tuple[Visibility, str, str]] = {
        SyncState.HELD: (
            Visibility.HELD,
            "is held",
            f"windlass release unhold {known.repository} --reason …",
        ),
        SyncState.WAITING_APPROVAL: (
            Visibility.WAITING_APPROVAL,
            "waits for approval",
            f"windlass release approve {known.repository} …",
        ),
        SyncState.BEHIND: (Visibility.BEHIND, "is not deployed, since the last sync failed", show),
    }
    visibility, verb, step = words.get(state, (Visibility.SYNCING, "is on its way", show))
    return Answer(visibility, f"{known.dag_id} {verb}: {reason}.", where, step)


def _denied(known: Known, facts: Facts, where: tuple[str, ...]) -> Answer:
    mine = [f for f in facts.findings if f.path == known.unreleased]
    worst = _worst([f for f in mine if known.dag_id in f.message] or mine or [*facts.findings])
    if known.owner is not None and known.owner != known.repository:
        return Answer(
            Visibility.OWNED,
            f"{known.dag_id} is not deployed from {known.repository}: the id is owned by "
            f"{known.owner}.",
            where,
            "Give the DAG another id, or remove it there first.",
        )
    code = f"{worst.code} at {worst.place}" if worst else "its findings"
    return Answer(
        Visibility.DENIED,
        f"{known.dag_id} is not deployed: its revision is denied by {code}.",
        (*where, *([f"{worst.code} {worst.severity}: {worst.message}"] if worst else [])),
        (worst.hint if worst else "") or f"windlass repo show {known.repository}",
    )


def _worst(findings: list[Finding]) -> Finding | None:
    return max(findings, key=lambda f: f.severity.rank, default=None)


def _in_airflow(known: Known) -> Answer | None:
    """What Airflow lacks of what is deployed."""
    deployed = known.facts.deployed if known.facts else None
    release = f"release #{deployed.release_id}" if deployed else "no release"
    where = (f"{known.path} of {known.repository}, {release}, bundle {known.bundle}",)
    if known.airflow_error is not None:
        return Answer(
            Visibility.UNKNOWN,
            f"{known.dag_id} is deployed, and Airflow does not say whether it shows it: "
            f"{known.airflow_error}.",
            where,
            "windlass doctor",
        )
    errors = dict(deployed.import_errors) if deployed else {}
    if known.path in errors:
        lines = [line for line in errors[known.path].splitlines() if line.strip()]
        return Answer(
            Visibility.IMPORT_ERROR,
            f"{known.dag_id} has an import error in Airflow: {lines[-1].strip() if lines else '?'}",
            (*where, *lines[-6:]),
            "Mend the file and push, or go back: windlass release rollback "
            f"{known.repository} --reason …",
        )
    if deployed and known.dag_id in deployed.not_made:
        return Answer(
            Visibility.NOT_MADE,
            f"{known.dag_id} is written in {known.path}, and running that file does not make it.",
            where,
            "Is it in a condition, or overwritten? Airflow collects what module variables hold.",
        )
    shown = known.airflow
    if shown is not None and not shown.is_stale and shown.bundle != known.bundle:
        return Answer(
            Visibility.OWNED,
            f"{known.dag_id} is shown from the bundle {shown.bundle!r}, which has a DAG of the "
            "same id.",
            where,
            "Give one of the two another id.",
        )
    is_open = deployed is not None and deployed.state is not DeploymentState.LIVE
    if shown is None or shown.is_stale:
        missing = f": missing {', '.join(deployed.missing[:3])}" if deployed and is_open else ""
        if shown is None or is_open:
            return Answer(
                Visibility.PUBLISHED,
                f"{known.dag_id} is published and was not seen in Airflow yet{missing}.",
                where,
                f"windlass repo show {known.repository}",
            )
        return Answer(
            Visibility.STALE,
            f"{known.dag_id} is stale: Airflow had it and does not find it any more.",
            where,
            "Is the DAG processor running, and the store mounted there? windlass doctor",
        )
    return None


def _visible(known: Known) -> Answer:
    shown, deployed = known.airflow, known.facts.deployed if known.facts else None
    assert shown is not None
    parsed = ago(known.now - shown.parsed_at) if shown.parsed_at else "at a time it does not tell"
    evidence = [f"{known.path} of {known.repository}, bundle {known.bundle}"]
    evidence.append(f"Airflow shows it at release #{shown.version}")
    if deployed and shown.version != str(deployed.release_id):
        evidence.append(
            f"its file did not change in release #{deployed.release_id}; Airflow notes that at its "
            "next periodic parse"
        )
    if known.facts:
        state, reason = sync_state(known.facts)
        if state not in (SyncState.LIVE, SyncState.PUBLISHED, SyncState.SYNCING):
            evidence.append(f"the newest revision is not deployed: {reason}")
    if shown.is_paused:
        return Answer(
            Visibility.PAUSED,
            f"{known.dag_id} is live, but paused in Airflow.",
            (*evidence, f"last parsed {parsed}"),
            f"airflow dags unpause {known.dag_id}",
        )
    run = f"next run {shown.next_run_at:%Y-%m-%d %H:%M} UTC" if shown.next_run_at else "no schedule"
    return Answer(
        Visibility.VISIBLE,
        f"{known.dag_id} is live and visible: last parsed {parsed}, {run}.",
        tuple(evidence),
    )


def ago(passed: timedelta) -> str:
    """`12 s ago`, `4 min ago`, `3 h ago`, `9 d ago`.

    >>> ago(timedelta(minutes=4, seconds=20))
    '4 min ago'
    """
    seconds = max(0.0, passed.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
