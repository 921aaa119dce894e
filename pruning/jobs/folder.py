"""The server's temporary folder: made private, removed at its end, and by the next server if this one was
killed.
"""

import contextlib
import fcntl
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "pruning-jobs-"
YOUNG = 60  # seconds


class Folder:
    """A locked folder below the system's temporary one. The lock dies with the process: an unlocked folder is
    stale.
    """

    def __init__(self):
        remove_stale()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))  # readable by nobody else
        self.lock = (self.path / "lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)
        self.lock.close()


def remove_stale():
    """Removes folders whose server is gone. Young ones stay: another server may be about to lock its own."""
    for path in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        with contextlib.suppress(OSError):  # in use, or somebody else's
            if time.time() - path.stat().st_mtime > YOUNG:
                with (path / "lock").open("a") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
