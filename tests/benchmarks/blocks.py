"""Whole blocks beside channels: accuracy, MACs and time of networks cut with `--blocks` and without.

python -m tests.benchmarks.blocks [--networks resnet20-scenes resnet56-cifar10] [--cuts 0.5 0.7] [--seed 0]
    [--measure macs] [--repair reconstruct] [--allocation error]

Criterion reconstruction. Rows go to docs/measured/blocks.csv; a second start goes on. Times are medians of
alternating passes in PyTorch as it is, one thread, of the time that the processor gave; the last two columns
are the whole network's time over the cut one's. Public networks need PRUNING_DATA.
"""

import argparse
from functools import partial

import torch

import pruning
from pruning.data import inputs_of
from pruning.experiment.loading import load
from pruning.experiment.planning import errors_by_group, planned, scores_of
from pruning.latency.measure import latency_table
from pruning.reconstruction import repair
from tests.benchmarks.measured import ROOT, right
from tests.benchmarks.measured_rows import MeasuredRows
from tests.benchmarks.repaired import DEEP, recipe_of
from tests.benchmarks.speed_frontier import in_turns

KEY = ("network", "measure", "allocation", "repair", "cut", "seed", "blocks")
MORE = ("closed", "macs_cut", "lost", "images", "whole", "correct", "times_1", "times_64")
ROWS = MeasuredRows(ROOT / "docs" / "measured" / "blocks.csv", KEY, (*KEY, *MORE))
PASSES = {1: 60, 64: 12}


def measured(place: str, cut: float, given: argparse.Namespace):
    """A row with blocks and one without, both timed in turns with the whole network."""
    how = {"repair": given.repair, "allocation": given.allocation, "measure": given.measure}
    recipe = recipe_of(place, criterion="reconstruction", cut=cut, seed=given.seed, threads=1, **how)
    loaded = load(recipe)
    scores = scores_of(loaded)
    errors = errors_by_group(loaded, scores) if given.allocation == "error" else None
    table = latency_table(loaded.graph) if given.measure == "latency" else None
    rows, networks = [], [loaded.model]
    images, normalization = loaded.data.test, loaded.model.origin.normalization
    whole = sum(right(loaded.model, images, normalization))
    for blocks in (False, True):
        asked = recipe.but(blocks=blocks)
        plan = planned(asked, loaded.graph, scores, loaded.data, errors=errors, table=table)
        small = pruning.cut(loaded.model, plan).eval()
        if given.repair != "none":
            repair(small, plan, loaded.model, loaded.data, given.repair, seed=given.seed)
        networks.append(small)
        rows.append(
            {
                "network": place,
                **how,
                "cut": cut,
                "seed": given.seed,
                "blocks": int(blocks),
                "closed": " ".join(dict.fromkeys(plan.closed.values())),
                "macs_cut": round(1 - plan.macs / plan.macs_before, 4),
                "lost": round(plan.path[-1].price, 4) if plan.path else "",
                "images": len(images),
                "whole": whole,
                "correct": sum(right(small, images, normalization)),
            }
        )
    for batch, passes in PASSES.items():
        times = timed(networks, images, normalization, batch, passes)
        for row, ms in zip(rows, times[1:], strict=True):
            row[f"times_{batch}"] = round(times[0] / ms, 3)
    ROWS.keep(*rows)
    for row in rows:
        print({name: row[name] for name in (*KEY, *MORE)}, flush=True)


def timed(networks, images, normalization, batch: int, passes: int) -> list[float]:
    """Milliseconds of each network, the median of passes that take turns."""
    inputs = inputs_of(images, slice(batch), normalization, "cpu")
    with torch.no_grad():
        return in_turns([partial(network.eval(), inputs) for network in networks], passes)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=("resnet20-scenes", DEEP))
    parser.add_argument("--cuts", nargs="+", type=float, default=(0.5, 0.7))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure", default="macs")
    parser.add_argument("--repair", default="reconstruct")
    parser.add_argument("--allocation", default="error")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for place in given.networks:
        for cut in given.cuts:
            key = (place, given.measure, given.allocation, given.repair, str(cut), str(given.seed), "1")
            if key not in ROWS.known():
                measured(place, cut, given)


if __name__ == "__main__":
    main()
