"""Which choices matter: how much of the variance of a table of results each factor makes.

Sums of squares of type II: a factor is judged beside all terms that do not contain it, a pair of factors
beside all other terms, so that no order matters, and in a balanced table they are the textbook's. Type III
would judge a factor beside its own interactions, which depends on how levels are coded and where cells are
empty.

A factor of many levels makes sums of squares of noise alone. So what noise is expected to make is taken off:
degrees of freedom x mean square of the rest (epsilon squared, Kelley 1935). The images are noise too, and the
same for all seeds: a criterion that happens to suit them looks better under every seed. Where values of the
items are given, what they make of each term is estimated by the jackknife, and counts for the rest as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import stdtrit

GROUPS = 20  # of items, left out in turn
REST, SHARED = "rest", "not told apart"


@dataclass(frozen=True)
class Design:
    """columns: [rows, P] of 0 and 1, a column a level.   terms: {name: (factors, column numbers)}."""

    columns: np.ndarray
    terms: dict[str, tuple[frozenset[str], np.ndarray]]


def shares_of_variance(
    table: pd.DataFrame,
    factors: Sequence[str],
    value: str,
    *,
    seed: str = "seed",
    items: np.ndarray | None = None,
) -> pd.DataFrame:
    """Shares of the variance of a column that factors and their pairs make, with 95 % intervals.

    table: a row a result, balanced or not.   factors: its columns that are choices (the seed may be one).
    seed: its column of seeds; where there are two or more, each is left out in turn for the interval.
    items: [rows, N], values of the items whose mean is each row's value, the same items in all rows; groups
    of them are left out in turn for the interval.

    Returns a row a term: term ("criterion", "criterion x repair", last "rest": more than two factors
    together, and noise); share, at least 0; low, high: NaN without seeds and items, else an interval for new
    ones; sum_of_squares; freedom. The shares add up to 1. In a table that is not balanced a row "not told
    apart" holds what several factors could have made, negative where they hide each other. Pairs are left out
    where nothing would be left as the rest.
    Raises ValueError without factors, with fewer than three rows, and where all values are equal.
    """
    if not factors or len(table) < 3:
        raise ValueError("shares of variance need a factor and three results or more")
    values = table[value].to_numpy(float)
    if np.ptp(values) == 0:
        raise ValueError(f"all values of {value} are equal: there is no variance to share out")
    if items is not None and not np.allclose(items.mean(1), values):
        raise ValueError(f"the items' means are not the column {value}")
    design = _design(table, list(factors))
    sums, freedom = _sums(design, values[:, None])
    without = None if items is None else _without_items(items)
    shares = _shares(sums, freedom, None if without is None else _made_by_items(design, without))[:, 0]
    terms = np.maximum(shares[:-2], 0)
    shares = np.array([*terms, 1 - terms.sum() - shares[-1], shares[-1]])
    half = _half_widths(design, values, _seeds(table, seed), without)
    return _told(design, shares, half, sums, freedom)


def _told(design: Design, shares, half, sums, freedom) -> pd.DataFrame:
    found = pd.DataFrame(
        {
            "term": [*design.terms, REST, SHARED],
            "share": shares,
            "low": np.clip(shares - half, 0, 1),
            "high": np.clip(shares + half, 0, 1),
            "sum_of_squares": sums[:-1, 0],
            "freedom": [*freedom, 0],
        }
    )
    found.loc[found["term"] == SHARED, ["low", "high"]] = np.nan
    return found if abs(shares[-1]) > 1e-9 else found[:-1]


def _design(table: pd.DataFrame, factors: list[str]) -> Design:
    """Main effects and pairs; main effects alone where pairs would explain every row."""
    pairs = [*combinations(factors, 2)]
    design = _columns_of(table, [*((name,) for name in factors), *pairs])
    _, freedom = _sums(design, np.zeros((len(table), 1)))
    return design if freedom[-1] > 0 else _columns_of(table, [(name,) for name in factors])


def _columns_of(table: pd.DataFrame, terms: list[tuple[str, ...]]) -> Design:
    blocks, places, start = [np.ones((len(table), 1))], {}, 1
    for term in terms:
        levels = table.groupby(list(term), sort=False, dropna=False).ngroup().to_numpy()
        block = np.eye(levels.max() + 1)[levels]
        blocks.append(block)
        places[" x ".join(term)] = (frozenset(term), np.arange(start, start + block.shape[1]))
        start += block.shape[1]
    return Design(np.concatenate(blocks, axis=1), places)


def _sums(design: Design, values: np.ndarray, rows: np.ndarray | slice = slice(None)):
    """values [rows, B] -> sums of squares [terms + 3, B] (the last three: of the rest, of what is not told
    apart, of all), degrees of freedom [terms + 1]."""
    columns = design.columns[rows]
    values = values[rows] - values[rows].mean(0)
    inner, reached = columns.T @ columns, columns.T @ values

    def explained(terms) -> tuple[np.ndarray, int]:
        chosen = np.concatenate([[0], *(design.terms[name][1] for name in terms)]).astype(int)
        sizes, axes = np.linalg.eigh(inner[np.ix_(chosen, chosen)])
        kept = sizes > 1e-9 * sizes[-1]
        along = axes[:, kept].T @ reached[chosen]
        return (along**2 / sizes[kept, None]).sum(0), int(kept.sum())

    total = (values**2).sum(0)
    whole, rank = explained(design.terms)
    sums, freedom = [], []
    for name, (factors, _) in design.terms.items():
        others = [other for other, (of, _) in design.terms.items() if not factors <= of]
        with_it, more = explained([*others, name])
        without, fewer = explained(others)
        sums.append(with_it - without)
        freedom.append(more - fewer)
    left = np.maximum(total - whole, 0)
    shared = whole - np.sum(sums, axis=0)
    return np.array([*sums, left, shared, total]), np.array([*freedom, len(columns) - rank])


def _shares(sums: np.ndarray, freedom: np.ndarray, by_items: np.ndarray | None = None) -> np.ndarray:
    """[terms + 2, B]: of the terms, the rest, and what is not told apart; they add up to 1. Of the terms,
    what noise makes is taken off, so that they may be below 0.

    by_items: [terms + 1, 1], what the images make of the sums of squares of the terms and of the rest."""
    *of_terms, left, shared, total = sums
    steps, remaining = freedom[:-1, None], max(freedom[-1], 1)
    noise = steps * left / remaining
    if by_items is not None:  # the rest holds some of it already
        noise = noise + np.maximum(by_items[:-1] - steps * by_items[-1] / remaining, 0)
    total = np.where(total > 0, total, 1)
    shares = (np.array(of_terms) - noise) / total
    apart = shared / total
    return np.array([*shares, 1 - shares.sum(0) - apart, apart])


def _seeds(table: pd.DataFrame, seed: str) -> np.ndarray | None:
    return table[seed].to_numpy() if seed in table and table[seed].nunique() > 1 else None


def _without_items(items: np.ndarray) -> np.ndarray:
    """[rows, G], the values without each of G random groups of items."""
    count, whole = items.shape[1], items.sum(1)
    groups = np.array_split(np.random.default_rng(0).permutation(count), min(GROUPS, count))
    values = [(whole - items[:, group].sum(1)) / (count - len(group)) for group in groups]
    return np.stack(values, axis=1)


def _made_by_items(design: Design, without: np.ndarray) -> np.ndarray:
    """[terms + 1, 1]: what of the sums of squares of the terms and of the rest comes from which images there
    are, by the jackknife; sums of squares of a linear statistic are its variance."""
    groups = without.shape[1]
    sums, _ = _sums(design, without - without.mean(1, keepdims=True))
    return (groups - 1) / groups * sums[:-2].sum(1, keepdims=True)


def _half_widths(design: Design, values, seeds, without) -> np.ndarray:
    """[terms + 2], from the jackknife over seeds and over groups of items, whose variances add up; the t
    quantile has the degrees of freedom that both have together (Satterthwaite 1946)."""
    parts = []
    if seeds is not None:
        rows = [seeds != each for each in np.unique(seeds)]
        left = [_shares(*_sums(design, values[:, None], of))[:, 0] for of in rows]
        parts.append(_jackknife(np.array(left)))
    if without is not None:
        parts.append(_jackknife(_shares(*_sums(design, without)).T))
    if not parts:
        return np.full(len(design.terms) + 2, np.nan)
    variance = sum(of for of, _ in parts)
    freedom = variance**2 / np.maximum(sum(of**2 / df for of, df in parts), 1e-300)
    return stdtrit(np.maximum(freedom, 1), 0.975) * np.sqrt(variance)


def _jackknife(without: np.ndarray) -> tuple[np.ndarray, int]:
    """[G, terms] of estimates without one part each -> variances [terms], degrees of freedom."""
    count = len(without)
    return (count - 1) * without.var(0), count - 1
