"""What DeepLabV3+ on ResNet-50 takes at 513 pixels: seconds and memory of every step, each in a process of
its own.

python -m tests.benchmarks.segmentation_size [--threads N] [PART ...]: rows in
docs/measured/segmentation_size.csv. The weights are random, and the pictures drawn ones made larger: neither
changes what a step takes.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from tests.benchmarks.measured import ROOT

ROWS = ROOT / "docs" / "measured" / "segmentation_size.csv"
NETWORK, CLASSES, SIDE, PICTURES = "deeplabv3plus_resnet50", 21, 513, 20
GIB = 2**30


def pictures():
    """A data set of 20 training pictures and two more of each other part, with masks."""
    import pruning
    from pruning.data import Split
    from pruning.data.dataset import Dataset, digest_of

    drawn = pruning.load_data("scenes_masks").train
    at = np.arange(SIDE) * drawn.images.shape[1] // SIDE
    parts, first = {}, 0
    for part, number in (("train", PICTURES), ("holdout", 2), ("test", 2)):
        rows = slice(first, first + number)
        first += number
        images, masks = (np.ascontiguousarray(a[rows][:, at][:, :, at]) for a in (drawn.images, drawn.labels))
        parts[part] = Split(images, masks, drawn.task)
    names = tuple(f"class {k}" for k in range(CLASSES))
    return Dataset("pictures", **parts, classes=names, digest=digest_of(*parts.values()))


def network(data):
    import torch

    import pruning

    model = pruning.load_model(NETWORK, data, "none")
    random = torch.Generator().manual_seed(0)
    for module in model.modules():  # statistics of their own, as a trained network has
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=random)
            module.running_var.uniform_(0.5, 1.5, generator=random)
    return model


def inputs_of(model, data, number: int):
    from pruning.data import batch_of

    return batch_of(data.train, slice(number), model.origin.normalization)


class Measured:
    """Seconds by the clock and of the processor, and the process's peak memory so far in GiB, of what runs
    inside `step`."""

    def __init__(self):
        self.rows: list[dict[str, Any]] = []

    @contextmanager
    def step(self, what: str):
        start, own, told = time.perf_counter(), time.process_time(), {}
        yield told
        took, own = time.perf_counter() - start, time.process_time() - own
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        found = {"seconds": round(took, 1), "processor_seconds": round(own, 1), "peak_gib": round(peak, 2)}
        self.rows.append({"step": what, **found, **told})


def traced():
    """Model, data, graph."""
    import pruning

    data = pictures()
    model = network(data)
    graph = pruning.ChannelGraph(model, inputs_of(model, data, 1)[0], verify=False)
    return model, data, graph


def trace(measured: Measured):
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    import pruning

    with measured.step(f"the libraries, the network and {PICTURES} pictures in memory"):
        data = pictures()
        model = network(data)
    inputs = inputs_of(model, data, 1)[0]
    with measured.step("one forward pass"), torch.no_grad():
        model(inputs)
    with measured.step("trace, checked by cut networks") as told:
        graph = pruning.ChannelGraph(model, inputs)
        told["result"] = str(graph.verified)
    with measured.step("multiply-accumulates") as told, FlopCounterMode(display=False) as counter:
        with torch.no_grad():
            model(inputs)
        counted = counter.get_total_flops() // 2
        told["result"] = f"{graph.macs:,}; torch's counter {counted:,}"


def scores(criterion: str, measured: Measured):
    import pruning

    model, data, graph = traced()
    with measured.step(f"scores by {criterion}") as told:
        found = pruning.score(graph, criterion, data)
        told["result"] = f"{sum(map(len, found.values())):,} channels"


def halved():
    """Model, data, graph, plan, small."""
    import pruning

    model, data, graph = traced()
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5, groups="all")
    return model, data, graph, plan, pruning.cut(model, plan)


def cut(measured: Measured):
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    import pruning

    model, data, _, plan, small = halved()
    inputs = inputs_of(model, data, 1)[0]
    with measured.step("cut against masked") as told, torch.no_grad():
        with pruning.masked(model, plan):
            masked = model(inputs)
        with FlopCounterMode(display=False) as counter:
            gap = float((small(inputs) - masked).abs().max() / masked.abs().max())
        counted = counter.get_total_flops() // 2
        told["result"] = f"differs by {gap:.1e}; {plan.macs:,} multiply-accumulates, counted {counted:,}"


def training_step(measured: Measured):
    import torch

    data = pictures()
    model = network(data)
    inputs, targets = inputs_of(model, data, 2)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    with measured.step("a training step of 2 pictures"):
        data.task.loss(model(inputs), targets).backward()
        optimizer.step()


def answers(measured: Measured):
    from pruning.train import evaluate

    model, data, _ = traced()
    with measured.step(f"masks of {PICTURES} pictures"):
        evaluate(model, data.train, normalization=model.origin.normalization)


def repair(how: str, measured: Measured):
    import pruning

    model, data, _, plan, small = halved()
    steps = {"match_steps": 1} if how == "match" else {}
    named = f"repair by {how}, {PICTURES} pictures" + (", 1 step of 100" if steps else "")
    with measured.step(named) as told:
        told["result"] = " ".join(pruning.repair(small, plan, model, data, how=how, **steps))


PARTS: dict[str, Callable[[Measured], None]] = {
    "trace": trace,
    **{criterion: partial(scores, criterion) for criterion in ("l1", "taylor", "di", "catro", "cpot")},
    "cut": cut,
    "training_step": training_step,
    "answers": answers,
    **{how: partial(repair, how) for how in ("recalibrate", "reconstruct")},
}


def in_a_process(part: str, threads: int) -> list[dict]:
    command = [sys.executable, "-m", "tests.benchmarks.segmentation_size", "--child", part]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("parts", nargs="*", default=list(PARTS))
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--child", action="store_true")
    given = asked.parse_args()
    if given.child:
        measured = Measured()
        PARTS[given.parts[0]](measured)
        print(json.dumps(measured.rows))
        return
    own = {"threads": given.threads, "torch": version("torch")}
    for part in given.parts:
        mine = [{"part": part, **row, **own} for row in in_a_process(part, given.threads)]
        print(*mine, sep="\n", flush=True)
        write(part, mine)


def write(part: str, mine: list[dict]):
    """The part's rows in place of its older ones."""
    known = list(csv.DictReader(ROWS.open())) if ROWS.exists() else []
    order = list(PARTS)
    rows = sorted(
        [row for row in known if row["part"] != part] + mine, key=lambda row: order.index(row["part"])
    )
    names = ("part", "step", "seconds", "processor_seconds", "peak_gib", "result", "threads", "torch")
    with ROWS.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def table() -> list[str]:
    """The rows as lines of a document."""
    lines = ["| step | seconds of the processor | by the clock | peak memory (GiB) | |", "|---" * 5 + "|"]
    with ROWS.open() as file:
        for row in csv.DictReader(file):
            took = f"{row['processor_seconds']} | {row['seconds']} | {row['peak_gib']}"
            lines.append(f"| {row['step']} | {took} | {row['result']} |")
    return lines


if __name__ == "__main__":
    main()
