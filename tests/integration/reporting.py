"""A repository whose Git host has an API: real git, and a stub of GitHub's API beside it."""

from dataclasses import dataclass, replace
from typing import Any

from tests.contract.forges import TOKEN, Forge
from tests.integration.conftest import Origin, register
from windlass.database.credentials import CredentialKind, StoredCredential, put_credential
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.register import Registration

PUBLIC = "https://windlass.example"


@dataclass(frozen=True)
class Reported:
    """The repository `dags`, its host, and Alice's clone."""

    context: Context
    repository: Repository
    forge: Forge
    origin: Origin


def report_to(
    context: Context, registration: Registration, origin: Origin, forge: Forge, **options: Any
) -> Reported:
    """The repository `dags` with a credential `api` for the API of its host."""
    context = replace(context, public_url=PUBLIC)
    sealed = context.keyring.encrypt(TOKEN)
    stored = StoredCredential(
        "x-access-token", sealed, CredentialKind.TOKEN, {"host": "127.0.0.1", "named": True}
    )
    with context.database.transaction() as connection:
        put_credential(connection, "api", stored)
    chosen = {"api_credential": "api", "api_url": f"{forge.url}/api/v3", **options}
    return Reported(context, register(context, registration, options=chosen), forge, origin)
