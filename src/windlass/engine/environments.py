"""The adapters of each environment, as its row says now: environments change while all runs."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from sqlalchemy.engine import Connection

from windlass.credentials.keyring import Keyring
from windlass.database.connection import Database
from windlass.database.credentials import StoredCredential, find_credential
from windlass.database.environments import list_environments
from windlass.database.installations import list_installations
from windlass.database.listings import list_listings
from windlass.domain.environment import Environment, Target
from windlass.domain.errors import AppError
from windlass.domain.inventory import Inventory, Listing
from windlass.domain.names import Kind
from windlass.domain.repository import Owner
from windlass.network.proxies import STRAIGHT, Network
from windlass.sandbox.checker import Checker
from windlass.sandbox.importer import Importer
from windlass.targets.airflow import AirflowClient
from windlass.targets.folder import FolderAirflow

RENEW_S = 1.0
_UNASKED = {kind: Listing() for kind in Kind}

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Adapters:
    """What was made of one environment's row."""

    environment: Environment
    stored: StoredCredential | None
    refused: AppError | None
    airflow: AirflowClient | None
    checker: Checker | None
    inventory: Inventory
    importer: Importer | None

    def is_made_of(
        self, environment: Environment, stored: StoredCredential | None, refused: AppError | None
    ) -> bool:
        known = (self.environment, self.stored, str(self.refused))
        return known == (environment, stored, str(refused))


class Environments:
    """The Airflow client, the checker and the importer of each environment, renewed at most once a
    second.

    While the database is away, what was known last holds. Safe for threads. An environment whose
    credential no key opens has no client; `environment test` says why.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        network: Network = STRAIGHT,
        make_importer: Callable[[Path], Importer] = Importer,
    ) -> None:
        self._database = database
        self._network = network
        self._keyring = keyring
        self._lock = threading.Lock()
        self._renew_at = 0.0
        self._known: dict[str, _Adapters] = {}
        self._make_importer = make_importer
        self._checkers: dict[str, Checker] = {}  # one for each interpreter
        self._importers: dict[str, Importer] = {}

    @property
    def airflows(self) -> Mapping[str, AirflowClient]:
        """The clients of the environments that have an address."""
        return _View(self, lambda adapters: adapters.airflow)

    @property
    def checkers(self) -> Mapping[str, Checker]:
        """The checkers of the environments that name an interpreter."""
        return _View(self, lambda adapters: adapters.checker)

    @property
    def inventories(self) -> Mapping[str, Inventory]:
        """What is known of the connections, variables and pools of each environment."""
        return _View(self, lambda adapters: adapters.inventory)

    @property
    def targets(self) -> Mapping[str, Target]:
        """How releases reach each environment."""
        return _View(self, lambda adapters: adapters.environment.target)

    @property
    def importers(self) -> Mapping[str, Importer]:
        """The importers of the environments that name an interpreter."""
        return _View(self, lambda adapters: adapters.importer)

    def adapters(self) -> Mapping[str, _Adapters]:
        """What is known now, by environment."""
        with self._lock:
            if time.monotonic() >= self._renew_at:
                with suppress(AppError), self._database.transaction() as connection:
                    self._known = {a.environment.name: a for a in self._read(connection)}
                self._renew_at = time.monotonic() + RENEW_S
            return self._known

    def close(self) -> None:
        """End the processes of checkers and importers."""
        for importer in self._importers.values():
            importer.close()
        for checker in self._checkers.values():
            checker.close()

    def _read(self, connection: Connection) -> Iterator[_Adapters]:
        installations = list_installations(connection)
        listings = list_listings(connection)
        for environment in list_environments(connection):
            name = environment.credential
            stored = find_credential(connection, name) if name else None
            refused = installations[environment.name].refused
            known = self._known.get(environment.name)
            if not known or not known.is_made_of(environment, stored, refused):
                known = self._make(environment, stored, refused)
            # Airflow is asked only where there is a client of it.
            seen = listings.get(environment.name, _UNASKED) if known.airflow else {}
            if known.inventory.airflow != seen:
                known = replace(known, inventory=Inventory(environment.inventory, seen))
            yield known

    def _make(
        self, environment: Environment, stored: StoredCredential | None, refused: AppError | None
    ) -> _Adapters:
        airflow = None
        with suppress(AppError):
            airflow = client_of(
                environment, stored, self._keyring, network=self._network, refused=refused
            )
        stock = Inventory(environment.inventory)
        python = environment.interpreter
        if not python:
            return _Adapters(environment, stored, refused, airflow, None, stock, None)
        if python not in self._checkers:
            self._checkers[python] = Checker(Path(python))
            self._importers[python] = self._make_importer(Path(python))
        checker, importer = self._checkers[python], self._importers[python]
        return _Adapters(environment, stored, refused, airflow, checker, stock, importer)


def client_of(
    environment: Environment,
    stored: StoredCredential | None,
    keyring: Keyring,
    *,
    network: Network = STRAIGHT,
    refused: AppError | None = None,
    timeout_s: float = 10,
) -> AirflowClient | None:
    """A client for the environment's Airflow; None where it has no address or no credential.
    Where `refused` is given, it raises that in place of asking anything but who is there. Where
    settings named it, of this process or another, it may be anywhere: the operator gave it.

    Raises Invalid CRED001 and CRED002 where no key opens the credential.
    """
    if environment.airflow_url is None or stored is None:
        return None
    if environment.owner is Owner.SETTINGS and network.airflow_hosts is not None:
        host = urlsplit(environment.airflow_url).hostname or ""
        network = replace(network, airflow_hosts=(*network.airflow_hosts, host))
    username = environment.airflow_username or stored.username
    kind = FolderAirflow if environment.target is Target.FOLDER else AirflowClient
    return kind(
        environment.airflow_url,
        username,
        keyring.decrypt(stored.ciphertext),
        network=network,
        refused=refused,
        timeout_s=timeout_s,
    )


class _View(Mapping[str, _T]):
    """One kind of adapter, by environment; those that have none are not in it."""

    def __init__(self, environments: Environments, take: Callable[[_Adapters], _T | None]) -> None:
        self._environments = environments
        self._take = take

    def _now(self) -> dict[str, _T]:
        every = self._environments.adapters().items()
        return {name: found for name, one in every if (found := self._take(one)) is not None}

    def __getitem__(self, name: str) -> _T:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())
