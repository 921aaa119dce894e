"""The arithmetic of quantization: the allocation against brute force, the quantizer's bounds, packing."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning.quantize.allocation import allocate, spread_evenly
from pruning.quantize.packing import packed, unpacked
from pruning.quantize.quantizer import best_tops, encoded, squared_errors

WIDTHS = st.sets(st.integers(1, 8), min_size=1, max_size=3).map(sorted)


@st.composite
def toys(draw, most=5):
    """errors [C, widths], falling as bits grow; sizes [C]; widths."""
    choices, channels = draw(WIDTHS), draw(st.integers(1, most))
    falls = st.lists(st.floats(0, 10), min_size=len(choices), max_size=len(choices))
    errors = [np.cumsum(draw(falls)[::-1])[::-1] for _ in range(channels)]
    sizes = draw(st.lists(st.integers(1, 9), min_size=channels, max_size=channels))
    return np.array(errors), np.array(sizes), choices


def cost(errors, choices, bits) -> float:
    return float(errors[np.arange(len(bits)), np.searchsorted(choices, bits)].sum())


def best_of_all(errors, sizes, choices, budget) -> float:
    tried = (np.array(bits) for bits in product(choices, repeat=len(sizes)))
    return min(cost(errors, choices, bits) for bits in tried if bits @ sizes <= budget)


@settings(deadline=None, max_examples=60)
@given(toy=toys(), share=st.floats(0, 1))
def test_the_allocation_lies_within_one_step_of_brute_force_and_holds_the_budget(toy, share):
    errors, sizes, choices = toy
    budget = (choices[0] + share * (choices[-1] - choices[0])) * sizes.sum()
    bits = allocate(errors, sizes, choices, budget)
    assert set(bits) <= set(choices) and bits @ sizes <= budget + 1e-6
    best, found = best_of_all(errors, sizes, choices, budget + 1e-6), cost(errors, choices, bits)
    largest_step = (errors[:, 0] - errors[:, -1]).max()
    assert best - 1e-9 <= found <= best + largest_step + 1e-9


@settings(deadline=None, max_examples=60)
@given(toy=toys(), steps=st.integers(0, 40))
def test_where_all_steps_cost_the_same_the_allocation_is_the_best_of_all(toy, steps):
    errors, sizes, _ = toy
    choices = list(range(2, 2 + errors.shape[1]))
    convex = -np.sort(np.diff(errors, axis=1))[:, ::-1] if errors.shape[1] > 1 else np.zeros((len(errors), 0))
    falls = np.sort(convex, axis=1)[:, ::-1]
    errors = np.concatenate(
        [falls.sum(axis=1, keepdims=True), falls.sum(1, keepdims=True) - falls.cumsum(1)], 1
    )
    sizes = np.full(len(errors), 3)
    budget = 2 * sizes.sum() + 3 * steps
    bits = allocate(errors, sizes, choices, budget)
    assert cost(errors, choices, bits) == pytest.approx(best_of_all(errors, sizes, choices, budget), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(toy=toys(most=30), shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_more_bits_never_mean_more_error(toy, shares):
    errors, sizes, choices = toy
    less, more = sorted((choices[0] + s * (choices[-1] - choices[0])) * sizes.sum() for s in shares)
    costs = [cost(errors, choices, allocate(errors, sizes, choices, budget)) for budget in (less, more)]
    assert costs[1] <= costs[0] + 1e-9


@settings(deadline=None, max_examples=60)
@given(sizes=st.lists(st.integers(1, 500), min_size=1, max_size=60), share=st.floats(0, 1))
def test_uniform_is_one_width_or_the_two_around_the_mean_spread_evenly(sizes, share):
    sizes, choices = np.array(sizes), [2, 4, 8]
    mean = 2 + 6 * share
    bits = spread_evenly(sizes, choices, mean * sizes.sum())
    around = {2, 4} if mean < 4 else {4, 8}
    assert set(bits) <= around and bits @ sizes <= mean * sizes.sum() + 1e-3
    assert (mean * sizes.sum() - bits @ sizes) < (max(around) - min(around)) * sizes.max() + 1e-3
    for one in choices:
        assert (spread_evenly(sizes, choices, one * sizes.sum()) == one).all()
    alike = spread_evenly(np.full(60, 7), choices, 3 * 420)
    assert (alike.reshape(-1, 2) == [2, 4]).all()


# ------------------------------------------------------------------------------------------ the quantizer


@st.composite
def rows(draw):
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    drawn = random.standard_t(3, shape) * 10.0 ** draw(st.integers(-6, 3))
    drawn[0] *= draw(st.sampled_from([0.0, 1.0]))  # a dead channel
    return drawn.astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(weights=rows(), bits=st.integers(1, 8))
def test_rounding_is_off_by_half_a_step_at_most_and_rounding_twice_changes_nothing(weights, bits):
    tops, errors = best_tops(weights, bits)
    widths = np.full(len(weights), bits)
    codes = encoded(weights, widths, tops)
    step = 2 * tops[:, None] / (2**bits - 1)
    inside = np.clip(weights, -tops[:, None], tops[:, None])
    assert (np.abs(codes.values - inside) <= step * (0.5 + 1e-4)).all()
    assert (codes.values[0] == 0).all() or weights[0].any()
    again, nothing = best_tops(codes.values, bits)
    assert (again == tops).all() and (nothing == 0).all()
    assert (encoded(codes.values, widths, again).levels == codes.levels)[tops > 0].all()
    whole = squared_errors(weights, widths, np.abs(weights).max(axis=1))
    assert (errors <= whole).all()


@settings(deadline=None, max_examples=60)
@given(
    bits=st.lists(st.integers(1, 8), min_size=1, max_size=20), n=st.integers(1, 30), seed=st.integers(0, 999)
)
def test_what_is_packed_comes_out_again(bits, n, seed):
    bits = np.array(bits, np.uint8)
    random = np.random.default_rng(seed)
    levels = (random.integers(0, 256, (len(bits), n)) % (2 ** bits.astype(int))[:, None]).astype(np.uint8)
    stream = packed(levels, bits)
    assert len(stream) * 8 <= int(bits.sum()) * n + 7 * len(set(bits))
    assert (unpacked(stream, bits, n) == levels).all()
    with pytest.raises(ValueError, match="bytes of codes"):
        unpacked(stream[:-1], bits, n)
