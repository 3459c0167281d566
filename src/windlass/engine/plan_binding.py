"""Approval by a plan: what is approved is what somebody has seen (docs/decisions/0012)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection

from windlass.database.plans import StoredPlan, find_plan, find_plans_named
from windlass.database.repositories import get_repository_by_id
from windlass.domain.errors import Conflict, NotFound
from windlass.domain.release import Release, ReleaseId
from windlass.domain.repository import Repository
from windlass.engine.context import Context


def refuse_other_plan(
    connection: Connection, repository: Repository, release: Release, digest: str
) -> None:
    """Raise Conflict PLAN006 where the plan of a release is not the one that begins so, with what
    has moved since that one; PLAN007 where the release has none."""
    stored = find_plan(connection, release.id)
    if stored is None:
        raise Conflict(
            "PLAN007",
            f"release #{release.id} of {repository.name!r} has no plan",
            f"The next sync makes one: windlass repo sync {repository.name}",
        )
    if stored.digest.startswith(digest):
        return
    seen = [
        one for one in find_plans_named(connection, digest) if one.repository_id == repository.id
    ]
    moved = _moved(seen[0], stored) if seen else "nobody here made a plan of that digest"
    raise Conflict(
        "PLAN006",
        f"the plan {digest[:12]} is not that of release #{release.id}: {moved}",
        f"Look at it as it is now: windlass release show {repository.name} {release.id}",
    )


def _moved(seen: StoredPlan, now: StoredPlan) -> str:
    """What differs between two plans, in words."""
    old, new = seen.content, now.content
    words = []
    if old["head"] != new["head"]:
        words.append(f"it was of release #{seen.release_id}, whose content is another")
    bases = [_base(one) for one in (old, new)]
    if bases[0] != bases[1]:
        words.append(f"what it replaces was {bases[0]}, and is {bases[1]}")
    if old["binds"]["policy"] != new["binds"]["policy"]:
        words.append("the release policy has changed")
    return (
        "; ".join(words) or "what the same content does was looked at anew, and is told otherwise"
    )


def _base(content: Mapping[str, Any]) -> str:
    base = content["binds"]["base_release"]
    return "nothing" if base is None else f"#{base}"


def find_planned(context: Context, digest: str) -> tuple[str, ReleaseId]:
    """The repository and the release that a plan is of, by the first digits of its digest. Raises
    NotFound PLAN008 where none, or more than one, begins so."""
    with context.database.transaction() as connection:
        found = find_plans_named(connection, digest)
        if len({one.digest for one in found}) != 1:
            many = "more than one plan begins" if found else "no plan that was made here begins"
            raise NotFound(
                "PLAN008",
                f"{many} with {digest[:64]!r}",
                "See those of a repository: windlass release show NAME RELEASE",
            )
        newest = found[0]
        return get_repository_by_id(connection, newest.repository_id).name, newest.release_id
