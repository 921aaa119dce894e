"""Combinations of choices such that every two values of different factors meet in one of them (a pairwise
cover), which is far fewer than all combinations and finds what one choice does to another."""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Choice = tuple[str, Any]  # a factor and one of its values
Pair = frozenset[Choice]
TRIES = 10  # combinations that are built for each that is taken


def pairs_of(combination: Mapping[str, Any]) -> Iterator[Pair]:
    """Every two choices that meet in a combination."""
    return map(frozenset, itertools.combinations(combination.items(), 2))


def all_pairs(factors: Mapping[str, Sequence]) -> list[Pair]:
    """Every two choices that can meet."""
    choices = [[(name, value) for value in values] for name, values in factors.items()]
    couples = itertools.combinations(choices, 2)
    return [frozenset(pair) for one, other in couples for pair in itertools.product(one, other)]


def cover(factors: Mapping[str, Sequence], seed: int = 0) -> list[dict[str, Any]]:
    """Combinations in which all pairs meet, the same for a seed; the first ones meet the most.

    Greedy (AETG, Cohen et al. 1997): of some combinations that begin with a pair not met yet, each built
    factor by factor with the value that meets most new pairs, the best one is taken."""
    draw, left, taken = random.Random(seed), dict.fromkeys(all_pairs(factors)), []  # a set in a fixed order
    while left:
        listed = list(left)
        tried = [built(factors, draw.choice(listed), left, draw) for _ in range(TRIES)]
        taken.append(max(tried, key=lambda one: sum(pair in left for pair in pairs_of(one))))
        for pair in pairs_of(taken[-1]):
            left.pop(pair, None)
    return taken


def built(factors: Mapping[str, Sequence], pair: Pair, left: Mapping[Pair, None], draw) -> dict[str, Any]:
    """A combination with this pair, and with many others that are left."""
    chosen = dict(pair)
    others = [name for name in factors if name not in chosen]
    draw.shuffle(others)
    for name in others:
        met = [
            sum(frozenset([(name, value), choice]) in left for choice in chosen.items())
            for value in factors[name]
        ]
        best = [value for value, count in zip(factors[name], met, strict=True) if count == max(met)]
        chosen[name] = draw.choice(best)
    return {name: chosen[name] for name in factors}
