"""What the Compress page asks the preview worker. All that belongs to one cut network is about the same, so
that another mean of bits ends nothing."""

from functools import partial

from pruning.experiment import Recipe
from pruning.experiment.compress import bits_compared, bits_now, subtask_now
from pruning.ui import caches

SMALL = (
    *caches.SCORING,
    *caches.CUTTING,
    "repair",
    "bit_choices",
)  # what the network to be rounded depends on
SHARES = (1 / 6, 1 / 3, 1, 1 / 12, 1 / 24, 1 / 2)  # of the way from the narrowest width to the widest


def about(recipe: Recipe) -> str:
    return f"compress {caches.digest(recipe, SMALL)}"


def bits(recipe: Recipe, **how) -> caches.Answer:
    """experiment.compress.RoundedNow at the recipe's mean; does not wait."""
    more = {"key": caches.digest(recipe, (*SMALL, "bits")), "about": about(recipe)}
    return caches.ask(bits_now, untrained(recipe), title=f"{recipe.bits:g} bits per weight", **more, **how)


def compared(recipe: Recipe, **how) -> caches.Answer:
    """{other way: Difference} at the recipe's mean; does not wait."""
    more = {"key": caches.digest(recipe, (*SMALL, "bits")), "about": about(recipe)}
    return caches.ask(bits_compared, untrained(recipe), title="Bit allocations compared", **more, **how)


def classes(recipe: Recipe, **how) -> caches.Answer:
    """The whole network, whose classes a subtask is chosen from; does not wait."""
    return caches.ask_structure(recipe.but(subtask=()), about=about(recipe), **how)


def curve(recipe: Recipe) -> list[partial]:
    """A question for each mean of bits that the curve shows, the recipe's own first."""
    low, high = recipe.bit_choices[0], recipe.bit_choices[-1]
    means = [recipe.bits, *(round(low + share * (high - low), 2) for share in SHARES)]
    return [partial(bits, recipe.but(bits=mean)) for mean in dict.fromkeys(means)]


def subtask(recipe: Recipe, **how) -> caches.Answer:
    """experiment.compress.SubtaskNow; does not wait."""
    key = caches.digest(recipe, (*caches.SCORING, *caches.CUTTING))
    more = {"key": key, "about": about(recipe), "title": "Cut for a few classes"}
    return caches.ask(subtask_now, untrained(recipe), **more, **how)


def untrained(recipe: Recipe) -> Recipe:
    """The recipe without what takes minutes: a preview trains nothing."""
    return recipe.but(epochs=0, bits_epochs=0, distill=False)
