"""A seeded pairwise cover of the walk through every page with every choice; all of it by `make walk`."""

import itertools

import pytest

from tests import walking
from tests.pairs import all_pairs, cover, pairs_of

SEED = 1  # of forty tried the cover whose pages wait least for large networks


@pytest.fixture(scope="module")
def combinations():
    return cover(walking.FACTORS, SEED)


def test_in_the_cover_every_two_choices_meet(combinations):
    factors = walking.FACTORS
    met = {pair for one in combinations for pair in pairs_of(one)}
    for (name, values), (other, others) in itertools.combinations(factors.items(), 2):
        for value, more in itertools.product(values, others):
            assert frozenset([(name, value), (other, more)]) in met
    assert met == set(all_pairs(factors)) and all(one.keys() == factors.keys() for one in combinations)
    first, second, *_ = sorted(map(len, factors.values()), reverse=True)
    assert first * second <= len(combinations) < 1.3 * first * second  # fewer than the first cannot do
    assert combinations == cover(factors, SEED) != cover(factors, SEED + 1)


def test_nothing_goes_wrong_wherever_one_goes(combinations, record_property, traces):
    wrong = []
    with walking.walker(seconds=0.1) as walks:
        for one in combinations:
            if found := walks.walk(one):
                wrong.append("\n".join([walking.name_of(one), *found]))
    pairs = len(all_pairs(walking.FACTORS))
    record_property("counted", f"{len(combinations)} combinations walked, in which all {pairs:,} pairs meet")
    assert not wrong, f"{len(wrong)} of {len(combinations)} combinations went wrong:\n" + "\n\n".join(wrong)
    traces.clear()
