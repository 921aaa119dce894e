"""What a file answers beside what the network answers, on the same images in batches of several sizes; and
how long two networks' files take in one runtime."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pruning.data import images_at_once
from pruning.export.subject import Run, Subject
from pruning.latency.timing import seconds_to_spend
from pruning.progress import Watch

BATCHES = (1, 5, 64)  # images at once; the last one until there are no more
TOLERANCE = 1e-4  # of the largest output, or of 1
OF_HALF = 1e-2  # the same where a network computes with eleven bits or fewer
ALIKE = 0.9  # of the answers of a network in integers are the same, or it is none to hand out
GREY = 1 / 255  # half a grey level of a picture from -1 to 1
# passes of each network: so many in any case, so many of quick ones; and seconds for both networks
LEAST, TIMED, MOST, PATIENCE = 3, 20, 200, 5.0
ENOUGH = 0.5  # seconds, from so many passes on
UNITS = {"classes": "image", "masks": "pixel", "pictures": "picture", "": ""}


@dataclass(frozen=True)
class Check:
    """difference: the largest of any output.   largest: the largest output.   same, of: how many answers are
    equal; 0 of 0 where outputs are numbers alone.   unit: what these are.   batches: sizes tried."""

    difference: float
    largest: float
    same: int
    of: int
    unit: str
    images: int
    batches: tuple[int, ...]
    tolerance: float = TOLERANCE  # share of the largest output that rounding may make

    @property
    def close(self) -> bool:
        return self.difference <= self.tolerance * max(1.0, self.largest)

    @property
    def alike(self) -> bool:
        """Whether most answers are the same, whatever their digits."""
        return bool(self.of) and self.same >= ALIKE * self.of

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"batches": list(self.batches)}


def compared(subject: Subject, run: Run, watch: Watch) -> Check:
    """The network and what was made of it, on all of the subject's inputs."""
    given = list(subject.inputs.values())
    differences, sizes, same, of, largest = [0.0], [], 0, 0, 0.0
    for rows in _batches(given):
        watch("export", rows.start, len(given[0]), message="comparing answers")
        batch = [each[rows] for each in given]
        whole, told = subject.run(*batch), run(*batch)
        if [each.shape for each in whole] != [each.shape for each in told]:
            shapes = [[tuple(each.shape) for each in answer] for answer in (told, whole)]
            raise ValueError(
                f"the file answers {shapes[0]} for {len(batch[0])} images, the network {shapes[1]}"
            )
        for one, other in zip(whole, told, strict=True):
            differences.append(_difference(one, other))
            largest = max(largest, _largest(one))
        agree = _agree(subject.answers, whole[0], told[0])
        same, of = same + int(agree.sum()), of + agree.numel()
        sizes.append(len(batch[0]))
    difference = float(np.max(differences))
    counts = (same, of, UNITS[subject.answers], len(given[0]))
    coarse = any(each.dtype in (torch.float16, torch.bfloat16) for each in whole)
    return Check(difference, largest, *counts, tuple(sorted(set(sizes))), OF_HALF if coarse else TOLERANCE)


def _difference(one: Tensor, other: Tensor) -> float:
    """The largest between what a network and its file answer; NaN where one of the file's is none: then
    nothing is close. Raises ValueError where one of the network's is none."""
    whole, told = one.detach().double(), other.detach().double()
    if whole.isnan().any():
        raise ValueError(
            "the network itself answers NaN to these images; give it weights and images of numbers"
        )
    apart = torch.where(whole == told, 0.0, (whole - told).abs())  # masked scores are infinite in both
    return float(apart.max()) if apart.numel() else 0.0


def _largest(values: Tensor) -> float:
    """Of the finite ones."""
    finite = values.detach().double().abs()
    finite = finite[finite.isfinite()]
    return float(finite.max()) if finite.numel() else 0.0


def _batches(given: Sequence[Tensor]) -> Iterator[slice]:
    """One image, five, and from then on as many as fit."""
    first, most = 0, at_once(given)
    sizes = iter(BATCHES)
    size = 0
    while first < len(given[0]):
        size = next(sizes, size)
        rows = slice(first, min(first + min(size, most), len(given[0])))
        yield rows
        first = rows.stop


def at_once(given: Sequence[Tensor]) -> int:
    """How many go through a network at once: 64, and fewer of large images."""
    image = given[0]
    return images_at_once(image.movedim(1, -1), BATCHES[-1]) if image.dim() == 4 else BATCHES[-1]


def _agree(answers: str, one: Tensor, other: Tensor) -> Tensor:
    """[...] bool: which answers are the same."""
    if answers == "pictures":
        return ((one - other).abs() < GREY).flatten(1).all(1)
    if answers:
        return one.argmax(1) == other.argmax(1)
    return torch.ones(0, dtype=torch.bool)


def beside(runs: Mapping[str, Run], given: Sequence[Tensor], watch: Watch) -> dict[str, dict[str, float]]:
    """{images at once: {name: ms, "passes": of each}}: medians of passes in turns, so that whatever else the
    machine does meets all of them. runs: {name: network}.   given: inputs; batches of them."""
    found = {}
    patience = min(PATIENCE, seconds_to_spend(os.environ.get("PRUNING_TIMING_SECONDS")))
    for size in sorted({1, at_once(given)}):
        batch = [torch.cat([each] * -(-size // len(each)))[:size].contiguous() for each in given]
        times: dict[str, list[float]] = {name: [] for name in runs}
        for each in runs.values():
            each(*batch)
        began, done = time.perf_counter(), 0
        while _more(done, time.perf_counter() - began, patience / 2):
            watch("export", done, MOST, message="timing")
            for name, each in runs.items():
                start = time.perf_counter()
                each(*batch)
                times[name].append(1000 * (time.perf_counter() - start))
            done += 1
        medians = {name: round(float(np.median(ms)), 4) for name, ms in times.items()}
        found[str(size)] = medians | {"passes": done}
    return found


def _more(passes: int, seconds: float, patience: float) -> bool:
    """Whether further passes are timed: a millisecond tells little where other work goes on."""
    if passes < LEAST:
        return True
    return seconds < patience and passes < (MOST if seconds < ENOUGH else TIMED)
