"""Builds everything from Settings. The only place where adapters meet."""

import sys
import uuid
from pathlib import Path

from windlass.artifacts.store import Store
from windlass.credentials.keyring import Keyring
from windlass.database.connection import Database
from windlass.database.embedded import EmbeddedPostgres
from windlass.database.jobs import Jobs
from windlass.domain.errors import Invalid
from windlass.engine.context import Context
from windlass.engine.tick import declare
from windlass.sandbox.checker import Checker
from windlass.settings import Settings
from windlass.stack.airflow import bundle_names
from windlass.targets.airflow import AirflowClient


def embedded_postgres(settings: Settings) -> EmbeddedPostgres:
    """The server that Windlass runs where no database URL is set."""
    return EmbeddedPostgres(settings.home / "postgres")


def make_home(home: Path) -> None:
    """Make the folder of everything Windlass keeps, whatever the umask: Airflow's account may pass
    through it to the store, and nobody else may write. Raises Invalid CFG007 where others may."""
    if not home.exists():
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o711)
    if home.stat().st_mode & 0o022:
        raise Invalid(
            "CFG007",
            f"other accounts may write in {str(home)!r}, where keys and tokens are kept",
            f"chmod go-w {home}",
        )


def open_database(settings: Settings) -> Database:
    """The database in use; raises Unavailable where the embedded server is not running."""
    url = settings.database_url
    text = url.get_secret_value() if url else embedded_postgres(settings).url()
    return Database(text, pool_size=settings.concurrency + 8)


def store_of(settings: Settings) -> Store:
    """The store that Airflow mounts."""
    return Store(settings.home / "store")


def build_context(settings: Settings, database: Database) -> Context:
    """The adapters of one process. Nothing is contacted yet."""
    return Context(
        database=database,
        jobs=Jobs(),
        store=store_of(settings),
        mirrors=settings.home / "mirrors",
        checker=Checker(settings.airflow_python or Path(sys.executable)),
        keyring=Keyring(settings.key_file),
        airflows=_airflows(settings),
        allowed_hosts=settings.allowed_hosts,
    )


def prepare(settings: Settings, context: Context) -> None:
    """Migrate the database, declare the environment with its pool, and write every pointer."""
    make_home(settings.home)
    context.mirrors.mkdir(mode=0o700, exist_ok=True)  # source code that not every account may read
    context.database.migrate()
    declare(context, settings.environment, str(uuid.uuid4()), bundle_names(settings.bundles))


def _airflows(settings: Settings) -> dict[str, AirflowClient]:
    if settings.airflow_url is None:
        return {}
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
    client = AirflowClient(settings.airflow_url, settings.airflow_username, password)
    return {settings.environment: client}
