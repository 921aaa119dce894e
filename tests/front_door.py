"""The command line as a user has it: a real process, and what comes back from it."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TINY = ("--model", "resnet20", "--data", "digits", "--cut", "0.5", "--threads", "1")


def cli(*words, env: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Runs `python -m pruning WORDS...` to its end. env: added to this process's own."""
    return subprocess.run(
        [sys.executable, "-m", "pruning", *map(str, words)],
        cwd=cwd or REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
    )
