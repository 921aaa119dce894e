"""From a recipe and its network to scores and a plan: the criterion asked, the cut distributed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pruning.allocation import plan as make_plan
from pruning.channels.residual_branches import ResidualBranches
from pruning.channels.structure import Structure
from pruning.cost import Plan
from pruning.criteria.scores import Scores
from pruning.criteria.scoring import score_all
from pruning.data import Dataset
from pruning.experiment.dependent_defaults import OF_SEARCH
from pruning.experiment.latency_tables import named_table
from pruning.experiment.loading import Loaded
from pruning.experiment.recipe import Recipe
from pruning.latency import LatencyTable
from pruning.progress import Watch, silent
from pruning.search import SEARCHES, Asked, errors_of, search_plan


def scores_of(loaded: Loaded, watch: Watch = silent, *, groups: str | None = None) -> Scores:
    """What the recipe's criterion says of the recipe's groups (or of other ones); of all, where a share of
    a group is given, which may be any."""
    recipe = loaded.recipe
    chosen = (recipe.criterion, recipe.options)
    found = score_all(
        loaded.graph,
        [chosen],
        loaded.data,
        seed=recipe.seed,
        calibration=recipe.calibration,
        groups=groups or ("all" if recipe.cut_group else recipe.groups),
        watch=watch,
    )
    return found[chosen]


LIMITS: tuple[str, ...] = ("cut", "measure", "allocation", "groups", "protect", "cut_group")
LIMITS += ("max_cut_per_group", "min_channels", "round_to", "blocks")
SEARCHING: tuple[str, ...] = (*OF_SEARCH, "latency")  # what else a plan depends on


def planned(
    recipe: Recipe,
    graph: Any,
    scores: Scores,
    data: Dataset | None = None,
    watch: Watch = silent,
    *,
    table: LatencyTable | None = None,
    errors: Mapping[int, np.ndarray] | None = None,
    blocks: ResidualBranches | None = None,
    expect: bool = False,
) -> Plan:
    """The recipe's plan, from scores.

    graph: a ChannelGraph or, where no network has to run, its Structure (else TypeError).   table: of times,
    unless the recipe names one (else ValueError).   errors: `search.errors_of`.   blocks: which may close,
    for a Structure.   expect: allocation error tries a few cuts, to say what accuracy to expect."""
    limits = {name: getattr(recipe, name) for name in LIMITS} | timed_by(recipe, table)
    limits |= {"blocks": blocks} if recipe.blocks and blocks else {}
    if recipe.allocation not in SEARCHES:
        return make_plan(graph, scores, **limits)
    if isinstance(graph, Structure) and errors is None:
        raise TypeError(f"allocation {recipe.allocation} runs the network: give its ChannelGraph, and data")
    return search_plan(
        graph,
        recipe.criterion,
        data,
        scores=scores,
        errors=errors,
        expect=Asked(recipe.repair, recipe.trained_elsewhere) if expect else None,
        by=recipe.search_by,
        kl_temperature=recipe.search_temperature,
        images=recipe.search_images,
        every=recipe.search_every,
        recalibrated=recipe.repair != "none" or recipe.epochs > 0,
        watch=watch,
        given=dict(recipe.options),
        **limits,
        **{name: getattr(recipe, name) for name in ("seed", "calibration")},
    )


def timed_by(recipe: Recipe, table: LatencyTable | None) -> dict[str, LatencyTable]:
    """What a plan for latency takes besides; nothing for other measures."""
    if recipe.measure != "latency":
        return {}
    if found := table or named_table(recipe):
        return {"latency": found}
    raise ValueError(
        "a cut of latency is planned on measured times, and there are none yet; the Prune page and run "
        "measure them, or give a latency.json"
    )


def errors_by_group(loaded: Loaded, scores: Scores, watch: Watch = silent) -> dict[int, np.ndarray]:
    """What `search.errors_of` says of the groups that the recipe may cut, at every number of channels."""
    how: dict[str, Any] = {
        "seed": loaded.recipe.seed,
        "calibration": loaded.recipe.calibration,
        "watch": watch,
    }
    return errors_of(loaded.graph, scores, loaded.data, may_be_cut(loaded), **how)


def may_be_cut(loaded: Loaded) -> tuple[int, ...]:
    """Numbers of the groups that may lose channels."""
    every = cuts_any_group(loaded.recipe)
    return tuple(g for g, group in enumerate(loaded.graph.structure.groups) if every or group.inner)


def cuts_any_group(recipe: Recipe) -> bool:
    """Whether groups that are written by several layers may lose channels too."""
    return recipe.groups == "all" or bool(recipe.cut_group)
