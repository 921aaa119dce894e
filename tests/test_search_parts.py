"""The parts of a search alone: lazy greedy against plain, trace-ratio against every choice, utilities, and
prefixes that change no digit."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from pruning.allocation.limits import Cost, Limits
from pruning.criteria.catro import utilities
from pruning.progress import silent
from pruning.search.budget import Budget
from pruning.search.greedy import greedy
from pruning.search.prefix_cache import Batch, batches, within
from pruning.search.progress import Progress
from pruning.search.trace_ratio import trace_ratio


def budget_of(sizes, prices, cut, *, cap=0.9) -> Budget:
    """Groups whose channels save a fixed amount each: a cost that is a plain sum."""
    sizes, prices = np.array(sizes), np.array(prices, float)
    caps = np.floor(cap * sizes).astype(int)
    levels = {g: np.arange(most + 1) for g, most in enumerate(caps)}
    limits = Limits(sizes, np.zeros_like(sizes), caps, caps, list(levels), levels, 1)
    cost = Cost(lambda lost: float(((sizes - lost) * prices).sum()), float((sizes * prices).sum()))
    return Budget(limits, cost, cut)


class Sum:
    """A price that adds up over groups: losses[g][n] once group g has lost n channels."""

    def __init__(self, losses):
        self.losses, self.counts = losses, [0] * len(losses)

    @property
    def now(self) -> float:
        return float(sum(losses[n] for losses, n in zip(self.losses, self.counts, strict=True)))

    def without(self, levels) -> float:
        return self.now + float(
            sum(self.losses[g][n] - self.losses[g][self.counts[g]] for g, n in levels.items())
        )

    def cut(self, levels) -> None:
        for g, level in levels.items():
            self.counts[g] = level


@st.composite
def convex_searches(draw):
    """Sizes, prices and losses that rise ever faster: rates never fall, so lazy greedy owes the exact one."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    sizes = random.integers(2, 9, size=draw(st.integers(1, 4)))
    losses = [np.cumsum(np.append(0, np.sort(random.random(n)))) for n in sizes]
    return sizes, random.integers(1, 5, len(sizes)), losses, draw(st.floats(0.05, 0.45))


@settings(deadline=None, max_examples=60)
@given(convex_searches())
def test_lazy_greedy_is_plain_greedy_where_rates_never_fall(case):
    sizes, prices, losses, cut = case
    found = {}
    for lazily in (True, False):
        progress = Progress(silent)
        budget, names = budget_of(sizes, prices, cut), tuple("abcd"[: len(sizes)])
        counts, path = greedy(budget, Sum(losses), names, share=0, lazily=lazily, progress=progress)
        found[lazily] = counts.tolist(), path, progress.evaluations
    assert found[True][:2] == found[False][:2] and found[True][2] <= found[False][2]
    counts = [0] * len(sizes)
    for step in found[True][1]:  # each step is the cheapest of all groups at that moment
        rates = {
            g: (losses[g][n + 1] - losses[g][n]) / prices[g]
            for g, n in enumerate(counts)
            if n < int(0.9 * sizes[g])
        }
        chosen = "abcd".index(step.group)
        assert rates[chosen] == pytest.approx(min(rates.values()))
        counts[chosen] += step.channels


@settings(deadline=None, max_examples=60)
@given(convex_searches())
def test_trace_ratio_loses_no_more_than_any_other_choice_that_saves_as_much(case):
    sizes, prices, _, cut = case
    random = np.random.default_rng(int(sum(sizes)))
    worth = {g: utilities(random.random(n), random.random(n)) for g, n in enumerate(sizes)}
    budget = budget_of(sizes, np.ones(len(sizes)), cut)
    start = np.zeros(len(sizes), int)
    counts, path = trace_ratio(budget, worth, tuple("abcd"[: len(sizes)]), start, progress=Progress(silent))

    def lost(choice) -> float:
        return sum(worth[g][sizes[g] - n :].sum() for g, n in enumerate(choice))

    every = product(*(range(int(most) + 1) for most in budget.limits.caps))
    alike = [choice for choice in every if sum(choice) == counts.sum()]
    assert lost(counts) == pytest.approx(min(map(lost, alike)))
    assert (path[-1].price if path else 0) == pytest.approx(lost(counts))
    assert abs(budget.cost.of(counts) - budget.cost.target(cut)) <= 0.5 + 1e-9  # to the nearest channel


@settings(deadline=None)
@given(st.integers(1, 30), st.floats(0, 50), st.integers(0, 10**6))
def test_utilities_never_rise_and_add_up_to_a_concave_whole(size, gamma, seed):
    random = np.random.default_rng(seed)
    b, w = random.gamma(0.5, size=size), random.gamma(0.5, size=size)
    worth = utilities(b, w, gamma=gamma)
    assert (worth >= 0).all() and (np.diff(worth) <= 0).all()
    assert worth.sum() == pytest.approx(1) or not worth.any()


# ------------------------------------------------------------------------------------- cached prefixes


class Odd(nn.Module):
    """What a prefix has to live with: changes in place, a slice, a branch by shape, a layer used twice."""

    def __init__(self):
        super().__init__()
        self.first, self.twice = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.reader, self.last = nn.BatchNorm2d(8), nn.Conv2d(4, 6, 1), nn.Linear(6, 5)

    def forward(self, images):
        maps = F.relu(self.first(images), inplace=True)
        maps += self.norm(self.twice(maps))
        maps = self.twice(maps).mul_(0.5)
        left, _ = maps.chunk(2, dim=1)
        left.add_(1)
        maps = self.reader(left) if maps.shape[1] == 8 else left
        return self.last(maps.mean((2, 3)))


WEIGHTS = [("twice.weight",), ("reader.weight",), ("last.weight",)]


@pytest.mark.parametrize("limit", [2**30, 10_000, -1], ids=["all kept", "some kept", "none kept"])
def test_a_pass_from_a_kept_prefix_changes_no_digit(limit):
    torch.manual_seed(0)
    model, inputs = Odd().eval(), torch.randn(4, 3, 8, 8)
    batch = Batch(model, inputs, WEIGHTS, limit)
    assert len(batch.starts) == {2**30: 4, 10_000: 3, -1: 1}[limit]
    batch.run(keep=True)
    for names in [*WEIGHTS, *WEIGHTS[::-1]]:
        for keep in (False, True):
            with torch.no_grad():
                model.get_parameter(names[0])[0] *= 1.3
                whole = model(inputs)
            assert torch.equal(batch.run(names, keep=keep), whole)


def test_a_prefix_answers_without_computing():
    model, inputs = Odd().eval(), torch.randn(2, 3, 8, 8)
    batch = Batch(model, inputs, WEIGHTS, 2**30)
    batch.run(keep=True)
    with torch.no_grad():
        whole = model(inputs)
        model.first.weight.mul_(3)  # before the start, so nobody looks at it
    assert torch.equal(batch.run(("last.weight",)), whole)
    assert not torch.equal(batch.run(), whole)


class Moody(nn.Module):
    """Does other operations each time, so no pass can go on from an earlier one."""

    def __init__(self):
        super().__init__()
        self.first, self.last, self.calls = nn.Conv2d(3, 4, 1), nn.Linear(4, 5), 0

    def forward(self, images):
        self.calls += 1
        maps = self.first(images)
        for _ in range(self.calls % 3):
            maps = maps * 1.0
        return self.last(maps.mean((2, 3)))


def test_a_network_that_does_not_the_same_each_time_is_run_in_full():
    model, inputs = Moody(), torch.randn(4, 3, 8, 8)
    (batch,) = batches(model, [inputs], [["last.weight"]])
    assert batch.starts == [0]
    with torch.no_grad():
        assert torch.allclose(batch.run(("last.weight",)), model(inputs))


def test_kept_prefixes_stay_within_their_limit():
    batch = Batch(Odd().eval(), torch.randn(4, 3, 8, 8), WEIGHTS, 2**30)
    for limit in (0, 10**4, 10**5):
        starts = within(batch.record, batch.starts, limit)
        kept = {value.number: value.bytes for start in starts for value in batch.record.live(start)}
        assert starts[0] == 0 and sum(kept.values()) <= limit
