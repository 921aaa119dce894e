"""Paired differences: the interval holds what it says it holds."""

import numpy as np
import pytest

from pruning.tasks import paired_difference


def test_the_mean_is_the_difference_and_the_interval_is_around_it():
    random = np.random.default_rng(0)
    b = random.random((3, 2000)) < 0.80
    a = b | (random.random((3, 2000)) < 0.10)  # right where b is, and on some more
    found = paired_difference(list(a), list(b))
    assert found.mean == pytest.approx(a.mean() - b.mean())
    assert 0 < found.low < found.mean < found.high < 0.05
    assert "A leads B by" in found.in_words("A", "B") and "B leads" not in found.in_words("A", "B")
    assert "A leads B" in paired_difference(list(b), list(a)).in_words("B", "A")


def test_pairing_is_what_makes_it_narrow():
    random = np.random.default_rng(1)
    b = random.random(2000) < 0.80
    a = b.copy()
    a[np.flatnonzero(~b)[:20]] = True
    paired = paired_difference([a], [b])
    unpaired = paired_difference([a], [random.permutation(b)])
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)
    assert paired.low > 0


def test_no_difference_is_called_that():
    random = np.random.default_rng(2)
    a, b = random.random((2, 500)) < 0.9
    assert "no difference these images can show" in paired_difference([a], [b]).in_words("A", "B")


def test_about_95_percent_of_intervals_hold_the_truth():
    random, held = np.random.default_rng(3), 0
    for _ in range(40):
        a, b = random.random(300) < 0.85, random.random(300) < 0.80
        found = paired_difference([a], [b])
        held += found.low <= 0.05 <= found.high
    assert held >= 34  # 38 of 40 are expected
