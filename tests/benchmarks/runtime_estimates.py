"""What the tables of layers' times foresee of whole networks, beside what was measured, in several runtimes.

    python -m tests.benchmarks.runtime_estimates                       torch, onnxruntime: 5 networks x 4 cuts
    python -m tests.benchmarks.runtime_estimates onnxruntime resnet20  one runtime, one network

On a machine that does nothing else, with one thread. Rows that docs/measured/runtime_estimates.csv has are
not measured again. estimated, measured: the cut network's time as a share of the whole one's. One seed.
"""

import sys
from pathlib import Path

import numpy as np
import torch

import pruning
from pruning.experiment.loading import load
from pruning.experiment.recipe import Recipe
from pruning.latency.measure import batch_of, whole_ms
from pruning.progress import silent
from pruning.runtimes import latency_table, timed_in
from tests.benchmarks.measured_rows import MeasuredRows

PATH = Path(__file__).resolve().parents[2] / "docs" / "measured" / "runtime_estimates.csv"
COLUMNS = ("runtime", "network", "cut", "estimated", "measured", "baseline_ms", "batch")
ROWS = MeasuredRows(PATH, COLUMNS[:3], COLUMNS)
NETWORKS = {
    "resnet20": "scenes",
    "resnet56": "scenes",
    "vgg16_slim": "scenes",
    "mobilenet_v2_slim": "scenes",
    "deeplabv3plus_small": "scenes_masks",
}
CUTS = {
    "uniform, 30 %": {"cut": 0.3},
    "uniform, 50 %, multiples of 8": {"cut": 0.5, "round_to": 8},
    "global, 50 %": {"cut": 0.5, "allocation": "global"},
    "all groups, 60 %": {"cut": 0.6, "groups": "all"},
}
NEAR = 0.1
TURNS = 20


def measure(runtime: str, network: str):
    missing = [cut for cut in CUTS if (runtime, network, cut) not in ROWS.known()]
    if not missing:
        return
    plain = {"model": network, "data": NETWORKS[network], "criterion": "l1", "threads": 1, "device": "cpu"}
    if network == "resnet56":
        plain["checkpoint"] = "none"  # time does not depend on weights
    loaded = load(Recipe(**plain))
    graph, table = loaded.graph, latency_table(loaded.graph, runtime=runtime)
    inputs = batch_of(graph.example, table.batch)
    how, groups = timed_in(runtime), graph.structure.groups
    scores = pruning.score(graph, "l1")
    plans = {cut: pruning.plan(graph, scores, **CUTS[cut]) for cut in missing}
    networks = [loaded.model, *(pruning.cut(loaded.model, plan).eval() for plan in plans.values())]
    passes = how.networks(networks, inputs, silent)
    device = inputs[0].device
    runs = [whole_ms(passes, device, how.clock(device), lambda done: None) for _ in range(TURNS // 5)]
    times, form = np.min(runs, axis=0), table.form(graph.structure)
    whole = form([group.size for group in groups])
    for (cut, plan), ms in zip(plans.items(), times[1:], strict=True):
        now = form([plan.widths[group.name] for group in groups])
        told = {"estimated": round(now / whole, 4), "measured": round(float(ms / times[0]), 4)}
        told |= {"baseline_ms": round(float(times[0]), 3), "batch": table.batch}
        ROWS.keep({"runtime": runtime, "network": network, "cut": cut} | told)


def summary():
    rows = list(ROWS.known().values())
    for runtime in sorted({row["runtime"] for row in rows}):
        own = [row for row in rows if row["runtime"] == runtime]
        near = [abs(float(r["estimated"]) / float(r["measured"]) - 1) <= NEAR for r in own]
        print(f"{runtime}: {sum(near)} of {len(near)} within {NEAR:.0%}")


def main(*words: str):
    torch.set_num_threads(1)
    runtimes = [word for word in words if word not in NETWORKS] or ["torch", "onnxruntime"]
    for network in [word for word in words if word in NETWORKS] or NETWORKS:
        for runtime in runtimes:
            print(runtime, network, flush=True)
            measure(runtime, network)
    summary()


if __name__ == "__main__":
    main(*sys.argv[1:])
