"""What pages ask of a network: the function that answers, its arguments, and what the answer depends on.

A page asks its preview worker; what comes with the project was asked by `python -m pruning.shipped`. Both ask
these questions, so that a shipped value answers exactly the recipe that it was computed for.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pruning.cost import Plan
from pruning.criteria import SCORED
from pruning.experiment import Recipe
from pruning.experiment.planning import cuts_any_group
from pruning.inspection.compress_preview import bits_compared, bits_now
from pruning.inspection.preview import (
    accuracy_now,
    best_repair,
    describe,
    errors_by_group,
    scored,
)
from pruning.inspection.tradeoff import order
from pruning.models import bundled, task_of
from pruning.shipped.keys import (
    CUTTING,
    NETWORK,
    ROUNDING,
    SCORING,
    apart_from_cut,
    as_searched,
    digest,
)
from pruning.wall import CUTS, STEPS, wall

FIRST_BITS = 4.0  # where a recipe says no mean: half of what is common, and mostly without loss
SHARES = (1 / 6, 1 / 3, 1, 1 / 12, 1 / 24, 1 / 2)  # of the way from the narrowest width to the widest
# Of a wall's STEPS, how many ship: for the first screen, for the other networks as they open, and for every
# other criterion. The app fills in the other cuts while one looks.
FIRST_STEPS, OPENING_STEPS, OTHER_STEPS = len(STEPS), 3, 2


@dataclass(frozen=True, eq=False)
class Question:
    """function(recipe, *more, watch=...) answers it.   key: digest of what the answer depends on."""

    function: Callable
    recipe: Recipe
    key: str
    more: tuple = ()

    @property
    def place(self) -> str:
        """Its name among all questions; arguments that only save work have no part in it."""
        return f"{self.function.__qualname__} {self.key}"


def structure(recipe: Recipe) -> Question:
    return Question(describe, recipe, digest(recipe, NETWORK))


def scores(recipe: Recipe) -> Question:
    return Question(scored, recipe, digest(recipe, SCORING))


def errors(recipe: Recipe) -> Question:
    """What is lost of every group's readers, refitted: all that a plan by errors needs beside the scores."""
    groups = "all" if cuts_any_group(recipe) else "inner"
    return Question(errors_by_group, recipe, f"{digest(recipe, SCORING)} {groups}")


def accuracy(recipe: Recipe, how: str = "", raw_only: bool = False, plan: Plan | None = None) -> Question:
    """Right answers of the cut network. plan: the recipe's, where it is known already; it has no part in the
    key, since the recipe says it."""
    how = how or best_repair(recipe)
    asked = as_searched(recipe, how)
    if how == "match" and not raw_only:
        asked = replace(asked, match_steps=recipe.match_steps)
    key = f"{digest(asked, (*SCORING, *CUTTING))} {'raw' if raw_only else how}"
    return Question(accuracy_now, asked, key, (how, raw_only, plan and replace(plan, structure=None)))


def bits(recipe: Recipe) -> Question:
    """What the recipe's mean of bits leaves."""
    return Question(bits_now, untrained(recipe), digest(recipe, (*ROUNDING, "bits")))


def compared(recipe: Recipe) -> Question:
    """The ways to allocate the recipe's mean of bits, on the same images."""
    return Question(bits_compared, untrained(recipe), digest(recipe, (*ROUNDING, "bits")))


def means(recipe: Recipe) -> list[float]:
    """The means of bits that the curve of sizes shows, the recipe's own first."""
    low, high = recipe.bit_choices[0], recipe.bit_choices[-1]
    wanted = [recipe.bits, *(round(low + share * (high - low), 2) for share in SHARES)]
    return list(dict.fromkeys(wanted))


def wall_parts(recipe: Recipe) -> list[Question]:
    """A wall a few cuts at a time, coarse to fine. A bundled network is asked about all test images, another
    one about the pictures alone, which takes half the time."""
    recipe = apart_from_cut(recipe)
    every = recipe.checkpoint is None and (recipe.model, recipe.data) in bundled()
    key, parts = digest(recipe, (*SCORING, *CUTTING)), [tuple(CUTS[k] for k in step) for step in STEPS]
    return [Question(wall, recipe, f"{key} {cuts}", (cuts, every)) for cuts in parts]


def opening(model: str, data: str, others: int = OTHER_STEPS) -> list[list[Question]]:
    """All that ships of a bundled network, in tiers, the most wanted first: what its pages open with, every
    criterion on Channels, and every criterion's wall. others: how many steps of those. Of a network that
    makes pictures, each of whose cuts takes 360 kB on a wall, one criterion and the wall's first steps."""
    recipe = Recipe(model=model, data=data, threads=1, device="cpu")
    opened = recipe.but(bits=FIRST_BITS)
    curves = [
        [accuracy(recipe.but(cut=cut), how, raw) for cut, how, raw in dict.fromkeys(order(recipe))],
        [compared(opened), *(bits(opened.but(bits=mean)) for mean in means(opened))],
    ]
    if task_of(model).drawn_as == "pictures":
        own = [structure(recipe), scores(recipe), errors(recipe)]
        return [own, wall_parts(recipe)[:OPENING_STEPS], *curves]
    criteria = [recipe.but(criterion=name) for name in sorted(SCORED, key=lambda n: n != recipe.criterion)]
    walls = list(zip(*map(wall_parts, criteria), strict=True))  # [steps][criteria]
    steps = FIRST_STEPS if (model, data) == bundled()[0] else OPENING_STEPS
    return [
        [structure(recipe), *map(scores, criteria), *map(errors, criteria)],
        [step[0] for step in walls[:steps]],
        *curves,
        *([*step[1:]] for step in walls[:others]),
    ]


def untrained(recipe: Recipe) -> Recipe:
    """The recipe without what takes minutes: a preview trains nothing."""
    return recipe.but(epochs=0, bits_epochs=0, distill=False)
