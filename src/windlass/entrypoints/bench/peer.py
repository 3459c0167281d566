"""What a plain sync tool does at the least, measured beside ours."""

import os
import time
from pathlib import Path

from windlass.entrypoints.demo.stage import Clone
from windlass.entrypoints.processes import run_to_end
from windlass.settings import process_environment

LIMIT_S = 120


class Peer:
    """What git-sync 4.7 runs at the least for a changed branch: a shallow fetch, a new worktree,
    a hard reset that writes every file, and the symlink (e2be7fa, main.go; its credential,
    `fsck`, submodule and clean-up commands left out)."""

    def __init__(self, folder: Path, clone: Clone) -> None:
        self._folder = folder
        self._clone = clone
        self._number = 0
        folder.mkdir()
        self._git("init", "--quiet", "repository")
        helper = clone.git("config", "credential.helper")
        self._git("-C", "repository", "config", "credential.helper", helper)
        self.sync()

    def sync(self) -> float:
        """Milliseconds to fetch the branch and publish it as a new worktree."""
        began = time.perf_counter()
        self._number += 1
        place = f"../tree-{self._number}"
        inside = ("-C", "repository")
        self._git(*inside, "fetch", "--quiet", "--depth", "1", self._clone.url, "main")
        head = self._git(*inside, "rev-parse", "FETCH_HEAD").strip()
        self._git(
            *inside, "worktree", "add", "--force", "--detach", "--no-checkout", "-q", place, head
        )
        self._git("-C", f"tree-{self._number}", "reset", "--quiet", "--hard", head, "--")
        aside = self._folder / ".link"
        aside.symlink_to(f"tree-{self._number}")
        aside.replace(self._folder / "link")
        return (time.perf_counter() - began) * 1000

    def _git(self, *arguments: str) -> str:
        env = {**process_environment(), "GIT_CONFIG_GLOBAL": os.devnull}
        return run_to_end(["git", "-C", str(self._folder), *arguments], env=env, timeout_s=LIMIT_S)
