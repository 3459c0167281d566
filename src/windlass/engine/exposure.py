"""Looks for every stored secret wherever it must not be, and never shows one.

A secret is looked for as it is, URL-encoded, in JSON, in hexadecimal and in base64. What is only in
memory of processes is not looked at, nor what a file system or a database has deleted.
"""

import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from windlass.database.connection import Database
from windlass.database.contents import list_tables, read_table
from windlass.database.credentials import find_credential, known_credentials
from windlass.database.embedded.dumps import print_dump
from windlass.database.webhooks import list_secrets
from windlass.domain.backup import DUMP
from windlass.domain.errors import AppError
from windlass.domain.exposure import MIN_LENGTH, Exposure, Needle, Secret, found_in, needles
from windlass.engine.context import Context

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Haystack:
    """Where to look: the folder of Windlass, the folder of temporary files, and files such as logs.
    `keys` are files that hold nothing but a secret, by what they are called; each is looked for
    everywhere but in itself."""

    home: Path
    keys: Mapping[str, Path]
    logs: Sequence[Path] = ()
    temporary: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    processes: Path = Path("/proc")


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked for and where; `unsearched` names secrets that were not, and why."""

    secrets: int
    looked_at: Mapping[str, int]
    unsearched: Mapping[str, str]
    exposures: tuple[Exposure, ...]


class Hunt:
    """One look at everything. `look_at` may be given more, such as answers of the API."""

    def __init__(self, context: Context, where: Haystack) -> None:
        self._context = context
        self._where = where
        self._unsearched: dict[str, str] = {}
        self._own = {path.resolve() for path in where.keys.values()}
        secrets = [*self._stored(), *self._keys()]
        self._count = len(secrets)
        self._needles = [needle for secret in secrets for needle in self._forms(secret)]
        self._overlap = max((len(one.content) for one in self._needles), default=1) - 1
        self._found: set[Exposure] = set()
        self._looked_at: dict[str, int] = {}

    def look_everywhere(self) -> None:
        """Look at the database, at files and at processes."""
        self._database(self._context.database)
        self._files("logs", self._where.logs)
        self._files("files of Windlass", _walk(self._where.home))
        self._files("temporary files", _walk(self._where.temporary))
        self._processes(self._where.processes)

    def look_at(self, kind: str, place: str, pieces: Iterable[bytes]) -> None:
        """Look at the pieces of one text, and at what it is called."""
        self._looked_at[kind] = self._looked_at.get(kind, 0) + 1
        named = found_in(place.encode("utf-8", "replace"), self._needles, "")
        if named:  # what it is called must not be shown
            place = f"the name of one of the {kind}"
            self._found |= {replace(one, place=place) for one in named}
        before = b""
        for piece in pieces:
            window = before + piece
            self._found |= found_in(window, self._needles, place)
            before = window[-self._overlap :] if self._overlap else b""

    def report(self) -> Report:
        """What was found so far."""
        found = tuple(sorted(self._found))
        return Report(self._count, dict(self._looked_at), dict(self._unsearched), found)

    def _stored(self) -> Iterator[Secret]:
        secrets, context = self._context.secrets, self._context
        with context.database.transaction() as connection:
            rows = {one: find_credential(connection, one) for one in known_credentials(connection)}
            hooks = list_secrets(connection)
        for name, row in rows.items():
            assert row is not None
            subject = f"credential/{name}"
            try:
                if row.lies_in is not None:
                    yield Secret(subject, secrets.vaults.read(row.lies_in.store, row.lies_in.name))
                    continue
                yield Secret(subject, secrets.keyring.decrypt(row.ciphertext))
                if row.previous is not None:
                    yield Secret(f"{subject} (before)", secrets.keyring.decrypt(row.previous))
            except AppError as error:
                self._unsearched[subject] = f"{error.code} {error.message}"
        for repository, kind, ciphertext in hooks:
            subject = f"webhook/{repository}/{kind}"
            try:
                yield Secret(subject, secrets.keyring.decrypt(ciphertext))
            except AppError as error:
                self._unsearched[subject] = f"{error.code} {error.message}"

    def _keys(self) -> Iterator[Secret]:
        for name, path in self._where.keys.items():
            try:
                text = path.read_text("utf-8") if path.exists() else ""
            except (OSError, UnicodeDecodeError):
                self._unsearched[name] = f"{path} cannot be read"
                continue
            is_key = "PRIVATE KEY" in text
            lines = [line for line in text.split("\n") if line and not line.startswith("-----")]
            if is_key and len(lines) > 1:
                yield Secret(name, text)
            else:  # of a short key the one line; of the others each, as of the keys that encrypt
                yield from (Secret(name, word) for line in lines for word in line.split())

    def _forms(self, secret: Secret) -> list[Needle]:
        forms = needles(secret)
        if not forms:
            self._unsearched[secret.name] = f"shorter than {MIN_LENGTH} characters"
        return forms

    def _database(self, database: Database) -> None:
        with database.transaction() as connection:
            for table in list_tables(connection):
                self.look_at("tables", f"table {table}", read_table(connection, table))

    def _files(self, kind: str, paths: Iterable[Path]) -> None:
        seen: set[tuple[int, int]] = set()
        for path in paths:
            try:
                status = path.stat()
                if (status.st_dev, status.st_ino) in seen or path.resolve() in self._own:
                    continue
                seen.add((status.st_dev, status.st_ino))
                self.look_at(kind, str(path), _pieces(path))
                if path.suffix == ".tar" and path.parent == self._where.home / "backups":
                    self._backup(path)
            except OSError:  # gone meanwhile, or another account's
                self._looked_at["not readable"] = self._looked_at.get("not readable", 0) + 1

    def _backup(self, path: Path) -> None:
        """The dump in a backup is compressed."""
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".exposure.") as folder:
            dump, text = Path(folder, DUMP), Path(folder, "text")
            try:
                with tarfile.open(path) as tar:
                    tar.extract(DUMP, folder, filter="data")
                print_dump(dump, text)
            except (AppError, KeyError, tarfile.TarError) as error:
                self._unsearched[str(path)] = str(error) or type(error).__name__
                return
            self.look_at("backups", f"{path} ({DUMP})", _pieces(text))

    def _processes(self, proc: Path) -> None:
        for folder in sorted(proc.glob("[0-9]*")):
            for part in ("cmdline", "environ"):
                try:
                    content = (folder / part).read_bytes()
                except OSError:  # it ended, or is another account's
                    continue
                program = content.split(b"\0")[0].decode("utf-8", "replace")[:80]
                what = f" of {program}" if part == "cmdline" else ""
                self.look_at("processes", f"process {folder.name} {part}{what}", [content])


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [one for one in folders if one != "objects" or not _is_mirror(Path(folder))]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _is_mirror(folder: Path) -> bool:
    """Whether it is a repository: its objects are what people pushed, compressed."""
    return (folder / "HEAD").is_file() and (folder / "config").is_file()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
