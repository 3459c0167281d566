"""The settings, and the only reader of the environment and of .env.

`.env` in the working folder, then the environment, then flags: the later wins. docs/settings.md
is made from the descriptions here.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from windlass.domain.errors import Invalid


class Settings(BaseSettings):
    """Every setting, with its default. The variable of `home` is WINDLASS_HOME, and so on."""

    model_config = SettingsConfigDict(
        env_prefix="WINDLASS_", env_file=".env", extra="ignore", frozen=True
    )

    home: Path = Field(Path(".windlass"), description="The folder of everything Windlass keeps.")
    database_url: SecretStr | None = Field(
        None,
        description="A PostgreSQL of yours, postgresql://…; without it Windlass runs its own.",
    )
    api_port: int = Field(8470, ge=1, le=65535, description="The port of the API, on 127.0.0.1.")
    api_url: str | None = Field(
        None, description="Where the command line finds the API; default http://127.0.0.1:API_PORT."
    )
    api_token_file: Path | None = Field(
        None,
        description="The file with the API token; default HOME/api-token, made at first start.",
    )
    secret_key_file: Path | None = Field(
        None,
        description="The keys that encrypt credentials; default HOME/secret-keys, made at need.",
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
        None, description="Airflow's interpreter: DAG files must compile under its Python."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Git hosts, addresses or networks that may be private, separated by commas.",
    )
    sync_interval: str = Field("60s", description="How often a repository is polled by default.")
    concurrency: int = Field(4, ge=1, le=24, description="How many repositories sync at a time.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="json, console, or auto: console on a terminal."
    )

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("database_url", mode="after")
    @classmethod
    def _check_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("expected postgresql://USER:PASSWORD@HOST/DATABASE")
        return value

    @property
    def token_file(self) -> Path:
        return self.api_token_file or self.home / "api-token"

    @property
    def key_file(self) -> Path:
        return self.secret_key_file or self.home / "secret-keys"

    @property
    def client_url(self) -> str:
        return (self.api_url or f"http://127.0.0.1:{self.api_port}").rstrip("/")


def load_settings(**flags: Any) -> Settings:
    """The settings in force; flags that are None count as not given.

    Raises Invalid CFG001 with every bad value at once, none of them quoted in full: a value may be
    a secret.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        lines = [
            f"WINDLASS_{str(problem['loc'][0]).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise Invalid(
            "CFG001",
            "; ".join(lines),
            "Correct them in the environment or in .env; .env.sample explains each.",
        ) from None
    return settings.model_copy(update={"home": settings.home.absolute()})


def process_environment() -> dict[str, str]:
    """A copy of this process's environment, for children that need one."""
    return dict(os.environ)
