"""Two networks compared on the same items: how their metrics differ, and an interval by resampling."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
AT_ONCE = 500


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
    low, high = interval(lambda weights: weights @ gaps.T / gaps.shape[1], *gaps.shape, seed=seed)
    return Difference(float(gaps.mean()), low, high)


def interval(
    gaps: Callable[[np.ndarray], np.ndarray], seeds: int, items: int, *, seed: int
) -> tuple[float, float]:
    """95 % of what the mean of two networks' gaps over the seeds is, when items and seeds are drawn anew.

    gaps: [R, N] how often each item is drawn -> [R, seeds] the gap under each seed, NaN where items are
    drawn of which nothing counts."""
    random = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, AT_ONCE):
        picked = random.integers(seeds, size=(AT_ONCE, seeds))
        weights = random.multinomial(items, np.full(items, 1 / items), size=AT_ONCE)
        drawn = np.take_along_axis(gaps(weights), picked, axis=1)
        means[start : start + AT_ONCE] = drawn.mean(axis=1)
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return float(low), float(high)


def resampled_difference(
    a: Sequence[Mapping[str, np.ndarray]],
    b: Sequence[Mapping[str, np.ndarray]],
    items: int,
    values: Callable[[np.ndarray, Mapping[str, np.ndarray]], float],
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> Difference:
    """As `paired_difference`, of a metric that is no mean over items: it is computed anew for each resample.

    a, b: of every seed, statistics of the same items.   values: (rows drawn, statistics) -> the metric.
    """
    random, everything = np.random.default_rng(seed), np.arange(items)
    gaps = [values(everything, one) - values(everything, other) for one, other in zip(a, b, strict=True)]
    means = np.empty(resamples)
    for k in range(resamples):
        picked, rows = random.integers(len(a), size=len(a)), random.integers(items, size=items)
        means[k] = np.mean([values(rows, a[s]) - values(rows, b[s]) for s in picked])
    low, high = np.percentile(means, [2.5, 97.5])
    return Difference(float(np.mean(gaps)), float(low), float(high))
