"""Where data that is made or downloaded once is kept."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """$PRUNING_CACHE, else ~/.cache/pruning-explorer. It need not exist yet."""
    return Path(os.environ.get("PRUNING_CACHE") or Path.home() / ".cache" / "pruning-explorer")
