"""A wall a few cuts at a time, coarse to fine: those that come with the project, and those that the preview
worker is asked for."""

from pruning.experiment import Recipe
from pruning.shipped.questions import wall_parts
from pruning.terms import title
from pruning.ui import preview_cache
from pruning.ui.wall.wall_data import Shown, combine
from pruning.wall import CUTS, Wall


def ask(recipe: Recipe, **how) -> tuple[Shown | None, preview_cache.Answer | None]:
    """What is known so far, if anything, and the answer that is still to come, None when all is known.

    Cuts that this network's limits do not allow are left out as soon as one of them is met."""
    parts, reach, waiting = [], 1.0, None
    for question in wall_parts(recipe):
        cuts = question.more[0]
        if min(cuts) >= reach:
            continue
        words = f"{title(recipe.criterion)}: test images at {len(cuts)} pruning ratios"
        answer = preview_cache.ask_question(
            question, title=words, **how | ({"start": False} if waiting else {})
        )
        if answer.value is None:
            waiting = waiting or answer
            continue
        parts.append(answer.value)
        reach = min([reach, *(cut for cut in cuts if cut not in set(answer.value.cuts.tolist()))])
    return shown(parts, reach), waiting


def shown(parts: list[Wall], reach: float) -> Shown | None:
    return combine(parts, [cut for cut in CUTS if cut < reach]) if parts else None
