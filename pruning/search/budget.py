"""How far a search still has to go, and what one step of each group would be."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pruning.allocation.limits import Cost, Limits, must_reach

NEAR = 0.003  # of the whole measure: by so much a block may overshoot what was asked for


@dataclass(frozen=True)
class Budget:
    """limits: what each group may lose.   cost: the measure that is cut.   cut: share of it that is to go, 0
    to 1.

    Raises ValueError where the limits do not allow that much; the largest reachable cut is named.
    """

    limits: Limits
    cost: Cost
    cut: float

    def __post_init__(self):
        must_reach(self.cost, self.limits, self.cut)

    def left(self, counts: np.ndarray) -> float:
        """How much of the measure still has to go when the groups have lost `counts`: [G] channels."""
        over = self.cost.of(counts) - self.cost.target(self.cut)
        return over if over > 1e-9 * self.cost.whole else 0.0

    def saved(self, counts: np.ndarray, g: int, level: int) -> float:
        """What goes when group g, and no other, loses `level` channels in place of counts[g]."""
        return self.saved_by(counts, {g: level})

    def saved_by(self, counts: np.ndarray, levels: Mapping[int, int]) -> float:
        """What goes when these groups, and no other, lose so many channels."""
        more = counts.copy()
        more[list(levels)] = list(levels.values())
        return self.cost.of(counts) - self.cost.of(more)

    def closing(self, counts: np.ndarray, block: frozenset[int]) -> dict[int, int] | None:
        """{group: all of its channels} of what closes with a block; None where it may not close any more,
        saves nothing, or saves much more than there is to go, where single channels come nearer."""
        blocks, sizes = self.limits.blocks, self.limits.sizes
        assert blocks is not None
        closed = frozenset(np.flatnonzero(counts == sizes).tolist())
        groups = blocks.closing(closed | block) if not block <= closed else None
        levels = {g: int(sizes[g]) for g in sorted((groups or frozenset()) - closed)}
        saved = self.saved_by(counts, levels) if levels else 0.0
        return levels if 0 < saved <= self.left(counts) + NEAR * self.cost.whole else None

    def next(self, counts: np.ndarray, g: int, share: float) -> dict[int, int] | None:
        """{g: `step`}; None where it may lose no more."""
        level = self.step(counts, g, share)
        return None if level is None else {g: level}

    def step(self, counts: np.ndarray, g: int, share: float) -> int | None:
        """How many channels group g has lost after its next step: the fewest with which `share` of the whole
        measure goes (or what is left to go, if less), at least one more; None where it may lose no more."""
        levels = self.limits.levels[g]
        levels = levels[levels > counts[g]]
        if not self.cost.steady:
            return self._worthwhile(counts, g, levels, share)
        needed = min(share * self.cost.whole, self.left(counts))
        enough = (int(level) for level in levels if self.saved(counts, g, level) >= needed)
        return next(enough, int(levels[-1])) if len(levels) else None

    def _worthwhile(self, counts: np.ndarray, g: int, levels: np.ndarray, share: float) -> int | None:
        """As `step`, where more channels may save less: if no level saves enough, the one that saves most;
        None where none saves anything."""
        saved = np.array([self.saved(counts, g, int(level)) for level in levels])
        needed = max(min(share * self.cost.whole, self.left(counts)), 1e-6 * self.cost.whole)
        if not len(saved) or saved.max() < 1e-6 * self.cost.whole:
            return None
        return int(levels[np.argmax(saved >= min(needed, saved.max()))])

    def nearest(self, counts: np.ndarray, g: int, level: int) -> int:
        """`level`, or where that goes too far the level below it, if with that the target is missed by
        less."""
        levels = self.limits.levels[g]
        if not self.cost.steady:
            return self.nearest_of(counts, g, level)
        below = int(levels[np.searchsorted(levels, level) - 1])
        left = self.left(counts)
        over, under = self.saved(counts, g, level) - left, left - self.saved(counts, g, below)
        return below if over > max(0.0, under) else level

    def nearest_of(self, counts: np.ndarray, g: int, level: int) -> int:
        """The level on the way to `level`, or that itself, at which what is left to go is missed by least."""
        levels = self.limits.levels[g]
        levels = levels[(levels >= counts[g]) & (levels <= level)]
        left = self.left(counts)
        if len(levels) == 1 or self.saved(counts, g, level) <= left:
            return level
        missed = [abs(left - self.saved(counts, g, int(n))) for n in levels]
        return int(levels[int(np.argmin(missed))])
