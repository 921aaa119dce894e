"""What the Compress page asks the preview worker. All that belongs to one cut network is about the same, so
that another mean of bits ends nothing."""

from functools import partial

from pruning.experiment import Recipe
from pruning.experiment.compress import subtask_now
from pruning.shipped import questions
from pruning.shipped.keys import ROUNDING
from pruning.ui import caches


def about(recipe: Recipe) -> str:
    return f"compress {caches.digest(recipe, ROUNDING)}"


def bits(recipe: Recipe, **how) -> caches.Answer:
    """experiment.compress.RoundedNow at the recipe's mean; does not wait."""
    more = {"about": about(recipe), "title": f"{recipe.bits:g} bits per weight"}
    return caches.ask_question(questions.bits(recipe), **more, **how)


def compared(recipe: Recipe, **how) -> caches.Answer:
    """{other way: Difference} at the recipe's mean; does not wait."""
    more = {"about": about(recipe), "title": "Bit allocations compared"}
    return caches.ask_question(questions.compared(recipe), **more, **how)


def classes(recipe: Recipe, **how) -> caches.Answer:
    """The whole network, whose classes a subtask is chosen from; does not wait."""
    return caches.ask_structure(recipe.but(subtask=()), **how)


def curve(recipe: Recipe) -> list[partial]:
    """A question for each mean of bits that the curve shows, the recipe's own first."""
    return [partial(bits, recipe.but(bits=mean)) for mean in questions.means(recipe)]


def subtask(recipe: Recipe, **how) -> caches.Answer:
    """experiment.compress.SubtaskNow; does not wait."""
    key = caches.digest(recipe, (*caches.SCORING, *caches.CUTTING))
    more = {"key": key, "about": about(recipe), "title": "Cut for a few classes"}
    return caches.ask(subtask_now, questions.untrained(recipe), **more, **how)
