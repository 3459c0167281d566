"""What runs inside a check process: reads requests, answers with findings and outlines.

Started as a script by `sandbox.checker` under the environment's interpreter, isolated (`-I`), with
an empty environment. It limits itself before it reads the first byte of hostile text. Frames on
both pipes are a 4-byte big-endian length and that many bytes; an empty one says that it is ready.
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
    from windlass.checks.files import check_file
    from windlass.checks.intake import check_entries, check_whole
    from windlass.domain.ignores import hits
    from windlass.domain.tree import Kind, TreeEntry

    def judge_tree(request: dict[str, Any]) -> dict[str, Any]:
        fresh = [_entry(row) for row in request["fresh"]]
        findings = {"findings": [f.to_json() for f in check_entries(fresh)]}
        if (rows := request["entries"]) is not None:
            entries = {row[0]: _entry(row) for row in rows}
            findings["whole"] = [f.to_json() for f in check_whole(entries)]
        return findings

    def _entry(row: list[Any]) -> TreeEntry:
        path, kind, size_bytes, target = row
        return TreeEntry(path, Kind(kind), "", size_bytes, target)

    def judge_file(request: dict[str, Any], content: bytes) -> dict[str, Any]:
        findings, outline = check_file(
            request["path"], content, request["families"], request["lint"], request["not_linted"]
        )
        return {
            "findings": [f.to_json() for f in findings],
            "outline": outline.to_json() if outline else None,
        }

    def match_ignores(request: dict[str, Any]) -> dict[str, Any]:
        found = hits(request["text"], request["paths"], request["root"])
        return {"matched": found.matched, "idle": found.idle, "invalid": found.invalid}

    def compile_one(request: dict[str, Any], content: bytes) -> dict[str, Any]:
        from windlass.compiler.pipelines.compile import compile_pipeline  # needs PyYAML
        from windlass.domain.pipeline import Bindings
        from windlass.domain.template import Templates

        bindings = Bindings.from_json(request["bindings"])
        templates = Templates.from_json(request["templates"])
        compiled, findings = compile_pipeline(request["path"], content, bindings, templates)
        return {
            "findings": [f.to_json() for f in findings],
            "compiled": compiled
            and [
                *(compiled.path, compiled.dag_id, compiled.text),
                *(compiled.lines, compiled.within),
                [one.to_json() for one in compiled.called],
            ],
        }

    whole = {"tree": judge_tree, "ignores": match_ignores}
    _confine()
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    write_frame(stdout, b"")
    stdout.flush()
    while (header := read_frame(stdin)) is not None:
        request = json.loads(header)
        if request["kind"] in whole:
            answer = whole[request["kind"]](request)
        else:
            work = compile_one if request["kind"] == "pipeline" else judge_file
            answer = work(request, read_frame(stdin) or b"")
        write_frame(stdout, json.dumps(answer).encode())
        stdout.flush()


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    gc.freeze()  # what is loaded now stays; collections look at each request's own garbage only
    gc.set_threshold(50_000)  # a parsed file has no cycles: it is gone when its answer is


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
