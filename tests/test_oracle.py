"""The oracle of one group: it measures what masking and cutting really cost, and judges by that."""

import csv
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import pruning
from pruning.experiment import Recipe
from pruning.inspection.oracle import measure_oracle
from pruning.reconstruction import recalibrate
from pruning.statistics.calibration_images import CalibrationImages
from pruning.train import evaluate
from tests.front_door import forked

RECIPE = Recipe(data="digits", size=16, criterion="l1", calibration=60, threads=1, cut=0.5)
GROUP = "layer1.0.conv1"


TOLD = []  # what the measurement below told its watch


@pytest.fixture(scope="module")
def found():
    return measure_oracle(RECIPE, GROUP, lambda *event, **values: TOLD.append((event, values)), images=60)


@pytest.fixture(scope="module")
def network():
    data = pruning.load_data("digits", size=16)
    model = pruning.load_model("resnet20", "digits")
    return model, data, pruning.ChannelGraph(model, torch.zeros(1, 3, 16, 16))


def loss(model, data) -> float:
    images = data.holdout.take(np.arange(60))
    return evaluate(model, images, normalization=model.origin.normalization).loss


def without(network, channels) -> pruning.Plan:
    """A plan that removes just these channels of the group, by scores made for it."""
    graph = network[2]
    scores = {group.name: np.ones(group.size) for group in graph.groups}
    scores[GROUP][list(channels)] = 0
    share = len(channels) / len(scores[GROUP])
    return pruning.plan(graph, scores, cut=0, measure="channels", cut_group={GROUP: share})


ROUNDING = 5e-6  # of float32 losses of a few nats, which processors add up in their own orders


def test_a_rise_is_what_removing_the_channel_costs(found, network):
    model, data, _ = network
    whole = loss(model, data)
    for channel in (0, 7):
        plan = without(network, [channel])
        with pruning.masked(model, plan):
            assert found.channels["rise"][channel] == pytest.approx(loss(model, data) - whole, abs=ROUNDING)
        small = pruning.cut(model, plan)
        recalibrate(small, CalibrationImages(small, data, 60, 0))
        assert found.channels["rise_repaired"][channel] == pytest.approx(
            loss(small, data) - whole, abs=ROUNDING
        )


def test_each_criterion_is_judged_by_its_own_choice(found, network):
    model, data, graph = network
    whole, rows = loss(model, data), found.criteria.set_index("criterion")
    l1 = pruning.score(graph, "l1")[GROUP]
    assert rows.loc["l1", "foresight"] == pytest.approx(spearmanr(l1, found.channels["rise"]).statistic)
    with pruning.masked(model, without(network, np.argsort(l1, kind="stable")[: found.removed])):
        assert rows.loc["l1", "rise"] == pytest.approx(loss(model, data) - whole, abs=ROUNDING)
    assert (rows["regret"] >= 0).all() and found.best <= rows["rise"].min() + 1e-12
    assert {"l1", "cpot", "di", "catro", "taylor", "random"} <= set(rows.index)


def test_progress_counts_every_batch_and_says_how_long_it_takes(found):
    steps = [(event[1], event[2], values["seconds_left"]) for event, values in TOLD if event[0] == "oracle"]
    counted = [done for done, _, _ in steps]  # told again between the layers of a batch
    assert counted == sorted(counted) and sorted(set(counted)) == list(range(1, steps[0][1] + 1))
    assert {total for _, total, _ in steps} == {steps[0][1]}
    assert steps[-1][2] == 0 < steps[0][2]


def test_a_criterion_that_cannot_score_is_named_with_the_reason(monkeypatch):
    from pruning.inspection import oracle

    monkeypatch.setattr(oracle, "SCORED", ("l1", "slimming"))
    bare = RECIPE.but(model="torchvision:squeezenet1_1", checkpoint="none", size=32)
    told = measure_oracle(bare, "features.3.squeeze", images=20)
    slimming, norms = told.messages
    assert slimming.startswith("Slimming is left out: ") and "norm" in slimming
    assert "nothing is repaired" in norms and told.criteria["criterion"].tolist() == ["l1"]
    assert (told.channels["rise"] == told.channels["rise_repaired"]).all()


def test_a_small_group_is_judged_by_all_subsets(monkeypatch, network):
    from pruning.inspection import oracle

    monkeypatch.setattr(oracle, "SMALL", 16)
    told = measure_oracle(RECIPE.but(cut=0.13), GROUP, images=20)
    assert told.exhaustive and told.removed == 2
    model, data, _ = network
    images = data.holdout.take(np.arange(20))

    def cost(pair) -> float:
        with pruning.masked(model, without(network, pair)):
            return evaluate(model, images, normalization=model.origin.normalization).loss

    whole = evaluate(model, images, normalization=model.origin.normalization).loss
    some = list(combinations(range(16), 2))[::15]
    assert told.best <= min(cost(pair) for pair in some) - whole + 1e-6


def test_the_command_writes_a_row_a_channel(tmp_path):
    words = ("--data", "digits", "--size", "16", "--calibration", "50", "--threads", "1", "--group", GROUP)
    done = forked("oracle", *words, "--out", tmp_path / "oracle.csv")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1, done.stderr
    rows = list(csv.DictReader((tmp_path / "oracle.csv").open()))
    assert len(rows) == 16 and {"channel", "rise", "rise_repaired", "l1", "catro"} <= set(rows[0])
    done = forked("oracle", "--data", "digits", "--group", "layer1.0.conv9", "--out", tmp_path / "other.csv")
    assert done.returncode == 2 and "layer1.0.conv1" in done.stderr and len(done.stderr.splitlines()) == 1
