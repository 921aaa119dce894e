"""At which widths a layer is measured, and how its time at any other width follows from those.

A processor computes channels in blocks (16 with AVX-512, 8 with AVX2), so time rises in steps of a block, and
a width that fills its blocks can be much faster than the one below it. Measured here, one thread, 3 x 3
convolutions from 64 channels to n on 8 x 8 maps, batch 64: 0.36 ms at n = 1 to 16, 0.66 at 17 to 31; to 64
channels from n: 2.1 at n = 63, 1.3 at 64. Hence two grids of widths, interpolated apart: those that fill
their blocks, and those that do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RUNGS = 4  # widths on each of the two grids


def widths(whole: int, block: int) -> tuple[int, ...]:
    """Widths from 1 to `whole` at which a side of a layer is measured, ascending, `whole` among them."""
    if whole <= block:
        return tuple(sorted({max(1, round(whole * k / RUNGS)) for k in range(RUNGS + 1)}))
    full = [block * b for b in _spread(whole // block)]
    ragged = [block * b - block // 2 for b in _spread(-(-whole // block))]
    return tuple(sorted({*full, *(n for n in ragged if n < whole), whole}))


def _spread(most: int) -> list[int]:
    """Up to RUNGS whole numbers from 1 to `most`, both among them, evenly spread."""
    return sorted({round(n) for n in np.linspace(1, most, min(most, RUNGS))})


@dataclass(frozen=True, eq=False)
class Between:
    """For every width 0 .. whole the two measured widths it lies between. low, high: [whole + 1] positions in
    the measured ones.   share: [whole + 1], how far it is from the low one to the high one, 0 to 1."""

    low: np.ndarray
    high: np.ndarray
    share: np.ndarray


def between(measured: Sequence[int], block: int) -> Between:
    """measured: as `widths` gave them. A width that fills its blocks lies between two that do; another one,
    counted in blocks begun, between two that do not. What was measured is itself."""
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
        below = np.floor(at).astype(int)
        low[chosen], share[chosen] = rungs[below], at - below
        high[chosen] = rungs[np.minimum(below + 1, len(rungs) - 1)]
    low[known] = high[known] = np.arange(len(known))
    share[known] = 0.0
    return Between(low, high, share)
