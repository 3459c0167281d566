"""`windlass backup` and `windlass restore`: on the machine of the installation, not by the API."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from windlass.domain.errors import Invalid
from windlass.entrypoints.cli.render import say

if TYPE_CHECKING:
    from windlass.engine.backup import Installation
    from windlass.settings import Settings

Phrase = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="A file with the passphrase for the keys; default: WINDLASS_BACKUP_PASSPHRASE_FILE.",
    ),
]


def backup(
    file: Annotated[
        Path | None, typer.Argument(help="Where to; default: HOME/backups, named by the time.")
    ] = None,
    passphrase_file: Phrase = None,
) -> None:
    """Back up into one file: database and settings.

    With a passphrase also the keys. The file's mode is 0600.

    Everything may run meanwhile. Without a passphrase keep HOME/secret-keys, audit-key and
    release-key elsewhere yourself: stored passwords cannot be read without them.
    """
    from datetime import UTC, datetime

    from windlass.app import passphrase_of
    from windlass.engine.backup import backup_name, make_backup

    settings = _settings(passphrase_file)
    with _installation(settings, alone=False) as installation:
        target = file or installation.folder / backup_name(datetime.now(UTC))
        made = make_backup(installation, target.absolute(), passphrase=passphrase_of(settings))
    keys = "the keys, encrypted" if made.has_keys else "no keys: keep those in HOME yourself"
    say(
        f"Wrote {target}: {made.repositories} repositories, release #{made.newest_release}, {keys}."
    )


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `windlass backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is here; it is backed up first.")
    ] = False,
    passphrase_file: Phrase = None,
) -> None:
    """Make a backup the state of this installation. Nothing of Windlass may run.

    The file is checked first. If anything fails, what was here stays. Release numbers go on above
    every number that was used, and `windlass up` releases again what the store shows otherwise.
    """
    import getpass

    from windlass.app import passphrase_of, store_of
    from windlass.engine.restore import opened
    from windlass.engine.restore import restore as restore_into

    settings = _settings(passphrase_file)
    with opened(file):
        pass  # what cannot be restored is refused before a server is started
    with _installation(settings, alone=True) as installation:
        found = restore_into(
            file,
            installation,
            store_of(settings),
            actor=f"{getpass.getuser()} on this machine",
            force=force,
            passphrase=passphrase_of(settings),
        )
    say(f"Restored {found.repositories} repositories as of {found.made_at}.")
    if not found.has_keys:
        say("  The backup has no keys. If HOME/secret-keys is not the one of then, put it back.")
    say("  Rollbacks and holds made since are forgotten: look at the repositories after the start.")


def _settings(passphrase_file: Path | None) -> "Settings":
    from windlass.settings import load_settings

    return load_settings(backup_passphrase_file=passphrase_file)


@contextmanager
def _installation(settings: "Settings", *, alone: bool) -> "Iterator[Installation]":
    """The installation with its database server running; one that we start is stopped again."""
    from windlass.app import installation_of
    from windlass.entrypoints.running import be_alone
    from windlass.home import embedded_postgres, make_home

    if not alone and not settings.home.exists():
        raise Invalid(
            "CFG021",
            f"there is nothing at {str(settings.home)!r}",
            "Call it in the folder of your installation, or set WINDLASS_HOME.",
        )
    make_home(settings.home)
    if settings.database_url is not None:
        with be_alone(settings.home) if alone else nullcontext():
            direct = settings.database_direct_url or settings.database_url
            yield installation_of(settings, direct.get_secret_value())
        return
    postgres = embedded_postgres(settings)
    if not alone and postgres.is_running():
        yield installation_of(settings, postgres.url())
        return
    with be_alone(settings.home):
        try:
            yield installation_of(settings, postgres.start())
        finally:
            postgres.stop()
