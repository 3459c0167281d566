"""One live environment per Airflow: which one it is, it tells itself, and is asked again and again.

What an environment was told when it was added is kept; an Airflow that is another environment's, or
another one than before, is told of and asked nothing more until a person decides.
"""

from contextlib import closing, suppress

from sqlalchemy.engine import Connection

from windlass.database.credentials import find_credential
from windlass.database.environments import get_environment, list_environments
from windlass.database.history import record_event
from windlass.database.installations import (
    ask_refused_again,
    list_installations,
    record_installation,
)
from windlass.domain.audit import Action
from windlass.domain.checkup import Checkup, failed, ok, unknown, warning
from windlass.domain.environment import Environment
from windlass.domain.errors import AppError, Conflict
from windlass.domain.events import Event
from windlass.domain.identity import TAKEN, Installation, refusal
from windlass.engine.audit import audited
from windlass.engine.context import Context, log
from windlass.engine.environments import client_of
from windlass.targets.airflow import AirflowClient

SHORTLY_S = 3.0
"""How long an Airflow is waited for while a person waits for the answer."""


def identify(context: Context, environment: str, airflow: AirflowClient) -> None:
    """Ask an Airflow which one it is, and keep the answer; what is news is told.

    Raises Conflict AIR005 where it is another environment's, AIR006 where it is another one than
    before, and as AirflowClient does.
    """
    reported = airflow.identity()
    with context.database.transaction() as connection:
        known = list_installations(connection)
    if environment not in known:
        return
    found = _found(known, environment, reported)
    if not _is_same(found, known[environment]):
        with context.database.transaction() as connection:
            settle(connection, environment, reported)
    if found.refused is not None:
        raise found.refused


def identify_unknown(context: Context, *, but: str) -> None:
    """Ask the Airflow of every environment but one that was never asked which one it is, so that
    who comes next is judged by it. What does not answer shortly stays unknown: a worker asks later.
    """
    with context.database.transaction() as connection:
        known = list_installations(connection)
        environments = list_environments(connection)
    for environment in environments:
        mine = known.get(environment.name)
        if environment.name == but or mine is None or mine.airflow_id or mine.refused:
            continue
        with suppress(AppError):
            client = stored_client(context, environment, timeout_s=SHORTLY_S)
            if client is not None:
                with closing(client):
                    identify(context, environment.name, client)


def settle(connection: Connection, environment: str, reported: str | None) -> AppError | None:
    """Keep which Airflow answered for an environment, and tell what changed by that; why it is
    refused, where it is."""
    known = list_installations(connection, lock=True)
    if environment not in known:
        return None
    found = _found(known, environment, reported)
    if _is_same(found, known[environment]):
        return found.refused
    record_installation(connection, environment, found.airflow_id, found.refused)
    if found.refused is not None:
        code, words = found.refused.code, found.refused.message
        record_event(connection, Event.ENVIRONMENT_REFUSED, environment=environment, code=code)
        log.warning(Event.ENVIRONMENT_REFUSED, environment=environment, code=code, words=words)
    else:
        ask_refused_again(connection, environment)
        record_event(connection, Event.ENVIRONMENT_RECOGNIZED, environment=environment, id=reported)
        log.info(Event.ENVIRONMENT_RECOGNIZED, environment=environment, id=reported)
    return found.refused


def accept_airflow(context: Context, name: str, *, actor: str) -> str:
    """Take what answers at an environment's address for its Airflow from now on; its id.

    NotFound ENV002, Conflict AIR005 where it is another environment's, ENV009 where it tells no
    id, ENV010 where it cannot be asked; and as AirflowClient raises.
    """
    with context.database.transaction() as connection:
        environment = get_environment(connection, name)
    client = stored_client(context, environment, timeout_s=SHORTLY_S)
    if client is None:
        words = f"no address and password of the Airflow of {name!r} are known"
        raise Conflict("ENV010", words, f"windlass environment set {name}")
    with closing(client):
        reported = client.identity()
    if reported is None:
        raise Conflict(
            "ENV009",
            f"the Airflow of {name!r} reports no id, so there is none to accept",
            "Install a newer airflow-provider-windlass on its API server, or change the address: "
            "windlass environment set.",
        )
    with context.database.transaction() as connection:
        known = list_installations(connection, lock=True)
        refused = _found(known, name, reported).refused
        if refused is not None and refused.code == TAKEN:
            raise refused
        before = known[name].airflow_id
        record_installation(connection, name, reported, None)
        audited(
            connection,
            actor,
            Action.ENVIRONMENT_AIRFLOW_ACCEPTED,
            f"environment/{name}",
            before={"airflow_id": before},
            after={"airflow_id": reported},
        )
        record_event(connection, Event.ENVIRONMENT_RECOGNIZED, environment=name, id=reported)
    return reported


def look_at_identity(context: Context, environment: str, airflow: AirflowClient) -> Checkup:
    """Which Airflow it is, for `environment test`; changes nothing."""
    try:
        reported = airflow.identity()
    except AppError as error:
        return unknown("identity", f"{error.code} {error.message}", error.hint)
    with context.database.transaction() as connection:
        known = list_installations(connection)
    refused = _found(known, environment, reported).refused
    if refused is not None:
        so = "; nothing is deployed to it" if refused.code == TAKEN else ""
        return failed("identity", f"{refused.code} {refused.message}{so}", refused.hint)
    if reported is not None:
        return ok("identity", f"its provider reports the id {reported}")
    remedy = "Install a newer airflow-provider-windlass on its API server, and restart that."
    if before := known[environment].airflow_id:
        words = f"it reports no id any more; it was {before}, and now only its address tells it"
        return warning("identity", words, remedy)
    words = "its provider reports no id: it is told from other Airflows by its address alone"
    return warning("identity", words, remedy)


def _found(known: dict[str, Installation], environment: str, reported: str | None) -> Installation:
    mine = known[environment]
    others = [one for one in known.values() if one.environment != environment]
    refused = refusal(mine, reported, others)
    airflow_id = mine.airflow_id if refused else mine.airflow_id or reported
    return Installation(environment, mine.order, mine.url, airflow_id, refused)


def _is_same(one: Installation, other: Installation) -> bool:
    return one == other and str(one.refused) == str(other.refused)


def stored_client(
    context: Context, environment: Environment, *, timeout_s: float = 10
) -> AirflowClient | None:
    """A client of its own for an environment's Airflow, which is to be closed; None where its
    address or credential is not known. Raises as `client_of`."""
    with context.database.transaction() as connection:
        stored = find_credential(connection, environment.credential or "")
    return client_of(
        environment, stored, context.keyring, network=context.network, timeout_s=timeout_s
    )
