"""A wall as it is shown: test pictures, and what the network says of them at every cut that is known so
far."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from pruning.experiment import Recipe
from pruning.experiment.run import SEARCHING
from pruning.search import SEARCHES
from pruning.ui.plans import SECONDS
from pruning.wall import ASSET, CUTS, Wall, shipped_recipe

TUNING = ("repair", "match_steps", "epochs", "lr", "batch_size", "threads", "distill", "distill_temperature")
TUNING += ("distill_logits", "distill_features", "bits", "bit_choices", "bits_by", "bits_epochs")
APART = ("cut", *TUNING, *SEARCHING)  # recipe fields that change no wall

Known = tuple[tuple, tuple]  # raw and repaired: a value a cut each, None where it is still being computed


@dataclass(frozen=True, eq=False)
class Shown:
    """images: uint8 [N, H, W, 3].   truth: [N], class numbers.   classes: names.   cuts: [K], shares of the
    MACs. predictions: class numbers [N] a cut, raw and repaired.   correct: right answers of `asked` test
    images."""

    images: np.ndarray
    truth: tuple[int, ...]
    classes: tuple[str, ...]
    cuts: tuple[float, ...]
    predictions: Known
    correct: Known
    asked: int

    @property
    def complete(self) -> bool:
        return all(known is not None for state in self.predictions for known in state)


@lru_cache(maxsize=1)
def shipped() -> dict[str, Wall]:
    """{criterion: wall} that come with the project, for the network and data of the first screen."""
    with np.load(ASSET, allow_pickle=False) as file:
        told = {name: file[name] for name in file.files}
    apart = ("criteria", "predictions", "correct")
    same = {name: value for name, value in told.items() if name not in apart}
    same |= {
        "classes": tuple(told["classes"].tolist()),
        "test_images": int(told["test_images"]),
        "weights_digest": str(told["weights_digest"]),
    }
    return {
        str(name): Wall(predictions=told["predictions"][m], correct=told["correct"][m], **same)
        for m, name in enumerate(told["criteria"])
    }


def shipped_for(recipe: Recipe) -> Shown | None:
    """The shipped wall, if it is of exactly this network, data, criterion and widths by error, all else at
    its default; else None. It was counted on a processor, and is shown whatever the recipe's device."""
    known, recipe = shipped().get(recipe.criterion), replace(recipe, device="cpu")
    same = known and apart_from_cut(recipe) == apart_from_cut(shipped_recipe(recipe.criterion))
    return combine([known], known.cuts.tolist()) if same else None


def apart_from_cut(recipe: Recipe) -> Recipe:
    """The recipe with all that changes no wall at its default; in place of an allocation that takes minutes
    a cut, the same share of every group."""
    default = Recipe()
    same = {name: getattr(default, name) for name in APART}
    if recipe.allocation in SEARCHES and recipe.allocation not in SECONDS:
        same["allocation"] = "uniform"
    return replace(recipe, **same)


def combine(parts: Sequence[Wall], cuts: Sequence[float] = CUTS) -> Shown:
    """One wall from walls of the same pictures at a few cuts each; `cuts` are all that there will be."""
    first, at = parts[0], {}
    for part in parts:
        at |= {round(float(cut), 6): (part, k) for k, cut in enumerate(part.cuts)}
    known = [at.get(round(float(cut), 6)) for cut in cuts]
    return Shown(
        images=first.images,
        truth=tuple(first.labels.tolist()),
        classes=first.classes,
        cuts=tuple(round(float(cut), 6) for cut in cuts),
        predictions=tuple(tuple(w and w[0].predictions[s][w[1]].tolist() for w in known) for s in (0, 1)),
        correct=tuple(tuple(w and int(w[0].correct[s][w[1]]) for w in known) for s in (0, 1)),
        asked=first.test_images,
    )
