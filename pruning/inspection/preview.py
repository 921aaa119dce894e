"""What the app shows before anything is run: structure, scores, and what a cut would leave of the task's
metric now.

These run in a preview worker, again and again for one network, so each process keeps the last few networks
and scores it loaded; a lock keeps two threads of one worker from masking the same network at once.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruning.channels.residual_branches import ResidualBranches
from pruning.channels.structure import Structure
from pruning.cost import Plan
from pruning.criteria.scores import Scores
from pruning.data import Split
from pruning.experiment import planning
from pruning.experiment.loaded_networks import loaded, network_key
from pruning.experiment.loading import Loaded
from pruning.experiment.planning import LIMITS, SEARCHING, may_be_cut, planned, scores_of
from pruning.experiment.recipe import Recipe
from pruning.experiment.recipe_fields import Repair
from pruning.experiment.result_cache import ResultCache
from pruning.inspection.measured_values import AccuracyNow, FullAccuracy
from pruning.progress import Watch, silent
from pruning.terms import MERGING

if TYPE_CHECKING:
    from pruning.train import Predictions

PREVIEW_IMAGES = 500
BATCH = 64  # images at a time: after the first ones there is something to show, and a count soon ends
RAW = "raw"  # the message of a count of the network as it was cut
MOST_TESTED = 2000  # test images: of ImageNet's size, more would take minutes


@dataclass(frozen=True, eq=False)
class Description:
    """A network as the app shows it, without torch.

    layers: a row a convolution or linear layer: layer, kind, group, inputs, outputs, macs, parameters,
    output_shape, prunable (bool), reason.   macs: of one image.   task: its name among `TASKS`.   recipe:
    with every field resolved.
    """

    structure: Structure
    layers: pd.DataFrame
    macs: int
    parameters: int
    classes: tuple[str, ...]
    normalize: str
    size: int
    digest: str
    task: str
    recipe: Recipe
    messages: tuple[str, ...] = ()


_SCORES, _PLANS, _ERRORS = ResultCache(30), ResultCache(60), ResultCache(20)
_MOMENTS = ResultCache(2)  # of a network: merging after any cut of it takes a moment then
_BASELINES, _RAW = ResultCache(20), ResultCache(200)


def score_key(recipe: Recipe) -> tuple:
    """What a criterion's scores depend on."""
    return (*network_key(recipe), recipe.criterion, recipe.options, recipe.calibration)


def plan_key(recipe: Recipe) -> tuple:
    """What a plan depends on."""
    fields = (*LIMITS, *SEARCHING, "repair", "epochs")
    return (*score_key(recipe), *(getattr(recipe, name) for name in fields))


def best_repair(recipe: Recipe) -> Repair:
    """What a cut is repaired by where it is only tried: as the recipe says, by reconstruction if it says
    none."""
    return "reconstruct" if recipe.repair == "none" else recipe.repair


def describe(recipe: Recipe, watch: Watch = silent) -> Description:
    """The network's structure and costs. Raises ValueError in one sentence where the recipe cannot be
    loaded."""
    found = loaded(recipe, watch)
    structure, origin = found.graph.structure, found.model.origin
    return Description(
        structure=structure,
        layers=layer_table(structure),
        macs=found.graph.macs,
        parameters=found.graph.parameters,
        classes=tuple(found.data.classes),
        normalize=origin.normalization.name,
        size=origin.size,
        digest=origin.digest,
        task=found.data.task.name,
        recipe=found.recipe,
        messages=(*found.messages, *structure.notes),
    )


def layer_table(structure: Structure) -> pd.DataFrame:
    """A row a convolution or linear layer, in the order they run."""
    rows = []
    for layer in structure.layers:
        if layer.kind == "norm" or layer.weight not in structure.shapes:
            continue
        shape = structure.shapes[layer.weight]
        module = layer.weight.removesuffix("weight")
        parameters = sum(
            int(np.prod(s)) for name, s in structure.shapes.items() if name.rpartition(".")[0] + "." == module
        )
        outputs = shape[layer.output] if layer.output is not None else shape[1] * layer.groups
        index = structure.maps.get(layer.weight, {}).get(layer.output)  # type: ignore[arg-type] # None is no key of it
        owners = [] if index is None else [structure.names[g] for g in np.unique(index.group) if g >= 0]
        rows.append(
            {
                "layer": layer.name,
                "kind": layer.kind,
                "group": "; ".join(owners),
                "inputs": shape[layer.input] * layer.groups if layer.input is not None else outputs,
                "outputs": outputs,
                "macs": layer.macs_each * shape[0] * shape[1],
                "parameters": parameters,
                "output_shape": " x ".join(map(str, layer.shape)),
                "prunable": bool(owners),
                "reason": structure.fixed.get(layer.name, ""),
            }
        )
    return pd.DataFrame(rows)


def scored(recipe: Recipe, watch: Watch = silent) -> Scores:
    """The recipe's criterion on every group, streams included, so that all choices of groups can be planned
    from it."""

    def make() -> Scores:
        found = loaded(recipe, watch)  # kept for other recipes too, so the recipe's own criterion is put in
        return scores_of(replace(found, recipe=recipe), watch, groups="all")

    return _SCORES.get(score_key(recipe), make)


def plan_of(recipe: Recipe, watch: Watch = silent) -> Plan:
    """The recipe's plan, also by an allocation that runs the network, which takes seconds to minutes; by
    errors a moment, once they are known. No cut is tried, so it expects no accuracy: `tradeoff` does."""

    def make() -> Plan:
        found, scores = loaded(recipe, watch), scored(recipe, watch)
        errors = errors_by_group(recipe, watch) if recipe.allocation == "error" else None
        return planned(recipe, found.graph, scores, found.data, watch, errors=errors)

    return _PLANS.get(plan_key(recipe), make)


def errors_by_group(recipe: Recipe, watch: Watch = silent) -> dict[int, np.ndarray]:
    """What `search.errors_of` says of the groups that the recipe may cut, at every number of channels."""
    found = replace(loaded(recipe, watch), recipe=recipe)
    key = (*score_key(recipe), may_be_cut(found))
    return _ERRORS.get(key, lambda: planning.errors_by_group(found, scored(recipe, watch), watch))


def closable_blocks(recipe: Recipe, watch: Watch = silent) -> ResidualBranches:
    """The residual branches of the recipe's network that may close whole."""
    return loaded(recipe, watch).graph.blocks


def remember(recipe: Recipe, scores: Scores | None, errors: Mapping[int, np.ndarray] | None) -> None:
    """Takes over what is known of a recipe already, so that it is not computed again."""
    if scores is not None:
        _SCORES.get(score_key(recipe), lambda: scores)
    if errors is not None:
        _ERRORS.get((*score_key(recipe), tuple(errors)), lambda: errors)


def accuracy_now(
    recipe: Recipe, how: str = "", raw_only: bool = False, plan: Plan | None = None, watch: Watch = silent
) -> AccuracyNow:
    """What the recipe's cut would leave, as it is and repaired, on up to 500 hold-out images.

    how: the repair; unsaid, `best_repair`.   raw_only: the repair is left out.   plan: the recipe's, where it
    is known already; its structure may be left out.
    The baseline is on the same images. The hold-out, never the test part: a slider that is dragged until the
    test part looks good would have chosen on it.
    """
    from pruning.surgery import cut

    found, how = loaded(recipe, watch), how or best_repair(recipe)
    plan = replace(plan, structure=found.graph.structure) if plan else plan_of(recipe, watch)
    images, whole = _whole(found, watch)
    baseline, small = whole.value, cut(found.model, plan)
    raw = _RAW.get(plan_key(recipe), lambda: _said(found, small, images, RAW, watch, whole).value)
    watch("evaluate", len(images), len(images), raw=raw, baseline=baseline, images=len(images))
    repaired, noise, seconds, messages = None, None, 0.0, []
    if plan.macs == plan.macs_before:  # nothing is cut, so there is nothing to repair
        repaired = raw
    elif not raw_only:
        seconds, messages = _repair(recipe, plan, small, how, watch)
        mended = _said(found, small, images, "repaired", watch)
        repaired, noise = mended.value, noise_of(mended, whole)
    values = (found.data.task.name, len(images), "hold-out", has_learned(recipe), baseline, raw, repaired)
    return AccuracyNow(*values, how, seconds, error_of(plan, recipe), noise, tuple(messages))


def full_accuracy(recipe: Recipe, watch: Watch = silent) -> FullAccuracy:
    """The full network on the test images, up to MOST_TESTED of them."""
    found = loaded(recipe, watch)
    images = found.data.test.first(MOST_TESTED)
    said = _said(found, found.model, images, "test images", watch)
    return FullAccuracy(said.task.name, said.value, len(images), len(found.data.test))


def noise_of(mended: "Predictions", whole: "Predictions") -> float | None:
    """Half of the interval of their difference; None where it counts right answers."""
    if mended.task.counts_right:
        return None
    found = mended.task.difference([mended.statistics], [whole.statistics], whole.labels)
    return (found.high - found.low) / 2


def error_of(plan: Plan, recipe: Recipe) -> float | None:
    """The share of the variance that a plan made by errors loses; None of another one."""
    if recipe.allocation != "error":
        return None
    return plan.path[-1].price if plan.path else 0.0


def has_learned(recipe: Recipe) -> bool:
    """Whether the hold-out may be images that the network was trained on."""
    return recipe.trained_elsewhere


def _whole(found: Loaded, watch: Watch) -> tuple[Split, "Predictions"]:
    """The images that previews are measured on, and what the full network says of them."""
    images = found.data.holdout.first(PREVIEW_IMAGES)
    key = network_key(found.recipe)
    return images, _BASELINES.get(key, lambda: _said(found, found.model, images, "baseline", watch))


def _said(
    found: Loaded, model: Any, images: Split, stage: str, watch: Watch, whole: "Predictions | None" = None
) -> "Predictions":
    """What a network says of the images. Where right answers are counted, the watch is told how many there
    are so far, and of `whole`."""
    from pruning.train import evaluate

    right = None if whole is None or not whole.task.counts_right else whole.right

    def told(_: str, done: int, total: int, **values: Any) -> None:
        more = {} if right is None else {"baseline": int(right[:done].sum())}
        watch("evaluate", done, total, message=stage, **more, **values)

    how = {"normalization": found.model.origin.normalization, "device": found.recipe.device}
    return evaluate(model, images, batch_size=BATCH, watch=told, **how)


def _repair(recipe: Recipe, plan: Plan, small: Any, how: str, watch: Watch) -> tuple[float, list[str]]:
    """Repairs `small` in place; returns the seconds that took, and messages."""
    from pruning.reconstruction import repair

    found, start = loaded(recipe, watch), time.perf_counter()
    moments = _moments(found, watch) if how in MERGING else None
    messages = repair(
        small,
        plan,
        found.model,
        found.data,
        how=how,
        calibration=recipe.calibration,
        seed=recipe.seed,
        match_steps=recipe.match_steps,
        moments=moments,
        watch=watch,
    )
    return round(time.perf_counter() - start, 2), messages


def _moments(found: Loaded, watch: Watch) -> Any:
    """How the network's channels vary together where they are read, kept for all of its cuts."""
    from pruning.reconstruction.merging import moments_of
    from pruning.statistics.calibration_images import CalibrationImages

    recipe = found.recipe

    def make() -> Any:
        images = CalibrationImages(found.model, found.data, recipe.calibration, recipe.seed)
        return moments_of(found.model, found.graph.structure, images, watch=watch)

    return _MOMENTS.get((*network_key(recipe), recipe.calibration), make)
