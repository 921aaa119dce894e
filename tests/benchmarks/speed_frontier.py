"""Time against accuracy: networks cut by measured time with channels alone, in multiples of 8 and with whole
blocks, repaired without labels, timed in torch and in onnxruntime: docs/measured/speed_frontier.csv.

    python -m tests.benchmarks.speed_frontier make [--networks ...] [--arms ...] [--cuts 0.4 ...] [--seeds 0]
        [--repairs reconstruct match] [--runtime torch] [--threads 1]
    python -m tests.benchmarks.speed_frontier time [--networks ...] [--threads 1]
    python -m tests.benchmarks.speed_frontier table [--threads 1]   what docs/deployment.md has, by network

`make` cuts and repairs and keeps the networks and whether each test image is answered right; its plans go by
a table of times of `--runtime`, measured when it starts, so the machine should be idle for its first minute.
`time` times all kept networks of a place in turns with the whole one, norms folded in all, batches of 1 and
of 64: medians, on a machine that does nothing else. --threads: of the table, the repair and the times. Both
go on where they were. Public networks need PRUNING_DATA.
"""

import argparse
import copy
from functools import partial
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn
from torch.fx.experimental.optimization import fuse

import pruning
from pruning.data import inputs_of
from pruning.experiment.loading import load
from pruning.experiment.planning import errors_by_group, planned, scores_of
from pruning.latency.freed_memory import keep_freed_memory
from pruning.latency.table import LatencyTable
from pruning.latency.timing import milliseconds, own_clock
from pruning.progress import silent
from pruning.runtimes import latency_table, timed_in
from pruning.tasks import paired_difference
from tests.benchmarks.measured import KEPT, ROOT, in_points, right
from tests.benchmarks.measured_rows import MeasuredRows, as_bits, hits
from tests.benchmarks.repaired import CALIBRATION, DEEP, STEPS, TITLES, recipe_of

KEY = ("network", "runtime", "arm", "cut", "repair", "seed", "threads")
MORE = ("closed", "estimated", "macs_cut", "images", "correct", "right")
TIMES = ("torch_1", "torch_64", "onnxruntime_1", "onnxruntime_64")
ROWS = MeasuredRows(ROOT / "docs" / "measured" / "speed_frontier.csv", KEY, (*KEY, *MORE, *TIMES))
ARMS: dict[str, dict] = {
    "channels": {},
    "multiples of 8": {"round_to": 8},
    "blocks": {"blocks": True},
    "blocks, multiples of 8": {"blocks": True, "round_to": 8},
}
ARM_TITLES = {
    "multiples of 8": "channels in multiples of 8",
    "blocks": "channels and blocks",
    "blocks, multiples of 8": "channels in multiples of 8, and blocks",
}
HEAD = (
    *("network", "table of", "what may go", "share of the time asked for", "repair", "seeds", "MACs cut"),
    *("accuracy less the full network's", "torch, 1 image", "torch, 64", "onnxruntime, 1", "onnxruntime, 64"),
)
NETWORKS = (DEEP, "vgg16_slim-scenes", "mobilenet_v2_slim-scenes")
CUTS = (0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)
PASSES = {1: 100, 64: 20}
WHOLE = "whole"


def place_of(key: tuple[str, ...]) -> Path:
    return KEPT / "speed_frontier" / "-".join(word.replace(" ", "_") for word in key)


def make(place: str, given: argparse.Namespace):
    recipe = recipe_of(
        place, criterion="reconstruction", allocation="error", repair="none", threads=given.threads
    )
    loaded = load(recipe)
    table = _table(loaded, place, given.runtime, given.threads)
    judge = partial(right, split=loaded.data.test, normalization=loaded.model.origin.normalization)
    told = {"network": place, "arm": WHOLE, "cut": 0, "repair": "none", "runtime": "", "seed": 0}
    told["threads"] = given.threads
    if ROWS.of(told) not in ROWS.known():
        _keep(told, loaded.model, judge)
    for seed in given.seeds:
        errors = None
        for arm in given.arms:
            for cut in given.cuts:
                told = {"network": place, "runtime": given.runtime, "arm": arm, "cut": cut, "seed": seed}
                told["threads"] = given.threads
                missing = [r for r in given.repairs if ROWS.of(told | {"repair": r}) not in ROWS.known()]
                if not missing:
                    continue
                asked = recipe.but(seed=seed)
                if errors is None:
                    found = load(asked)
                    scores = scores_of(found)
                    errors = errors_by_group(found, scores)
                asked = asked.but(measure="latency", cut=cut, **ARMS[arm])
                try:
                    plan = planned(asked, found.graph, scores, found.data, errors=errors, table=table)
                except ValueError as error:
                    print(place, arm, cut, error, flush=True)
                    continue
                _repaired(told, found, plan, table, missing, judge)


def _table(loaded, place: str, runtime: str, threads: int) -> LatencyTable:
    """Measured once a network, runtime and number of threads, and kept."""
    path = KEPT / "speed_frontier" / f"{place}-{runtime}-{threads}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(latency_table(loaded.graph, runtime=runtime).to_json())
    return LatencyTable.read(path)


def _repaired(told: dict, loaded, plan, table: LatencyTable, repairs, judge):
    """A row a repair of one plan."""
    form, structure = table.form(loaded.graph.structure), loaded.graph.structure
    sizes = [group.size for group in structure.groups]
    now = [plan.widths[group.name] for group in structure.groups]
    told |= {"closed": " ".join(dict.fromkeys(plan.closed.values()))}
    told |= {"macs_cut": round(1 - plan.macs / plan.macs_before, 4)}
    told |= {"estimated": round(form(sizes) / form(now), 3)}
    for repair in repairs:
        small = pruning.cut(loaded.model, plan)
        how = {"calibration": CALIBRATION, "seed": loaded.recipe.seed, "match_steps": STEPS}
        pruning.repair(small, plan, loaded.model, loaded.data, repair, **how)
        _keep(told | {"repair": repair}, small, judge)


def _keep(told: dict, network: nn.Module, judge):
    answers = judge(network)
    path = place_of(ROWS.of(told))
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(folded(network), path)
    ROWS.keep(told | {"images": len(answers), "correct": sum(answers), "right": as_bits(answers)})
    print(*told.values(), sum(answers), flush=True)


def folded(network: nn.Module) -> nn.Module:
    """A copy whose norms are part of its layers."""
    return fuse(copy.deepcopy(network).cpu().eval())


# ------------------------------------------------------------------------------------------- times


def time(place: str, threads: int):
    """Times the whole network's speed of every row of a network that has none."""
    keep_freed_memory()
    rows = [r for r in ROWS.known().values() if r["network"] == place and r["threads"] == str(threads)]
    rows = [r for r in rows if not r["torch_1"]]
    rows = [r for r in rows if r["arm"] != WHOLE and place_of(ROWS.of(r)).exists()]
    whole = place_of((place, "", WHOLE, "0", "none", "0", str(threads)))
    if not rows:
        return
    loaded = load(recipe_of(place, criterion="l1", allocation="uniform", repair="none", threads=threads))
    paths = [whole, *(place_of(ROWS.of(row)) for row in rows)]
    networks = [torch.load(path, weights_only=False) for path in paths]
    for batch, passes in PASSES.items():
        split, normal = loaded.data.test, loaded.model.origin.normalization
        # channel after channel, as batches come from a DataLoader
        inputs = (inputs_of(split, slice(batch), normal, "cpu").contiguous(),)
        for runtime in ("torch", "onnxruntime"):
            ms = in_turns(timed_in(runtime).networks(networks, inputs, silent), passes)
            for row, took in zip(rows, ms[1:], strict=True):
                row[f"{runtime}_{batch}"] = round(ms[0] / took, 3)
    ROWS.keep(*rows)
    for row in rows:
        print(*(row[name] for name in (*KEY, "macs_cut", "estimated", "correct", *TIMES)), flush=True)


def in_turns(runs, passes: int) -> list[float]:
    """Milliseconds of each, the median."""
    device = torch.device("cpu")
    found = np.zeros((passes + 2, len(runs)))
    for turn in range(passes + 2):
        for k, run in enumerate(runs):
            found[turn, k] = milliseconds(run, device, own_clock(device))
    return np.median(found[2:], axis=0).tolist()


# ------------------------------------------------------------------------------------------- the table


def table_lines(threads: int) -> list[str]:
    """A row a timed network, with its paired difference to the whole one over the seeds it has."""
    known = {key: row for key, row in ROWS.known().items() if row["threads"] == str(threads)}
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for key in dict.fromkeys(k[:5] for k in known if known[k]["torch_1"]):
        rows = [row for k, row in known.items() if k[:5] == key and row["torch_1"]]
        full = known[key[0], "", WHOLE, "0", "none", "0", str(threads)]
        less = paired_difference([hits(r) for r in rows], [hits(full)] * len(rows))
        macs = np.mean([float(r["macs_cut"]) for r in rows])
        place, runtime, arm, share, repair = key
        cells = [place, runtime, ARM_TITLES.get(arm, arm), f"{100 * float(share):.0f} %", TITLES[repair]]
        cells += [str(len(rows)), f"{100 * macs:.0f} %", in_points(less)]
        cells += [f"{np.mean([float(r[name]) for r in rows]):.2f}" for name in TIMES]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("make", "time", "table"))
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--arms", nargs="+", default=tuple(ARMS))
    parser.add_argument("--cuts", nargs="+", type=float, default=CUTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=(0,))
    parser.add_argument("--repairs", nargs="+", default=("reconstruct", "match"))
    parser.add_argument("--runtime", default="torch")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    threadpool_limits(given.threads, user_api="blas")
    if given.what == "table":
        print("\n".join(table_lines(given.threads)))
        return
    for place in given.networks:
        make(place, given) if given.what == "make" else time(place, given.threads)


if __name__ == "__main__":
    main()
