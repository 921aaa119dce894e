"""`run`: does what a recipe says, and leaves a Result behind."""

import copy
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from pruning.cost import Plan
from pruning.experiment.checks import must_mean_something
from pruning.experiment.gate_training import gating
from pruning.experiment.latency_tables import named_table, with_table
from pruning.experiment.loading import Loaded, load, resolved
from pruning.experiment.planning import errors_by_group, planned, scores_of
from pruning.experiment.recipe import Recipe
from pruning.experiment.repair_and_tuning import must_reach_bits, must_run, repair_cut, rounded, tune
from pruning.experiment.report import report_of
from pruning.experiment.shared_steps import Alone, network_key, plan_key, repair_key, scores_key
from pruning.experiment.stages import Clock, Stages
from pruning.export import saved_network
from pruning.latency import FILE, LatencyTable
from pruning.progress import Watch, silent
from pruning.train.training_state import DATA, Saved

if TYPE_CHECKING:
    from torch import nn

    from pruning.gates.gate_trace import GateTrace


@dataclass(frozen=True, eq=False)
class Result:
    """What `run` found. model: the smaller network.   report: as report.json.   predictions: as
    predictions.npz.
    history: a row an epoch of fine-tuning {epoch, loss, holdout_loss, holdout_METRIC,
    images_per_second}.   codes: of a quantized network's weights, {weight: Codes}; else None.   gates: how
    they moved, where they were trained; gate_history: a row an epoch of that, with left and target (shares of
    the measure) and between (share of gates) as well.   table: of measured times, where the cut is one of
    latency."""

    recipe: Recipe
    model: "nn.Module"
    plan: Plan
    report: dict[str, Any]
    predictions: dict[str, np.ndarray]
    history: tuple[dict, ...] = ()
    codes: dict | None = None
    gates: "GateTrace | None" = None
    gate_history: tuple[dict, ...] = ()
    table: LatencyTable | None = None

    def save(self, folder: str | Path) -> Path:
        """Writes model.safetensors, plan.json, recipe.json, report.json, predictions.npz, where gates were
        trained gates.npz, and where the cut is one of latency latency.json."""
        return saved_network.save(
            folder,
            self.model,
            self.plan,
            self.recipe.to_json(),
            self.report,
            self.predictions,
            self.codes,
            self.gates,
            self.table,
        )

    def zip(self, path: str | Path) -> Path:
        """One zip of these files, which `pruning.load` opens."""
        with tempfile.TemporaryDirectory(prefix="pruning-") as scratch:
            Path(path).write_bytes(saved_network.packed(self.save(scratch)))
        return Path(path)


def run(
    recipe: Recipe,
    watch: Watch = silent,
    state: str | Path | None = None,
    shared: Alone = Alone(),  # noqa: B008 (without state)
    beside: Mapping[str, str] = MappingProxyType({}),
) -> Result:
    """Does what the recipe says: load, score, plan, cut, repair, fine-tune, evaluate after each. A criterion
    that trains gates does so in the place of scoring.

    state: a folder in which the state of the training is kept, epoch by epoch, and gone on from where it
    holds one of this recipe; removed at the end.   shared: steps that other recipes have done already.
    beside: {file name: text} of what is kept with that state.
    Touches nothing else but what it loads; torch's number of threads is the caller's to set. Raises
    ValueError in one sentence where the recipe cannot be done, and lets a watch's Cancelled through.
    """
    must_mean_something(recipe)
    watch = (clock := Clock(watch)).left
    loaded, messages = loaded_by(recipe, clock, state, watch, shared)
    saved, stages = _state_of(state, loaded, beside, messages), Stages(loaded, watch, shared)
    prepared = _gated if recipe.trained else _scored
    whole, plan, gates = prepared(loaded, stages, clock, messages, watch, saved)
    watch("plan", 1, 1, macs=plan.macs, macs_before=plan.macs_before)
    start = partial(_cut_and_repaired, loaded, whole, plan, stages, clock, watch, gates)
    repaired = start() if gates else shared("repair", repair_key(loaded.recipe, plan), start)
    small, told = repaired.network(shared), repaired.gates
    stages.found |= repaired.found
    messages += repaired.messages
    history = tune(loaded, small, stages, clock, messages, watch, saved, bool(gates and gates.gated.stopped))
    codes = None
    if recipe.bits is not None:
        small, plan, codes = rounded(loaded, small, plan, stages, clock, messages, watch)
    watch.begin("time")
    report = report_of(loaded, small, plan, stages, clock, codes, messages, watch)
    trace, gate_history = (gates.gated.trace, gates.gated.history) if gates else (None, [])
    report |= {"gates": told, "history": [*history], "gate_history": [*gate_history]}
    if saved:
        saved.remove()
    said = (report, stages.predictions(), tuple(history), codes, trace, tuple(gate_history))
    return Result(loaded.recipe, small, plan, *said, loaded.table)


def _state_of(
    state: str | Path | None, loaded: Loaded, beside: Mapping[str, str], messages: list[str]
) -> Saved | None:
    if state is None:
        return None
    told = {**beside, DATA: loaded.data.digest}
    if loaded.table:
        told[FILE] = loaded.table.to_json()
    saved = Saved(state, loaded.recipe.to_json(), told)
    before = saved.said(DATA) or told[DATA]
    if saved.holds and before != told[DATA]:
        messages.append(
            f"{loaded.data.name} has changed since this run was stopped: it was trained on other images "
            "then, and all that is counted is of those of now."
        )
    return saved


@dataclass(frozen=True, eq=False)
class _Repaired:
    """A network that was cut and repaired: what it said at both stages, and what there is to know of it."""

    small: "nn.Module"
    found: dict[str, Any]
    messages: tuple[str, ...]
    gates: dict[str, Any] | None

    def network(self, shared: Alone) -> "nn.Module":
        """A copy, where others are handed the same."""
        return copy.deepcopy(self.small) if shared.shares else self.small


def _cut_and_repaired(loaded: Loaded, whole, plan: Plan, stages, clock, watch: Watch, gates) -> _Repaired:
    from pruning.surgery import cut

    watch("cut", 0, 1)
    with clock.stage("cut"):
        small = cut(whole, plan)
        must_run(small, loaded.graph.example)
        must_reach_bits(loaded, small)  # before minutes of training
    stages.evaluate("cut", small)
    told = gates.reported(small, loaded.recipe) if gates else None
    messages = repair_cut(loaded, small, plan, stages, clock, watch)
    found = {stage: stages.found[stage] for stage in ("cut", "repaired") if stage in stages.found}
    return _Repaired(small, found, tuple(messages), told)


def loaded_by(recipe: Recipe, clock, state, watch: Watch, shared: Alone) -> tuple[Loaded, list[str]]:
    """What the recipe stands for, with a table of measured times where it takes one; and messages."""
    table = named_table(recipe)  # one that is gone is said before anything is loaded
    with clock.stage("trace"):
        loaded = shared("load", network_key(recipe), lambda: load(recipe, watch))
        loaded = replace(loaded, recipe=resolved(recipe, loaded.model))  # others may have loaded it
    if recipe.measure != "latency":
        return loaded, [*loaded.messages]
    with clock.stage("latency"):
        loaded, told = with_table(loaded, table, state, watch)
    return loaded, [*loaded.messages, *told]


def _scored(loaded: Loaded, stages, clock, messages: list[str], watch: Watch, saved):
    """The network as it is, the plan that scores make, and no gates."""
    recipe, shared = loaded.recipe, stages.shared
    with clock.stage("statistics"):
        scores = shared("scores", scores_key(recipe), lambda: scores_of(loaded, watch))
    watch("plan", 0, 1)
    with clock.stage("plan"):
        plan = shared("plan", plan_key(recipe), lambda: _planned(loaded, scores, watch, shared))
    messages += [*scores.messages, *plan.messages]
    stages.evaluate("baseline", loaded.model)  # after the plan: a target out of reach is said at once
    return loaded.model, plan, None


def _planned(loaded: Loaded, scores, watch: Watch, shared: Alone) -> Plan:
    recipe, errors = loaded.recipe, None
    if recipe.allocation == "error" and shared.shares:
        errors = shared("errors", scores_key(recipe), lambda: errors_by_group(loaded, scores, watch))
    how = {"table": loaded.table, "errors": errors, "expect": True}
    plan = planned(recipe, loaded.graph, scores, loaded.data, watch, **how)
    return replace(plan, changes=(*loaded.changes, *plan.changes))


def _gated(loaded: Loaded, stages, clock, messages: list[str], watch: Watch, saved):
    """The network after training with gates, the plan that they make, and the gates."""
    stages.evaluate("baseline", loaded.model)
    found = gating(loaded, stages, clock, messages, watch, saved)
    messages += found.plan.messages
    plan = replace(found.plan, changes=(*loaded.changes, *found.plan.changes))
    return found.model, plan, found
