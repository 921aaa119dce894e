"""What the Compress page shows before anything is run: weights in few bits, and a cut for a few classes.

These run in a preview worker, on the hold-out, never on the test part. The cut and repaired network is kept
between calls, so that another mean of bits takes the time of an evaluation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruning.criteria.registry import with_option
from pruning.experiment.loaded_networks import loaded
from pruning.experiment.loading import Loaded
from pruning.experiment.planning import LIMITS, SEARCHING, planned
from pruning.experiment.recipe import Recipe
from pruning.experiment.report import stored_bytes
from pruning.experiment.result_cache import ResultCache
from pruning.inspection.channel_removal import IMAGES, Steps, holdout_of, learned
from pruning.inspection.preview import score_key, scored
from pruning.progress import Watch, silent
from pruning.tasks import TASKS, Difference, Task, paired_difference

if TYPE_CHECKING:
    from torch import nn

    from pruning.quantize.rounding import By, Rounding
    from pruning.train import Predictions

BITS_BY: tuple["By", ...] = ("di", "error", "uniform")  # the ways to allocate bits that are compared
CONTROLS = ("catro", "all classes", "energy", "l1", "shuffled")  # the ways to choose channels for a subtask


@dataclass(frozen=True, eq=False)
class Way:
    """One way to allocate the bits. mean_bits: as reached.   bytes: packed, all tensors.   value: of the
    task's metric.   channels: as `Quantized.table()`."""

    mean_bits: float
    bytes: int
    value: float
    channels: pd.DataFrame


@dataclass(frozen=True, eq=False)
class RoundedNow:
    """A network in few bits, untrained, on the same hold-out images in all ways.

    bits: the mean asked for.   bytes_full, bytes_cut: of the whole and of the cut network, in float32.
    task: its name among `TASKS`.   images: how many.   full, cut: the metric of both networks.   learned: the
    network may have been trained on these images.
    """

    bits: float
    bytes_full: int
    bytes_cut: int
    task: str
    images: int
    full: float
    cut: float
    ways: Mapping[str, Way]
    learned: bool

    @property
    def of_task(self) -> Task:
        return TASKS[self.task]


@dataclass(frozen=True, eq=False)
class SubtaskNow:
    """Ways to choose what goes for a few classes: the same widths, recalibrated on those classes' images.

    rows: a row a way: way, correct (count), images.   leads: {other way: by how much CATRO leads it}.
    full: right answers of the whole network, narrowed to the classes.
    """

    rows: pd.DataFrame
    leads: Mapping[str, Difference]
    full: int
    images: int
    learned: bool


@dataclass(frozen=True, eq=False)
class _Mended:
    """A recipe's cut and repaired network, untrained. full, cut: what both say of the hold-out's images."""

    loaded: Loaded
    small: "nn.Module"
    rounding: "Rounding"
    full: "Predictions"
    cut: "Predictions"


_MENDED, _ROUNDED = ResultCache(3), ResultCache(30)


def bits_now(recipe: Recipe, watch: Watch = silent) -> RoundedNow:
    """The recipe's mean of bits, given by DI, by error alone and evenly: sizes and the metric.

    Raises ValueError for a mean out of reach, and for a recipe that names none."""
    return _rounded(recipe, watch)[0]


def bits_compared(recipe: Recipe, watch: Watch = silent) -> dict[str, Difference]:
    """By how much DI's allocation leads the others, on the same images: {other way: Difference}."""
    _, said = _rounded(recipe, watch)
    own, others = said["di"], [by for by in BITS_BY if by != "di"]
    return {by: own.task.difference([own.statistics], [said[by].statistics], own.labels) for by in others}


def _rounded(recipe: Recipe, watch: Watch) -> "tuple[RoundedNow, dict[str, Predictions]]":
    """The values, and what each way's network says of the images."""
    if recipe.bits is None:
        raise ValueError("bits is not given; give mean bits per weight, such as bits=4")

    def make() -> "tuple[RoundedNow, dict[str, Predictions]]":
        found = _mended(recipe, watch)
        made: dict[str, tuple[Way, Predictions]] = {by: _way(found, recipe, by, watch) for by in BITS_BY}
        sizes: dict[str, Any] = {
            "bytes_full": stored_bytes(found.loaded.model),
            "bytes_cut": stored_bytes(found.small),
        }
        task, images = found.full.task.name, len(found.full.labels)
        told: dict[str, Any] = {"full": found.full.value, "cut": found.cut.value}
        told |= {"task": task, "images": images, "learned": learned(found.loaded)}
        ways = {by: way for by, (way, _) in made.items()}
        said = {by: said for by, (_, said) in made.items()}
        return RoundedNow(bits=recipe.bits, ways=ways, **sizes, **told), said

    return _ROUNDED.get((*_mended_key(recipe), recipe.bits), make)


def subtask_now(recipe: Recipe, watch: Watch = silent) -> SubtaskNow:
    """The recipe's cut for its subtask, chosen by CATRO and by its controls.

    Every group loses the same share, so that all ways have the same widths. Raises ValueError for a recipe
    without a subtask.
    """
    if not recipe.subtask:
        raise ValueError("subtask is not given; give class numbers, such as 3 5 8")
    found = replace(loaded(recipe, watch), recipe=recipe)
    images = holdout_of(found, IMAGES)
    steps = Steps(watch, "controls", 3 * len(CONTROLS) + 1)
    full = _said(found, found.model, steps.still).right
    steps()
    right = {way: _chosen(found, way, steps) for way in CONTROLS}
    rows = [(way, int(answers.sum()), len(images)) for way, answers in right.items()]
    leads = {way: paired_difference([right["catro"]], [right[way]]) for way in CONTROLS if way != "catro"}
    table = pd.DataFrame(rows, columns=["way", "correct", "images"])
    return SubtaskNow(table, leads, int(full.sum()), len(images), learned(found))


# ------------------------------------------------------------------------------------------------ the steps


def _mended_key(recipe: Recipe) -> tuple:
    fields = (*LIMITS, *SEARCHING, "repair", "match_steps", "bit_choices", "threads")
    return (*score_key(recipe), *(getattr(recipe, name) for name in fields))


def _mended(recipe: Recipe, watch: Watch) -> _Mended:
    """The recipe's network, cut, repaired where the recipe says so, and made ready to be rounded."""

    def make() -> _Mended:
        from pruning.quantize.rounding import Rounding
        from pruning.reconstruction import repair
        from pruning.statistics.calibration_images import CalibrationImages
        from pruning.surgery import cut

        found = replace(loaded(recipe, watch), recipe=recipe)
        plan = planned(recipe, found.graph, scored(recipe, watch), found.data, watch)
        small = cut(found.model, plan)
        how: dict[str, Any] = {
            "calibration": recipe.calibration,
            "seed": recipe.seed,
            "match_steps": recipe.match_steps,
        }
        if recipe.repair != "none":
            repair(small, plan, found.model, found.data, recipe.repair, watch=watch, **how)
        images = CalibrationImages(small, found.data, recipe.calibration, recipe.seed)
        rounding = Rounding(small, images, recipe.bit_choices, watch)
        full, said = (_said(found, model, watch) for model in (found.model, small))
        return _Mended(found, small, rounding, full, said)

    return _MENDED.get(_mended_key(recipe), make)


def _way(found: _Mended, recipe: Recipe, by: "By", watch: Watch) -> "tuple[Way, Predictions]":
    rounded = found.rounding.at(recipe.bits, by, watch)
    said = _said(found.loaded, rounded.model, watch)
    return Way(rounded.mean_bits, rounded.bytes, said.value, rounded.table()), said


def _chosen(found: Loaded, way: str, steps: Steps) -> np.ndarray:
    """Right answers of the network narrowed, cut as one way says and recalibrated: [N]."""
    from pruning.reconstruction import recalibrate
    from pruning.statistics.calibration_images import CalibrationImages
    from pruning.surgery import cut

    recipe = _recipe_of(found.recipe, way)
    scores = scored(recipe.but(subtask=()) if way == "all classes" else recipe, steps.still)
    steps()
    small = cut(found.model, planned(recipe, found.graph, scores))
    images = CalibrationImages(small, found.data, recipe.calibration, recipe.seed)
    recalibrate(small, images, watch=steps.still)
    steps()
    right = _said(found, small, steps.still).right
    steps()
    return right


def _recipe_of(recipe: Recipe, way: str) -> Recipe:
    """The recipe that chooses channels one way. CATRO's options are the recipe's own where it is CATRO's."""
    criterion = way if way in ("energy", "l1") else "catro"
    recipe = recipe.but(criterion=criterion, allocation="uniform")
    labels = "shuffled" if way == "shuffled" else "true"
    if criterion != "catro":
        return recipe
    return recipe.but(options=with_option("catro", dict(recipe.options), "labels", labels))


def _said(found: Loaded, model: "nn.Module", watch: Watch) -> "Predictions":
    """What a network says of the hold-out's first images."""
    from pruning.train import evaluate

    images, normalization = holdout_of(found, IMAGES), found.model.origin.normalization
    how = {"normalization": normalization, "device": found.recipe.device}
    return evaluate(model, images, watch=watch, **how)
