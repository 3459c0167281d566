"""Results of imports in a folder, for those who have no database: a cache, safe to delete."""

import contextlib
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from windlass.domain.errors import Invalid
from windlass.domain.imported import Imported

_LENGTH = struct.Struct(">I")
_MAX_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class FolderKeep:
    """Results by key, one file each."""

    folder: Path

    def find(self, keys: Iterable[str]) -> Mapping[str, Imported]:
        """What was kept, without the serialised DAGs."""
        found = self.find_whole(keys)
        return {key: replace(one, serialized=b"") for key, one in found.items()}

    def find_whole(self, keys: Iterable[str]) -> Mapping[str, Imported]:
        """What was kept; a file that is damaged or no file of ours is passed over."""
        found = {}
        for key in keys:
            with contextlib.suppress(
                OSError, ValueError, KeyError, TypeError, zlib.error, struct.error
            ):
                found[key] = _read(self._place(key).read_bytes())
        return found

    def keep(self, results: Mapping[str, Imported]) -> None:
        """Write each aside, then rename. Raises Invalid PLAN004 where the folder takes nothing."""
        for key, one in results.items():
            place = self._place(key)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                aside = place.with_name(f".{place.name}.{os.getpid()}")
                aside.write_bytes(_written(one))
                aside.replace(place)
            except OSError as error:
                raise Invalid(
                    "PLAN004", f"nothing can be kept in {str(self.folder)!r}: {error.strerror}"
                ) from error

    def _place(self, key: str) -> Path:
        return self.folder / key[:2] / key


def _written(one: Imported) -> bytes:
    result = zlib.compress(json.dumps(one.to_json()).encode(), level=1)
    content = _LENGTH.pack(len(result)) + result + one.serialized
    return hashlib.sha256(content).digest() + content


def _read(written: bytes) -> Imported:
    """Raises ValueError and its like where that is not ours, or not whole."""
    digest, content = written[:32], written[32:]
    if len(written) > _MAX_BYTES or hashlib.sha256(content).digest() != digest:
        raise ValueError
    (length,) = _LENGTH.unpack_from(content)
    end = _LENGTH.size + length
    row = json.loads(zlib.decompress(content[_LENGTH.size : end]))
    return Imported.from_json(row, content[end:])
