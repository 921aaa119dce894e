"""Passes of a network timed for a report: how many, and what is told of them. No test asserts a time."""

import pytest
import torch
from torch import nn

import pruning
from pruning.latency.timing import timings


def test_timing_ends_early_where_seconds_are_few_and_says_of_how_many_passes(monkeypatch):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3))
    inputs, runs = (torch.randn(1, 3, 6, 6),), []
    structure = pruning.ChannelGraph(model, *inputs).structure
    for told in (None, "0"):
        monkeypatch.setenv("PRUNING_TIMING_SECONDS", told or "")
        both = timings([model, model], inputs, structure)
        assert all(timing.spread[0] <= timing.median <= timing.spread[1] for timing in both)
        assert all(set(timing.layers) == set(both[0].layers) for timing in both)
        runs.append([timing.runs for timing in both])
    assert runs == [[20, 20], [3, 3]]
    monkeypatch.setenv("PRUNING_TIMING_SECONDS", "soon")
    with pytest.raises(ValueError, match="'soon'; give seconds"):
        timings([model], inputs, structure)
