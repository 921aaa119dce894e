"""What `run` does for a criterion that trains: gates on the network, and from them a plan."""

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pruning.allocation import plan as make_plan
from pruning.allocation.limits import limits_of
from pruning.cost import Plan
from pruning.criteria import CRITERIA
from pruning.criteria.scores import Scores
from pruning.experiment.loading import Loaded
from pruning.experiment.recipe import Recipe
from pruning.progress import Watch, silent
from pruning.train.training_state import Saved

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruning.gates import Gated

COMPARED = 64  # test images at most on which the gated and the cut network are compared
WHERE = ("groups", "protect", "max_cut_per_group", "min_channels")


@dataclass(frozen=True, eq=False)
class Gating:
    """A network trained with gates, and what is cut of it.

    model: its open gates absorbed, its shut ones zero.   outputs: [N, ...] of the gated network on some test
    images, which follow as `images`.   report: as report.json's `gates`, before the cut.
    """

    gated: "Gated"
    model: "nn.Module"
    plan: Plan
    images: "Tensor"
    outputs: "Tensor"
    report: dict[str, Any]

    def reported(self, small: "nn.Module", recipe: Recipe) -> dict[str, Any]:
        """report.json's `gates`. small: the network right after the cut."""
        if recipe.allocation != "gates":
            return self.report
        difference = relative_difference(self.outputs, outputs(small, self.images))
        return self.report | {"absorb_difference": difference}


def train(loaded: Loaded, watch: Watch = silent, saved: Saved | None = None, *, epochs: int) -> "Gated":
    """Trains a copy of the recipe's network with gates; the loaded one stays as it is."""
    from pruning.gates import train_gates

    recipe, graph = loaded.recipe, copy.copy(loaded.graph)
    graph.model = copy.deepcopy(loaded.model)
    return train_gates(
        graph.model,
        graph,
        loaded.data,
        cut=recipe.cut,
        measure=recipe.measure,
        epochs=epochs,
        lr=recipe.lr,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        normalization=loaded.model.origin.normalization,
        device=recipe.device,
        watch=watch,
        saved=saved,
        **{name: getattr(recipe, name) for name in WHERE},
        **dict(recipe.options),
    )


def trained_scores(loaded: Loaded, watch: Watch = silent) -> Scores:
    """The gates as scores, after all of the recipe's epochs with gates."""
    return as_scores(loaded.recipe, train(loaded, watch, epochs=loaded.recipe.epochs))


def as_scores(recipe: Recipe, gated: "Gated") -> Scores:
    unit = CRITERIA[recipe.criterion].unit_of(dict(recipe.options))
    return Scores(gated.scores, recipe.criterion, unit, messages=gated.messages)


def gating(loaded: Loaded, stages, clock, messages: list[str], watch: Watch, saved: Saved | None) -> Gating:
    """Trains the gates, evaluates the network with them, absorbs them, and plans what is cut."""
    from pruning.data import images_at_once, inputs_of

    recipe = loaded.recipe
    must_have_gates(loaded)
    with clock.stage("gates"):
        gated = train(loaded, watch, saved, epochs=recipe.gate_epochs)
    messages += gated.messages
    model = gated.gates.model
    test = loaded.data.test
    few = slice(images_at_once(test.images, COMPARED))
    images = inputs_of(test, few, loaded.model.origin.normalization, recipe.device)
    with gated.gates.inserted():
        stages.evaluate("gates", model)
        said = outputs(model, images)
    watch("plan", 0, 1)
    with clock.stage("plan"):
        opened = gated.gates.plan(recipe.cut)
        plan = opened if recipe.allocation == "gates" else by_scores(loaded, gated)
        gated.gates.absorb()
    closed = closed_groups(gated, plan)
    report = {
        "between": gated.between,
        "trained_macs": opened.macs,
        loaded.data.task.metric.name: stages.found["gates"].value,
        "absorb_difference": None,
        "closed_blocks": list(gated.closed),
        "epochs": len(gated.history),
    }
    return Gating(gated, model, replace(plan, changes=tuple(closed)), images, said, report)


def closed_groups(gated: "Gated", plan: Plan) -> list[dict]:
    """A change of the plan for every group that closed: kind, group, block."""
    names = gated.gates.placement.structure.names
    numbers = [names.index(name) for name in gated.closed if not len(plan.kept[name])]
    blocks = gated.gates.placement.residual.named(numbers)
    return [{"kind": "closed", "group": names[g], "block": blocks.get(g, names[g])} for g in numbers]


def by_scores(loaded: Loaded, gated: "Gated") -> Plan:
    """The plan of another allocation, which takes the gates as scores. Groups without gates stay whole."""
    recipe, structure = loaded.recipe, loaded.graph.structure
    without = [name for name in structure.names if name not in gated.scores]
    return make_plan(
        structure,
        as_scores(recipe, gated),
        cut=recipe.cut,
        measure=recipe.measure,
        allocation=recipe.allocation,
        groups=recipe.groups,
        protect=(*recipe.protect, *without),
        cut_group=recipe.cut_group,
        max_cut_per_group=recipe.max_cut_per_group,
        min_channels=recipe.min_channels,
        round_to=recipe.round_to,
    )


def must_have_gates(loaded: Loaded) -> None:
    """Raises ValueError, before any training, where a share of a group is asked for that has no gates."""
    recipe, structure = loaded.recipe, loaded.graph.structure
    where = (dict(recipe.cut_group), recipe.max_cut_per_group, recipe.min_channels, recipe.round_to)
    given = limits_of(structure, recipe.groups, recipe.protect, *where).given
    for g in np.flatnonzero(given):
        group = structure.groups[g]
        if group.renormalised or not (group.inner or recipe.groups == "all"):
            raise ValueError(
                f"{group.name} has no gates, so its channels cannot be ranked; leave it out of cut_group"
            )


def outputs(model: "nn.Module", images: "Tensor") -> "Tensor":
    """What the network answers, in evaluation mode."""
    import torch

    from pruning.models.module_modes import evaluating

    with evaluating(model), torch.no_grad():
        return model(images)


def relative_difference(a: "Tensor", b: "Tensor") -> float:
    """max |a - b| / max |a|; 0 where both are zero."""
    return float((a - b).abs().max() / a.abs().max().clamp(min=1e-30))
