"""Targets on the command line: `run --points-below 1` in the place of `--cut`."""

import sys
from pathlib import Path
from typing import Any

from pruning.experiment.recipe import Recipe
from pruning.latency import FILE
from pruning.progress_bars import Bars
from pruning.targets import KINDS, Found, Target, smallest


def target_in(given: dict[str, Any], resume: Path | None) -> Target | None:
    """Takes a target out of what was typed. Raises ValueError where there are two, or a cut beside one."""
    found = {kind: given.pop(kind) for kind in KINDS if kind in given}
    if not found:
        return None
    typed = [f"--{kind.replace('_', '-')}" for kind in found]
    if resume is not None:
        raise ValueError(f"--resume continues a run with its own cut; leave {typed[0]} out")
    typed += ["--cut"] * ("cut" in given)
    if len(typed) > 1:
        raise ValueError(f"{' and '.join(typed)} each say how much is cut; give one of them")
    ((kind, value),) = found.items()
    return Target(kind, value)


def met(asked: Recipe, target: Target, out: Path) -> tuple[Recipe, Found]:
    """The recipe with the cut that meets the target; what was found is told on standard error."""
    from pruning.experiment.loading import use_threads

    use_threads(asked)
    with Bars(asked.device) as watch:
        found = smallest(asked, target, watch)
    print(found.in_words(), file=sys.stderr)
    recipe = found.recipe
    if found.table is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / FILE).write_text(found.table.to_json())
        recipe = recipe.but(latency=str(out / FILE))
    return recipe, found
