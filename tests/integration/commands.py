"""The command line as a user runs it in a folder, with nothing of this machine around it."""

import os
import subprocess
import sys
from pathlib import Path

WINDLASS = Path(sys.executable).parent / "windlass"


def run_windlass(
    folder: Path, *arguments: str, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(WINDLASS), *arguments],
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
