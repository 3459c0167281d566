"""Who signed a commit: OpenPGP and ssh signatures, against signers that the control side names.

git runs gpg or ssh-keygen, with keys of ours alone: no keyring or configuration of this account.
What it says of a signature is the `%G?` of git-log(1).
"""

import re
import shutil
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from windlass.domain.digest import digest_bytes, digest_json
from windlass.domain.errors import Unavailable
from windlass.git.process import PATH, Access, GitFailed, run_git, run_program

ALLOWED_SIGNERS = "allowed_signers"
GPG_KEYS = "gpg-keys.asc"
_SIGNATURE = re.compile(rb"^gpgsig(?:-sha256)? -----BEGIN ([A-Z ]+)-----$", re.MULTILINE)
_FORM = "%G?%n%GS%n%GF%n%GK"


class Standing(StrEnum):
    """What a signature is worth."""

    GOOD = "good"
    NONE = "none"  # the commit is not signed
    UNKNOWN = "unknown"  # by a key that no signer has
    BAD = "bad"  # it is not of this commit, or its key ended or was revoked


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed: `signer` as the control side calls them, `key` what can be compared; both empty
    where that is not known."""

    standing: Standing
    signer: str = ""
    key: str = ""


class Signers:
    """Whose signatures count: the files `allowed_signers` (ssh-keygen(1), ALLOWED SIGNERS) and
    `gpg-keys.asc` (armored public keys) of a folder, either of which may be missing.

    Raises Unavailable GIT030 where a file cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def is_empty(self) -> bool:
        return not (self._read(ALLOWED_SIGNERS) or self._read(GPG_KEYS))

    @property
    def digest(self) -> str:
        """Changes whenever somebody is added or taken away."""
        return digest_json([digest_bytes(self._read(name)) for name in (ALLOWED_SIGNERS, GPG_KEYS)])

    def verify(self, git_dir: Path, commit: str) -> Signature:
        """Who signed the commit. Raises Unavailable GIT029 where gpg or ssh-keygen is missing, or
        cannot read the keys."""
        whole = run_git(["cat-file", "commit", commit], git_dir=git_dir)
        found = _SIGNATURE.search(whole.partition(b"\n\n")[0])
        if found is None:
            return Signature(Standing.NONE)
        if found[1] == b"SSH SIGNATURE":
            return self._by_ssh(git_dir, commit)
        if found[1] == b"PGP SIGNATURE":
            return self._by_gpg(git_dir, commit)
        return Signature(Standing.UNKNOWN)  # of S/MIME, which has no signers here

    def _by_ssh(self, git_dir: Path, commit: str) -> Signature:
        _here("ssh-keygen")
        with tempfile.NamedTemporaryFile() as file:
            file.write(self._read(ALLOWED_SIGNERS))
            file.flush()
            access = Access({"gpg.ssh.allowedSignersFile": file.name})
            mark, signer, key, _ = _shown(git_dir, commit, access)
        standing = {"G": Standing.GOOD, "U": Standing.UNKNOWN}.get(mark, Standing.BAD)
        return Signature(standing, signer, key)

    def _by_gpg(self, git_dir: Path, commit: str) -> Signature:
        program, keys = _here("gpg"), self._read(GPG_KEYS)
        with tempfile.TemporaryDirectory(prefix="windlass-gpg-") as home:
            options = ["--batch", "--quiet", "--no-autostart", "--no-tty", "--homedir", home]
            environment = {"PATH": PATH, "LC_ALL": "C", "HOME": home}
            try:
                if keys:
                    run_program([program, *options, "--import"], environment, stdin=keys)
            except GitFailed as failure:
                raise Unavailable(
                    "GIT029",
                    f"gpg cannot read {self.folder / GPG_KEYS}: {failure.stderr.strip()[-300:]}",
                    "Write them anew: gpg --armor --export ADDRESS …",
                ) from None
            access = Access(environment={"GNUPGHOME": home})
            mark, signer, print_, key = _shown(git_dir, commit, access)
        # U is a good one too: nobody signed the keys of these files, the control side chose them.
        known = {"G": Standing.GOOD, "U": Standing.GOOD, "E": Standing.UNKNOWN}
        return Signature(known.get(mark, Standing.BAD), signer, print_ or key)

    def _read(self, name: str) -> bytes:
        file = self.folder / name
        try:
            return file.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            words = f"the signers in {file} cannot be read: {error.strerror}"
            raise Unavailable("GIT030", words, "Check its path and mode.") from error


def _shown(git_dir: Path, commit: str, access: Access) -> list[str]:
    arguments = ["show", "-s", f"--format={_FORM}", "--end-of-options", commit]
    said = run_git(arguments, git_dir=git_dir, access=access).decode("utf-8", "replace")
    return [line.strip() for line in said.split("\n")[:4]]


def _here(program: str) -> str:
    found = shutil.which(program, path=PATH)
    if found is None:
        raise Unavailable(
            "GIT029",
            f"signatures cannot be verified: {program} is not installed here",
            "Install it where the worker runs (Debian: gnupg, openssh-client).",
        )
    return found
