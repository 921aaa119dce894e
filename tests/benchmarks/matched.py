"""Public networks, cut, reconstructed and matched, beside the whole ones: rows of docs/measured/matched.csv.

python -m tests.benchmarks.matched [--networks resnet56-cifar10 ...] [--seeds 0 1] [--cuts 0.7] [--again]

A row is one network on one set of test images: the 1,017 of cifar10_subset.npz, and the 10,000 test pictures
of CIFAR-10 as JPEG. It is kept when it is measured, with whether each image was answered right, so that
differences can be paired; a second start goes on, and --again measures anew. Needs PRUNING_DATA.
"""

import argparse
import io
import os
import subprocess
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pruning.experiment.loading import load
from pruning.tasks import paired_difference
from tests.benchmarks.measured import ROOT, in_points, right, spread
from tests.benchmarks.measured_rows import MeasuredRows, as_bits, hits
from tests.benchmarks.repaired import CUTS, DEEP, SHALLOW, STEPS, Case, recipe_of, repaired

KEY = ("network", "cut", "seed", "test")  # cut 0: the whole network
MORE = ("macs_cut", "steps", "seconds", "images", "correct", "threads", "torch", "revision", "right")
ROWS = MeasuredRows(ROOT / "docs" / "measured" / "matched.csv", KEY, (*KEY, *MORE))
NPZ, JPEG = "npz", "jpeg"
TESTS = {NPZ: "the 1,017", JPEG: "10,000 as JPEG"}
SEEDS = (0, 1, 2, 3, 4)
NAMES = {DEEP: "ResNet-56", SHALLOW: "ResNet-20"}


def whole(place: str):
    """The network that is to be cut, and its data."""
    return load(recipe_of(place, criterion="l1", allocation="uniform", repair="none"))


@lru_cache(maxsize=1)
def jpeg():
    """The 10,000 test pictures, as a split like the data set's own."""
    from dataclasses import replace

    from PIL import Image

    own = whole(SHALLOW).data
    with zipfile.ZipFile(Path(os.environ["PRUNING_DATA"]) / "cifar10_jpeg.zip") as file:
        names = sorted(n for n in file.namelist() if n.startswith("test/") and n.endswith(".jpg"))
        opened = (Image.open(io.BytesIO(file.read(name))).convert("RGB") for name in names)
        images = np.stack([np.asarray(image) for image in opened])
    classes = sorted({name.split("/")[1] for name in names})
    labels = np.array([classes.index(name.split("/")[1]) for name in names])
    return replace(own.test, images=images, labels=labels)


def measured(place: str, cut: float, seed: int, threads: int) -> list[dict]:
    """A row a set of test images of one network; cut 0 is the whole one."""
    if cut:
        loaded, plan, network, seconds = repaired(Case(place, cut, seed, repair="match"), threads)
        told = {"macs_cut": round(1 - plan.macs / plan.macs_before, 5), "steps": STEPS}
    else:
        loaded = whole(place)
        network, seconds, told = loaded.model, 0.0, {"macs_cut": 0.0, "steps": 0}
    told |= {"network": place, "cut": cut, "seed": seed, "seconds": round(seconds, 1), "threads": threads}
    told |= {"torch": torch.__version__, "revision": revision()}
    found = []
    for test, split in ((NPZ, loaded.data.test), (JPEG, jpeg())):
        answers = right(network, split, loaded.model.origin.normalization)
        more = {"test": test, "images": len(answers), "correct": sum(answers), "right": as_bits(answers)}
        found.append(told | more)
    return found


def revision() -> str:
    asked = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True).stdout.strip()


# ------------------------------------------------------------------------------------------- the document


def matched_table() -> list[str]:
    """A row a network and cut: accuracy, and the paired difference to the whole network, on both sets."""
    known, lines = ROWS.known(), []
    for place in (DEEP, SHALLOW):
        for cut in CUTS:
            cells: list[str] = []
            for test in TESTS:
                full = known.get((place, "0", "0", test))
                cuts = [known[key] for s in SEEDS if (key := (place, str(cut), str(s), test)) in known]
                if full is None or not cuts:
                    continue
                ours, other = [hits(row) for row in cuts], [hits(full)] * len(cuts)
                cells = cells or [f"{np.mean([float(row['macs_cut']) for row in cuts]):.1%}", str(len(cuts))]
                cells += [
                    f"{100 * other[0].mean():.1f}",
                    spread(ours),
                    in_points(paired_difference(ours, other)),
                ]
            if cells:
                lines.append(f"| {' | '.join([NAMES[place], *cells])} |")
    if not lines:
        return ["Not measured yet."]
    head = ["network", "MACs cut", "seeds"]
    for title in TESTS.values():
        head += [f"{title}: whole", "matched", "less whole"]
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines]


def asked_for() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=(DEEP, SHALLOW))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--cuts", type=float, nargs="+", default=CUTS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="also what is measured already")
    return parser.parse_args()


def main(given: argparse.Namespace):
    torch.set_num_threads(given.threads)
    threadpool_limits(given.threads, user_api="blas")
    wanted = [(place, 0, 0) for place in given.networks]
    wanted += [(p, cut, seed) for seed in given.seeds for p in given.networks for cut in given.cuts]
    for place, cut, seed in wanted:
        keys = [(place, str(cut), str(seed), test) for test in TESTS]
        if given.again or not all(key in ROWS.known() for key in keys):
            found = measured(place, cut, seed, given.threads)
            ROWS.keep(*found)
            print(*(f"{row[name]}" for row in found for name in (*KEY, "correct", "seconds")), flush=True)


if __name__ == "__main__":
    main(asked_for())
