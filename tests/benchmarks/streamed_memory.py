"""How much memory a reconstruction takes, by images and by budget: docs/measured/streamed_memory.csv.

python -m tests.benchmarks.streamed_memory [--images 250 2000] [--budgets 256 4096]    goes on where it was

The public ResNet-20 at 96 pixels, half of the MACs cut by L1 at uniform widths, repaired from CIFAR-10's
training images enlarged to 96 pixels and memory-mapped. A row is a process of its own: its memory before the
repair and at its highest, and the largest difference of a weight from those of the first row of as many
images. Wants PRUNING_DATA.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import pruning
from pruning.data import Dataset
from pruning.data.dataset import Split
from pruning.reconstruction.activation_store import BUDGET
from tests.benchmarks.measured import KEPT, ROOT
from tests.benchmarks.measured_rows import MeasuredRows

KEY = ("images", "budget_mib")
COLUMNS = (*KEY, "before_mib", "peak_mib", "apart", "cpu_seconds", "told", "torch")
ROWS = MeasuredRows(ROOT / "docs" / "measured" / "streamed_memory.csv", KEY, COLUMNS)
PIXELS, TRAIN, HELD = 96, 2400, 300


def enlarged() -> Dataset:
    """Images [2400 | 300 | 300, 96, 96, 3], memory-mapped."""
    path = KEPT / f"cifar10-{PIXELS}.npy"
    with np.load(Path(os.environ["PRUNING_DATA"]) / "cifar10_subset.npz") as file:
        small, labels = file["x_train"][: TRAIN + 2 * HELD], file["y_train"].astype(np.int64)
    if not path.exists():
        KEPT.mkdir(exist_ok=True)
        np.save(path, [np.asarray(Image.fromarray(image).resize((PIXELS, PIXELS))) for image in small])
    images = np.load(path, mmap_mode="r")
    ends = np.cumsum([0, TRAIN, HELD, HELD])
    parts = [Split(images[a:b], labels[a:b].copy()) for a, b in zip(ends, ends[1:], strict=False)]
    names = tuple(str(number) for number in range(10))
    return Dataset("cifar10 at 96", *parts, names, "", flips=True)


def mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(images: int, weights: Path):
    """In this process, its budget in the environment."""
    torch.set_num_threads(1)
    data = enlarged()
    public = Path(os.environ["PRUNING_DATA"]) / "resnet20-12fca82f.th"
    model = pruning.load_model("resnet20", data, public, size=PIXELS)
    graph = pruning.ChannelGraph(model, torch.zeros(2, 3, PIXELS, PIXELS))
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5, groups="inner")
    small, before, start = pruning.cut(model, plan), mib(), time.process_time()
    told = pruning.repair(small, plan, model, data, "reconstruct", calibration=images)
    seconds, found = time.process_time() - start, [p.detach().flatten() for p in small.parameters()]
    new, apart = torch.cat(found), 0.0
    if weights.exists():
        apart = float((new - torch.load(weights, weights_only=True)).abs().max())
    else:
        torch.save(new, weights)
    numbers = {"before_mib": round(before), "peak_mib": round(mib()), "apart": f"{apart:.1e}"}
    print(json.dumps(numbers | {"cpu_seconds": round(seconds), "told": told[0]}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[250, 2000])
    parser.add_argument("--budgets", type=int, nargs="+", default=[256, 4096], help="MiB")
    parser.add_argument("--here", action="store_true", help="in this process, as the environment says")
    asked = parser.parse_args()
    if asked.here:
        one(asked.images[0], KEPT / f"streamed-{asked.images[0]}.pt")
        raise SystemExit
    for images, budget in product(asked.images, asked.budgets):
        if (str(images), str(budget)) not in ROWS.known():
            command = [sys.executable, "-m", "tests.benchmarks.streamed_memory", "--here"]
            environment = os.environ | {BUDGET: str(budget), "OMP_NUM_THREADS": "1"}
            said = subprocess.run(
                [*command, "--images", str(images)], env=environment, check=True, stdout=subprocess.PIPE
            )
            row = json.loads(said.stdout.splitlines()[-1]) | {"torch": torch.__version__}
            ROWS.keep(row | {"images": images, "budget_mib": budget})
            print(row, flush=True)
