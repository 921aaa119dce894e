"""Where the differences of two results come from: seeds, items, and what is of neither alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pruning.tasks import Task

GROUPS = 100  # of items, left out in turn where a metric is no mean over items


@dataclass(frozen=True)
class Pairs:
    """Two-way analysis of variance of A less B, of every pair: gap = difference + seed + item + both.

    a, b: [P], numbers of the results.   seeds: [P], how many both have.   items: how many values a seed has.
    difference: [P], mean gap.   by_seed, by_item, by_both: [P], mean squares, in squared units of the metric:
    over S seeds and N items they estimate N var(seed) + var(both), S var(item) + var(both) and var(both); NaN
    of what one seed cannot tell.   differing: [P], items of which the two results differ.
    """

    a: np.ndarray
    b: np.ndarray
    seeds: np.ndarray
    items: int
    difference: np.ndarray
    by_seed: np.ndarray
    by_item: np.ndarray
    by_both: np.ndarray
    differing: np.ndarray


def values_of_items(task: Task, statistics: Mapping[str, np.ndarray], labels: np.ndarray) -> np.ndarray:
    """[N] numbers whose mean is the metric, or of groups of items, [min(N, 100)].

    Where the metric is no mean over items, these are jackknife pseudo-values: value + (G - 1) (mean of the
    values without a group - value without this group), the part that each of G random groups of items has in
    the metric (Tukey 1958). Raises ValueError where statistics and labels have not the same items.
    """
    lengths = {len(array) for array in statistics.values()}
    if lengths != {len(labels)}:
        raise ValueError(f"statistics of {sorted(lengths)} items cannot be compared on {len(labels)}")
    items = task.per_item(statistics, labels)
    if items is not None:
        return np.asarray(items, float)
    return pseudo_values(task, statistics, labels)


def pseudo_values(task: Task, statistics: Mapping[str, np.ndarray], labels: np.ndarray) -> np.ndarray:
    shuffled = np.random.default_rng(0).permutation(len(labels))  # the same groups for all results
    groups = np.array_split(shuffled, min(len(labels), GROUPS))
    without = []
    for group in groups:
        rest = np.ones(len(labels), bool)
        rest[group] = False
        without.append(task.value({name: array[rest] for name, array in statistics.items()}, labels[rest]))
    left = np.asarray(without)
    return task.value(statistics, labels) + (len(groups) - 1) * (left.mean() - left)


def mean_squares(values: Sequence[Mapping[int, np.ndarray]]) -> Pairs:
    """values: of every result, {seed: [N] values of the same items}. A pair is compared on the seeds that
    both have; raises ValueError where there is none."""
    first, second = np.triu_indices(len(values), 1)
    shared = [
        tuple(seed for seed in values[int(a)] if seed in values[int(b)])
        for a, b in zip(first, second, strict=True)
    ]
    if not all(shared):
        where = shared.index(())
        raise ValueError(f"results {first[where]} and {second[where]} have no seed in common")
    found: dict[str, np.ndarray] = {}
    for seeds in set(shared):
        rows = np.flatnonzero([each == seeds for each in shared])
        having = [number for number, of in enumerate(values) if set(seeds) <= set(of)]
        stacked = np.stack([[values[number][seed] for seed in seeds] for number in having])  # [K, S, N]
        place = {number: position for position, number in enumerate(having)}
        a, b = ([place[number] for number in side[rows]] for side in (first, second))
        for name, of in _of_all(stacked).items():
            found.setdefault(name, np.empty(len(shared)))[rows] = of[a, b]
    items = len(next(iter(values[0].values())))
    return Pairs(first, second, np.array([len(each) for each in shared]), items, **found)


def _of_all(values: np.ndarray) -> dict[str, np.ndarray]:
    """values [K, S, N] -> [K, K] each. Sums of squares of differences come from inner products, so that a
    pair costs no pass over the items."""
    results, seeds, items = values.shape
    scale = (values**2).sum() / results + 1e-300  # what is smaller by 1e-12 is rounding
    of_seed, of_item = values.mean(2), values.mean(1)  # [K, S], [K, N]
    difference = of_seed.mean(1)[:, None] - of_seed.mean(1)
    mean = seeds * items * difference**2
    total = _squared_distances(values.reshape(results, -1))
    by_seed = items * _squared_distances(of_seed) - mean
    by_item = seeds * _squared_distances(of_item) - mean
    by_both = total - mean - by_seed - by_item
    sums = [np.where(np.abs(each) < 1e-12 * scale, 0, each).clip(0) for each in (by_seed, by_item, by_both)]
    freedom = (seeds - 1, items - 1, (seeds - 1) * (items - 1))
    squares = [
        each / df if df else np.full_like(each, np.nan) for each, df in zip(sums, freedom, strict=True)
    ]
    differing = np.stack([(np.abs(of_item - row) > 1e-12).sum(1) for row in of_item])
    names = ("by_seed", "by_item", "by_both")
    return dict(zip(names, squares, strict=True)) | {"difference": difference, "differing": differing}


def _squared_distances(rows: np.ndarray) -> np.ndarray:
    inner = rows @ rows.T
    squares = np.diag(inner)
    return squares[:, None] + squares - 2 * inner
