"""Two networks compared on the same images: the difference of their accuracies and its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000


@dataclass(frozen=True)
class Difference:
    """A leads B by `mean` (a fraction); low, high: its 95 % interval."""

    mean: float
    low: float
    high: float

    def in_words(self, a: str, b: str) -> str:
        if self.low <= 0 <= self.high:
            return f"{a} against {b}: no difference these images can show ({self._interval()})."
        leads, behind, sign = (a, b, 1) if self.mean > 0 else (b, a, -1)
        flipped = Difference(sign * self.mean, *sorted((sign * self.low, sign * self.high)))
        return f"{leads} leads {behind} by {100 * flipped.mean:.1f} points ({flipped._interval()})."

    def _interval(self) -> str:
        return f"95 %: {100 * self.low:.1f} to {100 * self.high:.1f}"


def paired_difference(a: Sequence[np.ndarray], b: Sequence[np.ndarray], *, seed: int = 0) -> Difference:
    """How much more often A is right than B, on the same images under the same seeds.

    a, b: for every seed, [N] whether each test image is right.   Bootstrap over seeds and images: both are
    drawn anew with replacement each time, so that the interval holds for new images and new seeds (with one
    seed: for new images only).
    """
    gaps = np.stack(
        [np.asarray(x, float) - np.asarray(y, float) for x, y in zip(a, b, strict=True)]
    )  # [seeds, N]
    random = np.random.default_rng(seed)
    seeds, images = gaps.shape
    means = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, 500):
        picked = random.integers(seeds, size=(500, seeds))
        weights = random.multinomial(
            images, np.full(images, 1 / images), size=500
        )  # how often each image is drawn
        per_seed = weights @ gaps.T / images  # [500, seeds]
        means[start : start + 500] = np.take_along_axis(per_seed, picked, axis=1).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Difference(float(gaps.mean()), float(low), float(high))
