"""The settings, and the only reader of the environment and of .env.

`.env` in the working folder, then the environment, then flags: the later wins. docs/settings.md
is made from the descriptions here.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from windlass.domain.errors import Invalid
from windlass.domain.repository import parse_interval
from windlass.domain.wording import complaint

PREFIX = "WINDLASS_"
ENV_FILE = ".env"
_PROXY = re.compile(r"http://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}/?")


class Settings(BaseSettings):
    """Every setting, with its default. The variable of `home` is WINDLASS_HOME, and so on."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", frozen=True
    )

    home: Path = Field(Path(".windlass"), description="The folder of everything Windlass keeps.")
    database_url: SecretStr | None = Field(
        None,
        description="A PostgreSQL of yours, postgresql://…; without it Windlass runs its own.",
    )
    database_direct_url: SecretStr | None = Field(
        None,
        description="The same database past a pooler such as PgBouncer, to which "
        "WINDLASS_DATABASE_URL leads: for the queue and for backups.",
    )
    embedded_db: bool = Field(
        False,
        description="Whether Windlass may run its own PostgreSQL in a container that keeps HOME on "
        "no volume, and loses it with the container.",
    )
    api_port: int = Field(8470, ge=1, le=65535, description="The port of the API, on 127.0.0.1.")
    api_url: str | None = Field(
        None, description="Where the command line finds the API; default http://127.0.0.1:API_PORT."
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$",
        description="Where people and Git hosts reach this Windlass, such as https://windlass.example.",
    )
    api_token_file: Path | None = Field(
        None,
        description="The file with the API token; default HOME/api-token, made at first start.",
    )
    origin_token_file: Path | None = Field(
        None,
        description="The token that Airflow hosts without a mounted store show; default "
        "HOME/origin-token, made at first start.",
    )
    secret_key_file: Path | None = Field(
        None,
        description="The keys that encrypt credentials; default HOME/secret-keys, made at need.",
    )
    secret_keys: SecretStr | None = Field(
        None,
        description="Those keys themselves in place of the file, newest first, with spaces between "
        "them: for where secrets come as variables.",
    )
    metrics_token_file: Path | None = Field(
        None,
        description="A file with the token that /metrics asks for, made with mode 0600 if it is "
        "not there; without it /metrics is open.",
    )
    environment: str = Field(
        "default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="The name of the environment."
    )
    bundles: int = Field(
        16, ge=1, le=256, description="How many DAG bundles Airflow is given, one per repository."
    )
    airflow_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$",
        description="Airflow's address; without it releases are published but not seen live.",
    )
    airflow_username: str = Field("windlass", description="The Airflow user, with the role user.")
    airflow_password_file: Path | None = Field(
        None, description="The file with the password of that user."
    )
    airflow_python: Path | None = Field(
        None,
        description="Airflow's interpreter: DAG files must compile under its Python, and can be "
        "imported by its Airflow.",
    )
    airflow_plugins: Path | None = Field(
        None, description="Airflow's plugins folder, from which DAG files may import."
    )
    sandbox_tier: Literal["namespaces", "landlock", "limits"] = Field(
        "landlock",
        description="The weakest confinement of imports that is good enough; see docs/sandbox.md.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts of Git and of Airflow, .domains, addresses or networks that may be "
        "private, by commas; through a proxy no others are asked.",
    )
    ca_file: Path | None = Field(
        None,
        description="A PEM file with certificate authorities to believe beside the system's.",
    )
    https_proxy: str | None = Field(
        None, description="The proxy for https:// URLs of Git hosts and Airflow: http://HOST:PORT."
    )
    http_proxy: str | None = Field(
        None, description="The proxy for http:// URLs of Git hosts: http://HOST:PORT."
    )
    no_proxy: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts, domains, addresses or networks that no proxy leads to, by commas.",
    )
    proxy_login_file: Path | None = Field(
        None, description="A file with USER:PASSWORD for both proxies."
    )
    file: Path | None = Field(
        None,
        description="The declarative file; default windlass.yaml or airflow-repos.yaml, if it is "
        "in the working folder. /dev/null: none.",
    )
    allow_removals: bool = Field(
        False, description="Whether the declarative file may remove most of its repositories."
    )
    allow_file_urls: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="Folders of this machine below which file:// URLs may be read, by commas.",
    )
    max_fetch_mb: int = Field(
        2000, ge=1, description="How many megabytes one fetch of a repository may bring."
    )
    mirror_quota_mb: int = Field(
        20_000,
        ge=1,
        description="How many megabytes the mirrors of one worker may take; the least used go.",
    )
    sync_interval: str = Field("60s", description="How often a repository is polled by default.")
    hooked_interval: str | None = Field(
        None,
        description="How often a repository is polled whose Git host calls its webhook, such as "
        "10m; without it as any other. One that falls silent is polled every 10 s.",
    )
    concurrency: int = Field(4, ge=1, le=24, description="How many repositories sync at a time.")
    keep_releases: int = Field(
        20,
        ge=2,
        le=10_000,
        description="How many releases of a repository stay, whatever their age.",
    )
    history_days: int = Field(
        365,
        ge=1,
        le=36_500,
        description="How many days of history stay: events, verdicts, revisions, holds, "
        "waivers, results of imports, and releases that left the store. What is live, kept, held "
        "or under review keeps its own. The audit is never cut.",
    )
    backup_hour: int = Field(
        2, ge=0, le=23, description="The hour (UTC) after which the database is backed up nightly."
    )
    backup_keep: int = Field(
        7, ge=0, le=1000, description="How many nightly backups stay; 0 makes none."
    )
    backup_passphrase_file: Path | None = Field(
        None,
        description="A file with a passphrase: backups hold the keys too, encrypted with it.",
    )
    signers: Path | None = Field(
        None,
        description="The folder with the signers of verified commits (docs/trust.md); default "
        "HOME/signers.",
    )
    vault_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$",
        description="A HashiCorp Vault or OpenBao that holds secrets of credentials (store vault).",
    )
    vault_token_file: Path | None = Field(
        None, description="A file with the token for it, read at each use."
    )
    vault_role_file: Path | None = Field(
        None, description="A file with ROLE_ID:SECRET_ID of an AppRole there, in place of a token."
    )
    onepassword_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$",
        description="A 1Password Connect server that holds secrets (store onepassword).",
    )
    onepassword_token_file: Path | None = Field(
        None, description="A file with the access token for it, read at each use."
    )
    aws_region: str | None = Field(
        None,
        pattern=r"^[a-z0-9-]{1,40}$",
        description="The region of an AWS Secrets Manager that holds secrets (store aws); needs "
        "windlass[aws].",
    )
    aws_endpoint_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$",
        description="Its address, where that is not the region's own.",
    )
    azure_vault_url: str | None = Field(
        None,
        pattern=r"^https://[^/\s?#@]+/?$",
        description="An Azure Key Vault that holds secrets (store azure); needs windlass[azure].",
    )
    credential_days: int = Field(
        180,
        ge=1,
        le=36_500,
        description="How many days old a secret may be before `windlass doctor` warns.",
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="json, console, or auto: console on a terminal."
    )

    @field_validator("allowed_hosts", "allow_file_urls", "no_proxy", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("database_url", "database_direct_url", mode="after")
    @classmethod
    def _check_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("expected postgresql://USER:PASSWORD@HOST/DATABASE")
        return value

    @field_validator("https_proxy", "http_proxy", mode="after")
    @classmethod
    def _check_proxy(cls, value: str | None) -> str | None:
        if value is not None and not _PROXY.fullmatch(value):
            raise ValueError(
                "expected http://HOST:PORT; a user and password go into a file, which "
                "WINDLASS_PROXY_LOGIN_FILE names"
            )
        return value

    @field_validator("sync_interval", "hooked_interval", mode="after")
    @classmethod
    def _check_interval(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parse_interval(value)
        except Invalid:
            raise ValueError("expected a whole number with s, m or h, from 1s to 24h") from None
        return value

    @property
    def token_file(self) -> Path:
        return self.api_token_file or self.home / "api-token"

    @property
    def origin_token(self) -> Path:
        return self.origin_token_file or self.home / "origin-token"

    @property
    def key_file(self) -> Path:
        return self.secret_key_file or self.home / "secret-keys"

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """Every file that holds a key, a token or a password, whether it is there or not."""
        named = (
            self.token_file,
            self.origin_token,
            self.key_file,
            self.metrics_token_file,
            self.airflow_password_file,
            self.proxy_login_file,
            self.backup_passphrase_file,
        )
        made = (self.home / "release-key", self.home / "audit-key", self.home / "postgres/password")
        return (*(file for file in named if file is not None), *made)

    @property
    def client_url(self) -> str:
        return (self.api_url or f"http://127.0.0.1:{self.api_port}").rstrip("/")


class SourceKind(StrEnum):
    """Where a setting's value comes from; the later wins."""

    DEFAULT = "default"
    ENV_FILE = ".env"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value was set; `line` counts from 1, in .env only."""

    kind: SourceKind
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.line}" if self.line else self.kind.value


@dataclass(frozen=True, slots=True)
class Unknown:
    """A variable that begins with WINDLASS_ and is no setting; `nearest` is one that it resembles,
    and is then refused at every start."""

    variable: str
    source: Source
    nearest: str | None


def load_settings(**flags: Any) -> Settings:
    """The settings in force; flags that are None count as not given.

    Raises Invalid CFG001 with every bad value and every misspelt variable at once, each with where
    it was set, none of the values quoted in full: a value may be a secret.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    lines = [
        f"{one.variable} ({one.source}): there is no such setting, did you mean {one.nearest}?"
        for one in unknown_variables()
        if one.nearest
    ]
    try:
        settings = Settings(**given)
    except ValidationError as error:
        sources = sources_of(flags)
        for problem in error.errors(include_input=False, include_url=False):
            name = str(problem["loc"][0])
            words = complaint(problem["type"], problem["msg"], problem.get("ctx", {}))
            lines.append(f"{variable_of(name)} ({sources[name]}): {words}")
    if lines:
        raise Invalid(
            "CFG001",
            "\n".join(lines),
            "Correct them where they are set; .env.sample explains each.",
        )
    return settings.model_copy(update={"home": settings.home.absolute()})


@dataclass(frozen=True, slots=True)
class Explained:
    """One setting as it holds now; `value` is as JSON has it, *** for a secret, None for none."""

    name: str
    value: Any
    source: Source
    description: str

    @property
    def variable(self) -> str:
        return variable_of(self.name)


def explain_settings(**flags: Any) -> list[Explained]:
    """Every setting in force, with where it comes from; raises as `load_settings` does."""
    values = load_settings(**flags).model_dump(mode="json")
    sources = sources_of(flags)
    return [
        Explained(
            name,
            "***" if _is_secret(field) and values[name] is not None else values[name],
            sources[name],
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def describe_settings(settings: Settings, changed: Mapping[str, str]) -> dict[str, Any]:
    """Settings as JSON, such that another process may be given them: paths are absolute, what is
    secret or has no value is left out. `changed` are variables with other values."""
    found = {
        name: value.absolute() if isinstance(value, Path) else value
        for name, value in settings
        if value is not None and not _is_secret(Settings.model_fields[name])
    }
    found |= {name.removeprefix(PREFIX).lower(): value for name, value in changed.items()}
    told: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return told


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in (get_args(field.annotation) or (field.annotation,))


def variable_of(name: str) -> str:
    """The environment variable of a setting.

    >>> variable_of("home")
    'WINDLASS_HOME'
    """
    return f"{PREFIX}{name.upper()}"


def sources_of(flags: Mapping[str, Any]) -> dict[str, Source]:
    """Setting → where its value comes from, good or bad; flags that are None were not given."""
    sources = dict.fromkeys(Settings.model_fields, Source(SourceKind.DEFAULT))
    for variable, source in _variables().items():
        name = variable.removeprefix(PREFIX).lower()
        if name in sources:
            sources[name] = source
    given = [name for name, value in flags.items() if value is not None]
    return sources | dict.fromkeys(given, Source(SourceKind.FLAG))


def unknown_variables() -> list[Unknown]:
    """Every variable with our prefix that is no setting, by name."""
    known = list(Settings.model_fields)
    unknown = []
    for variable, source in sorted(_variables().items()):
        name = variable.removeprefix(PREFIX).lower()
        if name not in known:
            near = get_close_matches(name, known, 1, 0.8)
            unknown.append(Unknown(variable, source, variable_of(near[0]) if near else None))
    return unknown


def _variables() -> dict[str, Source]:
    """Every variable with our prefix, in upper case as pydantic-settings takes them → its source;
    of a name in both places, the environment's."""
    found: dict[str, Source] = {}
    for line, name, _ in _env_file():
        if name.upper().startswith(PREFIX):
            found[name.upper()] = Source(SourceKind.ENV_FILE, line)
    for name in os.environ:
        if name.upper().startswith(PREFIX):
            found[name.upper()] = Source(SourceKind.ENVIRONMENT)
    return found


def _env_file() -> Iterator[tuple[int, str, str]]:
    """Line, name and value of each assignment in .env, in their order."""
    from dotenv.parser import parse_stream

    try:
        text = Path(ENV_FILE).read_text("utf-8")
    except OSError:
        return
    for binding in parse_stream(StringIO(text)):
        if binding.key is not None and binding.value is not None:
            blank = len(binding.original.string) - len(binding.original.string.lstrip())
            line = binding.original.line + binding.original.string[:blank].count("\n")
            yield line, binding.key, binding.value


def file_variables() -> dict[str, str]:
    """What `${NAME}` in the declarative file may name: .env, then the environment; the later
    wins. None of our own settings, which the file has no use for."""
    named = {name: value for _, name, value in _env_file()} | dict(os.environ)
    return {name: value for name, value in named.items() if not name.upper().startswith(PREFIX)}


def process_environment() -> dict[str, str]:
    """A copy of this process's environment, for children that need one."""
    return dict(os.environ)


def outer_environment() -> dict[str, str]:
    """The same without our settings, some of which are secrets: for children that are not ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
