"""The folder of everything Windlass keeps: the folder itself, its tokens, the server in it.

`windlass up` lives as long as its children and needs no more than this: what is imported here is
memory that it holds for ever.
"""

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from windlass.database.embedded import EmbeddedPostgres
from windlass.domain.errors import Invalid
from windlass.settings import Settings

RUNNING = "up.lock"
"""The file of a home that its `windlass up` keeps locked, with the settings that it runs by."""


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


def settings_that_run(home: Path) -> dict[str, Any]:
    """The settings that the `windlass up` of this home gave its parts, but for those that hold
    secrets; none where none runs, and the last one's where it was killed."""
    with suppress(OSError, ValueError):
        found = json.loads((home / RUNNING).read_bytes())
        return {name: value for name, value in found.items() if name in Settings.model_fields}
    return {}


def check_database(settings: Settings, mounts: Path = Path("/proc/self/mountinfo")) -> None:
    """Raise Invalid CFG025 where the embedded database would be lost with the container, CFG026
    where only one of two addresses of a database is set."""
    if settings.database_url is not None:
        return
    if settings.database_direct_url is not None:
        raise Invalid(
            "CFG026",
            "WINDLASS_DATABASE_DIRECT_URL is set, and WINDLASS_DATABASE_URL is not",
            "Set WINDLASS_DATABASE_URL to the pooler, or to the same server where there is none.",
        )
    if not settings.embedded_db and _is_lost(settings.home, mounts):
        raise Invalid(
            "CFG025",
            f"{str(settings.home)!r} is on the container's own layer: the database in it is gone "
            "with the container",
            "Mount a volume there, or set WINDLASS_DATABASE_URL. If it may be lost: windlass up "
            "--embedded-db",
        )


def _is_lost(home: Path, mounts: Path) -> bool:
    """Whether a folder lies on an overlay, as the writable layer of a container does and a volume
    does not; False where the system does not tell."""
    try:
        device = home.stat().st_dev
        rows = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return False
    place = f"{os.major(device)}:{os.minor(device)}"
    kinds = [row[row.index("-") + 1] for row in rows if row[2] == place]
    return any(kind.endswith(("overlay", "overlayfs")) for kind in kinds)


def ensure_token(path: Path) -> str:
    """The token of the file, made with mode 0600 where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(fd, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    token = path.read_text().strip()
    if not token:
        raise Invalid(
            "CFG004",
            f"the token file {str(path)!r} is empty",
            "Delete it; a new one is made at the next start.",
        )
    return token


def embedded_postgres(settings: Settings) -> EmbeddedPostgres:
    """The server that Windlass runs where no database URL is set."""
    return EmbeddedPostgres(settings.home / "postgres")
