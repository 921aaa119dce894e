"""How often verification finds what a trace does not see, by the number of random plans, and what that costs.

Each kind of fault is planted in small networks drawn at random (their widths, which channel), by operations
hidden from the tracer. Found: the group at fault is not cut any more. False alarms: another group is not.
Usage: `python -m tests.benchmarks.verification [draws a kind] [networks]` prints the tables.
"""

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint
from torchvision.models import get_model

import pruning
from pruning.channels.structure import IndexMap, Structure
from pruning.channels.verification import verified

NUMBERS = (1, 2, 3, 4, 6)
NETWORKS = ("resnet50", "densenet121", "mobilenet_v3_large", "convnext_tiny")


@dataclass
class Answer:
    maps: torch.Tensor
    score: torch.Tensor


class Planted(nn.Module):
    """Two groups of one width, `first` and `second`, that a third reads.

    change(x, y, whole, at): what is done, unseen, to the map of `first`; y is that of `second`, whole the
    width that both begin with, at a channel.
    """

    def __init__(self, random: np.random.Generator, change: Callable | None, how: str = ""):
        super().__init__()
        self.change, self.how = change, how
        self.whole, other = (int(width) for width in random.choice([8, 12, 16, 24, 32], 2))
        self.at = int(random.integers(self.whole))
        self.first, self.second = nn.Conv2d(3, self.whole, 3), nn.Conv2d(3, self.whole, 3)
        self.norm, self.scale = nn.BatchNorm2d(self.whole), nn.Parameter(torch.zeros(1))
        self.one, self.two = nn.Conv2d(self.whole, other, 3), nn.Conv2d(self.whole, other, 3)
        self.head = nn.Conv2d(other, 4, 1)

    def forward(self, image):
        x, y = F.relu(self.norm(self.first(image))), F.relu(self.second(image))
        if self.how == "random numbers":
            x = x + torch.randn_like(x)
        answer = (
            checkpoint(self.rest, x, y, use_reentrant=True) if "checkpoint" in self.how else self.rest(x, y)
        )
        if self.how == "a selection":
            return answer.flatten(1).sigmoid().gt(0.5).nonzero()
        return Answer(answer, answer.mean()) if self.how == "an object" else answer

    def rest(self, x, y):
        if self.change is not None:
            with torch._C.DisableTorchFunction():
                self.change(x, y, self.whole, self.at)
        one = self.one(x) * self.scale if self.how == "a dead branch" else self.one(x)
        return self.head(F.relu(one + self.two(y)))


def zero(x, y, whole, at):
    x[:, at] = 0


def turned(x):
    x.copy_(x.roll(1, 1))


def where(condition: Callable) -> Callable:
    """A fault that is there only under a condition on the two widths, as cut."""
    return lambda x, y, whole, at: turned(x) if condition(x.shape[1], y.shape[1], whole) else None


def shuffled(x, y, whole, at):
    if x.shape[1] % 4 == 0:
        x.copy_(x.unflatten(1, (4, -1)).transpose(1, 2).flatten(1, 2))


KINDS: dict[str, tuple[Callable | None, str]] = {
    "x[:, i] = 0": (zero, ""),
    "x[:, i] = 1": (lambda x, y, whole, at: x[:, at].fill_(1), ""),
    "x[:, -1] = 0": (lambda x, y, whole, at: x[:, -1].zero_(), ""),
    "x[:, :3] *= 2": (lambda x, y, whole, at: x[:, :3].mul_(2), ""),
    "in a dead branch": (zero, "a dead branch"),
    "beside random numbers": (zero, "random numbers"),
    "in a checkpoint": (zero, "a checkpoint"),
    "answered in an object": (zero, "an object"),
    "answered as indices": (zero, "a selection"),
    "shuffled where 4 divides the width": (shuffled, ""),
    "wrong while another is whole": (where(lambda x, y, whole: x < whole and y == whole), ""),
    "wrong while another is cut": (where(lambda x, y, whole: x < whole and y < whole), ""),
    "wrong where two widths differ": (where(lambda x, y, whole: x != y), ""),
    "wrong below half": (where(lambda x, y, whole: 2 * x < whole), ""),
    "wrong where 4 divides what is left": (where(lambda x, y, whole: x < whole and x % 4 == 0), ""),
    "norm's parameters in wrong order": (None, ""),
}


def found(kind: str, number: int, seed: int) -> tuple[bool, bool]:
    """Whether the group at fault is fixed, and whether a right one is."""
    torch.manual_seed(seed)
    model, image = Planted(np.random.default_rng(seed), *KINDS[kind]).eval(), torch.randn(1, 3, 12, 12)
    structure = pruning.ChannelGraph(model, image, verify=False).structure
    assert {"first", "second"} <= set(structure.names), structure.fixed
    if KINDS[kind][0] is None:
        structure = _turned(structure)
    left = verified(model, (image,), structure, plans=number).names
    at_fault = {"first", "second"} if "another" in kind or "two widths" in kind else {"first"}
    return "first" not in left, not set(structure.names) - at_fault <= set(left)


def _turned(structure: Structure) -> Structure:
    """The structure, with each index of a norm's shift taken for the next one's."""
    index = structure.maps["norm.bias"][0]
    wrong = IndexMap(index.group, np.roll(index.channel, 1))
    return replace(structure, maps=structure.maps | {"norm.bias": {0: wrong}})


def rates(draws: int) -> list[str]:
    lines = [
        f"| planted | {' | '.join(f'{n} plans' for n in NUMBERS)} |",
        "| --- |" + " --- |" * len(NUMBERS),
    ]
    false = 0
    for kind in KINDS:
        row = []
        for number in NUMBERS:
            results = [found(kind, number, seed) for seed in range(draws)]
            false += sum(alarm for _, alarm in results)
            row.append(f"{100 * np.mean([hit for hit, _ in results]):.0f}%")
        lines.append(f"| {kind} | {' | '.join(row)} |")
    return [*lines, "", f"Right groups fixed: {false} in {len(KINDS) * len(NUMBERS) * draws} runs."]


def costs(names: tuple[str, ...]) -> list[str]:
    """Processor time of verification in units of the network's own forward pass; the median of three."""
    lines = [
        f"| network | {' | '.join(f'{n} plans' for n in NUMBERS)} |",
        "| --- |" + " --- |" * len(NUMBERS),
    ]
    for name in names:
        torch.manual_seed(0)
        model, image = get_model(name).eval(), torch.randn(1, 3, 224, 224)
        structure = pruning.ChannelGraph(model, image, verify=False).structure
        with torch.no_grad():
            forward = np.median([_seconds(model, image) for _ in range(6)][1:])
        row = [
            np.median([_seconds(verified, model, (image,), structure, plans=n) for _ in range(3)])
            for n in NUMBERS
        ]
        lines.append(f"| {name} | {' | '.join(f'{seconds / forward:.1f}' for seconds in row)} |")
    return lines


def _head(first: str) -> list[str]:
    numbers = " | ".join(f"{n} plan{'s' * (n > 1)}" for n in NUMBERS)
    return [f"| {first} | {numbers} |", "| --- |" + " --- |" * len(NUMBERS)]


def _seconds(run: Callable, *args, **options) -> float:
    start = time.process_time()
    run(*args, **options)
    return time.process_time() - start


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of checkpoints without a gradient
    draws = int(sys.argv[1]) if sys.argv[1:] else 100
    print("\n".join([*rates(draws), "", *costs(tuple(sys.argv[2:]) or NETWORKS)]))
