"""What runs inside a check process: reads requests, answers with findings and outlines.

Started as a script by `sandbox.checker` under the environment's interpreter, isolated (`-I`), with
an empty environment. It limits itself before it reads the first byte of hostile text. Frames on
both pipes are a 4-byte big-endian length and that many bytes.
"""

import gc
import json
import resource
import struct
import sys
from pathlib import Path
from typing import IO, Any

MAX_MEMORY_BYTES = 1 << 30


def main() -> None:
    """Serve requests until standard input ends."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from windlass.checks.intake import (
        check_entries,
        check_ignore_file,
        check_python_bytes,
        check_whole,
    )
    from windlass.checks.syntax import check_python
    from windlass.domain.tree import Kind, TreeEntry

    def judge_tree(request: dict[str, Any]) -> dict[str, Any]:
        entries = {e[0]: TreeEntry(e[0], Kind(e[1]), *e[2:]) for e in request["entries"]}
        fresh = [entries[path] for path in request["fresh"]]
        findings = check_entries(fresh) + check_whole(entries)
        return {"findings": [f.to_json() for f in findings], "outline": None}

    def judge_file(path: str, content: bytes) -> dict[str, Any]:
        if not path.endswith(".py"):
            findings, outline = check_ignore_file(path, content), None
        elif findings := check_python_bytes(path, content):
            outline = None
        else:
            findings, outline = check_python(path, content)
        return {
            "findings": [f.to_json() for f in findings],
            "outline": outline.to_json() if outline else None,
        }

    _confine()
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    while (header := read_frame(stdin)) is not None:
        request = json.loads(header)
        if request["kind"] == "tree":
            answer = judge_tree(request)
        else:
            answer = judge_file(request["path"], read_frame(stdin) or b"")
        write_frame(stdout, json.dumps(answer).encode())
        stdout.flush()


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    gc.freeze()  # what is loaded now stays; collections look at each request's own garbage only


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame, or None where the stream ends, also in the middle of one."""
    header = stream.read(4)
    if len(header) < 4:
        return None
    (length,) = struct.unpack(">I", header)
    content = stream.read(length)
    return content if len(content) == length else None


def write_frame(stream: IO[bytes], content: bytes) -> None:
    """Write one frame; the caller flushes."""
    stream.write(struct.pack(">I", len(content)))
    stream.write(content)


if __name__ == "__main__":
    main()
