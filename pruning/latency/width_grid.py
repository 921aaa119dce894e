"""At which widths a layer is measured, and how its time at any other width follows from those.

A processor computes channels in blocks (16 with AVX-512, 8 with AVX2), so time rises in steps of a block, and
a width that fills its blocks can be much faster than the one below it. Measured here, one thread, 3 x 3
convolutions from 64 channels to n on 8 x 8 maps, batch 64: 0.36 ms at n = 1 to 16, 0.66 at 17 to 31; to 64
channels from n: 2.1 at n = 63, 1.3 at 64. Hence two grids of widths, interpolated apart: those that fill
their blocks, and those that do not.

onnxruntime has three kinds of widths (16 channels a block with AVX-512): those that fill their blocks; other
multiples of 4, which stay in its blocked layout; and the rest, which leave it. Measured there, 3 x 3 from n
to 64 channels, 16 x 16 maps, batch 8: 0.52 ms at n = 32, 0.48 at 28, 0.76 at 31; depth-wise, n channels: 0.17
at 64, 0.16 at 60, 0.39 at 63. Each kind is interpolated by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RUNGS = 4  # widths on each of the two grids
OF_KINDS = (4, 3, 3)  # on each of the three


def widths(whole: int, block: int, aligned: int = 1) -> tuple[int, ...]:
    """Widths from 1 to `whole` at which a side of a layer is measured, ascending, `whole` among them.
    aligned: multiples of it are a kind of their own; 1: there are none."""
    if aligned > 1:
        kinds = _kinds(np.arange(whole + 1), block, aligned)
        rungs = [(np.flatnonzero(kinds == kind), most) for kind, most in enumerate(OF_KINDS)]
        chosen = [int(many[n - 1]) for many, most in rungs if len(many) for n in _spread(len(many), most)]
        return tuple(sorted({*chosen, whole}))
    if whole <= block:
        return tuple(sorted({max(1, round(whole * k / RUNGS)) for k in range(RUNGS + 1)}))
    full = [block * b for b in _spread(whole // block)]
    ragged = [block * b - block // 2 for b in _spread(-(-whole // block))]
    return tuple(sorted({*full, *(n for n in ragged if n < whole), whole}))


def _spread(most: int, rungs: int = RUNGS) -> list[int]:
    """Up to so many whole numbers from 1 to `most`, both among them, evenly spread."""
    return sorted({round(n) for n in np.linspace(1, most, min(most, rungs))})


@dataclass(frozen=True, eq=False)
class Between:
    """For every width 0 .. whole the two measured widths it lies between. low, high: [whole + 1] positions in
    the measured ones.   share: [whole + 1], how far it is from the low one to the high one, 0 to 1."""

    low: np.ndarray
    high: np.ndarray
    share: np.ndarray


def between(measured: Sequence[int], block: int, aligned: int = 1, steps: bool = True) -> Between:
    """measured: as `widths` gave them. A width that fills its blocks lies between two that do; another one,
    counted in blocks begun, between two that do not. What was measured is itself.   aligned: as there.
    steps: of three kinds of widths, whether time rises block by block, or else channel by channel."""
    if aligned > 1:
        return _between_three(np.asarray(measured), block, aligned, steps)
    known, whole = np.asarray(measured), int(measured[-1])
    block = block if whole > block else 1
    every = np.arange(whole + 1)
    low, high, share = np.zeros(whole + 1, int), np.zeros(whole + 1, int), np.zeros(whole + 1)
    for fills in (True, False):
        rungs = np.flatnonzero((known % block == 0) == fills)
        chosen = (every % block == 0) == fills
        if not chosen.any():
            continue
        if not len(rungs):
            rungs = np.arange(len(known))
        places = -(-known[rungs] // block)
        at = np.interp(-(-every[chosen] // block), places, np.arange(len(rungs)))
        low[chosen], high[chosen], share[chosen] = _neighbours(rungs, at)
    low[known] = high[known] = np.arange(len(known))
    share[known] = 0.0
    return Between(low, high, share)


def never_longer_than_wider(ms: np.ndarray, known: Sequence[int], side: int, block: int, aligned: int):
    """Takes for every measured width the least time of it and of those above it of its kind. ms: times, which
    are changed; the side's widths, `known`, lie along the axis `side`."""
    widths = np.asarray(known)
    kinds = _kinds(widths, block if widths[-1] > block else 1, aligned)
    along = np.moveaxis(ms, side, 0)
    for kind in range(3):
        rows = np.flatnonzero(kinds == kind)[::-1]
        along[rows] = np.minimum.accumulate(along[rows])


def _kinds(n: np.ndarray, block: int, aligned: int) -> np.ndarray:
    """0: fills its blocks.   1: another multiple of `aligned`.   2: neither.   -1: no width. With `aligned` 1
    there is no 2."""
    return np.where(n == 0, -1, np.where(n % block == 0, 0, np.where(n % aligned == 0, 1, 2)))


def _between_three(known: np.ndarray, block: int, aligned: int, steps: bool) -> Between:
    whole = int(known[-1])
    every = np.arange(whole + 1)
    places = -(-every // block) if steps else every
    kinds = _kinds(every, block, aligned)
    low, high, share = np.zeros(whole + 1, int), np.zeros(whole + 1, int), np.zeros(whole + 1)
    for kind in range(3):
        chosen = np.flatnonzero(kinds == kind)
        if not len(chosen):
            continue
        rungs = np.flatnonzero(kinds[known] == kind)
        if not len(rungs):
            rungs = np.arange(len(known))
        rungs = rungs[np.unique(places[known[rungs]], return_index=True)[1]]
        at = np.interp(places[chosen], places[known[rungs]], np.arange(len(rungs)))
        low[chosen], high[chosen], share[chosen] = _neighbours(rungs, at)
    low[known] = high[known] = np.arange(len(known))
    share[known] = 0.0
    return Between(low, high, share)


def _neighbours(rungs: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rungs below and above places among them, and how far from the lower one each lies."""
    below = np.floor(at).astype(int)
    return rungs[below], rungs[np.minimum(below + 1, len(rungs) - 1)], at - below
