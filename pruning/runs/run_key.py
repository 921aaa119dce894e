"""What a finished run's numbers depend on, as one digest: the recipe, the files that it names, and the
versions of what computes."""

import hashlib
import json
import time
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from pruning.experiment.recipe import Recipe
from pruning.models.own_code import stamp

LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "pot", "scikit-learn", "captum")
LOOK_AGAIN = 60.0  # seconds for which the weights that code makes are taken to be the same
PACKAGE = Path(__file__).resolve().parents[1]
# Of this package, what no number depends on.
ASIDE = (
    *("ui", "figures", "jobs", "runs", "bench", "inspection", "shipped", "comparison_statistics"),
    *("html_report", "comparison_command.py"),
    *("places.py", "limits.py", "app_command.py", "app_files"),
)


def run_key(recipe: Recipe, control: str = "") -> str:
    """Twenty hexadecimal digits. control: of which kind, where the run is a control beside the recipe."""
    told = [recipe.to_dict(), control, _files(recipe), versions()]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:20]


def _files(recipe: Recipe) -> list[list]:
    """Size and time of the files that the recipe names by a path, and the digest of one that makes the
    network."""
    paths = [Path(name) for name in (recipe.data, recipe.checkpoint, recipe.latency) if name]
    stamps: list[list] = [[p.stat().st_size, p.stat().st_mtime_ns] for p in paths if p.exists()]
    return stamps + own_code(recipe)


def own_code(recipe: Recipe) -> list[list]:
    """What a network of one's own depends on: the file that makes it, and the weights that it gives the
    network where no other ones are asked for, since it may read them from anywhere. Empty for a listed
    one."""
    found = [[one] for one in stamp(recipe.model)]
    if found and recipe.checkpoint in (None, "none"):
        found.append([made_weights(recipe.model, found[0][0], int(time.monotonic() // LOOK_AGAIN))])
    return found


@lru_cache(maxsize=8)
def made_weights(model: str, code: str, moment: int) -> str:
    """Digest of the weights; empty where the network can't be made, of which its run will tell. code, moment:
    of which file, and when: a comparison asks this for each of its recipes."""
    from pruning.models.build import new_model
    from pruning.models.digest import weights_digest
    from pruning.models.load import GUESS

    try:
        return weights_digest(new_model(model, GUESS))
    except ValueError:
        return ""


@lru_cache
def versions() -> dict[str, str]:
    """{library: version}, and `code`: a digest of this package's own modules."""
    found = {name: version(name) for name in LIBRARIES}
    return found | {"code": _code()}


def _code() -> str:
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.relative_to(PACKAGE).parts[0] not in ASIDE:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
