"""How far off a difference may be: intervals and p values that stay honest at few seeds.

The mean gap of S seeds and N items has the variance var(seed) / S + var(item) / N + var(both) / (S N). What
is known of the seeds has few degrees of freedom, what is known of the items many. So the half-width h of an
interval with error rate e weighs each part by its own t quantile (Cochran and Cox 1957; Mickey and Brown 1966
found it never too narrow):

    h^2 = t(f, e)^2 M / (S N) + t(N - 1, e)^2 max(M_item - M_both, 0) / (S N),    M = max(M_seed, M_both)

with the mean squares of `mean_squares`. M_seed has S - 1 degrees of freedom of its own. In a family of
several results it is drawn toward the family's: (d M_family + (S - 1) M_seed) / (d + S - 1), f = d + S - 1,
with d from how unequal the M_seed of all pairs are (Smyth 2004, moderated t). A Satterthwaite interval
without all this named a wrong leader in up to a quarter of simulated families of three seeds: by chance a
pair's seeds lie close together, and among many pairs one always does.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, ndtri, polygamma, stdtrit

from pruning.comparison_statistics.mean_squares import Pairs

POWER = 0.8
# Pairs share results, so they look more alike than they are: only a part of the family's freedom is lent.
# With 0.5 a wrong leader was named in 5 % of families of three seeds that differ much, with 0.25 in 2.5 %.
TRUSTED = 0.4
FEWEST = 0.01  # an M_seed below this part of M_both is a tie by chance: its logarithm says nothing
MOST_ITEMS, MOST_SEEDS = 1e7, 1000


@dataclass(frozen=True)
class Spread:
    """What a pair's difference is uncertain by, [P] each, in squared units of the metric.

    seed, item, both: variance components, at least 0.   seeds, items: how many there are.   freedom: degrees
    of freedom of what is known of the seeds (0 with one seed: nothing).   borrowed: how many of them come
    from the other pairs.   differing: items of which the two results differ.
    """

    seed: np.ndarray
    item: np.ndarray
    both: np.ndarray
    seeds: np.ndarray
    items: int
    freedom: np.ndarray
    borrowed: np.ndarray
    differing: np.ndarray

    def half_width(self, error: np.ndarray | float, seeds=None, items=None) -> np.ndarray:
        """[P], of the interval that misses with probability `error` (two-sided), in units of the metric; with
        other numbers of seeds or items than there are, what is expected of it."""
        seeds, items = self.seeds if seeds is None else seeds, self.items if items is None else items
        tail = np.asarray(error) / 2
        many = stdtrit(np.maximum(items - 1.0, 1), tail) ** 2
        few = np.where(self.freedom > 0, stdtrit(np.maximum(self.borrowed + seeds - 1, 1), tail) ** 2, many)
        return np.sqrt(few * (self.seed + self.both / items) / seeds + many * self.item / items)

    def deviation(self, seeds, items) -> np.ndarray:
        """[P], standard deviation of the difference."""
        return np.sqrt(self.seed / seeds + self.item / items + self.both / (seeds * items))

    def reach(self, difference: np.ndarray, error: float) -> np.ndarray:
        """Half-widths, no narrower than a sign test of the items allows: of n items that differ, all in
        favour of one, each may fall either way, and 2^(1 - n) is the least p there can be."""
        half = self.half_width(error)
        return np.where(self.least_p > error, np.maximum(half, np.abs(difference) * (1 + 1e-9)), half)

    @property
    def least_p(self) -> np.ndarray:
        return np.minimum(2.0 ** (1 - self.differing), 1)


def spread(pairs: Pairs) -> Spread:
    """Variance components of every pair, what is known of seeds drawn toward the family's."""
    alone = pairs.seeds == 1
    both = np.where(alone, 0, pairs.by_both)
    squares, borrowed = np.where(alone, 0, pairs.by_seed), np.zeros(len(pairs.seeds))
    for seeds in np.unique(pairs.seeds[~alone]):
        rows = np.flatnonzero((pairs.seeds == seeds) & (pairs.by_seed + pairs.by_both > 0))
        results = len({*pairs.a[rows], *pairs.b[rows]})
        if results > 2:
            own = np.maximum(squares[rows], FEWEST * both[rows])
            prior, trust = family_square(own, seeds - 1, TRUSTED * (results - 2) * (seeds - 1))
            squares[rows] = (trust * prior + (seeds - 1) * squares[rows]) / (trust + seeds - 1)
            borrowed[rows] = trust
    squares = np.maximum(squares, both)
    # where no seed changes any answer, seeds are not in question
    freedom = np.where(alone | (squares == 0), 0, borrowed + pairs.seeds - 1)
    item = np.maximum(pairs.by_item - both, 0) / pairs.seeds
    seed = (squares - both) / pairs.items
    return Spread(seed, item, both, pairs.seeds, pairs.items, freedom, borrowed, pairs.differing)


def family_square(squares: np.ndarray, freedom: float, most: float) -> tuple[float, float]:
    """The mean square that the pairs are drawn toward, and the degrees of freedom it counts for, at most
    `most`: moments of the logarithm of a scaled F distribution (Smyth 2004, section 6.2).

    squares: [P], each with `freedom` degrees of freedom."""
    logs = np.log(squares) - digamma(freedom / 2) + np.log(freedom / 2)
    unequal = logs.var(ddof=1) - polygamma(1, freedom / 2) if len(logs) > 1 else 0.0
    if unequal > polygamma(1, most / 2):
        trust = 2 * brentq(lambda half: polygamma(1, half) - unequal, 1e-6, most / 2)
    else:
        trust = most
    return float(np.exp(logs.mean() + digamma(trust / 2) - np.log(trust / 2))), float(trust)


def p_values(difference: np.ndarray, of: Spread) -> np.ndarray:
    """[P], the error rate whose interval just reaches 0; by bisection of its logarithm."""
    low, high = np.full(len(difference), -300.0), np.zeros(len(difference))
    for _ in range(60):
        middle = (low + high) / 2
        outside = of.half_width(np.exp(middle)) < np.abs(difference)
        low, high = np.where(outside, low, middle), np.where(outside, middle, high)
    return np.where(difference == 0, 1, np.maximum(np.exp(high), of.least_p))


def holm(p: np.ndarray) -> np.ndarray:
    """Adjusted p values: a family's claims at 0.05 hold a false one with probability 0.05 at most (Holm
    1979)."""
    order, count = np.argsort(p), len(p)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * (count - np.arange(count))), 1)
    return adjusted


def items_needed(difference: np.ndarray, of: Spread, error: float) -> np.ndarray:
    """[P], how many items, with the seeds that there are, would show a true difference of this size 80 % of
    the time at this error rate; NaN where no 10 million would."""
    return _least(lambda items: _shows(difference, of, error, of.seeds, items), 2, MOST_ITEMS, of)


def seeds_needed(difference: np.ndarray, of: Spread, error: float) -> np.ndarray:
    """[P], the same of seeds, with the items that there are; NaN where no 1,000 would, or where nothing is
    known of seeds."""
    found = _least(lambda seeds: _shows(difference, of, error, seeds, of.items), 2, MOST_SEEDS, of)
    return np.where(of.freedom > 0, found, np.nan)


def times_needed(difference: np.ndarray, of: Spread, error: float) -> np.ndarray:
    """[P], the same of both: so many times the seeds and so many times the items."""
    most = np.minimum(MOST_ITEMS / of.items, MOST_SEEDS / of.seeds)
    return _least(lambda k: _shows(difference, of, error, k * of.seeds, k * of.items), 1, most, of)


def _shows(difference: np.ndarray, of: Spread, error: float, seeds, items) -> np.ndarray:
    needed = of.half_width(error, seeds, items) + ndtri(POWER) * of.deviation(seeds, items)
    return np.abs(difference) >= needed


def _least(shows, low: float, high: float | np.ndarray, of: Spread) -> np.ndarray:
    """The least number from low to high that shows it, by bisection of its logarithm; NaN where none does."""
    below, above = (np.log(np.broadcast_to(end, len(of.seeds)).astype(float)) for end in (low, high))
    reached = shows(np.exp(above))
    for _ in range(50):
        middle = (below + above) / 2
        enough = shows(np.exp(middle))
        below, above = np.where(enough, below, middle), np.where(enough, middle, above)
    return np.where(reached, np.exp(above), np.nan)
