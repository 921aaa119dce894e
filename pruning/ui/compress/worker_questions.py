"""What the Compress page asks the preview worker. All that belongs to one cut network is about the same, so
that another mean of bits ends nothing."""

from functools import partial
from typing import Any

from pruning.experiment import Recipe
from pruning.inspection.compress_preview import subtask_now
from pruning.shipped import questions
from pruning.shipped.keys import ROUNDING
from pruning.ui import preview_cache


def about(recipe: Recipe) -> str:
    return f"compress {preview_cache.digest(recipe, ROUNDING)}"


def bits(recipe: Recipe, **how) -> preview_cache.Answer:
    """inspection.compress_preview.RoundedNow at the recipe's mean; does not wait."""
    more = {"about": about(recipe), "title": f"{recipe.bits:g} bits per weight"}
    return preview_cache.ask_question(questions.bits(recipe), **more, **how)


def compared(recipe: Recipe, **how) -> preview_cache.Answer:
    """{other way: Difference} at the recipe's mean; does not wait."""
    more = {"about": about(recipe), "title": "Bit allocations compared"}
    return preview_cache.ask_question(questions.compared(recipe), **more, **how)


def classes(recipe: Recipe, **how) -> preview_cache.Answer:
    """The whole network, whose classes a subtask is chosen from; does not wait."""
    return preview_cache.ask_structure(recipe.but(subtask=()), **how)


def curve(recipe: Recipe) -> list[partial]:
    """A question for each mean of bits that the curve shows, the recipe's own first."""
    return [partial(bits, recipe.but(bits=mean)) for mean in questions.means(recipe)]


def subtask(recipe: Recipe, **how) -> preview_cache.Answer:
    """inspection.compress_preview.SubtaskNow; does not wait."""
    key = preview_cache.digest(recipe, (*preview_cache.SCORING, *preview_cache.CUTTING))
    more: dict[str, Any] = {"key": key, "about": about(recipe), "title": "Cut for a few classes"}
    return preview_cache.ask(subtask_now, questions.untrained(recipe), **more, **how)
