"""Who runs PostgreSQL: we, or as root an account with fewer rights."""

import contextlib
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from windlass.domain.errors import Invalid, Unavailable

USE_ANOTHER = "or set WINDLASS_DATABASE_URL to a PostgreSQL of your own"
_RUN_LIMIT_S = 180.0

# The server's environment shows in /proc to its account: none of ours may reach it.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Account:
    """An account of the user database; it is ours unless we are root."""

    name: str
    uid: int
    gid: int

    def run(
        self, argv: list[str], *, text: str = "", inherited: int | None = None, output: int = -1
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program in a session of its own and return all that it printed.

        `inherited` is a descriptor that its processes keep, `output` one to print to instead.
        Raises Unavailable after 180 s.
        """
        try:
            return subprocess.run(
                argv,
                check=False,
                input=text,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_RUN_LIMIT_S,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
                pass_fds=() if inherited is None else (inherited,),
                user=self.uid if self.is_other else None,
                group=self.gid if self.is_other else None,
                extra_groups=[] if self.is_other else None,
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable("PG006", f"{argv[0]}: not finished after 180 s.") from error

    def make_folder(self, place: Path) -> None:
        """Make `place`, which only the account may enter, and its missing parents, all of them its.

        Raises Invalid where the account cannot enter a parent.
        """
        closed = self._closed_parent(place)
        if closed:
            raise Invalid(
                "PG003",
                f"{place}: PostgreSQL does not run as root, and the account {self.name!r} that"
                f" shall run it cannot enter {closed!r}.",
                "Set WINDLASS_HOME to a folder that it can enter, such as /var/lib/windlass, or"
                f" run Windlass as a user that is not root, {USE_ANOTHER}.",
            )
        for part in [*reversed(place.parents), place]:
            if not part.exists():
                part.mkdir(0o700 if part == place else 0o711, exist_ok=True)
                self.take(part)
        self.take(place)

    def take(self, place: Path) -> None:
        """Give `place` itself, never what a link points to, to the account."""
        if self.is_other:
            os.chown(place, self.uid, self.gid, follow_symlinks=False)

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def _closed_parent(self, place: Path) -> str:
        if not self.is_other:
            return ""
        # Modes do not tell the whole truth (ACLs, security modules, mounts): the account tries.
        script = 'for d; do [ -x "$d" ] || { printf %s "$d"; exit; }; done'
        chain = [str(part) for part in reversed(place.parents) if part.exists()]
        return self.run(["/bin/sh", "-c", script, "sh", *chain]).stdout


def account_for(folder: Path, fallback: str) -> Account:
    """Return who shall run the server: us, or as root the owner of the folder's nearest parent.

    `fallback` is for root where that owner is root too, or has no name, which initdb needs and
    the owner of a mounted folder may lack. Raises Invalid where there is none either.
    """
    us = os.geteuid()
    uid = us or next(one for one in (folder, *folder.parents) if one.exists()).stat().st_uid
    with contextlib.suppress(KeyError):
        if uid:
            entry = pwd.getpwuid(uid)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    with contextlib.suppress(KeyError):
        if not us:
            entry = pwd.getpwnam(fallback)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise Invalid(
        "PG004",
        f"The user database has no account {us or repr(fallback)} that could run PostgreSQL,"
        " which refuses to run as root or without a name.",
        f"Run Windlass as another user, {USE_ANOTHER}.",
    )
