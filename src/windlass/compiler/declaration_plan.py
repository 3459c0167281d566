"""What applying a declaration would change, as data: nothing here does it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from windlass.compiler.declaration import Declaration, DeclaredRepository
from windlass.compiler.documents import quoted
from windlass.compiler.nodes import Place
from windlass.compiler.reading import Reading
from windlass.domain.environment import Environment
from windlass.domain.finding import Finding
from windlass.domain.policies import find_clash
from windlass.domain.policy import Policy
from windlass.domain.ref import RefChoice
from windlass.domain.repository import Owner, Repository

FEW_REMOVALS = 2
"""As many repositories may leave the file without anybody being asked."""

_COMPARED = (*("url", "namespace", "ref", "path", "credential", "sync_interval_s", "options"),)


class Act(StrEnum):
    """What a step does."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    LEAVE = "leave"  # an environment left the file; it stays, and belongs to the API


@dataclass(frozen=True, slots=True)
class Step:
    """One change. `changed` are the names of what differs, for a change."""

    act: Act
    kind: str
    name: str
    changed: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As people read it: `change repository dags: path, ref`."""
        what = f": {', '.join(self.changed)}" if self.changed else ""
        return f"{self.act} {self.kind} {self.name}{what}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the order in which they are done; none where anything is in the way."""

    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]


def make_plan(
    path: str,
    declared: Declaration,
    environments: Iterable[Environment],
    repositories: Collection[Repository],
    policies: Collection[tuple[Policy, Owner]] = (),
    *,
    adopted: Collection[str] = (),
    may_remove: bool = False,
) -> Plan:
    """Compare a declaration with what is there. `repositories` has every one that is not removed.

    `adopted` are names that the file may take from the API; `may_remove` lifts the brake on many
    removals.
    """
    reading = Reading(path)
    there = {one.name: one for one in repositories}
    wanted = {one.name: one for one in declared.repositories}
    steps = [*_environment_steps(declared.environments, environments)]
    steps += _policy_steps(reading, declared, policies)
    for one in declared.repositories:
        found = there.get(one.name)
        if found is None:
            steps.append(Step(Act.ADD, "repository", one.name))
        elif _can_take(reading, one, found, adopted) and (changed := _changed(one, found)):
            steps.append(Step(Act.CHANGE, "repository", one.name, changed))
    ours = [one for one in repositories if one.owner is Owner.FILE and one.removing_at is None]
    leaving = [one.name for one in ours if one.name not in wanted]
    if not may_remove and len(leaving) > max(FEW_REMOVALS, len(ours) / 2):
        reading.refuse(
            "FILE030",
            f"the file no longer names {len(leaving)} of its {len(ours)} repositories: "
            f"{', '.join(leaving[:5])}{', …' if len(leaving) > 5 else ''}",
            "If they are to be removed: windlass config apply --allow-removals",
            Place(1, 1),
        )
    steps += [Step(Act.REMOVE, "repository", name) for name in leaving]
    findings = tuple(reading.findings)
    return Plan(() if findings else tuple(steps), findings)


def _environment_steps(
    declared: Collection[Environment], there: Iterable[Environment]
) -> Iterable[Step]:
    known = {one.name: one for one in there}
    for one in declared:
        found = known.get(one.name)
        if found is None:
            yield Step(Act.ADD, "environment", one.name)
        elif found != one:
            names = [
                *("target", "airflow_url", "airflow_username", "credential", "interpreter"),
                *("bundles", "teams", "new_dags", "verdict_mode", "owner"),
            ]
            changed = [name for name in names if getattr(found, name) != getattr(one, name)]
            yield Step(Act.CHANGE, "environment", one.name, tuple(changed))
    names_now = {one.name for one in declared}
    for found in known.values():
        if found.owner is Owner.FILE and found.name not in names_now:
            yield Step(Act.LEAVE, "environment", found.name)


def _policy_steps(
    reading: Reading, declared: Declaration, there: Collection[tuple[Policy, Owner]]
) -> Iterable[Step]:
    theirs = {one.name for one, owner in there if owner is not Owner.FILE}
    ours = {one.name: one for one, owner in there if owner is Owner.FILE}
    kept = [one for one, owner in there if owner is not Owner.FILE]
    for name in (one.name for one in declared.policies if one.name in theirs):
        reading.refuse(
            "FILE036",
            f"the policy {quoted(name)} belongs to the API, so the file cannot change it",
            f"Remove it there first: windlass policy remove {name}",
            declared.policy_places.get(name),
        )
    if (clash := find_clash((*kept, *declared.policies))) is not None:
        message = f"the policies {quoted(clash[0])} and {quoted(clash[1])} are both for {clash[2]}"
        place = declared.policy_places.get(clash[1], declared.policy_places.get(clash[0]))
        reading.refuse("FILE037", message, "Name it in one of them.", place)
    for one in declared.policies:
        known = ours.pop(one.name, None)
        if known != one:
            yield Step(Act.CHANGE if known else Act.ADD, "policy", one.name)
    yield from (Step(Act.REMOVE, "policy", name) for name in ours)


def _can_take(
    reading: Reading, one: DeclaredRepository, found: Repository, adopted: Collection[str]
) -> bool:
    """Whether the file may make the repository what it says; if not, why is noted."""
    if found.owner is Owner.API and one.name not in adopted:
        reading.refuse(
            "FILE031",
            f"the repository {quoted(one.name)} belongs to the API, so the file cannot change it",
            f"Hand it over: windlass config adopt {one.name}",
            one.place,
        )
    elif found.removing_at is not None:
        reading.refuse(
            "FILE032",
            f"the repository {quoted(one.name)} is being removed",
            "It is added again when that is done; or give another name.",
            one.place,
        )
    elif found.environment != one.environment:
        reading.refuse(
            "FILE033",
            f"the repository {quoted(one.name)} is in the environment "
            f"{quoted(found.environment)}, and cannot move to {quoted(one.environment)}",
            "Give it another name there: its releases and dag_ids belong to one environment.",
            one.place,
        )
    else:
        return True
    return False


def _changed(one: DeclaredRepository, found: Repository) -> tuple[str, ...]:
    changed = [name for name in _COMPARED if not _is_same(name, one, found)]
    if found.owner is not Owner.FILE:
        changed.append("owner")
    return tuple(changed)


def _is_same(name: str, one: DeclaredRepository, found: Repository) -> bool:
    """Whether the repository is as the file says; where that names no ref, whichever was chosen."""
    if name != "ref":
        return bool(getattr(one, name) == getattr(found, name))
    is_given = found.ref_choice is RefChoice.GIVEN
    if one.ref is None:
        return not is_given
    return one.ref == found.ref and (is_given or found.owner is not Owner.FILE)
