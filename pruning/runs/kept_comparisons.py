"""Comparisons that are kept beside the store's runs: each a folder named by what is compared, so that the
same lists lead to the same results, after any restart."""

import hashlib
import json
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from pruning.places import ASSETS
from pruning.progress import Watch, silent
from pruning.runs.compare import compare
from pruning.runs.comparison_folder import ASKED, SAID
from pruning.runs.product import Comparison
from pruning.runs.store import RunStore, runs_folder

FOLDER, ABOUT = "comparisons", "about.json"
BUNDLED = ASSETS / "comparisons"


@dataclass(frozen=True)
class KeptComparison:
    """id: of a link.   owner: who began it; empty: nobody in particular.   begun: seconds since 1970.
    bundled: it came with the project, and its runs are not in the store."""

    id: str
    folder: Path
    asked: Comparison
    title: str
    owner: str = ""
    begun: float = 0.0
    bundled: bool = False

    @property
    def whole(self) -> bool:
        """Whether it was run to its end."""
        return (self.folder / SAID).is_file()

    @property
    def sentences(self) -> list[str]:
        """Who leads, once it is whole."""
        path = self.folder / SAID
        return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def comparison_id(comparison: Comparison) -> str:
    """Twelve hexadecimal digits of what is compared."""
    return hashlib.sha256(comparison.to_json().encode()).hexdigest()[:12]


def begin(comparison: Comparison, title: str, owner: str = "") -> KeptComparison:
    """Its folder, so that it is known from now on, whatever ends it. Raises ValueError in one sentence where
    none can be written."""
    folder = runs_folder() / FOLDER / comparison_id(comparison)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (
            (ABOUT, json.dumps({"title": title, "owner": owner})),
            (ASKED, comparison.to_json()),
        ):
            if not (folder / name).exists():
                scratch = folder / f".{secrets.token_hex(4)}"
                scratch.write_text(text, encoding="utf-8")
                os.replace(scratch, folder / name)
    except OSError as error:
        raise ValueError(f"comparisons cannot be kept at {folder.parent} ({error.strerror})") from error
    return _opened(folder)


def forget(kept: KeptComparison):
    """Takes a comparison away that nothing was run of."""
    shutil.rmtree(kept.folder, ignore_errors=True)


def kept_comparison(id: str) -> KeptComparison | None:
    """None where there is none of this name."""
    if not re.fullmatch(r"[a-z0-9-]{1,40}", id):  # a name, and no way to another folder
        return None
    for place in (runs_folder() / FOLDER / id, BUNDLED / id):
        if (place / ASKED).is_file():
            return _opened(place)
    return None


def kept_comparisons() -> list[KeptComparison]:
    """The newest first, then those that came with the project. What can't be read, such as that of another
    version, is left out."""
    found = []
    for parent in (runs_folder() / FOLDER, BUNDLED):
        folders = parent.iterdir() if parent.is_dir() else []
        some = [_opened(folder) for folder in folders if (folder / ASKED).is_file()]
        found += sorted(filter(None, some), key=lambda one: -one.begun)
    return found


def _opened(folder: Path) -> KeptComparison | None:
    try:
        asked = Comparison.from_json((folder / ASKED).read_text(encoding="utf-8"))
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        begun, title = (folder / ASKED).stat().st_mtime, str(about["title"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    bundled = folder.parent == BUNDLED
    return KeptComparison(folder.name, folder, asked, title, about.get("owner", ""), begun, bundled)


def run_comparison(
    comparison: Comparison, folder: str, scheduler: str | None, owner: str = "", watch: Watch = silent
) -> int:
    """`compare` as the whole of a job: what the store lacks is run. Returns how many rows there are."""
    with RunStore() as store:
        found = compare(comparison, folder, scheduler=scheduler, store=store, owner=owner, watch=watch)
        return found.rows
