"""Builds everything from Settings. The only place where adapters meet."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from windlass.artifacts.store import Store
from windlass.compiler.declaration import (
    FILE_NAMES,
    Declaration,
    Surroundings,
    read_declaration,
)
from windlass.credentials.asking import Asker
from windlass.credentials.aws import AwsSecrets
from windlass.credentials.azure import AzureKeyVault
from windlass.credentials.github_app import Installations
from windlass.credentials.hashicorp import HashicorpVault
from windlass.credentials.keyring import Keyring
from windlass.credentials.onepassword import OnePassword
from windlass.credentials.signing import SigningKey
from windlass.credentials.vaults import Vault, Vaults
from windlass.database.connection import Database
from windlass.database.jobs import Jobs
from windlass.domain.environment import Environment
from windlass.domain.errors import AppError, Invalid
from windlass.domain.finding import Finding
from windlass.domain.nearest import suggest
from windlass.domain.remote import parse_remote_url
from windlass.domain.repository import parse_interval
from windlass.domain.statement import key_text
from windlass.engine.backup import Installation, Nightly
from windlass.engine.connect import Login, follow_settings
from windlass.engine.context import Context
from windlass.engine.declare import FileRules
from windlass.engine.environments import Environments
from windlass.engine.exposure import Haystack
from windlass.engine.watch import FileWatch
from windlass.git.access import Boundary, refused_here
from windlass.home import embedded_postgres, make_home
from windlass.network.authorities import read_authorities
from windlass.network.proxies import Network, Proxy
from windlass.sandbox.checker import Checker
from windlass.sandbox.importer import Importer, Limits
from windlass.settings import Settings, file_variables, load_settings


def open_database(settings: Settings) -> Database:
    """The database in use; raises Unavailable where the embedded server is not running."""
    url = settings.database_url
    text = url.get_secret_value() if url else embedded_postgres(settings).url()
    direct = settings.database_direct_url if url else None
    direct_text = direct.get_secret_value() if direct else None
    return Database(text, direct_url=direct_text, pool_size=settings.concurrency + 8)


def store_of(settings: Settings) -> Store:
    """The store that Airflow mounts."""
    return Store(settings.home / "store")


def release_key_of(settings: Settings) -> SigningKey:
    """The key that releases are signed with."""
    return SigningKey(settings.home / "release-key")


def public_key_of(settings: Settings) -> str | None:
    """The public half of the release key as text; None before Windlass was first started."""
    path = settings.home / "release-key"
    return key_text(SigningKey(path).public) if path.exists() else None


def network_of(settings: Settings) -> Network:
    """The ways out of this process; raises Invalid CFG022 to CFG024 where a file that they need
    cannot be used."""
    login = _proxy_login(settings.proxy_login_file)
    return Network(
        https_proxy=_proxy(settings.https_proxy, login),
        http_proxy=_proxy(settings.http_proxy, login),
        no_proxy=settings.no_proxy,
        authorities=read_authorities(settings.ca_file),
        airflow_hosts=_airflow_hosts(settings),
    )


def _airflow_hosts(settings: Settings) -> tuple[str, ...]:
    """That of the settings may be anywhere: the operator gave it."""
    ours = urlsplit(settings.airflow_url or "").hostname
    return (*settings.allowed_hosts, *([ours] if ours else []))


def _proxy(url: str | None, login: tuple[str, str]) -> Proxy | None:
    if url is None:
        return None
    parts = urlsplit(url)
    return Proxy(parts.hostname or "", parts.port or 0, *login)


def _proxy_login(path: Path | None) -> tuple[str, str]:
    """User and password; both empty where there is no file."""
    if path is None:
        return "", ""
    try:
        text = path.read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "it is no text"
        raise Invalid(
            "CFG024",
            f"the file {str(path)!r} of WINDLASS_PROXY_LOGIN_FILE cannot be read: {words}",
        ) from error
    username, colon, password = text.partition(":")
    if not username or not colon or len(text.splitlines()) > 1:
        raise Invalid(
            "CFG024",
            f"the file {str(path)!r} of WINDLASS_PROXY_LOGIN_FILE is no line USER:PASSWORD",
        )
    return username, password


def build_context(
    settings: Settings, database: Database, network: Network | None = None
) -> Context:
    """The adapters of one process. Nothing is contacted yet. `network` None: that of the settings,
    whose errors it raises."""
    given = settings.secret_keys.get_secret_value().split() if settings.secret_keys else []
    keyring = Keyring(settings.key_file, given)
    network = network or network_of(settings)

    def make_importer(python: Path) -> Importer:
        return importer_of(settings, python)

    environments = Environments(database, keyring, network, make_importer)
    return Context(
        database=database,
        jobs=Jobs(),
        store=store_of(settings),
        mirrors=settings.home / "mirrors",
        checker=Checker(settings.airflow_python or Path(sys.executable)),
        keyring=keyring,
        audit_key=SigningKey(settings.home / "audit-key"),
        release_key=release_key_of(settings),
        airflows=environments.airflows,
        checkers=environments.checkers,
        targets=environments.targets,
        inventories=environments.inventories,
        importer=make_importer(settings.airflow_python) if settings.airflow_python else None,
        importers=environments.importers,
        allowed_hosts=settings.allowed_hosts,
        network=network,
        max_fetch_bytes=settings.max_fetch_mb * 1_000_000,
        mirror_quota_bytes=settings.mirror_quota_mb * 1_000_000,
        public_url=settings.public_url,
        hooked_interval_s=_hooked_interval_s(settings),
        allowed_folders=settings.allow_file_urls,
        apps=Installations(Asker(network, settings.allowed_hosts)),
        vaults=vaults_of(settings, network),
        signers=(settings.signers or settings.home / "signers").absolute(),
    )


def vaults_of(settings: Settings, network: Network) -> Vaults:
    """The stores of secrets that the settings name, by what credentials call them; none is spoken
    to before it is needed. The operator gave their addresses: they may be anywhere."""
    stores: dict[str, Callable[[], Vault]] = {}
    if url := settings.vault_url:
        stores["vault"] = lambda: HashicorpVault(
            _asker_for(url, settings, network),
            url,
            token_file=settings.vault_token_file,
            role_file=settings.vault_role_file,
        )
    if server := settings.onepassword_url:
        stores["onepassword"] = lambda: OnePassword(
            _asker_for(server, settings, network), server, settings.onepassword_token_file
        )
    if region := settings.aws_region:
        stores["aws"] = lambda: AwsSecrets(network, region, settings.aws_endpoint_url)
    if azure := settings.azure_vault_url:
        stores["azure"] = lambda: AzureKeyVault(network, azure)
    return Vaults(stores)


def _asker_for(url: str, settings: Settings, network: Network) -> Asker:
    return Asker(network, (*settings.allowed_hosts, urlsplit(url).hostname or ""))


def _hooked_interval_s(settings: Settings) -> int | None:
    text = settings.hooked_interval
    return None if text is None else int(parse_interval(text).total_seconds())


def importer_of(settings: Settings, python: Path) -> Importer:
    """Imports DAG files by the Airflow of an interpreter."""
    limits = Limits(least=settings.sandbox_tier)
    return Importer(python, plugins=settings.airflow_plugins, limits=limits)


def prepare(settings: Settings, context: Context) -> None:
    """Migrate the database, declare the environment with its pool, and write every pointer."""
    make_home(settings.home)
    context.mirrors.mkdir(mode=0o700, exist_ok=True)  # source code that not every account may read
    context.database.migrate()
    follow_settings(context, *_environment(settings))


def watch_of(settings: Settings, context: Context) -> FileWatch:
    """The look-out for the declarative file of the settings, else for one in this folder."""
    candidates = [path.absolute() for path in file_candidates(settings)]
    interval = parse_interval(settings.sync_interval)
    rules = FileRules(
        variables=file_variables(),
        sync_interval_s=int(interval.total_seconds()),
        may_remove=settings.allow_removals,
    )
    return FileWatch(context, candidates, rules, must_exist=settings.file is not None)


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A declarative file that was read without a server; `declared` is None where it is wrong.
    `refused_here`: why the settings here, which may not be the server's, refuse a repository."""

    path: str
    declared: Declaration | None
    findings: tuple[Finding, ...]
    refused_here: Mapping[str, AppError]


def check_declaration(file: Path | None, environments: list[str] | None) -> CheckedFile:
    """Read a declarative file as a worker here would; `environments` are there without it.

    None means the file of the settings, and the environment of the settings. Raises Invalid CFG009
    where there is no such file.
    """
    settings = load_settings()
    candidates = [file] if file else file_candidates(settings)
    found = next((path for path in candidates if path.is_file()), candidates[0])
    try:
        content = found.read_bytes()
    except OSError as error:
        raise Invalid(
            "CFG009",
            f"the file {str(found)!r} cannot be read: {error.strerror}",
            "Name it: windlass config check FILE",
        ) from error
    around = Surroundings(
        file_variables(),
        tuple(Environment(name) for name in environments or [settings.environment]),
        int(parse_interval(settings.sync_interval).total_seconds()),
    )
    declared, findings = read_declaration(found.name, content, around)
    boundary = Boundary(settings.allowed_hosts, settings.allow_file_urls, network_of(settings))
    told = {
        one.name: refused_here(parse_remote_url(one.url), boundary)
        for one in (declared.repositories if declared else ())
    }
    refused = {name: error for name, error in told.items() if error is not None}
    return CheckedFile(found.name, declared, findings, refused)


def find_environment(name: str) -> Environment | None:
    """An environment of the declarative file that a worker here would read; None without a file.

    Raises Invalid CLI026 where the file cannot be read to its end, CLI027 where it has no such
    environment.
    """
    candidates = file_candidates(load_settings())
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        return None
    declared = check_declaration(found, None).declared
    if declared is None:
        hint = f"windlass config check {found.name} tells what."
        raise Invalid("CLI026", f"something is wrong with {str(found)!r}", hint)
    named = {one.name: one for one in declared.environments}
    if name not in named:
        message = f"{str(found)!r} has no environment {name!r}"
        raise Invalid("CLI027", message, suggest(name, named, "It has"))
    return named[name]


def file_candidates(settings: Settings) -> list[Path]:
    """Where the declarative file is looked for, in this order."""
    return [settings.file] if settings.file else [Path(name).absolute() for name in FILE_NAMES]


def installation_of(settings: Settings, url: str) -> Installation:
    """What a backup of this installation holds."""
    secret = {name for name in Settings.model_fields if "url" in name or name.endswith("_file")}
    return Installation(
        home=settings.home,
        database_url=url,
        store_file=settings.home / "store" / "store.json",
        keys={
            "secret-keys": settings.key_file,
            "audit-key": settings.home / "audit-key",
            "release-key": settings.home / "release-key",
            "api-token": settings.token_file,
        },
        settings=settings.model_dump(mode="json", exclude=secret | {"home"}),
    )


def haystack_of(settings: Settings, logs: Sequence[Path]) -> Haystack:
    """Where secrets of this installation must not be."""
    keys = {
        "api-token": settings.token_file,
        "origin-token": settings.origin_token,
        "secret-keys": settings.key_file,
        "audit-key": settings.home / "audit-key",
        "release-key": settings.home / "release-key",
    }
    named = {
        "metrics-token": settings.metrics_token_file,
        "vault-token": settings.vault_token_file,
        "vault-role": settings.vault_role_file,
        "onepassword-token": settings.onepassword_token_file,
        "airflow-password": settings.airflow_password_file,
        "proxy-login": settings.proxy_login_file,
        "backup-passphrase": settings.backup_passphrase_file,
    }
    more = {name: path for name, path in named.items() if path is not None}
    return Haystack(settings.home, {**keys, **more}, logs)


def nightly_of(settings: Settings, installation: Installation) -> Nightly | None:
    """The nightly backup that the settings ask for; None where they ask for none."""
    if not settings.backup_keep:
        return None
    passphrase = passphrase_of(settings)
    return Nightly(installation, settings.backup_hour, settings.backup_keep, passphrase)


def passphrase_of(settings: Settings) -> str | None:
    """The passphrase for keys in backups, None where there is none; Invalid CFG020 where its file
    cannot be read, or is empty."""
    path = settings.backup_passphrase_file
    if path is None:
        return None
    try:
        passphrase = path.read_text().strip()
    except OSError as error:
        raise Invalid(
            "CFG020", f"the passphrase file {str(path)!r} cannot be read: {error.strerror}"
        ) from error
    if not passphrase:
        raise Invalid("CFG020", f"the passphrase file {str(path)!r} is empty")
    return passphrase


def _environment(settings: Settings) -> tuple[Environment, Login | None]:
    """The environment that the settings describe, and the user and password of its Airflow."""
    described = Environment(settings.environment, bundles=settings.bundles)
    if settings.airflow_url is None:
        return described, None
    path = settings.airflow_password_file
    if path is None:
        raise Invalid(
            "CFG002",
            "WINDLASS_AIRFLOW_URL is set and WINDLASS_AIRFLOW_PASSWORD_FILE is not",
            "Put the password of the Airflow user into a file and name it.",
        )
    try:
        password = path.read_text().strip()
    except OSError as error:
        raise Invalid(
            "CFG003",
            f"the file {str(path)!r} of WINDLASS_AIRFLOW_PASSWORD_FILE cannot be read: "
            f"{error.strerror}",
        ) from error
    described = replace(described, airflow_url=settings.airflow_url)
    return described, Login(settings.airflow_username, password)
