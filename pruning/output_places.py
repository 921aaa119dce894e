"""Files and folders that results go to: refused before any work where nothing could be written."""

import tempfile
from pathlib import Path


def writable(out: str | Path, *, folder: bool, name: str = "--out", ending: str = "") -> Path:
    """`out`, where something can be written there; a ValueError in one sentence where not.

    name: what the user gave it for.   ending: of the file that is written; a file of another kind is not
    written over."""
    out = Path(out)
    parent = out if folder and out.exists() else out.absolute().parent
    if folder and out.exists() and not out.is_dir():
        raise ValueError(f"{name} {out} is a file; give a folder, or a name that is not taken")
    if not folder and out.is_dir():
        raise ValueError(f"{name} {out} is a folder; give a file's name")
    if ending and out.is_file() and out.suffix.lower() != ending:
        raise ValueError(f"{name} {out} is there already, and no {ending} file; give a new name")
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not takes_files(parent):
        raise ValueError(
            f"{name} {out} cannot be written, since {parent} is not writable; give another place"
        )
    return out


def takes_files(folder: Path) -> bool:
    """Tried, since permission is not all that it takes: an account may be above it, and a disk read-only."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
