"""JSON as columns of bytes keep it: compressed."""

import json
import zlib
from collections.abc import Mapping
from typing import Any


def pack(content: Mapping[str, Any], level: int = zlib.Z_DEFAULT_COMPRESSION) -> bytes:
    """A JSON object, compressed; `level` 1 is quick."""
    return zlib.compress(json.dumps(content).encode(), level=level)


def unpack(kept: bytes) -> Any:
    """The inverse of `pack`. What is no such thing raises zlib.error or ValueError."""
    return json.loads(zlib.decompress(kept))
