"""What a finished run's numbers depend on, as one digest: the recipe, the files that it names, and the
versions of what computes."""

import hashlib
import json
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from pruning.experiment.recipe import Recipe

LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "pot", "scikit-learn", "captum")
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
    """Size and time of the files that the recipe names by a path."""
    paths = [Path(name) for name in (recipe.data, recipe.checkpoint, recipe.latency) if name]
    return [[p.stat().st_size, p.stat().st_mtime_ns] for p in paths if p.exists()]


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
