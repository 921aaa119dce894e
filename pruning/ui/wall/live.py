"""A wall that does not come with the project: asked of the preview worker a few cuts at a time, coarse to
fine."""

from pruning.experiment import Recipe
from pruning.ui import caches
from pruning.ui.wall.shown import Shown, apart_from_cut, combine
from pruning.wall import CUTS, Wall, wall

STEPS = ((0, 10), (5, 15), (2, 7, 12, 17), (1, 4, 9, 14), (3, 6, 8, 11), (13, 16, 18, 19))  # places in CUTS


def ask(recipe: Recipe, **how) -> tuple[Shown | None, caches.Answer | None]:
    """What is known so far, if anything, and the answer that is still to come, None when all is known.

    Cuts that this network's limits do not allow are left out as soon as one of them is met."""
    recipe, parts, reach = apart_from_cut(recipe), [], 1.0
    key = caches.digest(recipe, (*caches.SCORING, *caches.CUTTING))
    for step in STEPS:
        cuts = tuple(CUTS[place] for place in step if CUTS[place] < reach)
        if cuts:
            title = f"Test images at {len(cuts)} pruning ratios"
            answer = caches.ask(wall, recipe, cuts, key=f"{key} {cuts}", title=title, **how)
            if answer.value is None:
                return shown(parts, reach), answer
            parts.append(answer.value)
            reach = min([reach, *(cut for cut in cuts if cut not in set(answer.value.cuts.tolist()))])
    return shown(parts, reach), None


def shown(parts: list[Wall], reach: float) -> Shown | None:
    return combine(parts, [cut for cut in CUTS if cut < reach]) if parts else None
