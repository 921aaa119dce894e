"""How long the engine and the scores take, and how their memory grows: docs/speed.md.

python -m tests.benchmarks.speed [--threads N]      needs PRUNING_DATA (the public ResNet-56 and its images)
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

import pruning
from pruning.criteria import CRITERIA, SCORED, resolve_options
from pruning.criteria.di import discriminant_losses, ridge_inverse, scaled_labels
from pruning.criteria.scoring import score_all
from pruning.statistics.calibration_images import CalibrationImages

ROOT = Path(__file__).resolve().parents[2]
CAPTUM = ("conductance", "gradient_x_activation", "integrated_gradients")  # passes of their own, many of them
TEN = [name for name in SCORED if name not in CAPTUM]
FREE_OF_DATA = [name for name in TEN if not CRITERIA[name].uses_data]
STREAMED = [name for name in TEN if CRITERIA[name].uses_data and name not in ("taylor", "di")]
DI, TOGETHER = "di (the pass and its solves)", "all ten together"
EVERY_READING = "in one pass: CPOT's four distributions, DI exact, CATRO pooled and not, energy"
READINGS = (  # of what is read in one pass: every distribution of CPOT, DI's exact form, CATRO pooled and not
    *(("cpot", {"distribution": known}) for known in ("filters", "weights", "activations", "maps")),
    *(("di", {"form": "exact"}), ("catro", {}), ("catro", {"pooled": True}), ("energy", {})),
)


def public_network():
    folder = Path(os.environ["PRUNING_DATA"])
    data = pruning.load_data(folder / "cifar10_subset.npz")
    weights = folder / "resnet56-4bfd9763.th"
    return pruning.load_model("resnet56", data, weights, normalize="imagenet"), data


def seconds(work, repeat: int = 3) -> float:
    """The median of a few runs."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeat // 2]


PEAK = """
import torch, pruning
from pruning.bench.child import high_water
from tests.benchmarks.speed import public_network, score_streamed
torch.set_num_threads(1)
model, data = public_network()
graph = pruning.ChannelGraph(model, torch.zeros(1, 3, 32, 32))
before = high_water()
score_streamed(graph, data, {images})
print((high_water() - before) // 2**20)
"""


def peak_memory(images: int) -> int:
    """MiB that scoring adds to a process of its own, at its highest, over the traced network and data."""
    command = [sys.executable, "-c", PEAK.format(images=images)]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def score_streamed(graph, data, images: int):
    chosen = [(name, resolve_options(name, {})) for name in TEN]
    return score_all(graph, chosen, data, calibration=images, groups="inner")


def scoring_times(graph, data) -> dict[str, float]:
    """Seconds for scores of 1,000 images, by which criteria are asked for together."""
    asked = {
        "scores without images: " + ", ".join(FREE_OF_DATA): FREE_OF_DATA,
        "streamed in one pass: " + ", ".join(STREAMED): STREAMED,
        DI: ["di"],
        "taylor (the pass with gradients)": ["taylor"],
        TOGETHER: TEN,
        **{f"{name}, of Captum, 100 images": [name] for name in CAPTUM},
    }
    readings = [(name, resolve_options(name, options)) for name, options in READINGS]
    took = {EVERY_READING: seconds(lambda: score_all(graph, readings, data, groups="inner"), 3)}
    for title, names in asked.items():
        chosen = [(name, resolve_options(name, {})) for name in names]
        took[title] = seconds(lambda chosen=chosen: score_all(graph, chosen, data, groups="inner"), 3)
    return took


def one_inverse(channels: int = 64, images: int = 1000) -> tuple[float, float]:
    """Seconds for the DI lost with each channel of a layer: by one inverse, and by one for each channel."""
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(images, channels)), np.arange(images) % 10
    inverse, centred = ridge_inverse(features, 1e-4)
    cross, ridge = centred.T @ scaled_labels(labels), 1e-4 * np.trace(centred.T @ centred) / channels

    def anew():
        total = centred.T @ centred + ridge * np.eye(channels)
        for gone in range(channels):
            stays = np.arange(channels) != gone
            (cross[stays] * (np.linalg.inv(total[np.ix_(stays, stays)]) @ cross[stays])).sum()

    return seconds(lambda: discriminant_losses(features, labels), 9), seconds(anew, 9)


def inverses() -> list[tuple[str, str]]:
    told = []
    for channels in (16, 64, 512):
        one, anew = one_inverse(channels)
        what = f"DI lost with each of {channels} channels: one inverse beside one for each"
        told.append((what, f"{1000 * one:.1f} ms and {1000 * anew:.1f} ms: {anew / one:.1f} times"))
    return told


def memory() -> list[tuple[str, str]]:
    what = "memory that all ten add to the loaded network"
    return [(f"{what}, {number:,} images", f"{peak_memory(number)} MiB") for number in (500, 4000)]


def rows(threads: int) -> list[tuple[str, str]]:
    torch.set_num_threads(threads)
    model, data = public_network()
    images = CalibrationImages(model, data, 1000, 0)

    @torch.no_grad()
    def forward():
        for inputs, _ in images.batches(128):
            model(inputs)

    def backward():
        for inputs, labels in images.batches(128):
            torch.nn.functional.cross_entropy(model(inputs), labels).backward()
        model.zero_grad()

    forward()
    once, gradients = seconds(forward), seconds(backward)
    trace = seconds(lambda: pruning.ChannelGraph(model, torch.zeros(1, 3, 32, 32)))
    graph = pruning.ChannelGraph(model, torch.zeros(1, 3, 32, 32))
    scores = pruning.score(graph, "l1", groups="inner")
    pruning.plan(graph, scores)  # the cost form is made once a network
    told = [
        ("one forward pass over 1,000 images", f"{once:.2f} s"),
        ("the same with gradients", f"{gradients:.2f} s = {gradients / once:.2f} forward passes"),
        ("trace and verify", f"{1000 * trace:.0f} ms"),
    ]
    for allocation in ("uniform", "global"):
        took = seconds(lambda how=allocation: pruning.plan(graph, scores, allocation=how), 15)
        told.append((f"plan, {allocation}", f"{1000 * took:.1f} ms"))
    took = scoring_times(graph, data)
    told += [(title, f"{each:.2f} s = {each / once:.2f} forward passes") for title, each in took.items()]
    rest = took[TOGETHER] - gradients - (took[DI] - once)
    what = f"{TOGETHER}, less the pass with gradients and di's solves"
    told.append((what, f"{rest / once:.2f} forward passes"))
    return told + inverses() + memory()


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"


def write_table(name: str, title: str, about: str, rows: list[tuple[str, str]]):
    """Writes docs/NAME, and prints it."""
    table = ["| what | measured |", "|---|---|", *(f"| {what} | {measured} |" for what, measured in rows)]
    text = "\n".join([f"# {title}", "", about, "", *table]) + "\n"
    (ROOT / "docs" / name).write_text(text)
    print(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    threads = parser.parse_args().threads
    about = f"`python -m tests.benchmarks.speed --threads {threads}`, public ResNet-56, groups `inner`; "
    write_table("speed.md", "How fast, and how much memory", about + machine() + ". Medians.", rows(threads))
