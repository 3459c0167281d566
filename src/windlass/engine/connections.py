"""A repository's login as a connection of its Airflow, for bundles that Windlass does not serve."""

from contextlib import closing
from dataclasses import dataclass

from windlass.database.credentials import CredentialKind, find_credential
from windlass.database.environments import get_environment
from windlass.domain.audit import Action
from windlass.domain.connections import airflow_connection
from windlass.domain.environment import Environment
from windlass.domain.errors import Conflict, Invalid
from windlass.domain.remote import parse_remote_url
from windlass.engine.audit import audited
from windlass.engine.connect import Login
from windlass.engine.context import Context
from windlass.engine.identity import stored_client
from windlass.engine.login import secret_of
from windlass.engine.workable import get_workable
from windlass.targets.airflow import AirflowClient


@dataclass(frozen=True, slots=True)
class Published:
    """Where a login is in Airflow now; `is_new` False: it took the place of an older one."""

    connection_id: str
    environment: str
    is_new: bool


def publish_login(
    context: Context,
    name: str,
    *,
    as_user: Login | None,
    known_hosts_file: str | None,
    actor: str,
) -> Published:
    """Write the login of a repository as a connection of its Airflow, which encrypts it.

    `as_user` is used for this alone; None is the user of the environment, who may be too small for
    it. Raises Conflict CRED047 where the repository has no login, CRED048 where no Airflow is
    known, Invalid CRED049 where the user may not write connections; what the client does.
    """
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        environment = get_environment(connection, repository.environment)
        stored = find_credential(connection, repository.credential or "")
    if stored is None:
        raise Conflict("CRED047", f"{name!r} has no login that could be given to Airflow")
    body = airflow_connection(
        parse_remote_url(repository.url),
        stored.kind,
        stored.username,
        secret_of(context.secrets, stored),
        installation=stored.options.get("installation"),
        known_hosts_file=known_hosts_file if stored.kind is CredentialKind.SSH_KEY else None,
    )
    with closing(_client(context, environment, as_user)) as client:
        try:
            is_new = client.put_connection(body)
        except Invalid as refused:
            if refused.code != "AIR003":
                raise
            raise Invalid(
                "CRED049",
                f"the user {client.username!r} may not write connections of Airflow",
                "Give one who may, for this once: --username NAME --password-stdin (role op).",
            ) from refused
    published = Published(body["connection_id"], environment.name, is_new)
    with context.database.transaction() as connection:
        audited(
            connection,
            actor,
            Action.CREDENTIAL_PUBLISHED,
            f"repository/{name}",
            environment=environment.name,
            airflow_connection=published.connection_id,
        )
    return published


def _client(context: Context, environment: Environment, as_user: Login | None) -> AirflowClient:
    client = None
    if environment.airflow_url is not None and as_user is not None:
        client = AirflowClient(
            environment.airflow_url, as_user.username, as_user.password, network=context.network
        )
    elif environment.airflow_url is not None:
        client = stored_client(context, environment)
    if client is None:
        raise Conflict(
            "CRED048",
            f"no Airflow of the environment {environment.name!r} is known",
            f"Give it: windlass environment set {environment.name} --airflow-url URL …",
        )
    return client
