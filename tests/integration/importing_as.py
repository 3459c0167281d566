"""Runs imports in a process of its own, as root or as nobody, and prints what came of them.

    python -m tests.integration.importing_as < REQUEST     (JSON: python, folder, account, tier, …)

Root's own Python may lie where nobody can go. So both accounts get a view of the file system of
their own in which the folders above it can be passed.
"""

import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.digest import digest_bytes
from windlass.sandbox.importer import Importer, Limits
from windlass.sandbox.inside import kernel
from windlass.sandbox.stage import Stage
from windlass.sandbox.tester import run_tests

NOBODY = 65534


def main() -> None:
    request = json.load(sys.stdin)
    if os.geteuid() == 0:
        open_the_way(Path(sys.base_prefix))
    if request["account"] == "nobody":
        kernel.become(NOBODY, NOBODY)
    if request["kind"] == "tests":
        told = {
            "all": run_all_tests(request, request["files"], 60),
            **{
                name: run_all_tests(request, {name: text}, 2 if name in request["endless"] else 60)
                for name, text in request["harmful"].items()
            },
        }
    else:
        told = {
            **run(request, request["files"], Limits(limit_s=60)),
            **run(request, request["harmful"], Limits(limit_s=0.7, size=len(request["harmful"]))),
        }
    json.dump(told, sys.stdout)


def run(request: dict[str, Any], files: dict[str, str], limits: Limits) -> dict[str, Any]:
    """Each file's result; every one is asked for by itself."""
    importer = importer_for(request, limits)
    with importer.stage("all") as stage, ThreadPoolExecutor(limits.size) as executor:
        fill(stage, files)
        outcomes = executor.map(lambda path: importer.run(stage, [path]), files)
        told = {path: one.to_json() for found in outcomes for path, one in found.items()}
    importer.close()
    return told


def run_all_tests(request: dict[str, Any], files: dict[str, str], limit_s: float) -> Any:
    """What one run of the tests in all these files gave."""
    importer = importer_for(request, Limits())
    with importer.stage("all") as stage:
        fill(stage, files)
        told = run_tests(importer, stage, "", {}, limit_s=limit_s)
    importer.close()
    return told.to_json()


def importer_for(request: dict[str, Any], limits: Limits) -> Importer:
    return Importer(
        Path(request["python"]),
        limits=replace(limits, tiers=(request["tier"],), least="limits", memory_mb=400),
        folder=Path(request["folder"]),
    )


def fill(stage: Stage, files: dict[str, str]) -> None:
    contents = {digest_bytes(text.encode()): text.encode() for text in files.values()}
    artifact = Artifact({p: entry(p, t.encode()) for p, t in sorted(files.items())})
    stage.become(artifact, lambda entries: {e.digest: contents[e.digest] for e in entries})


def entry(path: str, content: bytes) -> FileEntry:
    return FileEntry(path, 0o444, digest_bytes(content), "", len(content))


def open_the_way(prefix: Path) -> None:
    """Let everybody pass the folder of the root account that the interpreter lies in."""
    top = Path("/", *prefix.resolve().parts[1:2])
    if top.stat().st_mode & 0o001:
        return
    below = prefix.resolve().relative_to(top).parts[0]
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    aside = tempfile.mkdtemp()
    kernel.mount(str(top / below), aside, None, kernel.MS_BIND | kernel.MS_REC)
    kernel.mount("tmpfs", str(top), "tmpfs", 0, "mode=0755")
    (top / below).mkdir()
    kernel.mount(aside, str(top / below), None, kernel.MS_BIND | kernel.MS_REC)


if __name__ == "__main__":
    main()
