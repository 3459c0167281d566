"""What people do to release policies and waivers; each is told to the audit."""

from datetime import date, timedelta

from sqlalchemy.engine import Connection

from windlass.compiler.policy import read_policy
from windlass.database.policies import (
    add_waiver,
    claim_expiring,
    delete_policy,
    end_waiver,
    judge_all_again,
    list_policies,
    put_policy,
    unsettle_expired_comments,
)
from windlass.database.repositories import get_repository
from windlass.domain.audit import Action
from windlass.domain.errors import Conflict, Invalid, NotFound
from windlass.domain.events import Event
from windlass.domain.finding import Finding
from windlass.domain.nearest import suggest
from windlass.domain.pattern import glob
from windlass.domain.policies import find_clash
from windlass.domain.policy import Policy
from windlass.domain.repository import Owner, check_name
from windlass.domain.rule import Waiving
from windlass.domain.rules import get_rule
from windlass.domain.waiver import MAX_DAYS, SOON_DAYS, Waiver, WaiverId, today
from windlass.engine.audit import audited
from windlass.engine.context import Context, log

_NEW = WaiverId(0)


def parse_policy(name: str, text: str) -> Policy:
    """The policy of a text; Invalid POL002 has every problem with its place."""
    made, findings = read_policy(check_name("policy", name), "policy", text.encode())
    if made is None:
        problems = "; ".join(f"{f.line}:{f.column} {f.code} {f.message}" for f in findings[:10])
        raise Invalid("POL002", f"the policy is not understood: {problems}", _first_hint(findings))
    return made


def set_policy(context: Context, name: str, text: str, *, actor: str) -> Policy:
    """Make a policy what the text says; every repository is judged again in a moment."""
    made = parse_policy(name, text)
    with context.database.transaction() as connection:
        _refuse_the_files(connection, name)
        others = [one for one, _ in list_policies(connection) if one.name != name]
        if (clash := find_clash((*others, made))) is not None:
            raise Conflict(
                "POL003",
                f"the policies {clash[0]!r} and {clash[1]!r} are both for {clash[2]}",
                "Name it in one of them.",
            )
        write_policy(connection, name, made, Owner.API, actor=actor)
    return made


def remove_policy(context: Context, name: str, *, actor: str) -> None:
    """Take a policy away: those that it was for are judged by what is left."""
    with context.database.transaction() as connection:
        _refuse_the_files(connection, name)
        get_policy(connection, name)
        write_policy(connection, name, None, Owner.API, actor=actor)


def get_policy(connection: Connection, name: str) -> tuple[Policy, Owner]:
    """A policy and who owns it; NotFound POL004 names the ones that there are."""
    there = {one.name: (one, owner) for one, owner in list_policies(connection)}
    if name not in there:
        hint = suggest(name, there) or "windlass policy list shows them."
        raise NotFound("POL004", f"there is no policy {name!r}", hint)
    return there[name]


def write_policy(
    connection: Connection, name: str, wanted: Policy | None, owner: Owner, *, actor: str
) -> None:
    """Put a policy where one of its name was; None takes that away. Told to the audit."""
    before = next((one for one, _ in list_policies(connection) if one.name == name), None)
    if wanted is None:
        delete_policy(connection, name)
    else:
        put_policy(connection, wanted, owner)
    judge_all_again(connection)
    audited(
        connection,
        actor,
        Action.POLICY_REMOVED if wanted is None else Action.POLICY_SET,
        f"policy/{name}",
        before=before.to_json() if before else None,
        after=wanted.to_json() if wanted else None,
    )


def waive(context: Context, wanted: Waiver) -> Waiver:
    """Let findings of a rule pass until a day; the same with its number.

    Raises Invalid POL007 where nobody may let them pass, POL006 for a day that will not do, and
    NotFound POL012 or REPO011 where rule or repository are not there.
    """
    _check_rule(wanted.rule)
    glob(wanted.path)
    last = today() + timedelta(days=MAX_DAYS)
    if not today() <= wanted.until <= last:
        raise Invalid(
            "POL006",
            f"a waiver cannot hold until {wanted.until}",
            f"Give a day from today to {last}; it can be given again.",
        )
    with context.database.transaction() as connection:
        if wanted.repository is not None:
            get_repository(connection, wanted.repository)
        made = add_waiver(connection, wanted)
        judge_all_again(connection)
        audited(
            connection,
            wanted.actor,
            Action.FINDING_WAIVED,
            f"waiver/{made.id}",
            reason=wanted.reason,
            **made.to_json(),
        )
    return made


def unwaive(context: Context, waiver_id: int, *, reason: str, actor: str) -> Waiver:
    """End a waiver; what it let pass counts again at once. NotFound POL010 where it does not
    hold."""
    with context.database.transaction() as connection:
        ended = end_waiver(connection, WaiverId(waiver_id), actor, reason)
        judge_all_again(connection)
        subject = f"waiver/{waiver_id}"
        audited(connection, actor, Action.WAIVER_ENDED, subject, reason=reason)
    return ended


def new_waiver(
    *,
    rule: str,
    path: str,
    reason: str,
    actor: str,
    until: date,
    repository: str | None = None,
    fingerprint: str | None = None,
) -> Waiver:
    """A waiver that is not stored yet."""
    return Waiver(
        id=_NEW,
        rule=rule,
        path=path,
        reason=reason,
        actor=actor,
        until=until,
        repository=repository,
        fingerprint=fingerprint,
    )


def tell_expiring(context: Context) -> None:
    """Tell of waivers that end soon, each once; have those judged again whose comments have."""
    day = today()
    with context.database.transaction() as connection:
        for one in claim_expiring(connection, day + timedelta(days=SOON_DAYS)):
            log.warning(
                Event.WAIVER_EXPIRING,
                waiver=one.id,
                rule=one.rule,
                path=one.path,
                until=one.until.isoformat(),
            )
        unsettle_expired_comments(connection, day)


def _check_rule(code: str) -> None:
    if code.startswith("custom:"):
        return
    rule = get_rule(code)
    if rule.waiving is Waiving.NEVER:
        raise Invalid("POL007", f"nobody can let {code} pass: {rule.what.lower()}", rule.mend)


def _refuse_the_files(connection: Connection, name: str) -> None:
    there = {one.name: owner for one, owner in list_policies(connection)}
    if there.get(name) is Owner.FILE:
        raise Conflict(
            "POL008",
            f"the policy {name!r} belongs to the declarative file",
            "Change it there.",
        )


def _first_hint(findings: tuple[Finding, ...]) -> str:
    return next((f.hint for f in findings if f.hint), "")
