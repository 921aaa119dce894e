"""What a cut does to the time that the network takes: measured before and after, as a whole and layer by
layer, and why fewer multiply-accumulates did not make it faster where they did not."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruning.cost import Plan
from pruning.devices import of_network
from pruning.experiment.loading import Loaded
from pruning.experiment.runtime_times import side_by_side
from pruning.progress import Watch
from pruning.terms import RUNTIMES, percent, plural

if TYPE_CHECKING:
    from pruning.experiment.recipe import Recipe
    from pruning.latency.timing import Timing

NAMED = 3  # layers that a message names
FAR = 0.1  # of the time: that much between foreseen and measured is told
OTHER = "other"


def latencies(loaded: Loaded, small, plan: Plan, watch: Watch) -> tuple[dict[str, Any], list[str]]:
    """report.json's `latency_ms`, and messages: where the cut one is no faster or hardly, and where the time
    that was planned on is not what came out. Where the cut is one of time, every runtime is told."""
    import torch

    from pruning.latency.in_torch import block_of
    from pruning.latency.measure import batch_size
    from pruning.latency.timing import timings

    structure, found, most = loaded.graph.structure, {}, batch_size(loaded.graph.macs)
    for batch in dict.fromkeys((most, 1)):
        found[batch] = timings([loaded.model, small], (_inputs(loaded, batch),), structure, watch)
    large, single = found[most], found[1]
    layers = layer_table(loaded, small, *large)
    told = _both(large) | {"batch": most, "threads": torch.get_num_threads()}
    told |= {"device": loaded.recipe.device, "batch_1": _both(single)}
    told |= {"layers": layers.to_dict("records"), "estimated": _estimated(loaded, plan)}
    if loaded.table is not None:
        told["runtimes"] = side_by_side(loaded, small, None, watch)
    macs = {"before": plan.macs_before, "after": plan.macs}
    ways = _ways(loaded.recipe, block_of(of_network(loaded.model)[0]))
    runtime = loaded.recipe.runtime
    where = "" if runtime == "torch" else f"in {RUNTIMES['torch']} "
    return told, [*hardly_faster(told, layers, macs, ways, where), *_unforeseen(told, runtime)]


def measured_in(latency: Mapping[str, Any], runtime: str) -> Mapping[str, Any]:
    """baseline, final (ms) and batch, as measured in this runtime; empty where that was not.

    latency: report.json's `latency_ms`."""
    if runtime == "torch":
        return latency
    rows = [row for row in latency.get("runtimes", []) if row["runtime"] == runtime and "milliseconds" in row]
    for row in rows:
        batch = max(row["milliseconds"], key=int)
        return {**row["milliseconds"][batch], "batch": int(batch)}
    return {}


def _both(timings: "Sequence[Timing]") -> dict[str, Any]:
    """baseline and final: medians.   spread: of each the 10th and 90th percentile.   runs: timed."""
    stages = dict(zip(("baseline", "final"), timings, strict=True))
    spread = {stage: list(timing.spread) for stage, timing in stages.items()}
    medians = {stage: timing.median for stage, timing in stages.items()}
    return medians | {"spread": spread, "runs": timings[0].runs}


def _inputs(loaded: Loaded, batch: int):
    """The first test images, as often as needed, as the network takes them."""
    from pruning.data import inputs_of

    test = loaded.data.test
    rows = np.resize(np.arange(len(test)), batch)
    return inputs_of(test, rows, loaded.model.origin.normalization, loaded.recipe.device)


def layer_table(loaded: Loaded, small, before: "Timing", after: "Timing") -> pd.DataFrame:
    """A row a layer or norm, in the order they run, then one for all the rest: layer, kind, macs_before,
    macs_after (of one image), ms_before, ms_after (of a batch)."""
    structure, rows = loaded.graph.structure, []
    shapes = {name: tuple(p.shape) for name, p in small.named_parameters()}
    for layer in structure.layers:
        if layer.weight not in before.layers:
            continue
        macs = [
            layer.macs_each * int(np.prod(sizes.get(layer.weight, (0,))[:2]))
            for sizes in (structure.shapes, shapes)
        ]
        ms = [timing.layers.get(layer.weight, 0.0) for timing in (before, after)]
        rows.append((layer.name, layer.kind, *macs, *ms))
    rows.append((OTHER, OTHER, 0, 0, before.layers[OTHER], after.layers[OTHER]))
    return pd.DataFrame(rows, columns=["layer", "kind", "macs_before", "macs_after", "ms_before", "ms_after"])


def hardly_faster(
    latency: Mapping[str, Any],
    layers: pd.DataFrame,
    macs: Mapping[str, int],
    ways: Sequence[str] = (),
    where: str = "",
) -> list[str]:
    """A message where the time has fallen by less than half of the share by which multiply-accumulates have:
    how much, the layers where most of it stayed, and what may help. layers: as `layer_table`.   macs: before
    and after.   ways: settings that are not in use.   where: the runtime, if it has to be said."""
    saved, fewer = 1 - latency["final"] / latency["baseline"], 1 - macs["after"] / macs["before"]
    if saved >= fewer / 2:
        return []
    how = f"{where}at batch {latency['batch']} on {plural(latency['threads'], 'thread')}"
    if saved <= 0:
        words = f"{percent(fewer, 0)} fewer MACs did not make it faster {how}"
    else:
        words = f"{percent(fewer, 0)} fewer MACs took only {percent(saved, 0)} off its time {how}"
    lesser = layers[(layers["macs_after"] < layers["macs_before"]) & (layers["ms_before"] > 0)]
    most = lesser.sort_values("ms_after", ascending=False).head(NAMED)
    if len(most):
        words += f"; most time stayed in {'; '.join(_in_words(row) for row in most.itertuples())}"
    rest = layers[layers["kind"].isin((OTHER, "norm"))]["ms_after"].sum() / layers["ms_after"].sum()
    words += f"; batch norms, activations and the rest take {percent(rest, 0)} of the time"
    return [words + (f"; {' or '.join(ways)} may help." if ways else ".")]


def _ways(recipe: "Recipe", block: int) -> list[str]:
    """What makes a cut of time, and is not in use. block: channels that the processor computes at a time."""
    ways = []
    if recipe.round_to % block:
        ways.append(f"round_to={block} (the processor computes {block} channels at a time)")
    if recipe.groups == "inner":
        ways.append("groups=all (residual streams get narrower too)")
    if recipe.measure != "latency":
        ways.append("measure=latency")
    return ways


def _in_words(row) -> str:
    fewer, less = 1 - row.macs_after / row.macs_before, 1 - row.ms_after / row.ms_before
    change = f"{percent(less, 0)} less time" if less >= 0 else f"{percent(-less, 0)} more time"
    if percent(abs(less), 0) == percent(0.0, 0):
        change = "no less time"
    return f"{row.layer}: {percent(fewer, 0)} fewer MACs, {change}"


def _estimated(loaded: Loaded, plan: Plan) -> dict[str, Any] | None:
    """What the table foresaw, in milliseconds of its own batch; None without one."""
    if loaded.table is None:
        return None
    structure, table = loaded.graph.structure, loaded.table
    before = {group.name: group.size for group in structure.groups}
    ms = {"baseline": table.estimate(structure, before), "final": table.estimate(structure, plan.widths)}
    return {stage: round(value, 3) for stage, value in ms.items()} | {"batch": table.batch}


def _unforeseen(latency: Mapping[str, Any], runtime: str) -> list[str]:
    foreseen, found = latency["estimated"], measured_in(latency, runtime)
    if foreseen is None or not found:
        return []
    less, wanted = (1 - times["final"] / times["baseline"] for times in (found, foreseen))
    if abs(less - wanted) <= FAR:
        return []
    where = "" if runtime == "torch" else f" in {RUNTIMES[runtime]}"
    return [
        f"{percent(wanted, 0)} less time was expected from the layers' measured times{where}; measured were "
        f"{percent(less, 0)} less at "
        f"batch {found['batch']}."
    ]
