"""Connecting an Airflow: environments are added, changed and tried out while all runs."""

import uuid
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import Connection

from windlass.database.credentials import StoredCredential, find_credential, put_credential
from windlass.database.environments import (
    count_bundles,
    get_environment,
    list_environments,
    lock_environment,
    put_environment,
)
from windlass.database.environments import remove_environment as forget_environment
from windlass.database.installations import ask_refused_again, list_installations
from windlass.database.listings import forget_listings
from windlass.database.observations import database_ahead
from windlass.domain.audit import Action
from windlass.domain.checkup import Checkup, failed, warning
from windlass.domain.environment import MAX_BUNDLES, Environment
from windlass.domain.errors import AppError, Conflict, Invalid, join
from windlass.domain.identity import TAKEN, is_same_address
from windlass.domain.repository import Owner, check_name
from windlass.engine.audit import audited
from windlass.engine.context import Context
from windlass.engine.identity import (
    SHORTLY_S,
    identify_unknown,
    look_at_identity,
    settle,
    stored_client,
)
from windlass.engine.tick import project_environments
from windlass.targets.airflow import AirflowClient
from windlass.targets.diagnosis import examine
from windlass.targets.transport import judge_way


@dataclass(frozen=True, slots=True)
class Login:
    """The user of Airflow's that Windlass is."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Connected:
    """What people give of an environment; `wanted` holds fields of Environment, others stay as
    they are or get their default."""

    name: str
    wanted: Mapping[str, Any]
    login: Login | None = None


def add_environment(context: Context, given: Connected, *, actor: str) -> Environment:
    """Store a new environment with its pool; its pointers exist after. Conflict ENV003 where the
    name is taken, AIR005 where its Airflow is another environment's; Invalid for what is wrong."""
    check_name("environment", given.name)
    reported = _reported(context, Environment(given.name), given)
    with context.database.transaction() as connection:
        if any(one.name == given.name for one in list_environments(connection)):
            raise Conflict(
                "ENV003",
                f"there is an environment {given.name!r} already",
                f"Change it: windlass environment set {given.name}",
            )
        wanted = _put(context, connection, Environment(given.name), given)
        _settle(connection, given.name, reported)
        audited(
            connection,
            actor,
            Action.ENVIRONMENT_ADDED,
            f"environment/{given.name}",
            after=_told(wanted),
        )
    project_environments(context)
    return wanted


def change_environment(context: Context, given: Connected, *, actor: str) -> Environment:
    """Change what `given` names. NotFound ENV002, Conflict ENV004 where something else owns it,
    AIR005 where its Airflow is another environment's."""
    with context.database.transaction() as connection:
        known = get_environment(connection, given.name)
    reported = _reported(context, known, given)
    with context.database.transaction() as connection:
        list_installations(connection, lock=True)  # until here the file may have taken it over
        known = get_environment(connection, given.name)
        _check_owner(known)
        wanted = _put(context, connection, known, given)
        _settle(connection, given.name, reported)
        audited(
            connection,
            actor,
            Action.ENVIRONMENT_CHANGED,
            f"environment/{given.name}",
            before=_told(known),
            after=_told(wanted),
            login_changed=given.login is not None,
        )
    project_environments(context)
    return wanted


def remove_environment(context: Context, name: str, *, actor: str) -> None:
    """Forget an environment, its pool of bundles and its credential. NotFound ENV002, Conflict
    ENV004 where something else owns it, ENV012 while repositories are in it or on their way out of
    its bundles."""
    with context.database.transaction() as connection:
        known = get_environment(connection, name)
        _check_owner(known)
        inside = lock_environment(connection, name)
        if inside or count_bundles(connection, name)[0]:
            more = f" and {len(inside) - 5} more" if len(inside) > 5 else ""
            whose = f"has {', '.join(inside[:5])}{more}"
            raise Conflict(
                "ENV012",
                f"the environment {name!r} "
                + (whose if inside else "has bundles that are not free again yet"),
                f"Remove the repositories first: windlass repo remove {inside[0]} --reason …"
                if inside
                else "See what they wait for: windlass repo list --removed",
            )
        forget_environment(connection, name)
        subject = f"environment/{name}"
        audited(connection, actor, Action.ENVIRONMENT_REMOVED, subject, before=_told(known))
    project_environments(context)


def follow_settings(context: Context, described: Environment, login: Login | None) -> None:
    """Make the environment of the settings what they say, at every start.

    With a `login` they own it. Without one they only see to it that it exists and that its pool
    is as large as they say, whoever changes it. One that the file declares is left alone.
    """
    with context.database.transaction() as connection:
        by_name = {one.name: one for one in list_environments(connection)}
        known = by_name.get(described.name)
        if known is None or known.owner is not Owner.FILE:
            wanted = _followed(known, described, login)
            if login is not None:
                wanted = _put_login(context, connection, wanted, login)
            put_environment(connection, wanted, str(uuid.uuid4()))  # its bundles may be missing
    project_environments(context)


def _followed(
    known: Environment | None, described: Environment, login: Login | None
) -> Environment:
    if login is not None:
        return replace(
            known or described,
            airflow_url=described.airflow_url,
            bundles=described.bundles,
            owner=Owner.SETTINGS,
        )
    if known is None or known.owner is Owner.SETTINGS:  # the settings let go of it
        return replace(known or described, airflow_url=None, credential=None, owner=Owner.API)
    return replace(known, bundles=max(known.bundles, described.bundles))


def examine_environment(context: Context, name: str) -> list[Checkup]:
    """Look at the environment's Airflow from here; NotFound ENV002. Takes seconds where it is
    away, and changes nothing."""
    with context.database.transaction() as connection:
        environment = get_environment(connection, name)
        ahead = database_ahead(connection)
    if environment.airflow_url is None:
        remedy = f"Give it: windlass environment set {name} --airflow-url URL …"
        words = "no address of Airflow is known: nothing is seen live"
        return [warning("address", words, remedy)]
    try:
        client = stored_client(context, environment)
    except AppError as error:
        return [failed("credential", f"{error.code} {error.message}", error.hint)]
    if client is None:
        remedy = f"windlass environment set {name} --username NAME --password-stdin"
        return [failed("credential", "no user and password are stored", remedy)]
    try:
        rows = examine(client, environment, ahead)
        if any(row.subject == "rights" for row in rows):  # so far it came: it is signed in
            rows.append(look_at_identity(context, name, client))
        return rows
    finally:
        client.close()


def _reported(context: Context, known: Environment, given: Connected) -> str | None:
    """The id of the Airflow that a person connects. None too where it cannot be asked now: the
    worker asks it later. Raises Invalid AIR008 where nothing may be asked at its address.

    Airflows of other environments that were not asked yet are asked too: it may be one of them.
    """
    wanted = replace(known, airflow_url=given.wanted.get("airflow_url", known.airflow_url))
    url, login = wanted.airflow_url, given.login
    if url is None or _address_problems(url) or not (login or "airflow_url" in given.wanted):
        return None
    with suppress(OSError, UnicodeError):  # a name that is not found now may be found later
        judge_way(url, context.network)
    with suppress(AppError):
        client: AirflowClient | None
        if login is not None:
            client = AirflowClient(
                url,
                login.username,
                login.password,
                network=context.network,
                timeout_s=SHORTLY_S,
            )
        else:
            client = stored_client(context, wanted, timeout_s=SHORTLY_S)
        if client is not None:
            with closing(client):
                reported = client.identity()
            if reported is not None:
                identify_unknown(context, but=known.name)
            return reported
    return None


def _settle(connection: Connection, environment: str, reported: str | None) -> None:
    refused = settle(connection, environment, reported) if reported else None
    if refused is not None and refused.code == TAKEN:
        raise refused


def _put(
    context: Context, connection: Connection, known: Environment, given: Connected
) -> Environment:
    """Store `known` with what is given; the transaction is the caller's."""
    wanted = replace(known, **given.wanted, owner=Owner.API)
    _check(wanted, list_environments(connection))
    if wanted.target is not known.target and count_bundles(connection, known.name)[0]:
        raise Conflict(
            "ENV008",
            f"repositories are deployed to {known.name!r} by the target {known.target}",
            "Add another environment, and move them one by one.",
        )
    if given.login is not None:
        wanted = _put_login(context, connection, wanted, given.login)
    put_environment(connection, wanted, str(uuid.uuid4()))
    if wanted.airflow_url != known.airflow_url:
        forget_listings(connection, wanted.name)  # of another Airflow
        ask_refused_again(connection, wanted.name)
    return wanted


def _put_login(
    context: Context, connection: Connection, environment: Environment, login: Login
) -> Environment:
    """Store user and password; the environment that names them. A password that is stored
    already stays as it is, since every start of every process comes by here."""
    name = f"airflow:{environment.name}"  # no repository can have that name
    known = find_credential(connection, name)
    if known is None or not _opens_to(context, known, login):
        ciphertext = context.keyring.encrypt(login.password)
        put_credential(connection, name, StoredCredential(login.username, ciphertext))
    return replace(environment, credential=name, airflow_username=login.username)


def _opens_to(context: Context, known: StoredCredential, login: Login) -> bool:
    try:
        password = context.keyring.decrypt(known.ciphertext)
    except AppError:  # the key was lost; the setting is still there
        return False
    return (known.username, password) == (login.username, login.password)


def _check(wanted: Environment, others: list[Environment]) -> None:
    """Raise everything that is wrong with an environment at once."""
    problems = []
    slots = len(wanted.pool)
    if not 1 <= slots <= MAX_BUNDLES:
        problems.append(
            Invalid("ENV005", f"{slots} bundles: expected 1 to {MAX_BUNDLES}, those of teams too")
        )
    if wanted.airflow_url is not None:
        problems += _address_problems(wanted.airflow_url)
        for other in others:
            if other.name != wanted.name and is_same_address(other.airflow_url, wanted.airflow_url):
                problems.append(
                    Invalid(
                        "ENV007",
                        f"the Airflow at {wanted.airflow_url} is that of the environment "
                        f"{other.name!r} already",
                        "Two environments would bind the same bundles. Use that one.",
                    )
                )
    if problems:
        raise join(problems)


def _address_problems(url: str) -> list[Invalid]:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_usable = is_usable and not (parts.username or parts.query or parts.fragment)
        parts.port  # noqa: B018  # raises ValueError where it is no number
    except ValueError:
        is_usable = False
    if is_usable:
        return []
    return [
        Invalid(
            "ENV006",
            "the address of Airflow is no URL that begins with http:// or https:// and holds no "
            "user and no query",
            "For example https://airflow.example.",
        )
    ]


def _check_owner(known: Environment) -> None:
    if known.owner is Owner.FILE:
        raise Conflict(
            "ENV004",
            f"the environment {known.name!r} is declared in windlass.yaml",
            "Change it there.",
        )
    if known.owner is Owner.SETTINGS:
        raise Conflict(
            "ENV004",
            f"the environment {known.name!r} follows WINDLASS_AIRFLOW_URL and its companions",
            "Change those and restart, or take them away and set the environment here.",
        )


def _told(environment: Environment) -> dict[str, Any]:
    return {
        "target": environment.target,
        "airflow_url": environment.airflow_url,
        "airflow_username": environment.airflow_username,
        "interpreter": environment.interpreter,
        **environment.options_to_json(),
    }
